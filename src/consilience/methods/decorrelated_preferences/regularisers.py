r"""What is added to the preference loss: pure functions of features, one row for each answer.

:math:`Z` has a row for each of :math:`B` answers and a column for each of :math:`d` features. The formula of the paper
is :math:`\|ZZ^T-I\|_F^2`. It equals :math:`\|Z^TZ-I\|_F^2+B-d`, so comparing answers and comparing features is one and
the same until something is normalised, and it grows with the fourth power of the features' size.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import ClassVar, Protocol, runtime_checkable

import torch
from jaxtyping import Float
from torch import Tensor

from consilience.ground.errors import InvalidInput, UnknownName

__all__ = [
    "L1",
    "VARIANTS",
    "BarlowTwins",
    "Code2024",
    "Cosine",
    "Paper",
    "Regulariser",
    "SquaredNorm",
    "VICReg",
    "barlow_twins",
    "code2024",
    "cosine",
    "l1",
    "paper",
    "paper_of_features",
    "regulariser",
    "squared_norm",
    "vicreg",
]

Features = Float[Tensor, "row feature"]
Remembered = Float[Tensor, "remembered feature"]
Scalar = Float[Tensor, ""]

_SMALL = 1e-8


def paper(features: Features, remembered: Remembered | None = None) -> Scalar:
    r"""Return :math:`\|ZZ^T-I_B\|_F^2`, the formula as printed in arXiv:2406.17969, section 4.

    It is dominated by the size of the features: of rows of length r it is about B r^4 even when they are orthogonal.

    Parameters
    ----------
    features
        A row for each answer.
    remembered
        Rows of earlier batches to compare with; no gradient flows into them.

    Examples
    --------
    >>> float(paper(torch.eye(3, 5))), float(paper(2 * torch.eye(3, 5)))
    (0.0, 27.0)
    """
    rows = _with(features, remembered)
    gram = rows @ rows.T
    return (gram - torch.eye(len(gram), dtype=gram.dtype, device=gram.device)).square().sum()


def paper_of_features(features: Features) -> Scalar:
    r"""Return :math:`\|Z^TZ-I_d\|_F^2`: `paper` with columns in the place of rows, less by B - d for any Z.

    Examples
    --------
    >>> Z = torch.ones(3, 5)
    >>> float(paper(Z) - paper_of_features(Z))
    -2.0
    """
    return paper(features.T)


def code2024(features: Features, remembered: Remembered | None = None) -> Scalar:
    r"""Return the mean entry of :math:`|Z||Z|^T-I`, which the authors' code of 2024 had in its place.

    No entry of the Gram matrix of absolute values is negative and nothing is squared, so that all it does is to shrink
    features; the identity is a constant.

    Examples
    --------
    >>> round(float(code2024(torch.tensor([[1.0, -1.0], [1.0, 1.0]]))), 3)
    1.5
    """
    rows = _with(features, remembered).abs()
    gram = rows @ rows.T
    return (gram - torch.eye(len(gram), dtype=gram.dtype, device=gram.device)).mean(dim=0).mean()


def cosine(features: Features, remembered: Remembered | None = None) -> Scalar:
    r"""Return the mean squared cosine of two different answers, between 0 and 1 whatever the features' size.

    With :math:`\hat z=z/\|z\|` it is :math:`\sum_{i\ne j}(\hat z_i^T\hat z_j)^2/(B(B-1))`. Remembered rows are
    compared with those of the batch and not with one another.

    Raises
    ------
    InvalidInput
        If there is a single row and nothing is remembered.

    Examples
    --------
    >>> round(float(cosine(torch.tensor([[3.0, 0.0], [0.0, 2.0], [5.0, 0.0]]))), 4)
    0.3333
    """
    found = torch.nn.functional.normalize(features, dim=1, eps=_SMALL)
    others = len(features) - 1 + (0 if remembered is None else len(remembered))
    _expect_pairs(others, "cosine")
    own = (found @ found.T).square()
    total = own.sum() - own.diagonal().sum()
    if remembered is not None:
        total = total + (found @ torch.nn.functional.normalize(remembered, dim=1, eps=_SMALL).T).square().sum()
    return total / (len(features) * others)


def barlow_twins(features: Features, remembered: Remembered | None = None) -> Scalar:
    r"""Return the mean squared correlation of two different features over answers, between 0 and 1.

    The redundancy term of Barlow Twins (arXiv:2103.03230) for one view. The matrix of d by d correlations is never
    built: its squares have the same sum as those of the B by B Gram matrix of standardised columns.

    Raises
    ------
    InvalidInput
        If there are fewer than two rows or two features.
    """
    rows = _with(features, remembered)
    _expect_pairs(min(rows.shape) - 1, "barlow")
    centred = rows - rows.mean(dim=0)
    standard = centred / (centred.square().mean(dim=0) + _SMALL).sqrt()
    count, width = rows.shape
    diagonal = standard.square().mean(dim=0)
    squares = (standard @ standard.T).square().sum() / count**2 - diagonal.square().sum()
    return squares / (width * (width - 1))


def vicreg(
    features: Features, remembered: Remembered | None = None, *, variance: float = 25.0, covariance: float = 1.0
) -> Scalar:
    r"""Return the variance and covariance terms of VICReg (arXiv:2105.04906) for one view.

    .. math:: \frac{v}{d}\sum_k\max(0,1-\sigma_k)+\frac{c}{d}\sum_{k\ne l}C_{kl}^2

    Parameters
    ----------
    features
        A row for each answer.
    remembered
        Rows of earlier batches.
    variance, covariance
        Weights v and c of the two terms.

    Raises
    ------
    InvalidInput
        If there are fewer than two rows.
    """
    rows = _with(features, remembered)
    _expect_pairs(len(rows) - 1, "vicreg")
    centred = rows - rows.mean(dim=0)
    free = len(rows) - 1
    spread = centred.square().sum(dim=0) / free
    hinge = torch.relu(1 - (spread + _SMALL).sqrt()).mean()
    squares = (centred @ centred.T).square().sum() / free**2 - spread.square().sum()
    return variance * hinge + covariance * squares / rows.shape[1]


def l1(features: Features, remembered: Remembered | None = None) -> Scalar:  # noqa: ARG001  every variant is called alike
    """Return the mean over answers of the sum of absolute features: a control, which compares nothing."""
    return features.abs().sum(dim=1).mean()


def squared_norm(features: Features, remembered: Remembered | None = None) -> Scalar:  # noqa: ARG001
    """Return the mean squared length of a row: the control that tells decorrelation from a penalty on size."""
    return features.square().sum(dim=1).mean()


@runtime_checkable
class Regulariser(Protocol):
    """A term of the loss, computed from features."""

    fewest_rows: ClassVar[int]
    """Rows, remembered ones included, below which it has no meaning."""
    compares: ClassVar[bool]
    """Whether rows of other batches and processes change what it does to a row."""

    def __call__(self, features: Features, remembered: Remembered | None = None) -> Scalar:
        """Return the term."""
        ...


@dataclass(frozen=True)
class Paper:
    """`paper`, as a setting."""

    fewest_rows: ClassVar[int] = 2
    compares: ClassVar[bool] = True

    def __call__(self, features: Features, remembered: Remembered | None = None) -> Scalar:
        """Return the term."""
        return paper(features, remembered)


@dataclass(frozen=True)
class Code2024:
    """`code2024`, as a setting."""

    fewest_rows: ClassVar[int] = 2
    compares: ClassVar[bool] = True

    def __call__(self, features: Features, remembered: Remembered | None = None) -> Scalar:
        """Return the term."""
        return code2024(features, remembered)


@dataclass(frozen=True)
class Cosine:
    """`cosine`, as a setting."""

    fewest_rows: ClassVar[int] = 2
    compares: ClassVar[bool] = True

    def __call__(self, features: Features, remembered: Remembered | None = None) -> Scalar:
        """Return the term."""
        return cosine(features, remembered)


@dataclass(frozen=True)
class BarlowTwins:
    """`barlow_twins`, as a setting."""

    fewest_rows: ClassVar[int] = 2
    compares: ClassVar[bool] = True

    def __call__(self, features: Features, remembered: Remembered | None = None) -> Scalar:
        """Return the term."""
        return barlow_twins(features, remembered)


@dataclass(frozen=True)
class VICReg:
    """`vicreg` with its two weights."""

    fewest_rows: ClassVar[int] = 2
    compares: ClassVar[bool] = True
    variance: float = 25.0
    """Weight of the hinge on standard deviations."""
    covariance: float = 1.0
    """Weight of the squared covariances."""

    def __call__(self, features: Features, remembered: Remembered | None = None) -> Scalar:
        """Return the term."""
        return vicreg(features, remembered, variance=self.variance, covariance=self.covariance)


@dataclass(frozen=True)
class L1:
    """`l1`, as a setting."""

    fewest_rows: ClassVar[int] = 1
    compares: ClassVar[bool] = False

    def __call__(self, features: Features, remembered: Remembered | None = None) -> Scalar:
        """Return the term."""
        return l1(features, remembered)


@dataclass(frozen=True)
class SquaredNorm:
    """`squared_norm`, as a setting."""

    fewest_rows: ClassVar[int] = 1
    compares: ClassVar[bool] = False

    def __call__(self, features: Features, remembered: Remembered | None = None) -> Scalar:
        """Return the term."""
        return squared_norm(features, remembered)


VARIANTS: Mapping[str, Regulariser] = MappingProxyType(
    {
        "cosine": Cosine(),
        "paper": Paper(),
        "code2024": Code2024(),
        "barlow": BarlowTwins(),
        "vicreg": VICReg(),
        "l1": L1(),
        "squared_norm": SquaredNorm(),
    }
)
"""Every regulariser by the name that configurations use."""


def regulariser(name: str) -> Regulariser:
    """Return a regulariser by name.

    Raises
    ------
    UnknownName
        If there is none of that name; the nearest is named.

    Examples
    --------
    >>> regulariser("cosine")
    Cosine()
    """
    if name not in VARIANTS:
        raise UnknownName("regulariser", name, VARIANTS)
    return VARIANTS[name]


def _with(features: Features, remembered: Remembered | None) -> Float[Tensor, "all_rows feature"]:
    return features if remembered is None else torch.cat([features, remembered.detach()])


def _expect_pairs(others: int, name: str) -> None:
    if others < 1:
        raise InvalidInput(
            f"{name} compares answers or features and needs at least two of them; got one: "
            "raise the batch size, or let a memory of earlier batches stand in (decorrelation_memory=64)"
        )
