"""Masks as graphs: who hears of whom, and after how many layers.

Information flows from j to i when token i attends to token j. A *centre* is a token from which it reaches every token.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components, shortest_path

from consilience.ground.errors import InvalidInput

__all__ = ["Connectivity", "connectivity"]


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
    reach = _eccentricities(allowed, graph, centres)
    return Connectivity(
        centres=centres,
        sources=tuple(sorted(sources)),
        groups=int(groups),
        radius=int(reach.min()) if centres else None,
        depth=_depth(allowed, centres, reach) if centres else None,
    )


def _require_rows(allowed: Bool[np.ndarray, "*shape"]) -> None:
    if allowed.ndim != 2 or allowed.shape[0] != allowed.shape[1] or not allowed.size:  # noqa: PLR2004
        raise InvalidInput(f"a mask must be a square matrix of at least one token; got shape {allowed.shape}.")
    empty = np.flatnonzero(~allowed.any(axis=1))
    if empty.size:
        raise InvalidInput(
            f"every token must attend to something; nothing is allowed to {empty.size} of {len(allowed)}, such as "
            f"token {empty[0]}: add `| diagonal`."
        )


def _eccentricities(allowed: Bool[np.ndarray, "query key"], graph: csr_array, centres: tuple[int, ...]) -> np.ndarray:
    """Return after how many layers the last token has heard of each centre."""
    if not centres:
        return np.empty(0, dtype=int)
    chosen = np.array(centres)
    heard_at_once = (allowed[:, chosen] | np.eye(len(allowed), dtype=bool)[:, chosen]).all(axis=0)
    if heard_at_once.any():  # no need of the others: the radius is 1, or 0 of a single token
        return np.where(heard_at_once, min(1, len(allowed) - 1), len(allowed))
    paths = shortest_path(graph.T, method="D", unweighted=True, indices=chosen)
    farthest: np.ndarray = paths.max(axis=1).astype(int)
    return farthest


def _depth(allowed: Bool[np.ndarray, "query key"], centres: tuple[int, ...], reach: np.ndarray) -> int | None:
    """Return the first power of the mask that has a full column.

    A column that is full stays full, as every row attends to something: doubling and bisection find the first. A power
    beyond the square of the size (Wielandt) brings nothing new.
    """
    nearest = np.array(centres)[reach == reach.min()]
    if allowed.diagonal()[nearest].any():
        return int(reach.min())
    powers = [allowed]
    while not powers[-1].all(axis=0).any():
        if 2 ** (len(powers) - 1) > len(allowed) ** 2:
            return None
        powers.append(_product(powers[-1], powers[-1]))
    so_far, layers = np.eye(len(allowed), dtype=bool), 0
    for exponent in reversed(range(len(powers) - 1)):
        further = _product(powers[exponent], so_far)
        if not further.all(axis=0).any():
            so_far, layers = further, layers + 2**exponent
    return layers + 1


def _product(left: Bool[np.ndarray, "n n"], right: Bool[np.ndarray, "n n"]) -> Bool[np.ndarray, "n n"]:
    """Multiply as booleans, by way of single precision, which counts exactly far beyond any number of tokens here."""
    return left.astype(np.float32) @ right.astype(np.float32) > 0


def _listed(group: tuple[int, ...]) -> str:
    if len(group) > 2 and group[-1] - group[0] == len(group) - 1:  # noqa: PLR2004
        return f"{group[0]} to {group[-1]}"
    shown = ", ".join(map(str, group[:4]))
    return shown + (", ..." if len(group) > 4 else "")  # noqa: PLR2004
