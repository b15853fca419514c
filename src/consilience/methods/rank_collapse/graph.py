"""Masks as graphs: who hears of whom, and after how many layers.

Information flows from j to i when token i attends to token j. A *centre* is a token from which it reaches every token.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Int
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components, shortest_path

from consilience.ground.errors import InvalidInput

__all__ = ["Connectivity", "connectivity"]

DENSE = 0.05
"""Share of pairs above which powers of a mask cost less than paths from each centre."""


@dataclass(frozen=True, kw_only=True)
class Connectivity:
    """Who hears of whom under a mask that is applied layer after layer."""

    centres: tuple[int, ...]
    """Tokens that every token hears of, in order; empty when there are none."""
    sources: tuple[tuple[int, ...], ...]
    """Groups of tokens that hear of one another and of nobody else."""
    groups: int
    """Number of strongly connected groups."""
    radius: int | None
    """Layers after which the nearest centre has reached every token, if tokens could wait; None without a centre."""
    depth: int | None
    """First number of layers after which every token has one same token among those that its value is made of, so that
    tokens must draw together. It is the radius when that centre attends to itself; None when it never happens."""

    @property
    def quasi_strong(self) -> bool:
        """Whether there is a centre."""
        return bool(self.centres)

    @property
    def strong(self) -> bool:
        """Whether every token is one."""
        return self.groups == 1

    @property
    def collapses(self) -> bool:
        """Whether pure attention under this mask brings all tokens together."""
        return self.depth is not None

    @property
    def reason(self) -> str:
        """Why tokens do not collapse; empty when they do."""
        if not self.quasi_strong:
            named = " and ".join(_listed(group) for group in self.sources[:2])
            return f"no centre: {len(self.sources)} groups hear only of themselves, such as tokens {named}"
        return "" if self.collapses else "the centres attend to one another in turns and none to itself"


def connectivity(allowed: Bool[np.ndarray, "*shape"]) -> Connectivity:
    """Find who hears of whom.

    Parameters
    ----------
    allowed
        Square; every token must attend to something.

    Returns
    -------
    Connectivity

    Raises
    ------
    InvalidInput
        If the array is not square, or a row is empty, because a softmax over nothing has no meaning.
    """
    _require_rows(allowed)
    graph = csr_array(allowed)
    groups, label = connected_components(graph, directed=True, connection="strong")
    query, key = np.nonzero(allowed)
    listens = np.zeros(groups, dtype=bool)
    listens[label[query[label[query] != label[key]]]] = True
    sources = [tuple(np.flatnonzero(label == group).tolist()) for group in np.flatnonzero(~listens)]
    centres = sources[0] if len(sources) == 1 else ()
    radius, depth = None, None
    if centres:
        radius, nearest = _radius(allowed, graph, np.array(centres))
        depth = _depth(allowed, graph, np.array(centres), radius, nearest)
    return Connectivity(centres=centres, sources=tuple(sorted(sources)), groups=int(groups), radius=radius, depth=depth)


def _require_rows(allowed: Bool[np.ndarray, "*shape"]) -> None:
    if allowed.ndim != 2 or allowed.shape[0] != allowed.shape[1] or not allowed.size:  # noqa: PLR2004
        raise InvalidInput(f"a mask must be a square matrix of at least one token; got shape {allowed.shape}.")
    empty = np.flatnonzero(~allowed.any(axis=1))
    if empty.size:
        raise InvalidInput(
            f"every token must attend to something; nothing is allowed to {empty.size} of {len(allowed)}, such as "
            f"token {empty[0]}: add `| diagonal`."
        )


def _radius(
    allowed: Bool[np.ndarray, "query key"], graph: csr_array, centres: np.ndarray
) -> tuple[int, Int[np.ndarray, " nearest"]]:
    """Return after how many layers a centre has reached every token that can wait, and which centres do so first.

    Paths cost as much as there are centres times edges, powers of the mask the cube of the tokens.
    """
    waiting = allowed | np.eye(len(allowed), dtype=bool)
    if waiting.all(axis=0).any() or waiting.mean() > DENSE:
        layers, power = _first_shared(waiting)
        return layers, np.flatnonzero(power.all(axis=0))
    farthest = shortest_path(graph.T, method="D", unweighted=True, indices=centres).max(axis=1)
    return int(farthest.min()), centres[farthest == farthest.min()]


def _depth(
    allowed: Bool[np.ndarray, "query key"], graph: csr_array, centres: np.ndarray, radius: int, nearest: np.ndarray
) -> int | None:
    """Return the first power of the mask that has a full column; there is none if centres hear of one another in turns.

    That is so if one number above 1 divides the length of every walk from a centre to itself.
    """
    if allowed.diagonal()[nearest].any():
        return radius
    heard = shortest_path(graph.T, method="D", unweighted=True, indices=centres[0])
    query, key = np.nonzero(allowed[np.ix_(centres, centres)])
    lengths = heard[centres[key]] + 1 - heard[centres[query]]
    return _first_shared(allowed)[0] if np.gcd.reduce(lengths.astype(int)) == 1 else None


def _first_shared(allowed: Bool[np.ndarray, "n n"]) -> tuple[int, Bool[np.ndarray, "n n"]]:
    """Return the exponent of the first power that has a full column, and that power, which must exist.

    A column that is full stays full, as every row attends to something: doubling and bisection find the first.
    """
    if len(allowed) == 1:
        return 0, allowed
    powers = [allowed]
    while not powers[-1].all(axis=0).any():
        powers.append(_product(powers[-1], powers[-1]))
    shared = powers.pop()
    if not powers:
        return 1, shared
    before = powers.pop()
    layers = 2 ** len(powers)
    for exponent in reversed(range(len(powers))):
        further = _product(powers[exponent], before)
        if further.all(axis=0).any():
            shared = further
        else:
            before, layers = further, layers + 2**exponent
    return layers + 1, shared


def _product(left: Bool[np.ndarray, "n n"], right: Bool[np.ndarray, "n n"]) -> Bool[np.ndarray, "n n"]:
    """Multiply as booleans, by way of single precision, which counts exactly far beyond any number of tokens here."""
    return left.astype(np.float32) @ right.astype(np.float32) > 0


def _listed(group: tuple[int, ...]) -> str:
    if len(group) > 2 and group[-1] - group[0] == len(group) - 1:  # noqa: PLR2004
        return f"{group[0]} to {group[-1]}"
    shown = ", ".join(map(str, group[:4]))
    return shown + (", ..." if len(group) > 4 else "")  # noqa: PLR2004
