"""Agents with a key are answered for who made it: their contacts' agents over A2A, their own memory over MCP."""

import pytest

pytest.importorskip("a2a", reason="needs consilience[interop]")
pytest.importorskip("mcp", reason="needs consilience[interop]")

from consilience.ground.errors import MissingDependency
from consilience.methods.social_agents.app import agents as module

CARD = "/agents/ben/.well-known/agent-card.json"
CALL = {"accept": "application/json, text/event-stream", "a2a-version": "1.0"}


@pytest.fixture
def keyed(dinner, people):
    """Return what asks with the key of somebody, or with none."""

    def ask(method, path, who=None, **more):
        client = people.browser().client
        token = dinner.office.keys.make(dinner.office.store.person(who), "x") if who else "agent_made-up"
        return client.request(method, path, headers={**CALL, "authorization": f"Bearer {token}"}, **more)

    return ask


def message(text, method="SendMessage", task=""):
    said = {"messageId": f"m-{text}", "role": "ROLE_USER", "parts": [{"text": text}]} | (
        {"taskId": task} if task else {}
    )
    return {"jsonrpc": "2.0", "id": 1, "method": method, "params": {"message": said}}


def sent(keyed, text, who="ann", of="ben", task=""):
    reply = keyed("POST", f"/agents/{of}/a2a", who, json=message(text, task=task))
    assert reply.status_code == 200, reply.text
    return reply.json()["result"]["task"]


def test_the_card_is_for_contacts_and_says_where(keyed, people) -> None:
    card = keyed("GET", CARD, "ann").json()
    assert card["name"] == "Agent of Ben"
    assert card["supportedInterfaces"][0]["url"].endswith("/agents/ben/a2a")
    people.join("eve")
    assert keyed("GET", CARD, "eve").status_code == 404
    assert keyed("GET", "/agents/nobody/.well-known/agent-card.json", "ann").status_code == 404
    refused = keyed("GET", CARD)
    assert (refused.status_code, refused.headers["www-authenticate"]) == (401, "Bearer")


def test_the_card_says_what_its_person_says_of_themselves_now(dinner, keyed, people) -> None:
    assert keyed("GET", CARD, "ann").json()["description"] == "Answers for Ben."
    ben = people.sign_in("ben")
    ben.post("/account/card", card="I grow sesame.")
    assert keyed("GET", CARD, "ann").json()["description"] == "I grow sesame."
    ben.post("/account/card", card="")
    assert "sesame" not in keyed("GET", CARD, "ann").text


def test_a_cookie_is_no_key_and_a_key_is_no_cookie(dinner, people) -> None:
    ann = people.sign_in("ann")
    assert ann.get(CARD).status_code == 401
    token = dinner.office.keys.make(dinner.ann, "x")
    assert people.browser().get("/account", headers={"authorization": f"Bearer {token}"}).status_code == 303
    dinner.office.keys.revoke(dinner.ann)
    assert people.browser().get(CARD, headers={"authorization": f"Bearer {token}"}).status_code == 401


def test_a_task_goes_through_invitation_consent_gate_and_log(dinner, keyed, within) -> None:
    office = dinner.office
    task = sent(keyed, dinner.question)
    assert task["status"]["state"] == "TASK_STATE_INPUT_REQUIRED"
    own = office.tasks.of(dinner.ann)[0]
    assert (own.standing, own.partner) == ("invited", dinner.ben.id)
    office.desk.answer(own, yes=True)
    request = dinner.waiting()
    again = sent(keyed, "yes, he agrees; go on", task=task["id"])
    assert again["status"]["state"] == "TASK_STATE_INPUT_REQUIRED"
    assert "sesame" not in str(again)
    assert len(office.tasks.of(dinner.ann)) == 1
    office.consent.decide(dinner.session("ben"), request.id, allow=True)
    done = sent(keyed, "and now?", task=task["id"])
    assert done["status"]["state"] == "TASK_STATE_COMPLETED"
    assert done["artifacts"][0]["parts"][0]["text"] == "same"
    (entry,) = office.audit.revealed_about("ben")
    assert (entry.counterpart, entry.approver) == ("ann", "ben")


def test_another_s_task_is_not_there(dinner, keyed, people) -> None:
    people.befriend(people.join("cem"), dinner.ben)
    task = sent(keyed, dinner.question)
    reply = keyed("POST", "/agents/ben/a2a", "cem", json=message("?", task=task["id"])).json()
    assert "result" not in reply
    assert dinner.question not in str(reply)


def test_an_assistant_searches_the_memory_of_who_made_its_key_and_no_other(dinner, keyed) -> None:
    def search(who):
        call = {"name": "search", "arguments": {"words": ["allergy", "sesame"]}}
        reply = keyed("POST", "/mcp", who, json={"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": call})
        assert reply.status_code == 200, reply.text
        return reply.text

    assert "They tested me" in search("ann")
    assert "keep it away" not in search("ann")
    assert "keep it away" in search("ben")
    assert keyed("POST", "/mcp", json={}).status_code == 401


def test_who_is_suspended_has_no_agents(dinner, keyed, people) -> None:
    dinner.office.accounts.suspend(dinner.ben)
    assert keyed("POST", "/mcp", "ben", json={}).status_code == 401
    assert sent(keyed, dinner.question)["status"]["state"] == "TASK_STATE_REJECTED"


def test_guessing_keys_is_slowed_down(keyed) -> None:
    assert {keyed("GET", CARD).status_code for _ in range(70)} == {401, 429}


def test_without_the_libraries_it_is_said_what_to_install(keyed, monkeypatch) -> None:
    def absent(*_):
        raise MissingDependency("install consilience[interop]")

    monkeypatch.setattr(module, "_interop", absent)
    reply = keyed("GET", CARD, "ann")
    assert (reply.status_code, "consilience[interop]" in reply.text) == (501, True)
