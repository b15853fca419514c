r"""Uniform attention, where everything about collapse is known exactly: its rate, and the layers until it is complete.

With :math:`W_Q = W_K = 0` and :math:`W_V = I` a layer is :math:`X \mapsto A X`, where A averages over the tokens that
the mask allows. As :math:`A 1 = 1`, the centred layer :math:`C = (I - 11^T/N) A` has :math:`C^t = (I - 11^T/N) A^t`, so
that the distance from consensus is a power of one matrix.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components

from consilience.ground.errors import InvalidInput

__all__ = ["layers_to_collapse", "second_modulus", "uniform_attention", "white_mu"]

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
    block is similar to a symmetric matrix and is treated as one.

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
    attention = uniform_attention(allowed)
    power, centred = np.eye(len(attention)), _centred(np.eye(len(attention)))
    values = [_ratio(centred, power)]
    for _ in range(layers):
        power, centred = attention @ power, _centred(attention @ centred)
        values.append(_ratio(centred, power))
    return np.array(values)


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
    if not 1e-12 < threshold < 1:  # noqa: PLR2004
        raise InvalidInput(f"`threshold` must be between 1e-12 and 1; got {threshold!r}.")
    if second_modulus(allowed) >= 1.0:
        return None
    steps = _doubled(uniform_attention(allowed), threshold)
    if len(steps) > _DOUBLINGS:
        return None
    above = (np.eye(len(allowed)), _centred(np.eye(len(allowed))))
    if _ratio(above[1], above[0]) < threshold:
        return 0
    layers = 0
    for exponent in reversed(range(len(steps))):
        power, centred = (step @ so_far for step, so_far in zip(steps[exponent], above, strict=True))
        if _ratio(centred, power) >= threshold:
            above, layers = (power, centred), layers + 2**exponent
    return layers + 1


def _doubled(attention: Float[np.ndarray, "n n"], threshold: float) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return A and C to the powers 1, 2, 4, ... as long as relative mu is not below the threshold."""
    power, centred = attention, _centred(attention)
    powers: list[tuple[np.ndarray, np.ndarray]] = []
    while len(powers) <= _DOUBLINGS and _ratio(centred, power) >= threshold:
        powers.append((power, centred))
        power, centred = power @ power, _centred(centred @ centred)
    return powers


def _moduli(attention: np.ndarray, allowed: np.ndarray, block: np.ndarray) -> Float[np.ndarray, " block"]:
    mask = allowed[np.ix_(block, block)]
    if block.size == 1:
        eigenvalues = attention[block, block]
    elif (mask == mask.T).all():
        root = np.sqrt(allowed[block].sum(axis=1))
        eigenvalues = np.linalg.eigvalsh(mask / np.outer(root, root))
    else:
        eigenvalues = np.linalg.eigvals(attention[np.ix_(block, block)])
    moduli: Float[np.ndarray, " block"] = np.abs(eigenvalues)
    return moduli


def _centred(matrix: Float[np.ndarray, "n m"]) -> Float[np.ndarray, "n m"]:
    away: Float[np.ndarray, "n m"] = matrix - matrix.mean(axis=0, keepdims=True)
    return away


def _ratio(centred: np.ndarray, power: np.ndarray) -> float:
    return float(np.linalg.norm(centred) / np.linalg.norm(power))
