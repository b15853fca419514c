"""Nobody is let in by a form of another page, by guessing, or by an old session."""

import re

import pytest

from consilience.methods.social_agents.app import deeds, door
from consilience.methods.social_agents.app.accounts import RENEWED_AFTER
from consilience.methods.social_agents.app.application import application
from consilience.methods.social_agents.app.office import Manner
from consilience.methods.social_agents.app.rates import Rate
from consilience.methods.social_agents.app.trial import call

PASSWORD = "one long password"


@pytest.fixture
def ann(people):
    people.join("ann", admin=True)
    return people.sign_in("ann")


def test_a_form_without_its_secret_or_with_another_s_changes_nothing(ann, people) -> None:
    people.join("ben")
    other = re.search(r'csrf" value="(\w+)"', people.sign_in("ben").get("/account").text)[1]
    for fields in ({}, {"csrf": ""}, {"csrf": other}, {"csrf": "é"}):
        assert ann.client.post("/account/card", data={"card": "mine", **fields}).status_code == 403
    assert ann.office.store.person("ann").card == ""
    assert ann.post("/account/card", card="mine").status_code == 303
    assert ann.office.store.person("ann").card == "mine"


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {"origin": "http://testserver.evil.example"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
    ],
)
def test_a_form_that_comes_from_elsewhere_is_refused_with_the_right_secret_too(ann, headers) -> None:
    csrf = re.search(r'csrf" value="(\w+)"', ann.get("/account").text)[1]
    sent = {"data": {"csrf": csrf, "card": "mine"}}
    assert ann.client.post("/account/card", headers=headers, **sent).status_code == 403
    own = {"origin": "http://testserver", "sec-fetch-site": "same-origin"}
    assert ann.client.post("/account/card", headers=own, **sent).status_code == 303


def test_signing_in_takes_a_form_of_one_s_own_too(people) -> None:
    people.join("ann")
    stranger, other = people.browser(), people.browser()
    page = other.get("/sign-in").text
    csrf = re.search(r'csrf" value="(\w+)"', page)[1]
    fields = {"handle": "ann", "password": PASSWORD}
    assert stranger.client.post("/sign-in", data={**fields, "csrf": csrf}).status_code == 403
    stranger.get("/sign-in")
    assert stranger.client.post("/sign-in", data={**fields, "csrf": csrf}).status_code == 403
    assert other.client.post("/sign-in", data={**fields, "csrf": csrf}).status_code == 303


def test_cookies_cannot_be_read_by_scripts_and_are_not_sent_along_from_elsewhere(people) -> None:
    people.join("ann")
    visitor = people.browser()
    first = visitor.get("/sign-in").headers["set-cookie"]
    begun = visitor.post("/sign-in", "/sign-in", handle="ann", password=PASSWORD).headers["set-cookie"]
    for cookie in (first, begun):
        assert "HttpOnly" in cookie
        assert "samesite=lax" in cookie.lower()
        assert "Domain" not in cookie


def test_over_tls_cookies_are_bound_to_this_host(make_office) -> None:
    import asyncio

    office = make_office(manner=Manner(address="https://testserver", hosts=("testserver",)))
    reply = asyncio.run(call(application(office), "GET", "/sign-in"))
    assert reply.headers["set-cookie"].startswith("__Host-visitor=")
    assert "Secure" in reply.headers["set-cookie"]
    assert "strict-transport-security" in reply.headers


def test_a_browser_is_given_the_new_token_of_its_session(ann, monkeypatch) -> None:
    before = ann.client.cookies["session"]
    assert ann.get("/").headers.get("set-cookie") is None
    clock = ann.office.accounts._clock
    monkeypatch.setattr(ann.office.accounts, "_clock", lambda: clock() + RENEWED_AFTER)
    ann.get("/")
    assert ann.client.cookies["session"] != before
    assert ann.get("/").status_code == 200
    assert ann.office.accounts.sessions(ann.office.store.person("ann")) == 1


def test_a_session_that_was_ended_elsewhere_is_no_session(ann, people) -> None:
    other = people.sign_in("ann")
    other.post("/account/sessions")
    assert ann.get("/").headers["location"] == "/sign-in"
    assert ann.get("/tasks").headers["location"] == "/sign-in?next=/tasks"
    assert other.get("/").status_code == 200


def test_one_is_taken_where_one_wanted_to_go_and_nowhere_else(people) -> None:
    people.join("ann")
    for path, there in (
        ("/tasks/7", "/tasks/7"),
        ("//evil.example", "/"),
        ("/\\evil.example", "/"),
        ("https://evil.example", "/"),
        ("", "/"),
        ("/x\r\nset-cookie: a=b", "/"),
    ):
        reply = people.browser().post("/sign-in", "/sign-in", handle="ann", password=PASSWORD, next=path)
        assert reply.headers["location"] == there


def test_who_guesses_has_to_wait_and_locks_nobody_else_out(people, monkeypatch) -> None:
    monkeypatch.setattr(deeds, "GUESSES", Rate(3, 900))
    people.join("ann")
    people.join("ben")
    guesser = people.browser()
    for _ in range(3):
        assert guesser.post("/sign-in", "/sign-in", handle="ann", password="wrong").status_code == 401
    refused = guesser.post("/sign-in", "/sign-in", handle="ann", password=PASSWORD)
    assert refused.status_code == 429
    assert 0 < int(refused.headers["retry-after"]) <= 900
    assert guesser.post("/sign-in", "/sign-in", handle="ben", password=PASSWORD).status_code == 303


def test_a_session_that_changes_too_much_has_to_wait(ann, monkeypatch) -> None:
    monkeypatch.setattr(door, "CHANGES", Rate(2, 60))
    assert [ann.post("/account/card", card="x").status_code for _ in range(3)] == [303, 303, 429]


def test_a_stranger_who_sends_too_much_has_to_wait(people, monkeypatch) -> None:
    monkeypatch.setattr(door, "STRANGERS", Rate(2, 60))
    visitor = people.browser()
    assert [visitor.client.post("/tasks").status_code for _ in range(3)] == [401, 401, 429]


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("multipart/form-data; boundary=x", b"--x\r\nnonsense"),
        ("multipart/form-data", b"x"),
        (
            "multipart/form-data; boundary=x",
            b'--x\r\nContent-Disposition: form-data; name="a"; filename="b"\r\n\r\nc\r\n--x--\r\n',
        ),
        ("application/x-www-form-urlencoded", b"&".join(b"a%d=b" % n for n in range(99))),
        ("application/json", b"{}"),
        ("application/x-www-form-urlencoded", b"csrf=%ff%fe&card=\xff"),
    ],
)
def test_what_is_no_form_is_refused_in_words(ann, kind: str, body: bytes) -> None:
    reply = ann.client.post("/account/card", content=body, headers={"content-type": kind})
    assert reply.status_code in (400, 403)
    assert "Traceback" not in reply.text


@pytest.mark.parametrize("key", ["0", "-1", "1e3", "9" * 40, "١", "%00", "task-1", " 1"])
def test_a_key_that_names_nothing_leads_nowhere(ann, key: str) -> None:
    for path in (f"/tasks/{key}", f"/chats/{key}", f"/people/{key}"):
        assert ann.get(path).status_code == 404
    for path in (f"/consent/{key}", f"/grants/{key}/withdraw", f"/requests/{key}/accept", f"/tasks/{key}/kill"):
        assert ann.post(path).status_code == 404
    assert ann.post(f"/rules/{key}/drop").status_code in (404, 422)
