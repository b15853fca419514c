"""All that is known of a mask in one record: its graph, how fast tokens draw together, and the theorem's bound."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool

from consilience.ground.errors import InvalidInput
from consilience.methods.rank_collapse.averaging import layers_to_collapse, require_threshold, second_modulus
from consilience.methods.rank_collapse.graph import Connectivity, connectivity
from consilience.methods.rank_collapse.mask import Mask

__all__ = ["MaskFacts", "contraction", "facts"]

EXACT_UP_TO = 1024
"""Tokens up to which rates are computed; they take a cube of it in operations."""


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
        If a token may attend to nothing, the length is missing or not that of the array, or the threshold is not
        between 1e-12 and 1.

    Examples
    --------
    >>> from consilience.methods.rank_collapse.masks import Block, Causal, Window
    >>> found = facts(Causal() & Window(8), tokens=32)
    >>> found.connectivity.centres, found.connectivity.radius, found.rate
    ((0,), 4, 0.5)
    >>> facts(Block(16), tokens=32).reason
    'no centre: 2 groups hear only of themselves, such as tokens 0 to 15 and 16 to 31'
    """
    require_threshold(threshold)
    allowed = _as_array(mask, tokens)
    found = connectivity(allowed)
    count, most = len(allowed), int(allowed.sum(axis=1).max())
    exact = count <= EXACT_UP_TO
    rate = (second_modulus(allowed) if found.collapses else 1.0) if exact else None
    layers = layers_to_collapse(allowed, threshold) if exact else None
    return MaskFacts(
        mask=str(mask) if isinstance(mask, Mask) else "",
        tokens=count,
        allowed=int(allowed.sum()),
        most_neighbours=most,
        self_loops=bool(allowed.diagonal().all()),
        connectivity=found,
        rate=rate,
        layers=layers,
        threshold=threshold,
        uniform_bound=contraction(1 / most, max(found.depth, 1)) if found.depth is not None else None,
        reason=found.reason or _why_not(rate, layers),
    )


def _why_not(rate: float | None, layers: int | None) -> str:
    """Say why tokens that collapse have no rate, or never come to the threshold as far as numbers tell."""
    if rate is None:
        return f"rates are computed up to {EXACT_UP_TO} tokens"
    return "" if layers is not None else "so slow under uniform attention that rounding hides whether it ends"


def _as_array(mask: Mask | np.ndarray, tokens: int | None) -> Bool[np.ndarray, "*shape"]:
    if isinstance(mask, Mask):
        if tokens is None:
            raise InvalidInput("a mask has facts for sequences of some length; give `tokens`.")
        return mask.array(tokens)
    if mask.dtype != np.bool_:
        raise InvalidInput(f"a mask must be a boolean array; got {mask.dtype}: compare it first, as in `mask > 0`.")
    if tokens is not None and mask.shape != (tokens, tokens):
        raise InvalidInput(f"the array must have shape ({tokens}, {tokens}), as `tokens` says; got {mask.shape}.")
    return mask
