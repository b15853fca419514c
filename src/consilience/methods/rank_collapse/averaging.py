r"""Uniform attention, where everything about collapse is known exactly: its rate, and the layers until it is complete.

With :math:`W_Q = W_K = 0` and :math:`W_V = I` a layer is :math:`X \mapsto A X`, where A averages over the tokens that
the mask allows. As :math:`A 1 = 1`, the centred layer :math:`C = (I - 11^T/N) A` has :math:`C^t = (I - 11^T/N) A^t`, so
that the distance from consensus is a power of one matrix; what is left of :math:`A^t` is the mean of its rows in each.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components

from consilience.ground.errors import InvalidInput
from consilience.methods.rank_collapse.balancing import balanced

__all__ = ["layers_to_collapse", "require_threshold", "second_modulus", "uniform_attention", "white_mu"]

_DOUBLINGS = 40
"""Layers are sought up to two to this power; a rate that needs more is one for all practical purposes."""


def uniform_attention(allowed: Bool[np.ndarray, "query key"]) -> Float[np.ndarray, "query key"]:
    """Return the matrix whose rows are uniform over the tokens that a mask allows.

    Raises
    ------
    InvalidInput
        If a token may attend to nothing.
    """
    neighbours = allowed.sum(axis=1, keepdims=True)
    if not neighbours.all():
        token = int(np.argmin(neighbours))
        raise InvalidInput(f"every token must attend to something; token {token} attends to nothing: add `| diagonal`.")
    weights: Float[np.ndarray, "query key"] = allowed / neighbours
    return weights


def second_modulus(allowed: Bool[np.ndarray, "query key"]) -> float:
    """Return the second largest modulus among the eigenvalues of uniform attention, the asymptotic rate of collapse.

    The spectrum is that of the diagonal blocks of strongly connected tokens, so that it is exact where blocks are
    single tokens (triangular masks, in any order), whose eigenvalues no algorithm finds well in one piece. A symmetric
    block is similar to a symmetric matrix and is treated as one; any other is `balanced` before a dense solver sees it.
    What that leaves uncertain are eigenvalues that nearly coincide without eigenvectors of their own, as those near
    zero of a long chain do: some hundredths.

    Parameters
    ----------
    allowed
        A mask without empty rows.

    Returns
    -------
    float
        Between 0 and 1; 1 when tokens never agree, 0 when they agree after finitely many layers or there is but one.
    """
    attention = uniform_attention(allowed)
    _, label = connected_components(csr_array(allowed), directed=True, connection="strong")
    order = np.argsort(label, kind="stable")
    blocks = np.split(order, np.flatnonzero(np.diff(label[order])) + 1)
    moduli = np.sort(np.concatenate([_moduli(attention, allowed, block) for block in blocks]))
    second = float(moduli[-2]) if moduli.size > 1 else 0.0
    rounding = moduli.size * np.finfo(np.float64).eps
    return 0.0 if second < rounding else 1.0 if second > 1 - rounding else second


def white_mu(allowed: Bool[np.ndarray, "query key"], layers: int) -> Float[np.ndarray, " layer"]:
    r"""Return relative mu of white tokens after 0, 1, ..., `layers` layers of uniform attention.

    Tokens are white when their expectation of :math:`X X^T` is a multiple of the identity; then
    :math:`\mathbb{E}\,\mu(A^t X)^2 / \mathbb{E}\,\|A^t X\|^2 = \|C^t\|_F^2 / \|A^t\|_F^2`.
    """
    layer = _Power.of(uniform_attention(allowed))
    powers = [_Power.of(np.eye(len(allowed)))]
    for _ in range(layers):
        powers.append(layer.after(powers[-1]))
    return np.array([power.relative_mu for power in powers])


def layers_to_collapse(allowed: Bool[np.ndarray, "query key"], threshold: float = 1e-3) -> int | None:
    """Return after how many layers of uniform attention relative mu of white tokens is below a threshold.

    Powers are doubled until they are below, then the crossing is found by bisection: for masks under which relative mu
    falls from layer to layer it is the first.

    Parameters
    ----------
    allowed
        A mask without empty rows.
    threshold
        Relative mu, above 1e-12.

    Returns
    -------
    int or None
        None when it never comes to that.

    Raises
    ------
    InvalidInput
        If the threshold is not between 1e-12, where rounding begins, and 1.
    """
    require_threshold(threshold)
    if second_modulus(allowed) >= 1.0:
        return None
    above, layers = _Power.of(np.eye(len(allowed))), 0
    if above.relative_mu < threshold:
        return layers
    steps = _doubled(_Power.of(uniform_attention(allowed)), threshold)
    if len(steps) > _DOUBLINGS:
        return None
    for exponent in reversed(range(len(steps))):
        further = steps[exponent].after(above)
        if further.relative_mu >= threshold:
            above, layers = further, layers + 2**exponent
    return layers + 1


def require_threshold(threshold: float) -> None:
    """Refuse thresholds of relative mu that are not between 1e-12, where rounding begins, and 1."""
    if not 1e-12 < threshold < 1:  # noqa: PLR2004
        raise InvalidInput(f"`threshold` must be between 1e-12 and 1; got {threshold!r}.")


@dataclass(frozen=True)
class _Power:
    """A power of uniform attention: what it leaves of differences, and the mean that all tokens share."""

    centred: Float[np.ndarray, "n n"]
    mean: Float[np.ndarray, " n"]

    @classmethod
    def of(cls, matrix: Float[np.ndarray, "n n"]) -> _Power:
        mean = matrix.mean(axis=0)
        return cls(matrix - mean, mean)

    def after(self, earlier: _Power) -> _Power:
        """Multiply; the mean of an average is an average of means."""
        product = self.centred @ earlier.centred
        return _Power(product - product.mean(axis=0), self.mean @ earlier.centred + earlier.mean)

    @property
    def relative_mu(self) -> float:
        away, together = np.linalg.norm(self.centred), np.sqrt(self.mean.size) * np.linalg.norm(self.mean)
        return float(away / np.hypot(away, together))


def _doubled(layer: _Power, threshold: float) -> list[_Power]:
    """Return the powers 1, 2, 4, ... of a layer as long as relative mu is not below the threshold."""
    powers: list[_Power] = []
    while len(powers) <= _DOUBLINGS and layer.relative_mu >= threshold:
        powers.append(layer)
        layer = layer.after(layer)
    return powers


def _moduli(attention: np.ndarray, allowed: np.ndarray, block: np.ndarray) -> Float[np.ndarray, " block"]:
    mask = allowed[np.ix_(block, block)]
    if block.size == 1:
        eigenvalues = attention[block, block]
    elif (mask == mask.T).all():
        root = np.sqrt(allowed[block].sum(axis=1))
        eigenvalues = np.linalg.eigvalsh(mask / np.outer(root, root))
    else:
        eigenvalues = np.linalg.eigvals(balanced(attention[np.ix_(block, block)]))
    moduli: Float[np.ndarray, " block"] = np.abs(eigenvalues)
    return moduli
