"""The site: an address for every page, and what is answered where there is none."""

from __future__ import annotations

from collections.abc import Iterable
from importlib import resources
from pathlib import Path

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from consilience.ground.errors import ConsilienceError, UnknownName
from consilience.studio.pages import Pages
from consilience.studio.places import Absent, Places
from consilience.studio.rendering import render
from consilience.studio.shield import Shield

__all__ = ["LOOPBACK", "application"]

LOOPBACK = ("127.0.0.1", "localhost", "[::1]")
"""Names of this machine for itself."""


def application(runs: Path | str, hosts: Iterable[str] = LOOPBACK) -> Starlette:
    """Return the studio over a folder with runs, as an ASGI application.

    Parameters
    ----------
    runs
        The folder.
    hosts
        Names by which it may be asked for.

    Raises
    ------
    InvalidInput
        If there is no such folder.
    """
    pages = Pages(Places(runs))
    static = Path(str(resources.files("consilience.studio") / "static"))
    routes = [
        Route("/", pages.index),
        Route("/run/{name:path}", pages.run),
        Route("/log/{name:path}", pages.log),
        Route("/said/{name:path}", pages.said),
        Route("/graph/{name:path}", pages.graph),
        Route("/drawn/{name:path}", pages.drawn),
        Route("/compare", pages.compare),
        Route("/file/{name:path}", pages.file),
        Mount("/static", StaticFiles(directory=static)),
    ]
    return Starlette(
        routes=routes,
        middleware=[Middleware(Shield, hosts=hosts)],
        exception_handlers={ConsilienceError: _mistake, HTTPException: _missing, 500: _bug},
    )


def _refusal(status: int, reason: str) -> Response:
    return HTMLResponse(render("refused", status=status, reason=reason), status)


async def _mistake(request: Request, error: Exception) -> Response:
    del request
    return _refusal(404 if isinstance(error, Absent | UnknownName) else 422, str(error))


async def _missing(request: Request, error: Exception) -> Response:
    del request
    status = error.status_code if isinstance(error, HTTPException) else 404
    return _refusal(status, "there is nothing here" if status == 404 else "this is only looked at")  # noqa: PLR2004


async def _bug(request: Request, error: Exception) -> Response:
    del request
    return _refusal(500, f"{type(error).__name__}: where the studio was started, its traceback is printed")
