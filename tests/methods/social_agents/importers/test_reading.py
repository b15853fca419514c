"""Which program wrote a file is found out, and what none wrote is refused with what would be read."""

import json
import random
import zipfile

import pytest

from consilience.ground.errors import InvalidInput
from consilience.methods.social_agents.importers import read, sniff
from consilience.methods.social_agents.importers.samples import SAMPLES


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample.name)
def test_the_form_is_found(sample, tmp_path):
    assert sniff(sample.write(tmp_path)) == sample.name.split(" ")[0]


@pytest.mark.parametrize(
    "told", [b"", b"\x00\xff\x00", b"{}", b'{"a": 1}', b"[1, 2]", b"Dear all,\nhello", b"%PDF-1.7"]
)
def test_what_is_no_export_is_refused(told, tmp_path):
    path = tmp_path / "file.txt"
    path.write_bytes(told)
    with pytest.raises(InvalidInput, match=r"WhatsApp.*Telegram.*Slack.*mail.*table"):
        read(path)


def test_chats_behind_hundreds_of_contacts_are_found(tmp_path):
    contacts = [
        {"user_id": number, "first_name": f"Somebody {number}", "last_name": "Else", "phone_number": "+00 " + "7" * 99}
        for number in range(500)
    ]
    row = {"id": 1, "type": "message", "date_unixtime": "1714644900", "from": "Ann", "from_id": "user1", "text": "hi"}
    export = {
        "about": "Here is the data you requested.",
        "personal_information": {"user_id": 1, "first_name": "Ann"},
        "contacts": {"about": "Your contacts.", "list": contacts},
        "chats": {"list": [{"name": "Bea", "type": "personal_chat", "id": 7, "messages": [row]}]},
    }
    path = tmp_path / "result.json"
    path.write_text(json.dumps(export, indent=1))
    assert path.read_text().index('"chats"') > 65_536
    assert sniff(path) == "telegram"
    assert [said.text for said in read(path).messages] == ["hi"]


def test_what_cannot_be_read_is_said(tmp_path):
    with pytest.raises(InvalidInput, match="No such file"):
        read(tmp_path / "absent.txt")
    with pytest.raises(InvalidInput, match="looks like none"):
        read(tmp_path)
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("photo.jpg", "x")
    with pytest.raises(InvalidInput, match="looks like none"):
        read(tmp_path / "a.zip")
    (tmp_path / "b.zip").write_bytes((tmp_path / "a.zip").read_bytes()[:30])
    with pytest.raises(InvalidInput, match="whole zip"):
        read(tmp_path / "b.zip")


def test_a_form_may_be_given(tmp_path):
    path = tmp_path / "mill.txt"
    path.write_text("31/12/24, 10:00 - Ann: hi")
    with pytest.raises(InvalidInput, match="JSON"):
        read(path, form="telegram")


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample.name)
def test_damaged_files_are_read_or_refused_and_nothing_else(sample, tmp_path):
    whole = sample.write(tmp_path).read_bytes()
    dice = random.Random(8)
    path = tmp_path / "damaged"
    for _ in range(60):
        damaged = bytearray(whole[: dice.randrange(len(whole))] if dice.random() < 0.5 else whole)
        for _ in range(dice.randrange(1, 6)):
            if damaged:
                damaged[dice.randrange(len(damaged))] = dice.randrange(256)
        path.write_bytes(damaged)
        try:
            export = read(path)
        except InvalidInput:
            continue
        assert all(said.sent_at.tzinfo is not None for said in export.messages)
        assert {said.author for said in export.messages} == {each.key for each in export.people}
        assert {said.thread for said in export.messages} <= {each.key for each in export.conversations}


def test_a_list_of_objects_is_told_how_to_become_a_table(tmp_path) -> None:
    path = tmp_path / "own.json"
    for told in ('[{"time": 1, "author": "Ann", "text": "Hi"}]', '[\n {"time": "a\\"b", "author": "Ann"}\n]'):
        path.write_text(told)
        with pytest.raises(
            InvalidInput, match=r"own\.json must have one JSON object a line, as \.jsonl; it is one list"
        ):
            read(path)


def test_what_is_no_csv_is_named(tmp_path) -> None:
    path = tmp_path / "own.csv"
    path.write_text('time,author,text\n1,"Ann"x,Hi\n')
    with pytest.raises(InvalidInput, match=r"own\.csv cannot be read: a table must be separated and quoted"):
        read(path)


def test_this_folder_has_a_name(tmp_path, monkeypatch) -> None:
    place = tmp_path / "here"
    place.mkdir()
    for name in ("a.txt", "b.txt"):
        (place / name).write_text("x")
    monkeypatch.chdir(place)
    with pytest.raises(InvalidInput, match=r"^here must hold _chat\.txt; it holds 2 files that end so"):
        read(".")
