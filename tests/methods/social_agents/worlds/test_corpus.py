import csv
import json
from collections import Counter

import numpy as np
import pytest

from consilience.ground.errors import InvalidInput
from consilience.methods.social_agents.worlds.corpus import friends_town, friendsqa, persona_chat

ROWS = [
    (0, "ann", "ben", "the boat is called daisy", "2000-01-01 00:00:00"),
    (1, "ann", "cem", "the boat is called daisy", "2000-01-01 00:00:00"),
    (2, "ben", "ann", "no way!", "2000-01-01 00:00:01"),
    (2, "cem", "cem", "no way!", "2000-01-01 00:00:02"),
    (0, "dora", "ann", "Hello, again...", "2000-01-01 00:00:00"),
    (1, "eli", "ann", "good evening", "2000-01-01 00:00:01"),
]
CHAT = "User 1: Hi!\nUser 2: Hello.\nshe laughs\nUser 1: A colon: here."


def table(path, header, rows):
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([header, *rows])
    return path


@pytest.fixture
def script(tmp_path):
    return table(tmp_path / "s01.csv", ("", "sender", "receiver", "message", "timestamp"), ROWS)


@pytest.fixture
def chats(tmp_path):
    folder = tmp_path / "chats"
    folder.mkdir()
    header = ("user 1 personas", "user 2 personas", "Best Generated Conversation")
    for name in ("a.csv", "b.csv"):
        table(folder / name, header, [("I row.", "I sing.", CHAT)] * 3)
    return folder


@pytest.fixture
def questions(tmp_path):
    def scene(title, utterance, question):
        said = [{"uid": 4, "speakers": ["A"], "utterance": utterance}]
        asked = [{"id": f"{title}_q", "question": question, "answers": [{"utterance_id": 4}]}]
        return {"title": title, "paragraphs": [{"utterances:": said, "qas": asked}]}

    path = tmp_path / "dev.json"
    scenes = [
        scene("s01_e01_c01", "The boat is called Daisy .", "What is the boat called ?"),
        scene("s01_e02_c01", "The boat is called Daisy .", "In another episode ?"),
        scene("s02_e01_c01", "No way !", "Another season ?"),
        scene("s01_e01_c02", "Never said .", "Who knows ?"),
    ]
    path.write_text(json.dumps({"data": scenes}), encoding="utf-8")
    return path


def test_a_script_becomes_rows_in_the_order_in_which_they_were_said(script):
    world = friends_town(script)
    assert [line.text for line in world.messages] == [row[3] for row in ROWS]
    assert [line.source_id for line in world.messages] == [f"s01-{number}" for number in range(6)]
    times = [line.sent_at for line in world.messages]
    assert times == sorted(times)
    assert times[0] == times[1]
    assert (times[4].date() - times[0].date()).days == 7
    assert [one.handle for one in world.people] == ["ann", "ben", "cem", "dora", "eli"]
    assert {("ann", "ben"), ("ann", "cem"), ("ann", "dora"), ("ann", "eli")} <= set(world.contacts)
    assert len(world.contacts) == 4 + 6


def test_a_message_is_seen_by_its_two_people_alone(script):
    world = friends_town(script)
    assert [world.messages[row].text for row in world.seen_by("ben")] == ["the boat is called daisy", "no way!"]
    assert [world.messages[row].sender for row in world.seen_by("cem")] == ["ann", "cem"]


def test_chats_fill_relationships_and_change_no_row_of_the_script(script, chats):
    bare, filled = friends_town(script), friends_town(script, chats)
    assert filled.messages[:6] == bare.messages
    assert len(filled.messages) == 6 + 6 * 3
    assert filled == friends_town(script, chats, rng=np.random.default_rng(7))
    assert all(
        set(world.conversations[line.chat].members) >= {line.sender} for world in [filled] for line in world.messages
    )
    assert Counter(line.text for line in filled.messages)["A colon: here."] == 6


def test_a_persona_chat_is_turns_of_two(chats):
    assert next(iter(persona_chat(chats / "a.csv"))) == [(0, "Hi!"), (1, "Hello."), (0, "A colon: here.")]


def test_questions_are_kept_whose_gold_is_in_their_episode(script, questions):
    (found,) = friendsqa(questions, script)
    assert (found.id, found.owner, found.words) == ("s01_e01_c01_q", "ann", ("boat", "called"))
    assert found.gold == (frozenset({"s01-0", "s01-1"}),)


def test_whoever_asks_sees_the_gold(script, questions):
    world = friends_town(script)
    for one in friendsqa(questions, script):
        seen = {world.messages[row].source_id for row in world.seen_by(one.owner)}
        assert all(gold and gold <= seen for gold in one.gold)


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("", "columns"),
        ("a,b\n1,2\n", "columns"),
        (",sender,receiver,message\n0,ann,ben\n", "cut off in line 2"),
        (",sender,receiver,message\nx,ann,ben,hello\n", "row 0 has 'x'"),
    ],
)
def test_tables_that_are_none_are_refused(tmp_path, text, match):
    path = tmp_path / "bad.csv"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InvalidInput, match=match):
        friends_town(path)


def test_files_that_are_missing_or_binary_are_refused(tmp_path, script):
    with pytest.raises(InvalidInput, match="readable table"):
        friends_town(tmp_path / "none.csv")
    (tmp_path / "bytes.csv").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InvalidInput, match="readable table"):
        friends_town(tmp_path / "bytes.csv")
    with pytest.raises(InvalidInput, match="folder with some"):
        friends_town(script, tmp_path / "nowhere")


@pytest.mark.parametrize("text", ["{", "[]", '{"data": [{"title": "s01_e01_c1", "paragraphs": [{}]}]}'])
def test_questions_that_are_none_are_refused(tmp_path, script, text):
    path = tmp_path / "dev.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InvalidInput, match="questions over scenes"):
        friendsqa(path, script)
