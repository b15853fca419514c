r"""Measures of collapse, each a function of a tensor of activations.

All take ``tokens`` of shape (token, feature) or (batch, token, feature) and ``valid``, false or 0 at padding, which is
not a token, as in the ``attention_mask`` of a tokeniser; all return a `Reading` with a value and a floor for each
sequence. Tokens of one sequence are the rows of X; g is their mean, :math:`\sigma_1 \ge \sigma_2 \ge \dots` are the
singular values of X.
"""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from consilience.ground.errors import InvalidInput
from consilience.methods.rank_collapse.attention_measures import attention_entropy, smallest_edge, whether_valid
from consilience.methods.rank_collapse.formulas import MEASURES, RANK_TOLERANCE, Measure
from consilience.methods.rank_collapse.formulas import numerical_rank as _numerical_rank
from consilience.methods.rank_collapse.profile import REASONS, Need, Reading, profile

__all__ = [
    "Reading",
    "attention_entropy",
    "effective_rank",
    "extreme_singular_values",
    "mean_absolute_cosine",
    "mean_cosine",
    "mu",
    "numerical_rank",
    "participation_ratio",
    "relative_mu",
    "smallest_edge",
    "stable_rank",
]

Tokens = Float[Tensor, "*batch token feature"]
Valid = Bool[Tensor, "*batch token"] | Int[Tensor, "*batch token"]


def mu(tokens: Tokens, valid: Valid | None = None, *, precision: torch.dtype | None = None) -> Reading:
    r"""Measure how far tokens are from being all the same, :math:`\mu(X) = \|X - 1 g^\top\|_F`.

    It is zero if and only if they are, and grows with the tokens: compare layers by `relative_mu`.

    Parameters
    ----------
    tokens
        Activations of any floating type.
    valid
        False or 0 at padding.
    precision
        What is summed in; double precision where the device has it, when not given.

    Returns
    -------
    Reading
        The floor is ten machine epsilons of :math:`\|X\|_F`.

    Raises
    ------
    InvalidInput
        If a sequence has fewer than two tokens, or activations that are NaN or infinite.

    Examples
    --------
    >>> mu(torch.tensor([[1.0, 0.0], [0.0, 1.0]])).value
    tensor(1., dtype=torch.float64)
    """
    return _read(MEASURES["mu"], tokens, valid, precision)


def relative_mu(tokens: Tokens, valid: Valid | None = None, *, precision: torch.dtype | None = None) -> Reading:
    r"""Measure which part of the tokens is not their mean, :math:`\mu(X) / \|X\|_F`, from 0 to 1.

    Takes, returns and raises what `mu` does; tokens that are all zero have no such part.
    """
    return _read(MEASURES["relative_mu"], tokens, valid, precision)


def mean_cosine(tokens: Tokens, valid: Valid | None = None, *, precision: torch.dtype | None = None) -> Reading:
    """Measure the mean cosine over pairs of different tokens: 1 when all point one way, in time linear in tokens.

    Takes, returns and raises what `mu` does. Tokens that are zero have no direction and are left out.

    Examples
    --------
    >>> mean_cosine(torch.tensor([[1.0, 0.0], [3.0, 0.0], [-1.0, 0.0]])).value
    tensor(-0.3333, dtype=torch.float64)
    """
    return _read(MEASURES["mean_cosine"], tokens, valid, precision)


def mean_absolute_cosine(
    tokens: Tokens, valid: Valid | None = None, *, precision: torch.dtype | None = None
) -> Reading:
    """Measure the mean absolute cosine over pairs of different tokens: 1 when all lie on one line, two-faced or not.

    Takes, returns and raises what `mean_cosine` does; takes time of the square of the number of tokens.
    """
    return _read(MEASURES["mean_absolute_cosine"], tokens, valid, precision)


