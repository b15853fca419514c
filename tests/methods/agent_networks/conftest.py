"""A network that ran, and a server that plays, for whoever tests the verbs."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path

import pytest
from serving import serving

from consilience.cli import main
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


@pytest.fixture
def served() -> Callable[..., "AbstractContextManager[str]"]:
    """Return what serves the room's stand-in, and lends its address."""
    return partial(serving, PLAYERS["solver"], "solver")
