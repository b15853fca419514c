"""Rating: how good a candidate is by what it does - it is parsed, run behind walls, and tried on the visible tests."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol, runtime_checkable

from consilience.dialogue.sandbox import Snippets
from consilience.dialogue.work.artifact import Artifact, Kind
from consilience.dialogue.work.kinds.function import Function
from consilience.dialogue.work.kinds.repository import Repository

__all__ = ["ConceptRater", "End", "FunctionRater", "ProgramRater", "Rater", "Rating", "TextRater", "rater_for"]

End = Literal["done", "input", "window", "timeout", "error", "memory", "killed", "not started"]


@dataclass(frozen=True, kw_only=True)
class Rating:
    """How good a candidate is. Ratings of one rater compare by `value`: ``merge >= parent``."""

    usable: bool
    """Whether there is anything to rate: it parses as its kind."""
    runs: bool = False
    """Whether it runs without complaint (a program), or loads (a function)."""
    passed: float | None = None
    """Share of the visible tests that pass; None where there are none."""
    complete: float = 0.0
    """Share of its functions that are no stubs."""
    stubs: tuple[str, ...] = ()
    """Its stubs, as ``path: name``."""
    ended: End = "not started"
    """How its run ended."""
    fault: str = ""
    """What keeps it from a better rating, in words that a model can act on."""
    report: str = ""
    """What the visible tests said, a line each; empty where there are none."""
    cpu_s: float = 0.0
    """Seconds of processor that its runs took; no part of the comparison."""

    @property
    def value(self) -> float:
        """How good it is, from 0 to 1."""
        raise NotImplementedError


@runtime_checkable
class Rater(Protocol):
    """Tells how good a candidate is, without asking a model; the same artifact always gets the same rating."""

    async def rate(self, artifact: Artifact) -> Rating:
        """Rate a candidate; whatever it is, this does not raise."""


class ProgramRater:
    def __init__(
        self, kind: Repository, *, tests: str = "", stdin: str = "", snippets: Snippets | None = None, cpu_s: float = 2
    ) -> None: ...

    async def rate(self, artifact: Artifact) -> Rating:
        raise NotImplementedError


class FunctionRater:
    def __init__(self, kind: Function, *, snippets: Snippets | None = None, cpu_s: float = 2) -> None: ...

    async def rate(self, artifact: Artifact) -> Rating:
        raise NotImplementedError


class TextRater:
    def __init__(self, kind: Kind) -> None: ...

    async def rate(self, artifact: Artifact) -> Rating:
        raise NotImplementedError


class ConceptRater:
    def __init__(self, kind: Kind, concepts: tuple[str, ...]) -> None: ...

    async def rate(self, artifact: Artifact) -> Rating:
        raise NotImplementedError


def rater_for(
    kind: Kind, *, tests: str = "", stdin: str = "", concepts: tuple[str, ...] = (), snippets: Snippets | None = None
) -> Rater:
    """Return the rater that fits a kind of task."""
    raise NotImplementedError
