"""Exports of Telegram: pieces of text, media, edits, answers, rows that are none, files that are cut off."""

import json
from datetime import UTC, datetime

import pytest

from consilience.ground.errors import InvalidInput
from consilience.methods.social_agents.importers.telegram import read

ROW = {"id": 1, "type": "message", "date_unixtime": "1714644900", "from": "Ann", "from_id": "user1", "text": "hi"}


@pytest.fixture
def export(tmp_path):
    def written(*rows, cut=None, whole=None):
        path = tmp_path / "result.json"
        text = json.dumps(whole or {"name": "Mill", "id": 7, "messages": rows}, ensure_ascii=False)
        path.write_bytes(text.encode()[:cut])
        return read(path)

    return written


def test_texts_of_pieces_keep_links(export):
    pieces = [
        "see ",
        {"type": "text_link", "text": "the mill", "href": "https://mill.example"},
        {"type": "link", "text": "https://m.example"},
        {"type": "mention", "text": "@bea"},
    ]
    assert (
        export({**ROW, "text": pieces}).messages[0].text == "see the mill (https://mill.example)https://m.example@bea"
    )


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ({"photo": "p.jpg"}, "[photo]"),
        ({"file": "files/a/report.pdf"}, "[file report.pdf]"),
        ({"file": "x", "file_name": "plan.pdf"}, "[file plan.pdf]"),
        ({"media_type": "sticker", "sticker_emoji": "🌷", "file": "s.webp"}, "[sticker 🌷]"),
        ({"media_type": "voice_message", "file": "v.ogg"}, "[voice message]"),
        ({"contact_information": {"first_name": "Bea", "phone_number": "+49"}}, "[contact Bea +49]"),
        ({"poll": {"question": "When?", "answers": [{"text": "Mon"}, {"text": "Tue"}]}}, "[poll] When? Mon / Tue"),
        ({"forwarded_from": "Cyd", "text": "x"}, "[forwarded from Cyd]\nx"),
    ],
)
def test_what_a_message_carries(more, told, export):
    assert export({**ROW, "text": "", **more}).messages[0].text == told


def test_edits_and_answers(export):
    said = export(ROW, {**ROW, "id": 2, "edited_unixtime": "1714645000", "reply_to_message_id": 1}).messages[1]
    assert said.edited_at == datetime(2024, 5, 2, 10, 16, 40, tzinfo=UTC)
    assert (said.key, said.reply_to) == ("7/2", "7/1")


def test_old_exports_write_an_edit_that_never_was(export):
    old = {**ROW, "date": "2024-05-02T10:15:00", "edited": "1970-01-01T01:00:00", "from_id": 1}
    del old["date_unixtime"]
    said = export(old).messages[0]
    assert (said.edited_at, said.author, said.sent_at.hour) == (None, "user1", 10)


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ({**ROW, "type": "service"}, "a notice of the program"),
        ({**ROW, "date_unixtime": "soon"}, "its time cannot be read"),
        ({**ROW, "date_unixtime": "9" * 30}, "its time cannot be read"),
        ({**ROW, "text": ""}, "nothing was said"),
        ({"text": "x"}, "no message"),
        ("text", "no message"),
        (None, "no message"),
    ],
)
def test_what_is_no_message_is_skipped(row, reason, export):
    got = export(ROW, row)
    assert len(got.messages) == 1
    assert [each.reason for each in got.skipped] == [reason]


def test_two_of_one_name_and_one_without(export):
    got = export(ROW, {**ROW, "id": 2, "from_id": "user2"}, {**ROW, "id": 3, "from": None, "from_id": "user3"})
    assert [(each.key, each.name) for each in got.people] == [
        ("user1", "Ann"),
        ("user2", "Ann"),
        ("user3", "Deleted account"),
    ]


def test_all_chats_and_those_that_were_left(export):
    chats = [{"name": name, "id": number, "messages": [ROW]} for number, name in enumerate(("A", "B"))]
    got = export(whole={"personal_information": {"user_id": 1}, "chats": {"list": chats[:1]},
                        "left_chats": {"list": [*chats[1:], {"name": "broken"}, 3]}})  # fmt: skip
    assert [thread.title for thread in got.conversations] == ["A", "B"]
    assert [said.key for said in got.messages] == ["0/1", "1/1"]
    assert got.me == "user1"


def test_wherever_it_is_cut_what_is_whole_is_read(export):
    rows = [{**ROW, "id": number, "text": f'{{"[{number}'} for number in range(4)]
    size = len(json.dumps({"name": "Mill", "id": 7, "messages": rows}))
    seen = []
    for cut in range(size):
        try:
            got = export(*rows, cut=cut)
        except InvalidInput:
            assert not seen
            continue
        assert got.cut_off
        assert [said.text for said in got.messages] == [row["text"] for row in rows[: len(got.messages)]]
        seen.append(len(got.messages))
    assert seen == sorted(seen)
    assert set(seen) == {1, 2, 3, 4}


@pytest.mark.parametrize("whole", [{"a": 1}, [], [ROW], {"messages": 3}, {"chats": {"list": [3]}}])
def test_what_is_no_export(whole, export):
    with pytest.raises(InvalidInput):
        export(whole=whole or {"b": 2})
