"""Pruning: of many candidates, the better half is merged; of equal ones, one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from consilience.ground.errors import InvalidInput
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

    Raises
    ------
    InvalidInput
        When there are no candidates.

    Examples
    --------
    >>> from consilience.dialogue.work.artifact import Artifact
    >>> from consilience.methods.cross_team.rating import Rating
    >>> works = {"A": "print(1)", "B": "print(2)", "C": "print(1)"}
    >>> found = pruned([Candidate(name, Artifact(text), Rating(usable=True)) for name, text in works.items()], 4)
    >>> [candidate.name for candidate in found.kept], found.dropped
    (['A', 'B'], {'C': 'its work is that of A'})
    """
    if not candidates:
        raise InvalidInput("pruning keeps one candidate or more; got none")
    distinct, dropped = _distinct(candidates)
    if above is None or len(distinct) <= above:
        return Pruned(tuple(distinct), dropped)
    ranks = sorted(range(len(distinct)), key=lambda at: (-distinct[at].rating.value, at))
    better = sorted(ranks[: max(1, len(ranks) // 2)])
    bar = min(distinct[at].rating.value for at in better)
    for at in sorted(set(ranks) - set(better)):
        dropped[distinct[at].name] = (
            f"rated {distinct[at].rating.value:.3f}; the better {len(better)} of {len(ranks)}, from {bar:.3f} on, go on"
        )
    return Pruned(tuple(distinct[at] for at in better), dropped)


def _distinct(candidates: Sequence[Candidate]) -> tuple[list[Candidate], dict[str, str]]:
    first: dict[str, Candidate] = {}
    dropped: dict[str, str] = {}
    for candidate in candidates:
        same = first.setdefault(candidate.artifact.digest, candidate)
        if same is not candidate:
            dropped[candidate.name] = f"its work is that of {same.name}"
    return list(first.values()), dropped
