"""How far features stand apart and how few of them speak at a time: numbers of one layer's activations.

None of them is monosemanticity. Variance over features, which has been read as sparsity, is a meter of size: divided by
the mean square it hardly moves. So numbers that know no size stand beside it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

import torch
from jaxtyping import Float, Int
from torch import Tensor

from consilience.ground.errors import InvalidInput

__all__ = [
    "MEASURES",
    "class_selectivity",
    "decorrelation",
    "effective_rank",
    "hoyer",
    "kurtosis",
    "l0",
    "length",
    "measured",
    "relative_variance",
    "variance",
]

Features = Float[Tensor, "row feature"]

_SMALL = 1e-12


def decorrelation(features: Features) -> float:
    """Return one minus the mean cosine of two different rows.

    Examples
    --------
    >>> decorrelation(torch.eye(3)), decorrelation(torch.ones(3, 2))
    (1.0, 0.0)
    """
    count = len(features)
    if count < 2:  # noqa: PLR2004  a pair
        raise InvalidInput(f"decorrelation compares two rows or more; got {count}")
    unit = torch.nn.functional.normalize(features.double(), dim=1, eps=_SMALL)
    own = float(unit.square().sum())
    return round(1.0 - (float(unit.sum(dim=0).square().sum()) - own) / (count * (count - 1)), 12)


def variance(features: Features) -> float:
    """Return the variance over the features of a row, the mean over rows."""
    return float(features.double().var(dim=1, unbiased=False).mean())


def relative_variance(features: Features) -> float:
    """Return the variance over the features of a row by their mean square, the mean over rows: it knows no size."""
    wide = features.double()
    return float((wide.var(dim=1, unbiased=False) / wide.square().mean(dim=1).clamp(min=_SMALL)).mean())


def kurtosis(features: Features) -> float:
    """Return the kurtosis over the features of a row, the mean over rows: 3 for a normal law, more for heavy tails."""
    wide = features.double()
    squares = (wide - wide.mean(dim=1, keepdim=True)).square()
    return float((squares / squares.mean(dim=1, keepdim=True).clamp(min=_SMALL)).square().mean())


def hoyer(features: Features) -> float:
    r"""Return Hoyer's sparsity, the mean over rows: 0 where all features are alike in size, 1 where one speaks.

    .. math:: \frac{\sqrt d-\|z\|_1/\|z\|_2}{\sqrt d-1}

    A row of zeros counts as 0, for its features are alike.

    Examples
    --------
    >>> hoyer(torch.eye(4)), hoyer(-torch.ones(2, 4))
    (1.0, 0.0)
    """
    wide, root = features.double().abs(), features.shape[1] ** 0.5
    sums, norms = wide.sum(dim=1), wide.norm(dim=1)
    ratio = torch.where(norms > 0, sums / norms, root)
    return float(((root - ratio) / (root - 1)).mean())


def l0(features: Features, *, threshold: float = 0.1) -> float:
    """Return the share of features whose size is above a share of the row's largest, the mean over rows."""
    sizes = features.abs()
    return float((sizes > threshold * sizes.amax(dim=1, keepdim=True)).double().mean())


def effective_rank(features: Features) -> float:
    """Return the exponential of the entropy of the singular values of the centred rows (Roy and Vetterli, 2007)."""
    values = torch.linalg.svdvals(features.double() - features.double().mean(dim=0))
    shares = values / values.sum().clamp(min=_SMALL)
    return float(torch.special.entr(shares).sum().exp())


def length(features: Features) -> float:
    """Return the mean length of a row."""
    return float(features.double().norm(dim=1).mean())


def class_selectivity(features: Features, classes: Int[Tensor, " row"]) -> float:
    r"""Return how much more a feature speaks for one class than for the others, the mean over features.

    With the mean sizes of a feature in its strongest class and over the means of all others it is
    :math:`(\mu_{max}-\mu_{rest})/(\mu_{max}+\mu_{rest})`, between 0 and 1 (Morcos et al., 2018).

    Raises
    ------
    InvalidInput
        If there is a single class.

    Examples
    --------
    >>> class_selectivity(torch.eye(2), torch.tensor([0, 1]))
    1.0
    """
    names: Tensor = classes.unique()  # type: ignore[no-untyped-call]  # torch leaves it without types
    if len(names) < 2:  # noqa: PLR2004  a class and another
        raise InvalidInput(f"class selectivity needs two classes or more; got {len(names)}")
    sizes = features.double().abs()
    means = torch.stack([sizes[classes == name].mean(dim=0) for name in names])
    most = means.amax(dim=0)
    rest = (means.sum(dim=0) - most) / (len(names) - 1)
    return float(((most - rest) / (most + rest).clamp(min=_SMALL)).mean())


MEASURES: Mapping[str, Callable[[Features], float]] = MappingProxyType(
    {
        "decorrelation": decorrelation,
        "variance": variance,
        "relative_variance": relative_variance,
        "kurtosis": kurtosis,
        "hoyer": hoyer,
        "l0": l0,
        "effective_rank": effective_rank,
        "norm": length,
    }
)
"""What is measured of one layer's activations, by name."""


def measured(features: Features, classes: Int[Tensor, " row"] | None = None) -> dict[str, float]:
    """Return every measure of some features by name, and the class selectivity where classes are given."""
    found = {name: measure(features) for name, measure in MEASURES.items()}
    if classes is not None:
        found["class_selectivity"] = class_selectivity(features, classes)
    return found
