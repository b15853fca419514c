"""Pruning: of many candidates, the better half is merged; of equal ones, one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from consilience.methods.cross_team.guard import Candidate

__all__ = ["Pruned", "pruned"]


class Pruned(NamedTuple):
    """Who is merged and who is not."""

    kept: tuple[Candidate, ...]
    """In the order in which they were given, one or more."""
    dropped: Mapping[str, str]
    """Names of the others, each with the reason."""


def pruned(candidates: Sequence[Candidate], above: int | None) -> Pruned:
    """Keep one of those whose work is equal, then the better half when there are more than `above`.

    Parameters
    ----------
    candidates
        One or more; of two that are rated the same, the earlier is the better.
    above
        So many are never halved; None to leave out only copies.
    """
    raise NotImplementedError
