"""A network that ran, and a server that plays, for whoever tests the verbs."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from consilience.cli import main
from consilience.dialogue.faults import Faults, Latency
from consilience.dialogue.rehearsal import Rehearsal
from consilience.dialogue.rehearsal_server import RehearsalServer
from consilience.methods.agent_networks.stand_ins import PLAYERS

Typed = Callable[..., int]


@pytest.fixture
def typed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Typed:
    """Type a verb in an empty folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    return lambda *words: main(["agent-networks", *map(str, words)])


@pytest.fixture
def ran(typed: Typed, capsys: pytest.CaptureFixture[str]) -> Path:
    """Rehearse a mesh of five, and return its folder."""
    assert typed("run", "Explain a queue.", "--agents", 5, "--out", "ran", "--quiet") == 0
    capsys.readouterr()
    return Path("ran")


@contextmanager
def serving(latency: Latency = Latency(), faults: Faults = Faults()) -> Iterator[str]:  # noqa: B008  frozen
    """Serve the room's stand-in from another thread, and lend its address."""
    ready: list[str] = []
    begun, loop, over = threading.Event(), asyncio.new_event_loop(), asyncio.Event()

    async def serve() -> None:
        model = Rehearsal(PLAYERS["solver"], name="solver", latency=latency, faults=faults)
        async with RehearsalServer(model) as server:
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


@pytest.fixture
def served() -> Callable[..., "contextmanager[str]"]:
    """Return the server."""
    return serving
