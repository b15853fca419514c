"""An Agent2Agent endpoint for one person's agent: a card that everybody may read, and tasks for whom is known.

What the agent answers, and what it may tell to whom, is decided by what this is built with; here is only the protocol.
Where the person has to agree first, the task waits as *input-required*. No message of the other side changes that: it
may ask again, and the same question is put to the same judge, but consent comes from the person's own session alone.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass
from typing import Any, Literal

from consilience import __version__
from consilience.ground.errors import ConsilienceError, MissingDependency
from consilience.methods.social_agents.records import Person
from consilience.methods.social_agents.task import LONGEST_QUESTION

try:
    from a2a.helpers.proto_helpers import get_message_text, new_text_message, new_text_part
    from a2a.server.agent_execution import AgentExecutor, RequestContext
    from a2a.server.events import EventQueue
    from a2a.server.request_handlers import DefaultRequestHandler
    from a2a.server.routes import create_agent_card_routes, create_jsonrpc_routes
    from a2a.server.tasks import InMemoryTaskStore, TaskStore, TaskUpdater
    from a2a.types.a2a_pb2 import (
        AgentCapabilities,
        AgentCard,
        AgentInterface,
        AgentSkill,
        HTTPAuthSecurityScheme,
        Message,
        SecurityRequirement,
        SecurityScheme,
        StringList,
        Task,
        TaskState,
        TaskStatus,
    )
    from starlette.applications import Starlette
    from starlette.authentication import AuthCredentials, SimpleUser
    from starlette.datastructures import Headers
    from starlette.responses import JSONResponse
    from starlette.types import ASGIApp, Receive, Scope, Send
except ImportError as error:
    raise MissingDependency(f"an A2A endpoint needs {error.name or 'a2a-sdk'}; install consilience[interop]") from error

__all__ = ["CARD_PATH", "MOST_BYTES", "RPC_PATH", "Answer", "Answering", "Asked", "agent_app", "agent_card"]

CARD_PATH = "/.well-known/agent-card.json"
"""Where the card lies."""
RPC_PATH = "/a2a"
"""Where tasks are sent to."""
MOST_BYTES = 65_536
"""Bytes of a request."""
_WAITING = "The person behind this agent has to agree first. Ask again later."
_FAILED = "This agent cannot answer now."
_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Asked:
    """A question from another agent."""

    asker: str
    """Handle of whom its token belongs to; nothing that it says of itself."""
    question: str
    """As it was put first; what follows in the same task changes nothing of it."""
    task: str
    """Name of the task."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What the agent makes of it."""

    outcome: Literal["answered", "needs-consent", "declined"]
    """Whether there is an answer, the person has to agree first, or there is none for this asker."""
    text: str = ""
    """What the other side is told; it has passed whatever judges what may be told."""


Answering = Callable[[Asked], Awaitable[Answer]]
"""Answers a question for the person. It must hold all that keeps their memory: policy, gate and audit."""


def agent_card(person: Person, url: str) -> AgentCard:
    """Return the card of a person's agent: their name and what they say of themselves to everybody.

    Parameters
    ----------
    person
        Whose agent it is.
    url
        Where the application is reached, without the path of the endpoint.
    """
    token = SecurityScheme(http_auth_security_scheme=HTTPAuthSecurityScheme(scheme="Bearer"))
    skill = AgentSkill(
        id="find-out",
        name="Find something out",
        description="Answers a question from what its person knows, as far as they let the asker know it.",
        tags=["questions", "scheduling"],
        examples=["Which evenings of next week are free?"],
    )
    return AgentCard(
        name=f"Agent of {person.name}",
        description=person.card or f"Answers for {person.name}.",
        supported_interfaces=[
            AgentInterface(url=url.rstrip("/") + RPC_PATH, protocol_binding="JSONRPC", protocol_version="1.0")
        ],
        version=__version__,
        capabilities=AgentCapabilities(streaming=True, push_notifications=False),
        security_schemes={"token": token},
        security_requirements=[SecurityRequirement(schemes={"token": StringList()})],
        default_input_modes=["text/plain"],
        default_output_modes=["text/plain"],
        skills=[skill],
    )


def agent_app(
    person: Person,
    url: str,
    answering: Answering,
    asker_of: Callable[[str], str | None],
    *,
    tasks: TaskStore | None = None,
    now: Callable[[], Person] | None = None,
) -> ASGIApp:
    """Return the application of a person's agent, to be served or mounted.

    Parameters
    ----------
    person
        Whose agent it is.
    url
        Where it is reached.
    answering
        What answers.
    asker_of
        Returns the handle of whom a token belongs to, None for one that is nobody's or was revoked; asked each time.
    tasks
        Where tasks are kept, each for its asker; in this process where nothing is given.
    now
        Returns the person as they stand now, for the card: asked in a thread each time that it is read, so that what
        they changed or forgot is not shown any more. Where nothing is given, they stay as they are.
    """
    card = agent_card(person, url)

    async def current(card: AgentCard) -> AgentCard:
        return card if now is None else agent_card(await asyncio.to_thread(now), url)

    handler = DefaultRequestHandler(_Executor(answering), tasks or InMemoryTaskStore(), card)
    routes = [
        *create_agent_card_routes(card, card_modifier=current, card_url=CARD_PATH),
        *create_jsonrpc_routes(handler, RPC_PATH),
    ]
    return _Doorkeeper(Starlette(routes=routes), asker_of)


