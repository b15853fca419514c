"""Verbs that ask models, typed in an empty folder, and a stand-in behind HTTP, for whoever tests them."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path

import pytest
from serving import serving

from consilience.cli import main
from consilience.methods.self_correction.template_bot import PLAYERS

Typed = Callable[..., int]


@pytest.fixture
def typed_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Typed:
    """Type a verb in an empty folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "220")
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    return lambda *words: main(["self-correction", *map(str, words)])


@pytest.fixture
def served() -> Callable[..., "AbstractContextManager[str]"]:
    """Return what serves the template bot, and lends its address."""
    return partial(serving, PLAYERS["template-bot"], "template-bot")
