"""Teams that ran, and a server that plays, for whoever tests the verbs."""

import contextlib
import io
import shutil
from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path

import pytest
from serving import serving

from consilience.cli import main
from consilience.methods.cross_team.stand_ins import PLAYERS

Typed = Callable[..., int]


@pytest.fixture
def typed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Typed:
    """Type a verb in an empty folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    return lambda *words: main(["cross-team", *map(str, words)])


@pytest.fixture(scope="session")
def rehearsed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Rehearse the task that comes along with four teams, once for all tests; it is not to be changed."""
    place = tmp_path_factory.mktemp("teams")
    with contextlib.chdir(place), contextlib.redirect_stdout(io.StringIO()):
        assert main(["cross-team", "run", "--out", "ran", "--quiet"]) == 0
    return place / "ran"


@pytest.fixture
def ran(typed: Typed, rehearsed: Path) -> Path:
    """Return the folder of a run, of one's own."""
    return Path(shutil.copytree(rehearsed, "ran"))


@pytest.fixture
def served() -> Callable[..., "AbstractContextManager[str]"]:
    """Return what serves the room's stand-in, and lends its address."""
    return partial(serving, PLAYERS["developer"], "developer")
