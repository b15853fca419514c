"""Keys are made and revoked on their page, and shown once."""

import re
from dataclasses import replace

import pytest

PASSWORD = "one long password"


def test_a_key_is_shown_once_and_revoked(people, office) -> None:
    ann, ben = people.join("ann"), people.join("ben")
    people.befriend(ann, ben)
    visitor = people.sign_in("ann")
    made = visitor.post("/account/keys", label="<my laptop>", password=PASSWORD).text
    token = re.search(r"agent_[\w-]{40,}", made)[0]
    assert office.keys.person_of(token) == ann
    page = visitor.get("/account/keys").text
    assert token not in page
    assert "&lt;my laptop&gt;" in page
    assert "/agents/ben/.well-known/agent-card.json" in page
    number = office.keys.of(ann)[0].id
    assert people.sign_in("ben").post(f"/account/keys/{number}/revoke").status_code == 404
    assert visitor.post(f"/account/keys/{number}/revoke").status_code == 303
    assert office.keys.person_of(token) is None
    assert visitor.post("/account/keys", label=" ", password=PASSWORD).status_code == 422


@pytest.mark.parametrize("said", [{}, {"password": ""}, {"password": "another long one"}])
def test_a_key_is_made_by_who_knows_the_password_and_by_no_open_browser(people, office, said) -> None:
    ann = people.join("ann")
    visitor = people.sign_in("ann")
    assert 'type="password"' in visitor.get("/account/keys").text
    reply = visitor.post("/account/keys", label="x", **said)
    assert (reply.status_code, "agent_" in reply.text) == (422, False)
    assert office.keys.of(ann) == []


def test_the_made_up_people_of_a_demo_have_no_password_to_be_asked_for(people, office) -> None:
    office.manner = replace(office.manner, demo=True)
    people.join("ann")
    visitor = people.sign_in("ann")
    assert 'type="password"' not in visitor.get("/account/keys").text
    assert "agent_" in visitor.post("/account/keys", label="x").text
    people.join("cem")
    assert people.sign_in("cem").post("/account/keys", label="x").status_code == 422


@pytest.mark.parametrize("wanted", [True, False])
def test_a_new_password_revokes_keys_unless_they_are_to_stay(people, office, wanted: bool) -> None:
    ann, ben = people.join("ann"), people.join("ben")
    token, other = office.keys.make(ann, "x"), office.keys.make(ben, "x")
    visitor = people.sign_in("ann")
    assert re.search(r'<input type="checkbox" name="keys" value="revoke" checked>', visitor.get("/account").text)
    new = {"password": "another long one", "again": "another long one"} | ({"keys": "revoke"} if wanted else {})
    assert "wrong" in visitor.post("/account/password", old="not this one", **new).headers["location"]
    assert office.keys.person_of(token) == ann
    assert "saved" in visitor.post("/account/password", old=PASSWORD, **new).headers["location"]
    assert office.keys.person_of(token) == (None if wanted else ann)
    assert office.keys.person_of(other) == ben
