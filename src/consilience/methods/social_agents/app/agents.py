"""Agents: what other agents and assistants are answered, each for the person who made its key.

One's contacts' agents read the card of one's own and ask it (Agent2Agent); one's own assistant searches one's own
memory (Model Context Protocol). What both need is installed with ``consilience[interop]``; without it they are told so.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from consilience.ground.errors import ConsilienceError, MissingDependency
from consilience.ground.late import late_module
from consilience.methods.social_agents.app.access import Endpoint
from consilience.methods.social_agents.app.door import Door, Refused
from consilience.methods.social_agents.app.office import Office
from consilience.methods.social_agents.records import Person, StoreLocked, StoreUnavailable

__all__ = ["AgentRoute", "Agents", "Answers"]

MOST_APPS: Final = 1_000
"""People whose agents are held ready; the idlest is made anew when it is asked."""

Answers = Callable[[Person, str, Scope, Receive, Send], Awaitable[None]]
"""Answers for whom the key is, given the variable part of the path."""


class Agents:
    """Answers of the application to agents.

    Parameters
    ----------
    office
        Its parts.
    """

    def __init__(self, office: Office) -> None:
        self._office = office
        self._apps: dict[str, ASGIApp] = {}

    @property
    def answers(self) -> Mapping[str, Answers]:
        """Who answers, by the name of the endpoint."""
        return {"agent_card": self._agent, "agent_rpc": self._agent, "memory_rpc": self._memory}

    async def _agent(self, caller: Person, key: str, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002
        """Answer for the person whom the path names; the app reads the key once more, as it does elsewhere."""
        inner = f"/{scope['path'].removeprefix(f'/agents/{key}/')}"
        app = await run_in_threadpool(self._app, key, scope)
        await app({**scope, "path": inner, "raw_path": inner.encode(), "root_path": ""}, receive, send)

    async def _memory(self, caller: Person, key: str, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002
        memory = await run_in_threadpool(self._office.store.memory, caller)
        await _interop("mcp_server").answer(memory, scope, receive, send)

    def _app(self, handle: str, scope: Scope) -> ASGIApp:
        person = self._office.store.person(handle)
        found = self._apps.pop(handle, None)
        if found is None:
            base = self._office.manner.address or str(Request(scope).base_url).rstrip("/")
            answering = _interop("app.answering").DeskAnswering(self._office, person)
            found = _interop("a2a_server").agent_app(
                person,
                f"{base}/agents/{handle}",
                answering,
                self._asker_of,
                now=lambda: self._office.store.person(handle),
            )
        while len(self._apps) >= MOST_APPS:
            del self._apps[next(iter(self._apps))]
        self._apps[handle] = found
        return found

    def _asker_of(self, token: str) -> str | None:
        caller = self._office.keys.person_of(token)
        return None if caller is None else caller.handle


class AgentRoute:
    """A route of an endpoint that goes by keys.

    Parameters
    ----------
    door
        Lets in.
    endpoint
        Its row of the table.
    answers
        Who answers.
    """

    def __init__(self, door: Door, endpoint: Endpoint, answers: Answers) -> None:
        self._door = door
        self._endpoint = endpoint
        self._answers = answers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request, or say why not."""
        request = Request(scope)
        try:
            caller = await run_in_threadpool(self._door.admit_agent, request, self._endpoint)
            key = str(request.path_params.get(self._endpoint.key, ""))
            await self._answers(caller, key, scope, receive, send)
        except Refused as refused:
            headers = {"WWW-Authenticate": "Bearer"} if refused.status == 401 else {}  # noqa: PLR2004
            if refused.wait_s:
                headers["Retry-After"] = str(refused.wait_s)
            await _say(refused, refused.status, headers)(scope, receive, send)
        except MissingDependency as error:
            await _say(error, 501)(scope, receive, send)
        except (StoreLocked, StoreUnavailable) as error:
            await _say(error, 503)(scope, receive, send)


def _say(error: ConsilienceError, status: int, headers: Mapping[str, str] | None = None) -> JSONResponse:
    return JSONResponse({"error": str(error)}, status, headers)


def _interop(module: str) -> Any:
    return late_module(
        f"consilience.methods.social_agents.{module}",
        "other agents are answered with {missing}; install consilience[interop]",
        usually="a2a-sdk",
    )
