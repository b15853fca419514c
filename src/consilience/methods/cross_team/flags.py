"""Flags of the room's verbs, beside what a run is to do and what it may cost."""

from __future__ import annotations

from pydantic.dataclasses import dataclass

from consilience.ground import STRICT

__all__ = ["Comparing", "Showing"]


@dataclass(frozen=True, kw_only=True, config=STRICT)
class Showing:
    """What of a run is shown."""

    element: str | None = None
    """A phase of a team such as A/coding, or a merge such as coding+0.1: show what was said there."""
    journal: str | None = None
    """Where the journal is now, if it was moved or needs a password."""
    json: bool = False
    """Print JSON instead of words."""


@dataclass(frozen=True, kw_only=True, config=STRICT)
class Comparing:
    """What of a run is compared."""

    merge: str | None = None
    """A merge such as coding+0.1: say how it differs from each of its parents; all merges if left out."""
    parent: str | None = None
    """Only from this parent."""
    journal: str | None = None
    """Where the journal is now, if it was moved or needs a password."""
    json: bool = False
    """Print JSON instead of words."""
