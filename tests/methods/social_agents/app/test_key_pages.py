"""Keys are made and revoked on their page, and shown once."""

import re


def test_a_key_is_shown_once_and_revoked(people, office) -> None:
    ann, ben = people.join("ann"), people.join("ben")
    people.befriend(ann, ben)
    visitor = people.sign_in("ann")
    made = visitor.post("/account/keys", label="<my laptop>").text
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
    assert visitor.post("/account/keys", label=" ").status_code == 422
