"""The shield: what every reply carries, and which names the studio answers to."""

from __future__ import annotations

import hashlib
from base64 import b64encode
from collections.abc import Iterable
from importlib import resources
from typing import Final

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

__all__ = ["DRAWN", "HEADERS", "PICTURE", "Shield"]

HEADERS: Final[dict[str, str]] = {
    # No script, style or picture but the studio's own, and no request to anybody else.
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=(), payment=(), usb=()",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-cache",
}

PICTURE: Final = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; sandbox"
"""The policy of a file of a run that is looked at by itself: an SVG may bring a style, and no script."""


def _of_a_drawing() -> str:
    script = (resources.files("consilience.dialogue") / "graph_page.js").read_text(encoding="utf-8")
    digest = b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return (
        "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'; "
        f"frame-ancestors 'none'; script-src 'sha256-{digest}'; sandbox allow-scripts"
    )


DRAWN: Final = _of_a_drawing()
"""The policy of a page of a graph: of all scripts, the house's own; and nothing of the studio may be touched by it."""


class Shield:
    """Refuses to answer to other names than its own, and adds headers.

    A page elsewhere may have its name lead to this machine; without this, it could read what the studio shows.

    Parameters
    ----------
    app
        What is shielded.
    hosts
        Names by which it may be asked for, without a port.
    """

    def __init__(self, app: ASGIApp, *, hosts: Iterable[str]) -> None:
        self._app = app
        self._hosts = frozenset(host.casefold() for host in hosts)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        host = next((value for name, value in scope["headers"] if name == b"host"), b"")
        if _name(host) in self._hosts:
            await self._app(scope, receive, send_with_headers)
            return
        start = {"type": "http.response.start", "status": 421, "headers": [(b"content-type", b"text/plain")]}
        await send_with_headers(start)
        await send({"type": "http.response.body", "body": b"this server has another name"})


def _name(host: bytes) -> str:
    text = host.decode("latin-1").casefold()
    return text if text.endswith("]") else text.rpartition(":")[0] or text
