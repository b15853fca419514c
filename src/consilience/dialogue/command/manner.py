"""Manner: how a run of agents is begun, gone on with, planned and done again, beside what it is to do and may cost."""

from __future__ import annotations

from pathlib import Path

from pydantic.dataclasses import dataclass

from consilience.ground import STRICT

__all__ = ["Assumptions", "Replaying", "Sitting", "Which"]


@dataclass(frozen=True, kw_only=True, config=STRICT)
class Sitting:
    """How a run is begun or gone on with."""

    resume: Path | None = None
    """Folder of a run to go on with; what it is to do stays, budgets and limits may be others."""
    out: Path | None = None
    """Folder of the run; one under runs/ with a name of its own if left out."""
    quiet: bool = False
    """Report no progress."""
    json: bool = False
    """Print JSON instead of words."""


@dataclass(frozen=True, kw_only=True, config=STRICT)
class Assumptions:
    """What a plan takes for granted."""

    artifact_tokens: int = 700
    """Tokens that an artifact is taken to have."""
    comment_tokens: int = 120
    """Tokens that a comment is taken to have."""
    tokens_per_s: float = 60.0
    """Tokens a second that the model is taken to write."""
    first_s: float = 0.8
    """Seconds that it is taken to need until it begins."""


@dataclass(frozen=True, kw_only=True, config=STRICT)
class Replaying:
    """How a run is replayed."""

    journal: str | None = None
    """Where the journal is now, if it was moved or needs a password."""
    json: bool = False
    """Print JSON instead of words."""


@dataclass(frozen=True, kw_only=True, config=STRICT)
class Which:
    """A run to look at."""

    run: Path
    """Folder of the run."""
