"""Every endpoint in every role goes as the table says; and the trial would notice if it did not."""

import asyncio
from pathlib import Path

import pytest

from consilience.methods.social_agents.app import door
from consilience.methods.social_agents.app.access import ENDPOINTS, ROLES
from consilience.methods.social_agents.app.trial import CANARY, Case, call, trial


@pytest.fixture(scope="module")
def cases(tmp_path_factory: pytest.TempPathFactory) -> list[Case]:
    return list(trial(tmp_path_factory.mktemp("trial")))


def test_every_endpoint_is_asked_for_in_every_role(cases: list[Case]) -> None:
    assert [(one.endpoint.name, one.role) for one in cases] == [(one.name, role) for one in ENDPOINTS for role in ROLES]


def test_each_goes_as_the_table_says(cases: list[Case]) -> None:
    wrong = [(one.endpoint.name, one.role, one.reply.status, one.leaked, one.changed) for one in cases if not one.ok]
    assert not wrong


def test_a_refused_request_changes_no_row_and_tells_nothing(cases: list[Case]) -> None:
    refused = [one for one in cases if not one.allowed]
    assert len(refused) > 100
    assert not [one for one in refused if one.changed or CANARY in one.reply.text]


def test_what_is_shown_changes_nothing(cases: list[Case]) -> None:
    assert not [one.endpoint.name for one in cases if one.endpoint.method == "GET" and one.changed]


def test_whose_it_is_sees_it(cases: list[Case]) -> None:
    seen = {one.endpoint.name for one in cases if CANARY in one.reply.text}
    assert {"home", "tasks", "task", "consent", "audit", "memory"} <= seen


def test_another_s_and_what_is_not_there_look_the_same(cases: list[Case]) -> None:
    for by in ("session", "key"):
        told = {one.reply.text for one in cases if one.reply.status == 404 and one.endpoint.by == by}
        assert len(told) == 1


def test_a_door_that_lets_everybody_in_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(door, "admits", lambda _endpoint, relation, *, admin: relation != "anonymous" or admin)
    monkeypatch.setattr(
        "consilience.methods.social_agents.app.trial.ENDPOINTS",
        tuple(one for one in ENDPOINTS if one.name in ("task", "kill", "decide", "admin")),
    )
    wrong = {(one.endpoint.name, one.role) for one in trial(tmp_path) if not one.ok}
    assert {("task", "contact"), ("task", "admin"), ("kill", "stranger"), ("decide", "revoked")} <= wrong
    assert ("admin", "self") in wrong


def test_a_call_gives_status_headers_and_text() -> None:
    async def app(scope, receive, send) -> None:
        body = (await receive())["body"]
        await send({"type": "http.response.start", "status": 201, "headers": [(b"X-Seen", scope["query_string"])]})
        await send({"type": "http.response.body", "body": body})

    reply = asyncio.run(call(app, "POST", "/a?b=c", form={"d": "e f"}))
    assert (reply.status, reply.headers["x-seen"], reply.text) == (201, "b=c", "d=e+f")
