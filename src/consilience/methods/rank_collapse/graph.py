"""What the graph of a mask says about collapse: who hears of whom, after how many layers, and how fast tokens agree.

Information flows from j to i when token i attends to token j. A *centre* is a token from which it reaches every token.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components, shortest_path

from consilience.ground.errors import InvalidInput
from consilience.methods.rank_collapse.averaging import layers_to_collapse, second_modulus
from consilience.methods.rank_collapse.mask import Mask

__all__ = ["Connectivity", "MaskFacts", "connectivity", "contraction", "facts"]

EXACT_UP_TO = 1024
"""Tokens up to which rates are computed; they take a cube of it in operations."""


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
        return "" if self.collapses else "tokens take turns: the centres attend to one another in a cycle, none to itself"


@dataclass(frozen=True, kw_only=True)
class MaskFacts:
    """What is known of a mask for sequences of one length."""

    mask: str
    """The mask in the mask language; empty when an array was given."""
    tokens: int
    """Length of the sequence."""
    allowed: int
    """Pairs (i, j) such that token i may attend to token j."""
    most_neighbours: int
    """Tokens that a token attends to, itself included: the most."""
    self_loops: bool
    """Whether every token may attend to itself."""
    connectivity: Connectivity
    """Who hears of whom."""
    rate: float | None
    """Factor per layer by which tokens under uniform attention draw together in the end, exactly: the second largest
    modulus of an eigenvalue. None when there are too many tokens to compute it."""
    layers: int | None
    """Layers of uniform attention until relative mu of white tokens is below `threshold`; None when it never is, or
    there are too many tokens to compute it."""
    threshold: float
    """Relative mu at which tokens count as collapsed."""
    uniform_bound: float | None
    """What the theorem says about the factor per layer under uniform attention; far from `rate` when the graph is
    wide. None when tokens do not collapse."""
    reason: str
    """Why something is None; empty when nothing is."""

    @property
    def density(self) -> float:
        """Share of pairs that are allowed."""
        return self.allowed / self.tokens**2


def contraction(smallest_weight: float, depth: int) -> float:
    r"""Return the theorem's factor per layer, :math:`(1 - \epsilon^r)^{1/r}`.

    Parameters
    ----------
    smallest_weight
        :math:`\epsilon`, a lower bound of every attention weight that the mask allows, in (0, 1].
    depth
        r, from `Connectivity.depth`.

    Examples
    --------
    >>> contraction(0.5, 1), contraction(1.0, 3)
    (0.5, 0.0)
    """
    if not 0 < smallest_weight <= 1 or depth < 1:
        raise InvalidInput(
            f"`smallest_weight` must be in (0, 1] and `depth` at least 1; got {smallest_weight!r} and {depth!r}."
        )
    shared = smallest_weight**depth
    return 0.0 if shared == 1 else math.exp(math.log1p(-shared) / depth)


def connectivity(allowed: Bool[np.ndarray, "query key"]) -> Connectivity:
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


def facts(mask: Mask | np.ndarray, tokens: int | None = None, *, threshold: float = 1e-3) -> MaskFacts:
    """Find what is known of a mask.

    Parameters
    ----------
    mask
        A mask, or a square boolean array.
    tokens
        Length of the sequence; may be left out with an array.
    threshold
        Relative mu at which tokens count as collapsed.

    Returns
    -------
    MaskFacts

    Raises
    ------
    InvalidInput
        If a token may attend to nothing, the length is missing or not that of the array.

    Examples
    --------
    >>> from consilience.methods.rank_collapse.masks import Block, Causal, Window
    >>> found = facts(Causal() & Window(8), tokens=32)
    >>> found.connectivity.centres, found.connectivity.radius, found.rate
    ((0,), 4, 0.5)
    >>> facts(Block(16), tokens=32).reason
    'no centre: 2 groups hear only of themselves, such as tokens 0 to 15 and 16 to 31'
    """
    allowed = _as_array(mask, tokens)
    found = connectivity(allowed)
    count, most = len(allowed), int(allowed.sum(axis=1).max())
    exact = count <= EXACT_UP_TO
    too_many = "" if exact else f"rates are computed up to {EXACT_UP_TO} tokens"
    return MaskFacts(
        mask=str(mask) if isinstance(mask, Mask) else "",
        tokens=count,
        allowed=int(allowed.sum()),
        most_neighbours=most,
        self_loops=bool(allowed.diagonal().all()),
        connectivity=found,
        rate=second_modulus(allowed) if exact else None,
        layers=layers_to_collapse(allowed, threshold) if exact else None,
        threshold=threshold,
        uniform_bound=contraction(1 / most, max(found.depth, 1)) if found.depth is not None else None,
        reason=found.reason or too_many,
    )


def _as_array(mask: Mask | np.ndarray, tokens: int | None) -> Bool[np.ndarray, "query key"]:
    if isinstance(mask, Mask):
        if tokens is None:
            raise InvalidInput("a mask has facts for sequences of some length; give `tokens`.")
        return mask.array(tokens)
    if mask.dtype != np.bool_:
        raise InvalidInput(f"a mask must be a boolean array; got {mask.dtype}: compare it first, as in `mask > 0`.")
    if tokens is not None and mask.shape != (tokens, tokens):
        raise InvalidInput(f"the array must have shape ({tokens}, {tokens}), as `tokens` says; got {mask.shape}.")
    return mask


def _require_rows(allowed: Bool[np.ndarray, "..."]) -> None:
    if allowed.ndim != 2 or allowed.shape[0] != allowed.shape[1] or not allowed.size:  # noqa: PLR2004
        raise InvalidInput(f"a mask must be a square matrix of at least one token; got shape {allowed.shape}.")
    empty = np.flatnonzero(~allowed.any(axis=1))
    if empty.size:
        raise InvalidInput(
            f"every token must attend to something; nothing is allowed to {empty.size} of {len(allowed)}, such as "
            f"token {empty[0]}: add `| diagonal`."
        )


def _eccentricities(
    allowed: Bool[np.ndarray, "query key"], graph: csr_array, centres: tuple[int, ...]
) -> np.ndarray:
    """Return after how many layers the last token has heard of each centre."""
    if not centres:
        return np.empty(0, dtype=int)
    heard_at_once = (allowed | np.eye(len(allowed), dtype=bool)).all(axis=0)[list(centres)]
    if heard_at_once.any():  # no need of the others: the radius is 1, or 0 of a single token
        return np.where(heard_at_once, min(1, len(allowed) - 1), len(allowed))
    paths = shortest_path(graph.T, method="D", unweighted=True, indices=list(centres))
    return paths.max(axis=1).astype(int)


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
