"""Clients of a model behind HTTP, each in a process of its own, so that what one imports costs no other.

``python -m consilience.methods.agent_networks.studies.clients CLIENT ADDRESS IN_FLIGHT CALLS`` says on its last line
what a call cost it.
"""

from __future__ import annotations

import asyncio
import gc
import json
import os
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from consilience.dialogue.endpoint import Endpoint
from consilience.dialogue.journal import Journal
from consilience.dialogue.messages import Message, Question, Settings
from consilience.dialogue.session import Session
from consilience.dialogue.through_pydantic_ai import ThroughPydanticAI
from consilience.dialogue.transcript import Transcript
from consilience.ground.errors import ConsilienceError
from consilience.ground.late import late_module

__all__ = ["CLIENTS", "Client", "Cost", "cost", "main"]

MODEL = "echo"
SYSTEM = "You work on a task, and what you hand on is the whole work. " * 5
WORK = "The harbour light was lit at dusk, and whoever came in after that paid a penny. " * 15
_PATIENCE_S = 300.0

Ask = Callable[[Question], Awaitable[str]]
"""Asks and returns the text of the reply."""


@dataclass(frozen=True, kw_only=True)
class Cost:
    """What a call cost a client."""

    cpu_ms: float
    """Processor time, in milliseconds."""
    wall_s: float
    """Of all calls together, by the clock."""


@dataclass(frozen=True)
class Client:
    """A way to ask."""

    words: str
    """What it is."""
    open: Callable[[str, int], Any]
    """Takes an address and how many calls are to be in flight; an asynchronous context manager that gives an `Ask`."""
    slow: bool = False
    """Whether a tenth of the calls is enough to see what it costs."""


@asynccontextmanager
async def _endpoint(address: str, in_flight: int) -> AsyncIterator[Ask]:
    async with Session(Endpoint(address, MODEL, connections=in_flight)) as session:

        async def ask(question: Question) -> str:
            return (await session.model.reply(question)).text

        yield ask


@asynccontextmanager
async def _session(address: str, in_flight: int) -> AsyncIterator[Ask]:
    with TemporaryDirectory() as scratch:
        place = Path(scratch)
        with Journal.open(place / "journal.sqlite", "run") as journal, Transcript(place / "events") as transcript:
            model = Endpoint(address, MODEL, connections=in_flight)
            async with Session(model, journal=journal, transcript=transcript) as session:

                async def ask(question: Question) -> str:
                    return (await session.ask(question)).text

                yield ask


@asynccontextmanager
async def _bare(address: str, in_flight: int) -> AsyncIterator[Ask]:
    aiohttp = late_module("aiohttp", "this needs {missing}; install consilience[agents]", usually="aiohttp")
    headers = {"Content-Type": "application/json"}
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=in_flight)) as client:

        async def ask(question: Question) -> str:
            messages = [{"role": message.role, "content": message.text} for message in question.messages]
            body = json.dumps({"model": MODEL, "messages": messages, "temperature": 0.5}).encode()
            async with client.post(f"{address}/chat/completions", data=body, headers=headers) as response:
                text: str = json.loads(await response.read())["choices"][0]["message"]["content"]
                return text

        yield ask


@asynccontextmanager
async def _direct(address: str, in_flight: int) -> AsyncIterator[Ask]:  # noqa: ARG001  it has a limit of its own
    model = ThroughPydanticAI(f"openai-chat:{MODEL}", timeout_s=_PATIENCE_S)
    try:

        async def ask(question: Question) -> str:
            return (await model.reply(question)).text

        yield ask
    finally:
        await model.close()


CLIENTS: dict[str, Client] = {
    "endpoint": Client("this house's client", _endpoint),
    "session": Client("with session, journal and transcript", _session),
    "aiohttp": Client("aiohttp and json, bare", _bare),
    "direct": Client("pydantic_ai.direct", _direct, slow=True),
}
"""Ways to ask, by name."""


def cost(name: str, address: str, in_flight: int, calls: int) -> Cost:
    """Return what a call costs a client, measured in a process of its own after as many calls as are in flight.

    Parameters
    ----------
    name
        Of `CLIENTS`.
    address
        Of a server that echoes.
    in_flight
        Calls at once.
    calls
        Calls that are measured.
    """
    command = [sys.executable, "-m", __name__, name, address, str(in_flight), str(calls)]
    # What a client of the environment would find there, it has to find here.
    environment = os.environ | {"OPENAI_API_KEY": "none", "OPENAI_BASE_URL": address}
    done = subprocess.run(  # noqa: S603  our own module
        command, env=environment, capture_output=True, text=True, timeout=_PATIENCE_S, check=False
    )
    if done.returncode:
        raise RuntimeError(f"{name} ended with status {done.returncode}: {done.stderr[-2000:]}")
    return Cost(**json.loads(done.stdout.splitlines()[-1]))


def main(words: Sequence[str] | None = None) -> int:
    """Measure one client, and return the exit status."""
    name, address, in_flight, calls = sys.argv[1:] if words is None else words
    found = asyncio.run(_measured(CLIENTS[name], address, int(in_flight), int(calls)))
    sys.stdout.write(f"{json.dumps(asdict(found))}\n")
    return 0


async def _measured(client: Client, address: str, in_flight: int, calls: int) -> Cost:
    async with client.open(address, in_flight) as ask:
        await _ask_all(ask, "warm", in_flight, in_flight)
        gc.collect()
        begun_s, begun_cpu_s = time.perf_counter(), time.process_time()
        await _ask_all(ask, "call", in_flight, calls)
        spent_s, wall_s = time.process_time() - begun_cpu_s, time.perf_counter() - begun_s
    return Cost(cpu_ms=1000 * spent_s / calls, wall_s=wall_s)


async def _ask_all(ask: Ask, kind: str, in_flight: int, calls: int) -> None:
    numbers = iter(range(calls))

    async def some() -> None:
        for number in numbers:
            text = f"{kind} {number}. {WORK}"
            question = Question(
                f"{kind} {number}", (Message("system", (SYSTEM,)), Message("user", (text,))), Settings(temperature=0.5)
            )
            if await ask(question) != text:
                raise ConsilienceError(f"the echo of {kind} {number} is not what was said")

    await asyncio.gather(*(some() for _ in range(in_flight)))


if __name__ == "__main__":
    sys.exit(main())
