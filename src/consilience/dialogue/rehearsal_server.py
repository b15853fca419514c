"""A rehearsal behind HTTP: a local server that speaks the chat-completions protocol, so that real clients are tried.

It listens on this machine only. ``python -m consilience.dialogue.rehearsal_server --player echo`` runs one in a
process of its own and says its address on the first line; `ServerProcess` does that for programs.

Two headers carry what the protocol has no place for, and are optional: ``X-Rehearsal-Element``, percent-encoded
where needed, and ``X-Rehearsal-Occurrence``. With them a served reply is the one that the rehearsal gives in process.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import signal
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import fields
from functools import partial
from importlib import import_module
from types import TracebackType
from typing import IO, Any, cast
from urllib.parse import unquote

from consilience.dialogue import rehearsal_wire as wire
from consilience.dialogue.attendance import Attendance, Visit
from consilience.dialogue.faults import Faults, Latency, RateLimit
from consilience.dialogue.players import PLAYERS, Player
from consilience.dialogue.rehearsal import REHEARSAL_NOTICE, Rehearsal, Turn
from consilience.dialogue.rehearsal_http import Connection, Exchange, Request, answer
from consilience.ground.errors import ConsilienceError, InvalidInput, UnknownName

__all__ = ["RehearsalServer", "ServerProcess", "main"]

_LOOPBACK = "127.0.0.1"
_BACKLOG = 4096
_MOST_ELEMENT_CHARACTERS = 1000


class RehearsalServer:
    """Serves a rehearsal at ``/v1/chat/completions``, with and without stream, and ``/v1/models``.

    Streams leave in one piece when the time of the reply is over. ``GET /rehearsal/attendance`` tells what the server
    saw, ``POST /rehearsal/forget`` clears it.

    Parameters
    ----------
    model
        What is served; a bare player is served as ``rehearsal:stand-in``.
    port
        Where; 0 for any that is free.
    key
        What clients must send as bearer token; None to let everybody in.

    Examples
    --------
    >>> from consilience.dialogue.players import echo
    >>> async def address() -> str:
    ...     async with RehearsalServer(Rehearsal(echo, name="echo")) as server:
    ...         return server.base_url
    >>> asyncio.run(address())
    'http://127.0.0.1:.../v1'
    """

    def __init__(self, model: Rehearsal | Player, *, port: int = 0, key: str | None = None) -> None:
        self.model = model if isinstance(model, Rehearsal) else Rehearsal(model)
        """What is served."""
        self._port = port
        self._key = key
        self._connections: set[Connection] = set()
        self._served = 0
        self._listener: asyncio.Server | None = None

    @property
    def base_url(self) -> str:
        """Address for clients, with ``/v1``."""
        return f"http://{_LOOPBACK}:{self._port}/v1"

    @property
    def attendance(self) -> Attendance:
        """Calls that came, as the server saw them."""
        return self.model.attendance

    async def __aenter__(self) -> RehearsalServer:
        """Begin to listen."""
        self._loop = asyncio.get_running_loop()
        make = partial(Connection, self._handle, self._connections)
        try:
            self._listener = await self._loop.create_server(make, _LOOPBACK, self._port, backlog=_BACKLOG)
        except (OSError, OverflowError) as problem:
            raise InvalidInput(f"`port` must be one that is free; got {self._port}: {problem}") from problem
        self._port = self._listener.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        """End every connection; calls that wait get no answer."""
        if self._listener is None:
            return
        self._listener.close()
        for connection in tuple(self._connections):
            connection.abort()
        await self._listener.wait_closed()
        while self._connections:
            await asyncio.sleep(0)

    def _handle(self, request: Request, exchange: Exchange) -> None:
        try:
            self._route(request, exchange)
        except wire.Unfit as problem:
            exchange.respond(answer(problem.status, wire.error(str(problem), problem.code)))
        except Exception as bug:  # noqa: BLE001  a player's bug costs its caller a reply, not everybody the server
            self._loop.call_exception_handler({"message": "a player failed", "exception": bug})
            exchange.respond(answer(500, wire.error(f"the player failed: {bug!r:.200}", "player_failed")))

    def _route(self, request: Request, exchange: Exchange) -> None:
        routes: dict[tuple[str, str], Callable[[Request, Exchange], None]] = {
            ("POST", "/v1/chat/completions"): self._complete,
            ("GET", "/v1/models"): self._list,
            ("GET", "/rehearsal/attendance"): self._tell,
            ("POST", "/rehearsal/forget"): self._forget,
        }
        route = routes.get((request.method, request.path))
        if route is None:
            known = request.path in {path for _, path in routes}
            status, what = (405, "method") if known else (404, "path")
            raise wire.Unfit(
                status, f"expected {', '.join(' '.join(r) for r in routes)}; got another {what}", "no_route"
            )
        if self._key is not None and request.headers.get("authorization") != f"Bearer {self._key}":
            raise wire.Unfit(401, "expected the server's key as bearer token; got another or none", "invalid_api_key")
        route(request, exchange)

    def _list(self, request: Request, exchange: Exchange) -> None:  # noqa: ARG002  routes have one signature
        exchange.respond(answer(200, wire.models(self.model.name)))

    def _tell(self, request: Request, exchange: Exchange) -> None:  # noqa: ARG002  routes have one signature
        log = self.attendance
        told = {"visits": log.visits, "present": log.present, "peak": log.peak, "makespan_s": log.makespan_s}
        exchange.respond(answer(200, json.dumps({"notice": REHEARSAL_NOTICE, **told}).encode()))

    def _forget(self, request: Request, exchange: Exchange) -> None:  # noqa: ARG002  routes have one signature
        self.attendance.clear()
        exchange.respond(answer(200, b"{}"))

    def _complete(self, request: Request, exchange: Exchange) -> None:
        asked = wire.read(request.body, *_asker(request.headers))
        if asked.model not in (self.model.name, self.model.name.removeprefix("rehearsal:")):
            raise wire.Unfit(404, f"expected model {self.model.name!r}; got {asked.model!r:.60}", "model_not_found")
        now = self._loop.time()
        turn = self.model.begin(asked.question, now)
        self._served += 1
        _Call(self, asked, turn, exchange, now=now, number=self._served).begin()


class _Call:
    """One call from its arrival to its end."""

    __slots__ = ("_arrived_s", "_asked", "_exchange", "_number", "_server", "_timer", "_turn")

    def __init__(
        self, server: RehearsalServer, asked: wire.Asked, turn: Turn, exchange: Exchange, *, now: float, number: int
    ) -> None:
        self._server = server
        self._asked = asked
        self._turn = turn
        self._exchange = exchange
        self._arrived_s = now
        self._number = number
        self._timer: asyncio.TimerHandle | None = None

    def begin(self) -> None:
        """Wait for a place, unless there is nothing to serve."""
        self._server.attendance.arrive()
        if self._turn.fault == "rate_limited":
            self._end()
            return
        self._exchange.on_gone = self._gone
        self._server.model.slots.enter(self, self._serve)

    def _serve(self) -> None:
        faults = self._server.model.faults
        delay_s = faults.stall_s if self._turn.fault == "stall" else self._turn.delay_s
        if delay_s:
            self._timer = asyncio.get_running_loop().call_later(delay_s, self._end)
        else:
            self._end()

    def _end(self) -> None:
        self._leave(self._turn.fault or "replied")
        if self._turn.fault == "stall":
            self._exchange.cut()
        else:
            data, last = self._said()
            self._exchange.respond(data, last=last)

    def _gone(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._leave("gone")

    def _leave(self, outcome: str) -> None:
        now = asyncio.get_running_loop().time()
        self._server.attendance.finish(Visit(self._asked.question.element, self._arrived_s, now, outcome))
        self._server.model.slots.leave(self)

    def _said(self) -> tuple[bytes, bool]:
        """Return the bytes that are sent, and whether the connection ends with them."""
        match self._turn.fault:
            case "rate_limited":
                return self._refusal(), False
            case "server_error":
                return answer(500, wire.error("a fault of the rehearsal", "server_error")), False
            case "empty":
                return answer(200, b""), False
            case "half_json":
                reply, kind = self._reply()
                return answer(200, reply[: len(reply) // 2], kind=kind), False
            case "disconnect":
                reply, kind = self._reply()
                return answer(200, reply, kind=kind)[: -len(reply) // 2], True
            case _:
                reply, kind = self._reply()
                return answer(200, reply, kind=kind), False

    def _reply(self) -> tuple[bytes, str]:
        turn, name, asked = self._turn, self._server.model.name, self._asked
        if asked.streamed:
            usage = turn.usage if asked.usage_in_stream else None
            return wire.stream(self._number, name, turn.text, turn.finish, usage), "text/event-stream"
        return wire.completion(self._number, name, turn.text, turn.finish, turn.usage), "application/json"

    def _refusal(self) -> bytes:
        wait_s = self._turn.retry_after_s
        if wait_s is None:
            return answer(413, wire.error("expected less than the limit itself; ask for less", "request_too_large"))
        # The standard header knows whole seconds only.
        headers = (f"Retry-After: {-int(-wait_s // 1)}", f"Retry-After-Ms: {1000 * wait_s:.3f}")
        return answer(429, wire.error(f"come again in {wait_s:.3f} s", "rate_limit_exceeded"), headers=headers)


class ServerProcess:
    """A rehearsal server in a process of its own, as a context manager: what it costs is not measured with the client.

    Parameters
    ----------
    *flags
        Of the module's command line, such as ``"--player", "echo"``.

    Raises
    ------
    InvalidInput
        If the process does not begin to serve.
    """

    def __init__(self, *flags: str) -> None:
        self._flags = flags
        self.base_url = ""
        """Address for clients, with ``/v1``, once the process serves."""

    def __enter__(self) -> ServerProcess:
        """Start the process and wait until it serves."""
        command = [sys.executable, "-m", "consilience.dialogue.rehearsal_server", "--while-stdin", *self._flags]
        self._told = tempfile.TemporaryFile("w+")  # a pipe could fill up
        self._process = subprocess.Popen(  # noqa: S603  our own module
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._told, text=True
        )
        self.base_url = cast("IO[str]", self._process.stdout).readline().strip()
        if not self.base_url:
            told = self._end()
            raise InvalidInput(f"expected flags that a rehearsal server takes; got {self._flags}: {told.strip()}")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End the process."""
        self._process.terminate()
        self._end()

    def attendance(self) -> dict[str, Any]:
        """Return what the server saw: ``visits`` (element, arrived, finished, outcome), ``peak``, ``makespan_s``."""
        address = self.base_url.removesuffix("/v1") + "/rehearsal/attendance"
        with urllib.request.urlopen(address, timeout=60) as told:  # noqa: S310  our own server
            seen: dict[str, Any] = json.load(told)
        return seen

    def _end(self) -> str:
        self._process.communicate(timeout=30)
        with self._told as told:
            told.seek(0)
            return told.read()


