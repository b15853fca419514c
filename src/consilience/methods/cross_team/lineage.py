"""Lineage: which team gave each file and each function of a piece of work, through all merges."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from consilience.dialogue.work.artifact import Artifact

__all__ = ["Lineage", "Origin", "differences"]


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a part was first in the form that it has."""

    element: str
    """Such as ``"A/coding"`` or, where a merge wrote it anew, ``"coding+0.1"``."""

    @property
    def team(self) -> str | None:
        """The team that gave it; None where a merge did."""
        raise NotImplementedError

    def __str__(self) -> str:
        """``"team A"`` or ``"merge coding+0.1"``."""
        raise NotImplementedError


class Lineage:
    """What became of what: artifacts by element, and the elements whose artifacts they were made from."""

    def record(self, element: str, artifact: Artifact, parents: Sequence[str] = ()) -> None:
        """Take down what an element made of what its parents (elements recorded before) had made.

        An element that records several times (turns of one phase) builds on what it had recorded.
        """
        raise NotImplementedError

    def of(self, artifact: Artifact) -> Mapping[str, Origin]:
        """Return the origin of every file (``path``) and top-level function or class (``path::name``)."""
        raise NotImplementedError

    @property
    def digest(self) -> str:
        """Digest of all of it, 32 hexadecimal digits; the order in which elements came does not matter."""
        raise NotImplementedError


def differences(parent: Artifact, merge: Artifact) -> Mapping[str, str]:
    """Return unified diffs from a parent to a merge, by path; files that are the same are left out."""
    raise NotImplementedError
