"""The application: every row of the table of access becomes a route, and there is no other."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Final
from urllib.parse import quote

from fastapi import FastAPI
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from consilience.ground.errors import ConsilienceError, InvalidInput
from consilience.methods.social_agents.app.access import ENDPOINTS, Endpoint
from consilience.methods.social_agents.app.account_deeds import ACCOUNT_DEEDS
from consilience.methods.social_agents.app.agents import AgentRoute, Agents
from consilience.methods.social_agents.app.deeds import DEEDS
from consilience.methods.social_agents.app.door import Door, Handler, Refused, Sent, form_of
from consilience.methods.social_agents.app.group_pages import GROUPS
from consilience.methods.social_agents.app.import_pages import IMPORTS
from consilience.methods.social_agents.app.introduction_pages import INTRODUCTIONS
from consilience.methods.social_agents.app.key_pages import KEYS
from consilience.methods.social_agents.app.office import Office
from consilience.methods.social_agents.app.pages import PAGES
from consilience.methods.social_agents.app.rendering import refusal_page
from consilience.methods.social_agents.app.shield import Shield
from consilience.methods.social_agents.app.uploads import MOST_BYTES
from consilience.methods.social_agents.records import StoreLocked, StoreUnavailable

__all__ = ["HANDLERS", "application"]

HANDLERS: Final[dict[str, Handler]] = PAGES | DEEDS | ACCOUNT_DEEDS | GROUPS | INTRODUCTIONS | IMPORTS | KEYS
"""Who answers, by the name of the endpoint."""


def application(office: Office) -> FastAPI:
    """Return the application over its parts.

    Raises
    ------
    InvalidInput
        When an endpoint has no handler, or a handler no endpoint.
    """
    agents = Agents(office)
    if odd := {one.name for one in ENDPOINTS} ^ (set(HANDLERS) | set(agents.answers)):
        raise InvalidInput(f"each endpoint must have one handler, and each handler an endpoint; odd: {sorted(odd)}")

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        await office.open()
        try:
            yield
        finally:
            await office.close()

    made = FastAPI(lifespan=lifespan, openapi_url=None, docs_url=None, redoc_url=None, redirect_slashes=False)
    door = Door(office)
    for endpoint in ENDPOINTS:
        if endpoint.by == "key":
            asked = AgentRoute(door, endpoint, agents.answers[endpoint.name])
            made.router.routes.append(Route(endpoint.path, asked, methods=[endpoint.method]))
            continue
        made.add_route(endpoint.path, _route(door, endpoint, HANDLERS[endpoint.name]), methods=[endpoint.method])
    made.add_exception_handler(404, _missing)
    made.add_exception_handler(405, _missing)
    larger = {one.path: MOST_BYTES + 65_536 for one in ENDPOINTS if one.uploads}
    made.add_middleware(Shield, hosts=office.manner.hosts, secure=office.manner.secure, larger=larger)
    return made


def _route(door: Door, endpoint: Endpoint, handler: Handler) -> Callable[[Request], Awaitable[Response]]:
    async def answered(request: Request) -> Response:
        try:
            if endpoint.uploads and not await run_in_threadpool(door.knows, request):
                raise Refused(401, "sign in first")  # noqa: TRY301  before a file of a stranger's is read
            sent: Sent = ({}, None)
            if endpoint.method == "POST":
                sent = await form_of(request, uploads=endpoint.uploads)
            try:
                return await run_in_threadpool(_answer, door, endpoint, handler, request, sent)
            finally:
                if sent[1] is not None:
                    await sent[1].close()
        except Refused as refused:
            return _refusal(door, endpoint, request, refused)
        except (StoreLocked, StoreUnavailable) as error:
            return _plain(door, request, 503, str(error))
        except ConsilienceError as mistake:
            return _plain(door, request, 422, str(mistake))

    return answered


def _answer(door: Door, endpoint: Endpoint, handler: Handler, request: Request, sent: Sent) -> Response:
    request.state.visitor = ""
    visit = door.admit(request, endpoint, *sent)
    response = handler(visit)
    begun = getattr(request.state, "session", None)
    if getattr(request.state, "ended", False):
        door.end(response)
    elif begun is not None:
        door.begin(response, begun)
    else:
        door.visitor(visit, response)
    return response


def _refusal(door: Door, endpoint: Endpoint, request: Request, refused: Refused) -> Response:
    if refused.status == 303:  # noqa: PLR2004
        there = "" if endpoint.name == "home" else f"?next={quote(request.url.path)}"
        return RedirectResponse(f"/sign-in{there}", 303)
    response = _plain(door, request, refused.status, str(refused))
    if refused.wait_s:
        response.headers["Retry-After"] = str(refused.wait_s)
    return response


def _plain(door: Door, request: Request, status: int, told: str) -> Response:
    return refusal_page(status, told, signed_in=door.cookie in request.cookies)


async def _missing(request: Request, error: Exception) -> Response:  # noqa: ARG001  a handler of Starlette's
    return refusal_page(getattr(error, "status_code", 404), "there is nothing here", signed_in=False)