class _Executor(AgentExecutor):
    """Puts a question to what answers, and its outcome into the words of the protocol."""

    def __init__(self, answering: Answering) -> None:
        self._answering = answering

    async def execute(self, context: RequestContext, event_queue: EventQueue) -> None:
        """Answer, wait for the person, or decline."""
        task = context.current_task
        if task is None:
            task = Task(
                id=context.task_id or "",
                context_id=context.context_id or "",
                status=TaskStatus(state=TaskState.TASK_STATE_SUBMITTED),
                history=[context.message] if context.message else [],
            )
            await event_queue.enqueue_event(task)
        updater = TaskUpdater(event_queue, task.id, task.context_id)
        question = _question(task)
        if not question.strip() or len(question) > LONGEST_QUESTION:
            told = f"A question is text of 1 to {LONGEST_QUESTION} characters."
            await updater.update_status(TaskState.TASK_STATE_REJECTED, _told(task, told))
            return
        await updater.update_status(TaskState.TASK_STATE_WORKING)
        answer = await self._answer(Asked(context.call_context.user.user_name, question, task.id))
        await _report(updater, task, answer)

    async def _answer(self, asked: Asked) -> Answer | None:
        """Return the answer, None where something failed: what failed is for the person's log, not for the wire."""
        try:
            return await self._answering(asked)
        except ConsilienceError as error:
            _LOG.warning("task %s: %s", asked.task, type(error).__name__)
        except Exception:  # noqa: BLE001 - whatever it is, its words may hold what the asker must not learn
            _LOG.exception("task %s failed", asked.task)
        return None

    async def cancel(self, context: RequestContext, event_queue: EventQueue) -> None:
        """End a task as its asker wishes."""
        task = context.current_task
        if task is not None:
            updater = TaskUpdater(event_queue, task.id, task.context_id)
            await updater.update_status(TaskState.TASK_STATE_CANCELED)


def _question(task: Task) -> str:
    """Return what was asked first."""
    return get_message_text(task.history[0]) if task.history else ""


def _told(task: Task, text: str) -> Message:
    return new_text_message(text, context_id=task.context_id, task_id=task.id)


async def _report(updater: TaskUpdater, task: Task, answer: Answer | None) -> None:
    if answer is None:
        await updater.update_status(TaskState.TASK_STATE_FAILED, _told(task, _FAILED))
    elif answer.outcome == "answered":
        await updater.add_artifact([new_text_part(answer.text)], name="answer")
        await updater.update_status(TaskState.TASK_STATE_COMPLETED)
    elif answer.outcome == "needs-consent":
        await updater.update_status(TaskState.TASK_STATE_INPUT_REQUIRED, _told(task, answer.text or _WAITING))
    else:
        told = answer.text or "This agent does not answer that."
        await updater.update_status(TaskState.TASK_STATE_REJECTED, _told(task, told))


class _Doorkeeper:
    """Lets everybody read the card, and those with a token send tasks of a bounded size.

    Parameters
    ----------
    app
        What lies behind.
    asker_of
        Returns the handle of whom a token belongs to.
    """

    def __init__(self, app: ASGIApp, asker_of: Callable[[str], str | None]) -> None:
        self._app = app
        self._asker_of = asker_of

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request, or say why not."""
        if scope["type"] != "http" or scope["path"].endswith(CARD_PATH):
            await self._app(scope, receive, send)
            return
        asker = self._asker(Headers(scope=scope))
        if asker is None:
            challenge = {"WWW-Authenticate": "Bearer"}
            await JSONResponse({"error": "a token is needed"}, 401, challenge)(scope, receive, send)
            return
        body = await _body(receive)
        if body is None:
            await JSONResponse({"error": f"at most {MOST_BYTES} bytes"}, 413)(scope, receive, send)
            return
        known = {**scope, "user": SimpleUser(asker), "auth": AuthCredentials(["authenticated"])}
        await self._app(known, _again(body, receive), send)

    def _asker(self, headers: Headers) -> str | None:
        kind, _, token = headers.get("authorization", "").partition(" ")
        return self._asker_of(token.strip()) if kind.lower() == "bearer" and token.strip() else None


async def _body(receive: Receive) -> bytes | None:
    """Return what was sent, None where it is too much."""
    body: bytes = b""
    while True:
        message = await receive()
        body += message.get("body", b"")
        if len(body) > MOST_BYTES:
            return None
        if message["type"] != "http.request" or not message.get("more_body"):
            return body


def _again(body: bytes, receive: Receive) -> Receive:
    """Return what gives a body that was read once more, and then what else comes."""
    given = False

    async def once_more() -> MutableMapping[str, Any]:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return once_more
