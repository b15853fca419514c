"""A lean client for whatever speaks the chat-completions protocol at an address: aiohttp, and as little else as can be.

The large clients look through all their connections at every call, which at a thousand calls under way costs more than
everything else together.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

from consilience.dialogue import chat_protocol as protocol
from consilience.dialogue.messages import Question, Reply
from consilience.dialogue.models import BadReply, ModelError, TimedOut, Unreachable
from consilience.ground.errors import InvalidInput
from consilience.ground.late import late_module

if TYPE_CHECKING:
    import aiohttp

__all__ = ["COMPATIBLE", "MOST_BYTES", "Endpoint"]

COMPATIBLE = "compatible:"
"""Before the name of a model that is asked at an address."""
MOST_BYTES = 10_000_000
"""Bytes of a reply at most."""

_REHEARSAL = "rehearsal:"
_CONNECT_S = 10.0
_IDLE_S = 30.0
_PRINTABLE = re.compile(r"[\x21-\x7e]+")


class Endpoint:
    """A model at an address: a `ChatModel` over HTTP.

    Connections are opened when they are needed, in the event loop that asks, and are shared by all questions.

    Parameters
    ----------
    base_url
        Up to and with the version, as in ``"http://localhost:11434/v1"``.
    model
        By the server's name for it.
    key
        Sent as bearer token; None where the server wants none.
    timeout_s
        For one reply, from the send to the last byte.
    connections
        Calls under way at most; further ones wait.

    Raises
    ------
    InvalidInput
        When the address is not one, or a number is out of range.
    """

    def __init__(
        self,
        base_url: str,
        model: str,
        *,
        key: str | None = None,
        timeout_s: float = 120.0,
        connections: int = 1000,
    ) -> None:
        self.base_url = _checked(base_url)
        """Where the model is."""
        model = model.removeprefix(COMPATIBLE)
        if not model:
            raise InvalidInput("`model` must be the name of a model, as the server knows it; got an empty one")
        if not timeout_s > 0 or connections < 1:
            raise InvalidInput(f"`timeout_s` and `connections` must be above 0; got {timeout_s!r} and {connections!r}")
        if key is not None and not _PRINTABLE.fullmatch(key):
            raise InvalidInput("`key` must be printable ASCII without spaces; got something else. Check for line ends")
        self.name = COMPATIBLE + model
        """Under which replies are journalled."""
        self._model = model
        self._key = key
        self._timeout_s = timeout_s
        self._connections = connections
        self._url = f"{self.base_url}/chat/completions"
        self._headers = {"Content-Type": "application/json", "Accept": "application/json"}
        if key is not None:
            self._headers["Authorization"] = f"Bearer {key}"
        self._client: aiohttp.ClientSession | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._places: asyncio.Semaphore | None = None
        self._aiohttp: Any = None
        self._target: Any = None

    def __repr__(self) -> str:
        """Show the address and the model, and never the key."""
        return f"Endpoint({self.base_url!r}, {self._model!r})"

    async def reply(self, question: Question) -> Reply:
        """Ask once.

        Raises
        ------
        Refused, Unreachable, TimedOut, BadReply, Denied, Rejected
            If there is no reply; see `consilience.dialogue.models`.
        MissingDependency
            Without aiohttp.
        """
        client = self._open()
        body = protocol.write(question, self._model)
        headers = self._headers
        if self._model.startswith(_REHEARSAL):
            headers = headers | _rehearsed(question)
        places = self._places
        if places is None:
            return await self._exchange(client, question, body, headers)
        async with places:  # so that the time begins with the send, and not with the wait for a connection
            return await self._exchange(client, question, body, headers)

    async def close(self) -> None:
        """Close the connections; another question opens new ones."""
        client, self._client = self._client, None
        if client is not None and self._loop is asyncio.get_running_loop():
            await client.close()

    def _open(self) -> aiohttp.ClientSession:
        loop = asyncio.get_running_loop()
        if self._client is not None and self._loop is loop and not self._client.closed:
            return self._client
        aiohttp = late_module("aiohttp", "an endpoint needs {missing}; install consilience[agents]", usually="aiohttp")
        self._aiohttp = aiohttp
        self._target = late_module("yarl", "an endpoint needs {missing}", usually="yarl").URL(self._url)
        self._loop = loop
        self._places = asyncio.Semaphore(self._connections)
        self._client = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=self._connections, keepalive_timeout=_IDLE_S, ttl_dns_cache=300),
            cookie_jar=aiohttp.DummyCookieJar(),
            # To look up the name is a part of connecting, and nothing was sent before the end of it.
            timeout=aiohttp.ClientTimeout(total=self._timeout_s, connect=min(_CONNECT_S, self._timeout_s)),
            auto_decompress=True,
        )
        return self._client

    async def _exchange(
        self, client: aiohttp.ClientSession, question: Question, body: bytes, headers: Mapping[str, str]
    ) -> Reply:
        begun = time.perf_counter()
        try:
            async with client.post(self._target, data=body, headers=headers, allow_redirects=False) as response:
                answer = await self._body(response)
                status, told = response.status, response.headers
        except (self._aiohttp.ClientError, TimeoutError, OSError) as error:
            raise self._unanswered(error) from error
        if status != 200:  # noqa: PLR2004  HTTP
            raise protocol.failure(status, told, answer, where=self.base_url, key=self._key)
        latency_s = time.perf_counter() - begun
        return protocol.read(
            answer, question, model=self._model, where=self.base_url, latency_s=latency_s, key=self._key
        )

    async def _body(self, response: aiohttp.ClientResponse) -> bytes:
        announced = response.content_length
        if announced is not None and announced <= MOST_BYTES and "Content-Encoding" not in response.headers:
            return await response.read()
        pieces, size = [], 0
        async for piece in response.content.iter_any():
            size += len(piece)
            if size > MOST_BYTES:
                response.close()
                raise BadReply(f"{self.base_url} sent more than {MOST_BYTES:,} bytes; lower `max_tokens`")
            pieces.append(piece)
        return b"".join(pieces)

    def _unanswered(self, error: Exception) -> ModelError:
        aiohttp = self._aiohttp
        if isinstance(error, aiohttp.ClientConnectorError | aiohttp.ConnectionTimeoutError):
            reason = str(getattr(error, "os_error", "") or "no connection in time")
            return Unreachable(f"nothing answers at {self.base_url} ({reason}); check the address, or start the server")
        if isinstance(error, TimeoutError):
            return TimedOut(f"{self.base_url} gave no reply within {self._timeout_s:g} s; raise `timeout_s`")
        if isinstance(error, aiohttp.ServerDisconnectedError | aiohttp.ClientPayloadError | OSError):
            return Unreachable(
                f"{self.base_url} broke the connection before the reply was complete; ask again", charged=True
            )
        return BadReply(f"{self.base_url} does not speak HTTP as expected ({type(error).__name__}); check the address")


def _checked(base_url: str) -> str:
    """Return an address without a slash at its end; one with a secret in it is not even quoted."""
    try:
        parts = urlsplit(base_url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        host, parts = None, urlsplit("")
    if parts.username is not None or parts.password is not None or parts.query:
        raise InvalidInput("`base_url` must have neither user nor question mark in it; give the key as a key")
    if parts.scheme not in ("http", "https") or not host or parts.fragment:
        raise InvalidInput(f"`base_url` must be like 'http://localhost:8000/v1'; got {base_url!r}")
    return base_url.rstrip("/").removesuffix("/chat/completions")


def _rehearsed(question: Question) -> dict[str, str]:
    """Return what a rehearsal has to know and the protocol has no place for; nobody else is told."""
    element = quote(question.element, safe="!#$%&'()*+,-./:;<=>?@[]^_`{|}~ ")
    return {"X-Rehearsal-Element": element.strip(), "X-Rehearsal-Occurrence": str(question.occurrence)}
