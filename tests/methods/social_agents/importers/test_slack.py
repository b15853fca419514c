"""Exports of Slack: names for numbers, threads, edits, what was taken back, archives that are cut off."""

import json
import zipfile
from datetime import UTC, datetime

import pytest

from consilience.ground.errors import InvalidInput
from consilience.methods.social_agents.importers.slack import read

ROW = {"type": "message", "user": "U1", "text": "hi", "ts": "1714644900.000200"}
USERS = [
    {"id": "U1", "name": "ann", "profile": {"display_name": "", "real_name": "Ann Ode", "email": "ann@mill.example"}},
    {"id": "U2", "name": "bea"},
]


@pytest.fixture
def folder(tmp_path):
    def written(*rows, **files):
        place = tmp_path / "export"
        for name, content in {"users.json": USERS, "mill/2024-05-02.json": rows, **files}.items():
            path = place / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content if isinstance(content, str) else json.dumps(content))
        return place

    return written


def test_who_when_and_what(folder):
    got = read(folder(ROW))
    said, author = got.messages[0], got.people[0]
    assert said.sent_at == datetime(2024, 5, 2, 10, 15, 0, 200, tzinfo=UTC)
    assert (author.name, author.address) == ("Ann Ode", "ann@mill.example")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("<@U2> and <@U9|dov>", "@bea and @dov"),
        ("<#C1> <#C9|far>", "#mill #far"),
        ("<!here> <!subteam^S1|@crew> <!date^1^x|Monday>", "@here @crew Monday"),
        ("<https://m.example|the mill> <https://m.example>", "the mill (https://m.example) https://m.example"),
        ("a &lt;b&gt; &amp; c", "a <b> & c"),
    ],
)
def test_texts_name_who_is_meant(text, told, folder):
    channels = [{"id": "C1", "name": "mill", "members": ["U1"]}]
    assert read(folder({**ROW, "text": text}, **{"channels.json": channels})).messages[0].text == told


def test_threads_and_edits(folder):
    answer = {**ROW, "ts": "1714644950.000100", "thread_ts": ROW["ts"], "edited": {"user": "U1", "ts": "1714645000.0"}}
    head = {**ROW, "thread_ts": ROW["ts"], "replies": [{"user": "U1", "ts": answer["ts"]}]}
    got = read(folder(head, answer))
    assert [said.reply_to for said in got.messages] == ["", got.messages[0].key]
    assert got.messages[1].edited_at == datetime(2024, 5, 2, 10, 16, 40, tzinfo=UTC)


def test_what_was_taken_back_is_known_to_be_gone(folder):
    said = read(folder({**ROW, "subtype": "tombstone", "text": "This message was deleted."})).messages[0]
    assert said.gone
    assert said.text == ""


def test_files_bots_and_attachments(folder):
    rows = [
        {**ROW, "text": "", "files": [{"name": "plan.pdf"}]},
        {"type": "message", "subtype": "bot_message", "username": "Clock", "ts": "1714644901.0", "text": "ding"},
        {**ROW, "ts": "1714644902.0", "text": "", "attachments": [{"fallback": "a page"}]},
    ]
    got = read(folder(*rows))
    assert [said.text for said in got.messages] == ["[file plan.pdf]", "ding", "a page"]
    assert "Clock" in [each.name for each in got.people]


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ({**ROW, "subtype": "channel_join"}, "a notice of the program"),
        ({**ROW, "ts": "soon"}, "its time cannot be read"),
        ({"type": "message", "text": "x"}, "its time cannot be read"),
        ({**ROW, "text": ""}, "nothing was said"),
        (3, "no message"),
    ],
)
def test_what_is_no_message_is_skipped(row, reason, folder):
    got = read(folder(ROW, row))
    assert [each.reason for each in got.skipped] == [reason]
    assert len(got.messages) == 1


def test_talks_of_two_are_called_after_them(folder):
    got = read(folder(ROW, **{"dms.json": [{"id": "D1", "members": ["U1", "U2"]}], "D1/2024-05-03.json": [ROW]}))
    assert sorted(thread.title for thread in got.conversations) == ["#mill", "Ann Ode, bea"]
    assert len({said.key for said in got.messages}) == 2


def test_a_day_that_is_cut_off(folder):
    day = json.dumps([ROW, {**ROW, "ts": "1714644999.0"}])
    got = read(folder(**{"mill/2024-05-02.json": day[:-5]}))
    assert got.cut_off
    assert len(got.messages) == 1


def test_an_archive_that_is_cut_off_is_refused_whole(folder, tmp_path):
    path = tmp_path / "export.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("mill/2024-05-02.json", json.dumps([ROW]))
    assert len(read(path).messages) == 1
    path.write_bytes(path.read_bytes()[:-10])
    with pytest.raises(InvalidInput, match="whole zip"):
        read(path)


def test_a_path_that_leads_out_of_the_archive_is_only_read(tmp_path):
    path = tmp_path / "export.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("../../mill/2024-05-02.json", json.dumps([ROW]))
    assert len(read(path).messages) == 1
    assert [each.name for each in tmp_path.iterdir()] == ["export.zip"]


def test_what_is_no_export(tmp_path):
    (tmp_path / "users.json").write_text("[]")
    with pytest.raises(InvalidInput, match="Slack"):
        read(tmp_path)
