"""HTTP/1.1 as far as a rehearsal needs it: a raw protocol that costs little, so that the client is what is measured.

Requests may be pipelined: answers leave in the order of the requests, whenever each is ready. What is no HTTP gets
its status and ends the connection; it never ends the server.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import cast

__all__ = ["Connection", "Exchange", "Request", "answer"]

_MOST_HEAD_BYTES = 64 * 1024
_MOST_BODY_BYTES = 64 * 1024 * 1024
_MOST_PIPELINED = 256
_REQUEST_LINE_WORDS = 3


@dataclass(slots=True)
class Request:
    """One request."""

    method: str
    """Such as GET."""
    path: str
    """Without the query."""
    headers: dict[str, str]
    """By their names in lower case."""
    body: bytes = b""
    """As it came."""


class _Malformed(Exception):
    """Bytes that are no request this server reads; the status says why."""

    def __init__(self, status: HTTPStatus) -> None:
        super().__init__(status.phrase)
        self.status = status


def answer(status: int, body: bytes, *, kind: str = "application/json", headers: tuple[str, ...] = ()) -> bytes:
    """Return the bytes of an answer.

    Examples
    --------
    >>> answer(200, b"{}").splitlines()[0]
    b'HTTP/1.1 200 OK'
    """
    lines = (
        f"HTTP/1.1 {status} {HTTPStatus(status).phrase}",
        f"Content-Type: {kind}",
        f"Content-Length: {len(body)}",
        *headers,
        "\r\n",
    )
    return "\r\n".join(lines).encode("latin-1") + body


class Exchange:
    """A request and the answer it waits for."""

    __slots__ = ("_connection", "last", "on_gone", "ready")

    def __init__(self, connection: Connection, *, last: bool) -> None:
        self._connection = connection
        self.last = last
        """Whether the connection ends with this answer."""
        self.ready: bytes | None = None
        """The answer, once there is one."""
        self.on_gone: Callable[[], object] | None = None
        """What to do if the caller goes away before."""

    def respond(self, data: bytes, *, last: bool = False) -> None:
        """Give the answer; with `last`, close the connection after it."""
        self.ready = data
        self.last = self.last or last
        self.on_gone = None
        self._connection.flush()

    def cut(self) -> None:
        """Break the connection off without an answer."""
        self.on_gone = None
        self._connection.abort()


class Connection(asyncio.Protocol):
    """One connection of one client.

    Parameters
    ----------
    handle
        Is given each request with its exchange, and responds at once or later.
    connections
        The connections that are open; this one enters and leaves by itself.
    """

    def __init__(self, handle: Callable[[Request, Exchange], None], connections: set[Connection]) -> None:
        self._handle = handle
        self._connections = connections
        self._buffer = bytearray()
        self._scanned = 0
        self._head: Request | None = None
        self._needed = 0
        self._pending: deque[Exchange] = deque()
        self._ending = False
        self._clogged = False
        self._paused = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        self._transport = cast("asyncio.Transport", transport)
        self._connections.add(self)

    def connection_lost(self, error: Exception | None) -> None:  # noqa: ARG002  asyncio's signature
        """Tell every request that waits that nobody does."""
        self._ending = True
        self._connections.discard(self)
        while self._pending:
            gone = self._pending.popleft().on_gone
            if gone is not None:
                gone()

    def data_received(self, data: bytes) -> None:
        """Read what came."""
        if not self._ending:
            self._buffer += data
            self._read()

    def pause_writing(self) -> None:
        """Read no more from a client that does not read its answers."""
        self._clogged = True
        self._breathe()

    def resume_writing(self) -> None:
        """Read again."""
        self._clogged = False
        self._breathe()
        self._read()

    def abort(self) -> None:
        """End the connection at once."""
        self._ending = True
        self._transport.abort()

    def flush(self) -> None:
        """Send the answers whose turn it is."""
        full = len(self._pending) >= _MOST_PIPELINED
        while self._pending and self._pending[0].ready is not None:
            exchange = self._pending.popleft()
            self._transport.write(exchange.ready or b"")
            if exchange.last:
                self._ending = True
                self._transport.close()
                return
        self._breathe()
        if full and len(self._pending) < _MOST_PIPELINED:
            self._read()

    def _breathe(self) -> None:
        stop = self._clogged or len(self._pending) >= _MOST_PIPELINED
        if stop != self._paused and not self._transport.is_closing():
            self._paused = stop
            (self._transport.pause_reading if stop else self._transport.resume_reading)()

    def _read(self) -> None:
        try:
            while not self._ending and not self._clogged and len(self._pending) < _MOST_PIPELINED:
                request = self._next()
                if request is None:
                    break
                last = request.headers.get("connection", "").lower() == "close"
                exchange = Exchange(self, last=last)
                self._pending.append(exchange)
                if last:
                    self._ending = True
                self._handle(request, exchange)
        except _Malformed as problem:
            exchange = Exchange(self, last=True)
            self._pending.append(exchange)
            self._buffer.clear()
            exchange.respond(answer(problem.status, b"", headers=("Connection: close",)))
            self._ending = True
        self._breathe()

    def _next(self) -> Request | None:
        if self._head is None:
            self._head = self._take_head()
        request = self._head
        if request is None or len(self._buffer) < self._needed:
            return None
        self._head = None
        request.body = bytes(self._buffer[: self._needed])
        del self._buffer[: self._needed]
        return request

    def _take_head(self) -> Request | None:
        while self._buffer.startswith(b"\r\n"):  # RFC 9112 asks servers to overlook empty lines before a request
            del self._buffer[:2]
        end = self._buffer.find(b"\r\n\r\n", max(0, self._scanned - 3))
        self._scanned = len(self._buffer) if end < 0 else 0
        if (len(self._buffer) if end < 0 else end) > _MOST_HEAD_BYTES:
            raise _Malformed(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)
        if end < 0:
            return None
        head = _read_head(self._buffer[:end].decode("latin-1"))
        self._needed = _length(head.headers)
        del self._buffer[: end + 4]
        if "expect" in head.headers and not self._pending:
            self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        return head


def _read_head(text: str) -> Request:
    first, *lines = text.split("\r\n")
    words = first.split(" ")
    if len(words) != _REQUEST_LINE_WORDS or not words[0].isalpha() or not words[1].startswith("/"):
        raise _Malformed(HTTPStatus.BAD_REQUEST)
    if words[2] not in ("HTTP/1.1", "HTTP/1.0"):
        raise _Malformed(HTTPStatus.HTTP_VERSION_NOT_SUPPORTED)
    headers: dict[str, str] = {}
    for line in lines:
        name, colon, value = line.partition(":")
        name, value = name.lower(), value.strip()
        twice = name == "content-length" and headers.get(name, value) != value
        if not colon or not name or name.strip() != name or twice:
            raise _Malformed(HTTPStatus.BAD_REQUEST)
        headers[name] = value
    if words[2] == "HTTP/1.0":
        headers["connection"] = "close"
    return Request(words[0], words[1].partition("?")[0], headers)


def _length(headers: dict[str, str]) -> int:
    if "transfer-encoding" in headers:
        raise _Malformed(HTTPStatus.LENGTH_REQUIRED)
    digits = headers.get("content-length", "0")
    if not (digits.isascii() and digits.isdigit()):
        raise _Malformed(HTTPStatus.BAD_REQUEST)
    if len(digits) > len(str(_MOST_BODY_BYTES)) or int(digits) > _MOST_BODY_BYTES:
        raise _Malformed(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
    return int(digits)
