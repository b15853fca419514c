"""The shield: what every reply carries and no request may, whatever the endpoint."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

__all__ = ["HEADERS", "MOST_BYTES", "Shield"]

MOST_BYTES: Final = 262_144
"""Of a request's body."""
HEADERS: Final[dict[str, str]] = {
    # No script, style or picture but the application's own files, and no request to anybody else.
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",  # with "no-referrer" browsers do not say from where a form comes
    "Permissions-Policy": "camera=(), microphone=(), geolocation=(), payment=(), usb=()",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}
_TOO_LARGE = 10**12
_HSTS = "max-age=31536000"


class Shield:
    """Refuses names that are not its own and bodies that are too large, and adds headers.

    Parameters
    ----------
    app
        What is shielded.
    hosts
        Names by which it may be asked for.
    secure
        Whether browsers reach it over TLS.
    larger
        Bytes of bodies by the paths to which more may be sent than elsewhere.
    """

    def __init__(
        self, app: ASGIApp, *, hosts: Iterable[str], secure: bool, larger: Mapping[str, int] | None = None
    ) -> None:
        self._app = app
        self._hosts = frozenset(host.casefold() for host in hosts)
        self._larger = dict(larger or {})
        self._headers = HEADERS | ({"Strict-Transport-Security": _HSTS} if secure else {})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in self._headers.items():
                    headers.setdefault(name, value)
            await send(message)

        most = self._larger.get(scope.get("path", ""), MOST_BYTES)
        given = {name.lower(): value for name, value in scope["headers"]}
        if _name(given.get(b"host", b"")) not in self._hosts:
            await _refuse(send_with_headers, 421, b"this server has another name")
        elif _length(given) > most:
            await _refuse(send_with_headers, 413, b"too much at once")
        else:
            await self._app(scope, _bounded(receive, most), send_with_headers)


def _name(host: bytes) -> str:
    text = host.decode("latin-1").casefold()
    return text if text.endswith("]") else text.rpartition(":")[0] or text


def _length(headers: dict[bytes, bytes]) -> int:
    length = headers.get(b"content-length", b"0")
    return int(length) if length.isdigit() and len(length) < 12 else _TOO_LARGE  # noqa: PLR2004


def _bounded(receive: Receive, most: int) -> Receive:
    """Return what reads a body that says nothing of its length, and breaks off where it gets too large."""
    read = 0

    async def bounded() -> Message:
        nonlocal read
        message = await receive()
        read += len(message.get("body", b""))
        return {"type": "http.disconnect"} if read > most else message

    return bounded


async def _refuse(send: Send, status: int, told: bytes) -> None:
    await send({"type": "http.response.start", "status": status, "headers": [(b"content-type", b"text/plain")]})
    await send({"type": "http.response.body", "body": told})
