"""What is sent is read at once, waits for its sender alone, and comes into their memory alone."""

import io
import zipfile

import pytest

from consilience.ground.errors import InvalidInput
from consilience.methods.social_agents.app import uploads as module
from consilience.methods.social_agents.app.uploads import MOST_UNPACKED, MOST_WAITING, Uploads
from consilience.methods.social_agents.records import Query

CHAT = b"25/05/2024, 10:15 - Bea: The kiln is hot\r\n25/05/2024, 10:16 - Ann: Good\r\n"


@pytest.fixture
def ann(store):
    return store.add_person("ann", "Ann")


def test_it_is_shown_then_brought_in_once_and_for_its_sender_alone(store, ann) -> None:
    uploads, bea = Uploads(store), store.add_person("bea", "Bea")
    upload = uploads.put(ann, io.BytesIO(CHAT), "../WhatsApp Chat with Bea.txt")
    assert upload.name == "WhatsApp Chat with Bea.txt"
    plan = uploads.plan(ann, upload)
    assert [(one.name, one.how) for one in plan.people] == [("Bea", "new"), ("Ann", "owner")]
    assert store.memory(ann).recent() == []
    assert uploads.of(bea) is None
    with pytest.raises(InvalidInput, match="no other"):
        uploads.bring_in(bea, plan)
    done = uploads.bring_in(ann, plan)
    assert (done.new, done.known) == (2, 0)
    assert uploads.of(ann) is None
    again = uploads.put(ann, io.BytesIO(CHAT), "WhatsApp Chat with Bea.txt")
    assert uploads.bring_in(ann, uploads.plan(ann, again)).new == 0
    words = Query(words=("kiln",), beside=False)
    assert len(store.memory(ann).search(words)) == 1
    assert store.memory(bea).search(words) == []


def test_somebody_with_an_account_is_not_merged_with(store, ann) -> None:
    uploads, bea = Uploads(store), store.add_person("bea", "Bea")
    store.request(ann, bea)
    store.accept(bea, ann)
    upload = uploads.put(ann, io.BytesIO(CHAT), "chat.txt")
    with pytest.raises(InvalidInput, match="memory of their own"):
        uploads.plan(ann, upload, merge={"Bea": "bea"})
    plan = uploads.plan(ann, upload, merge={"Bea": "Beatrix"})
    assert {one.how for one in plan.people} == {"owner", "merged"}


def test_who_there_is_cannot_be_found_out_by_merging(store, ann) -> None:
    uploads, bea = Uploads(store), store.add_person("bea", "Bea")
    brought = uploads.put(bea, io.BytesIO(CHAT), "chat.txt")
    uploads.bring_in(bea, uploads.plan(bea, brought))
    (made,) = [one.handle for one in store.people(imported=True) if one.handle.startswith("~")]
    upload = uploads.put(ann, io.BytesIO(CHAT), "chat.txt")
    there, not_there = (uploads.plan(ann, upload, merge={"Bea": name}).people[0] for name in ("bea", "zoe"))
    assert (there.how, there.name, not_there.how, not_there.name) == ("merged", "bea", "merged", "zoe")
    told = []
    for name in (made, "~zoe-0a1b2c3d4e"):
        with pytest.raises(InvalidInput) as caught:
            uploads.plan(ann, upload, merge={"Bea": name})
        told.append(str(caught.value).replace(name, "X"))
    assert told[0] == told[1]
    uploads.bring_in(ann, uploads.plan(ann, upload, merge={"Bea": "bea"}))
    assert len(store.memory(bea).recent()) == 2


def test_no_file_is_left_and_what_waits_is_let_go(store, ann, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "scratch"))
    (tmp_path / "scratch").mkdir()
    now = [0.0]
    uploads = Uploads(store, clock=lambda: now[0])
    uploads.put(ann, io.BytesIO(CHAT), "chat.txt")
    assert list((tmp_path / "scratch").iterdir()) == []
    now[0] = module.WAITS_S + 1
    assert uploads.of(ann) is None
    uploads.put(ann, io.BytesIO(CHAT), "chat.txt")
    for number in range(MOST_WAITING):
        uploads.put(store.add_person(f"p{number}", "P"), io.BytesIO(CHAT), "chat.txt")
    assert uploads.of(ann) is None


def archive(*files: tuple[str, bytes]) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as out:
        for name, content in files:
            out.writestr(name, content)
    return made.getvalue()


@pytest.mark.parametrize(
    ("content", "name", "told"),
    [
        (b"", "chat.txt", "empty"),
        (b"\x89PNG\r\n\x1a\n" + b"\0" * 100, "chat.txt", "none of them"),
        (b"%PDF-1.7 whatever", "chat.csv", "must"),
        (b"<html><script>alert(1)</script></html>", "chat.txt", "none of them"),
        (archive(("_chat.txt", CHAT))[:-10], "chat.zip", "whole zip file"),
        (archive(("notes.doc", b"x")), "chat.zip", "none of them"),
        (b'{"messages": [', "result.json", "must"),
    ],
)
def test_what_is_no_export_is_refused_by_what_is_in_it(store, ann, content, name, told) -> None:
    uploads = Uploads(store)
    with pytest.raises(InvalidInput, match=told):
        uploads.put(ann, io.BytesIO(content), name)
    assert uploads.of(ann) is None


def test_what_is_too_large_is_refused_packed_or_not(store, ann, monkeypatch) -> None:
    uploads = Uploads(store)
    bomb = archive(("_chat.txt", b"\0" * (MOST_UNPACKED + 1)))
    assert len(bomb) < 1_000_000
    with pytest.raises(InvalidInput, match="an archive holds"):
        uploads.put(ann, io.BytesIO(bomb), "chat.zip")
    monkeypatch.setattr(module, "MOST_BYTES", 2**20)
    with pytest.raises(InvalidInput, match="a file has at most 1 MiB"):
        uploads.put(ann, io.BytesIO(CHAT * 20_000), "chat.txt")


def test_a_name_does_not_decide_what_it_is(store, ann) -> None:
    assert Uploads(store).put(ann, io.BytesIO(archive(("_chat.txt", CHAT))), "holiday.png").export.form == "whatsapp"