def main(words: Sequence[str] | None = None) -> int:
    """Serve until interrupted, and return the exit status."""
    flags = _parser().parse_args(words)
    try:
        server = RehearsalServer(_model(flags), port=flags.port, key=os.environ.get("REHEARSAL_KEY"))
        asyncio.run(_serve(server, while_stdin=flags.while_stdin))
    except ConsilienceError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    return 0


async def _serve(server: RehearsalServer, *, while_stdin: bool) -> None:
    over = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        with suppress(NotImplementedError):  # loops of Windows have no handlers; there the interrupt is an exception
            loop.add_signal_handler(number, over.set)
    async with server:
        sys.stdout.write(f"{server.base_url}\n")
        sys.stdout.flush()
        sys.stderr.write(f"{server.model.name} ({REHEARSAL_NOTICE})\n")
        if while_stdin:
            # A parent that is killed closes the pipe: no server is left behind.
            loop.add_reader(sys.stdin.fileno(), over.set)
        await over.wait()


def _asker(headers: dict[str, str]) -> tuple[str, int]:
    digits = headers.get("x-rehearsal-occurrence", "0")
    if not (digits.isascii() and digits.isdigit() and len(digits) < 10):  # noqa: PLR2004  more than anybody asks
        raise wire.Unfit(400, f"X-Rehearsal-Occurrence must be a number from 0; got {digits!r:.60}")
    return unquote(headers.get("x-rehearsal-element", ""))[:_MOST_ELEMENT_CHARACTERS], int(digits)


