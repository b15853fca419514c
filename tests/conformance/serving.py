"""A stand-in behind HTTP, served from another thread of the test, for whoever tests what asks a server."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from consilience.dialogue.faults import Faults, Latency
from consilience.dialogue.players import Player
from consilience.dialogue.rehearsal import Rehearsal
from consilience.dialogue.rehearsal_server import RehearsalServer


@contextmanager
def serving(
    player: Player,
    name: str,
    latency: Latency = Latency(),  # noqa: B008  frozen
    faults: Faults = Faults(),  # noqa: B008  frozen
) -> Iterator[str]:
    """Serve a player under a name, and lend the address."""
    ready: list[str] = []
    begun, loop, over = threading.Event(), asyncio.new_event_loop(), asyncio.Event()

    async def serve() -> None:
        async with RehearsalServer(Rehearsal(player, name=name, latency=latency, faults=faults)) as server:
            ready.append(server.base_url)
            begun.set()
            await over.wait()

    thread = threading.Thread(target=lambda: loop.run_until_complete(serve()))
    thread.start()
    try:
        assert begun.wait(30)
        yield ready[0]
    finally:
        loop.call_soon_threadsafe(over.set)
        thread.join(30)
        loop.close()
