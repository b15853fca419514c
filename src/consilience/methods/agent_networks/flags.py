"""Flags of the room's verbs, beside what a run is to do and what it may cost."""

from __future__ import annotations

from pathlib import Path

from pydantic.dataclasses import dataclass

from consilience.ground import STRICT

__all__ = ["Assumptions", "Replaying", "Showing", "Sitting"]


@dataclass(frozen=True, kw_only=True, config=STRICT)
class Sitting:
    """How a run is begun or gone on with."""

    resume: Path | None = None
    """Folder of a run to go on with; what it is to do stays, budgets and limits may be others."""
    out: Path | None = None
    """Folder of the run; runs/agent_networks/ and a name of its own if left out."""
    accept: tuple[str, ...] = ()
    """An element whose artifact waited for your word and may pass; may be repeated."""
    reject: tuple[str, ...] = ()
    """One that may not pass, as ELEMENT or ELEMENT=REASON; may be repeated."""
    edit: tuple[str, ...] = ()
    """One in whose place the text of a file passes, as ELEMENT=FILE; may be repeated."""
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
    """Tokens that a critic's comment is taken to have."""
    tokens_per_s: float = 60.0
    """Tokens a second that the model is taken to write."""
    first_s: float = 0.8
    """Seconds that it is taken to need until it begins."""


@dataclass(frozen=True, kw_only=True, config=STRICT)
class Showing:
    """What of a run is shown."""

    element: str | None = None
    """A node such as 7 or an edge such as 3->7: show what was said there."""
    journal: str | None = None
    """Where the journal is now, if it was moved or needs a password."""
    json: bool = False
    """Print JSON instead of words."""


@dataclass(frozen=True, kw_only=True, config=STRICT)
class Replaying:
    """How a run is replayed."""

    journal: str | None = None
    """Where the journal is now, if it was moved or needs a password."""
    json: bool = False
    """Print JSON instead of words."""
