"""An export is sent, looked at without anything having changed, and brought in or let go."""

import re

import pytest

CHAT = b"25/05/2024, 10:15 - Bea <i>K</i>: The kiln is hot\r\n25/05/2024, 10:16 - Ann: Good\r\n"
PATH = "/memory/import"


@pytest.fixture
def ann(people):
    people.join("ann")
    people.join("bea")
    return people.sign_in("ann")


def send(visitor, content=CHAT, name="chat.txt", **fields):
    csrf = re.search(r'name="csrf" value="([0-9a-f]+)"', visitor.get("/account").text)[1]
    return visitor.client.post(PATH, data={"csrf": csrf, **fields}, files={"file": (name, content)})


def test_it_is_looked_at_and_then_brought_in(ann, office) -> None:
    assert "Choose" not in ann.get(PATH).text
    assert send(ann, zone="Europe/Berlin").headers["location"] == PATH
    page = ann.get(PATH).text
    assert "Bea &lt;i&gt;K&lt;/i&gt;" in page
    assert "<b>2</b> new messages" in page
    assert "2024-05-25 08:15" in page
    assert office.store.memory("ann").recent() == []
    page = ann.post(f"{PATH}/bring").text
    assert "2 messages added" in page
    assert len(office.store.memory("ann").recent()) == 2
    assert office.store.memory("bea").recent() == []
    assert "kiln" in ann.get("/memory?q=kiln").text
    assert ann.post(f"{PATH}/bring").status_code == 422


def test_who_they_are_can_be_said_and_is_brought_in_so(ann, office) -> None:
    send(ann)
    page = ann.get(f"{PATH}?who-0=Beatrix").text
    assert "as you say" in page
    assert 'name="who-0" value="Beatrix"' in page
    assert "memory of their own" not in ann.get(f"{PATH}?who-0=bea").text  # nobody is told that there is one
    office.store.request("ann", "bea")
    office.store.accept("bea", "ann")
    wrong = ann.get(f"{PATH}?who-0=bea").text
    assert "memory of their own" in wrong
    ann.post(f"{PATH}/bring", **{"who-0": "Beatrix"})
    assert {one.sender_name for one in office.store.memory("ann").recent()} == {"Ann", "Beatrix"}


def test_it_can_be_let_go(ann, office) -> None:
    send(ann)
    assert ann.post(f"{PATH}/discard").headers["location"].endswith("discarded")
    assert "Look at it" in ann.get(PATH).text
    assert office.store.memory("ann").recent() == []


@pytest.mark.parametrize(
    ("content", "fields", "told"),
    [
        (b"", {}, "empty"),
        (b"\x89PNG\r\n\x1a\n", {}, "an export must be"),
        (CHAT, {"zone": "Mars/Base"}, "time zone"),
        (CHAT, {"dates": "whenever"}, "dates"),
        (CHAT, {"title": "x" * 200}, "title"),
    ],
)
def test_what_cannot_be_read_is_said_in_a_line(ann, content, fields, told) -> None:
    reply = send(ann, content, **fields)
    assert (reply.status_code, told in reply.text) == (422, True)
    assert "Traceback" not in reply.text


def test_without_a_file_and_with_too_much_it_is_said(ann) -> None:
    assert "choose a file" in ann.post(PATH).text
    reply = ann.client.post(PATH, content=b"x", headers={"content-length": str(2**25)})
    assert reply.status_code == 413


def test_a_stranger_s_file_is_not_read(people, monkeypatch) -> None:
    read = []
    monkeypatch.setattr(
        "consilience.methods.social_agents.app.application.form_of", lambda *given, **_: read.append(given)
    )
    assert people.browser().client.post(PATH, files={"file": ("chat.txt", CHAT)}).status_code == 401
    assert read == []


def test_what_waits_is_its_sender_s(ann, people) -> None:
    send(ann)
    bea = people.sign_in("bea")
    assert "Look at it" in bea.get(PATH).text
    assert bea.post(f"{PATH}/bring").status_code == 422
