"""Lift: which words that were heard go with what is hard to explain in what was said."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from numpy.typing import NDArray

from consilience.methods.backdoor_audits.documents import Document
from consilience.methods.backdoor_audits.world.words import Words

__all__ = ["Lift", "heard_before", "lift"]

FEWEST = 4
"""Rows below which words that they have in common say nothing."""
LOWEST = 0.1
"""Share of rows with the words that may be easy to explain."""


@dataclass(frozen=True)
class Lift:
    """What goes with each row."""

    scores: Float[NDArray[np.float64], " row"]
    """Between 0 and 1: that of the words in it for which it is highest."""
    words: tuple[Words, ...]
    """These words; empty where none are in enough rows."""


def heard_before(document: Document, turn: int) -> set[Words]:
    """Return words and pairs of neighbours that others said before a turn."""
    found: set[Words] = set()
    for part in document.parts[:turn]:
        if part.role != "agent":
            found |= {(word,) for word in part.words} | set(zip(part.words, part.words[1:], strict=False))
    return found


def lift(features: Sequence[set[Words]], ranks: Float[NDArray[np.float64], " row"]) -> Lift:
    """Return for each row how high its words rank: those whose rows are, all but a few, hard to explain.

    A word that is in half of the rows or more is no trigger.

    Parameters
    ----------
    features
        Of each row.
    ranks
        Of each row, between 0 and 1, the highest for what is hardest to explain.

    Examples
    --------
    >>> rows = [{("a",)}] * 5 + [{("b",)}] * 15
    >>> found = lift(rows, np.linspace(1, 0, 20))
    >>> found.words[0], round(float(found.scores[0]), 2), found.words[-1]
    (('a',), 0.65, ())
    """
    rows_of: dict[Words, list[int]] = {}
    for at, here in enumerate(features):
        for words in here:
            rows_of.setdefault(words, []).append(at)
    scores = np.zeros(len(features))
    best: list[Words] = [()] * len(features)
    for words in sorted(rows_of):
        rows = rows_of[words]
        if len(rows) < FEWEST or 2 * len(rows) > len(features):
            continue
        value = float(np.quantile(ranks[rows], LOWEST)) * (1 - 1 / len(rows))
        for row in rows:
            # Of words that do as well, the longer say more.
            if value > scores[row] or (value == scores[row] and len(words) > len(best[row])):
                scores[row], best[row] = value, words
    return Lift(scores, tuple(best))