def _model(flags: argparse.Namespace) -> Rehearsal:
    limit = None
    if flags.requests_per_minute or flags.tokens_per_minute:
        limit = RateLimit(
            requests_per_minute=flags.requests_per_minute,
            tokens_per_minute=flags.tokens_per_minute,
            enforced=flags.enforced,
            window_s=flags.window_s,
        )
    return Rehearsal(
        _player(flags.player),
        name=flags.name or flags.player.rpartition(":")[2],
        seed=flags.seed,
        skill=flags.skill,
        noise=flags.noise,
        latency=Latency(mean_s=flags.mean_s, sigma=flags.sigma, slots=flags.slots, seed=flags.latency_seed),
        faults=_faults(flags.fault),
        limit=limit,
    )


def _player(name: str) -> Player:
    """Return a player of the floor, or one that ``module:function`` names."""
    module, colon, function = name.rpartition(":")
    if not colon:
        if name not in PLAYERS:
            raise UnknownName("player", name, PLAYERS)
        return PLAYERS[name]
    try:
        found: Player = getattr(import_module(module), function)
    except (ImportError, AttributeError) as problem:
        raise InvalidInput(f"`player` must be a name or 'module:function'; got {name!r}: {problem}") from problem
    return found


def _faults(given: Sequence[str]) -> Faults:
    known = {field.name for field in fields(Faults)}
    values: dict[str, float] = {}
    for word in given:
        name, _, value = word.partition("=")
        if name not in known:
            raise UnknownName("fault", name, known)
        try:
            values[name] = float(value)
        except ValueError:
            raise InvalidInput(f"a fault must be given as NAME=PROBABILITY; got {word!r}") from None
    return Faults(**values)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m consilience.dialogue.rehearsal_server",
        description=f"Serve a rehearsal to clients of the chat-completions protocol. {REHEARSAL_NOTICE.capitalize()}.",
    )
    add = parser.add_argument
    add("--player", default="echo", help=f"{', '.join(PLAYERS)}, or module:function")
    add("--port", type=int, default=0, help="0 for any that is free")
    add("--name", default="", help="of the model; the player's unless given")
    add("--seed", type=int, default=0, help="root of all chance but that of the latency")
    add("--skill", type=float, default=1.0, help="share of questions that the player gets to answer")
    add("--noise", type=float, default=0.0, help="share of words that are lost")
    add("--mean-s", type=float, default=0.0, help="mean latency")
    add("--sigma", type=float, default=0.0, help="deviation of its logarithm; 0 for a constant")
    add("--slots", type=int, help="calls that are served at once; all unless given")
    add("--latency-seed", type=int, default=0, help="deals the latencies out anew")
    add("--requests-per-minute", type=float, help="enforced with status 429")
    add("--tokens-per-minute", type=float, help="enforced with status 429")
    add("--enforced", choices=("bucket", "window"), default="bucket", help="how")
    add("--window-s", type=float, default=60.0, help="length of the window, or of the bucket")
    add("--fault", action="append", default=[], metavar="NAME=PROBABILITY", help="may be given many times")
    add("--while-stdin", action="store_true", help="end when standard input does")
    return parser


if __name__ == "__main__":
    sys.exit(main())