def extreme_singular_values(
    tokens: Tokens, valid: Valid | None = None, *, precision: torch.dtype | None = None
) -> tuple[Reading, Reading]:
    r"""Measure the largest and the smallest singular value, of as many as there are tokens or features at the least.

    Takes and raises what `mu` does. The floor of the smallest is ten machine epsilons of the largest.
    """
    largest, smallest = MEASURES["largest_singular_value"], MEASURES["smallest_singular_value"]
    return _read(largest, tokens, valid, precision), _read(smallest, tokens, valid, precision)


def stable_rank(tokens: Tokens, valid: Valid | None = None, *, precision: torch.dtype | None = None) -> Reading:
    r"""Measure :math:`\|X\|_F^2 / \sigma_1^2`, which small singular values do not move.

    Takes, returns and raises what `relative_mu` does.
    """
    return _read(MEASURES["stable_rank"], tokens, valid, precision)


def effective_rank(tokens: Tokens, valid: Valid | None = None, *, precision: torch.dtype | None = None) -> Reading:
    r"""Measure :math:`\exp H(\sigma / \sum_k \sigma_k)`, with H the entropy (Roy and Vetterli 2007).

    Takes, returns and raises what `relative_mu` does.

    Examples
    --------
    >>> effective_rank(torch.eye(4)).value
    tensor(4., dtype=torch.float64)
    """
    return _read(MEASURES["effective_rank"], tokens, valid, precision)


def participation_ratio(tokens: Tokens, valid: Valid | None = None, *, precision: torch.dtype | None = None) -> Reading:
    r"""Measure :math:`(\sum_k \sigma_k^2)^2 / \sum_k \sigma_k^4`.

    Takes, returns and raises what `relative_mu` does.
    """
    return _read(MEASURES["participation_ratio"], tokens, valid, precision)


def numerical_rank(
    tokens: Tokens,
    valid: Valid | None = None,
    *,
    tolerance: float = RANK_TOLERANCE,
    precision: torch.dtype | None = None,
) -> Reading:
    """Count the singular values above `tolerance` times the largest.

    The exact rank says nothing: attention matrices are invertible, and rounding makes everything else so.

    Takes and returns what `mu` does.

    Raises
    ------
    InvalidInput
        As `relative_mu`, and if the tolerance is below ten machine epsilons of the type of the tokens.

    Examples
    --------
    >>> numerical_rank(torch.diag(torch.tensor([1.0, 1e-2, 1e-5]))).value
    tensor(2., dtype=torch.float64)
    """
    counted = Measure(
        words="", formula=lambda found: _numerical_rank(found, tolerance), needs=MEASURES["numerical_rank"].needs
    )
    return _read(counted, tokens, valid, precision)


def _read(measure: Measure, tokens: Tensor, valid: Tensor | None, precision: torch.dtype | None) -> Reading:
    batch = tokens if tokens.ndim == 3 else tokens[None]  # noqa: PLR2004
    if tokens.ndim not in (2, 3) or not tokens.is_floating_point() or not tokens.numel():
        raise InvalidInput(
            "`tokens` must hold real numbers of shape (token, feature) or (batch, token, feature); got "
            f"{tokens.dtype} of shape {tuple(tokens.shape)}."
        )
    if valid is not None and valid.shape != tokens.shape[:-1]:
        raise InvalidInput(
            f"`valid` must have one entry a token, {tuple(tokens.shape[:-1])}; got {tuple(valid.shape)}."
        )
    told = None if valid is None else whether_valid(valid)
    padding = told if told is None or told.ndim == 2 else told[None]  # noqa: PLR2004
    needs: set[Need] = {"spectrum"} if "largest" in measure.needs else set(measure.needs)
    found = profile(batch, padding, needs=needs, precision=precision)
    reading = measure(found)
    if reading.value.isnan().any():
        sequence = int(reading.value.isnan().nonzero()[0])
        raise InvalidInput(f"sequence {sequence} cannot be measured: {REASONS[int(found.reason[sequence]) or 3]}.")
    return reading if tokens.ndim == 3 else Reading(reading.value[0], reading.floor[0])  # noqa: PLR2004
