r"""Every measure of collapse as a formula of a profile.

X holds N tokens of d features as rows, :math:`\sigma_k` are its singular values in falling order, g is the mean token.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from consilience.ground.errors import InvalidInput
from consilience.methods.rank_collapse.profile import Need, Profile, Reading

__all__ = ["MEASURES", "RANK_TOLERANCE", "Measure", "numerical_rank"]

RANK_TOLERANCE = 1e-3
"""Singular values below this part of the largest do not count, where nobody states another tolerance."""


@dataclass(frozen=True, kw_only=True)
class Measure:
    """A number that says how far the tokens of a sequence are from being one."""

    words: str
    """What it is, as an axis is labelled."""
    formula: Callable[[Profile], Tensor]
    """Its value for each sequence."""
    scale: Callable[[Profile], Tensor] | None = None
    """What the value is a part of; the floor is ten machine epsilons of it. Pure numbers are parts of one."""
    logarithmic: bool = False
    """Whether it runs over many powers of ten."""
    needs: frozenset[Need] = frozenset()
    """What it takes beside sums over tokens."""

    def __call__(self, profile: Profile) -> Reading:
        """Measure every sequence; NaN where there is a reason."""
        value = torch.where(profile.reason == 0, self.formula(profile), torch.nan)
        scale = torch.ones_like(value) if self.scale is None else self.scale(profile)
        return Reading(value, profile.floor * scale)


def numerical_rank(profile: Profile, tolerance: float) -> Tensor:
    """Count singular values above a tolerance, relative to the largest.

    Raises
    ------
    InvalidInput
        If the tolerance is below the floor: what would be counted then is rounding.
    """
    if not profile.floor <= tolerance < 1:
        raise InvalidInput(
            f"`tolerance` must be at least {profile.floor:.1e}, ten machine epsilons of {profile.kind}, and "
            f"below 1; got {tolerance!r}: widen the model, or ask for less."
        )
    values, largest = _spectrum(profile), _largest(profile)
    count = (values > tolerance * largest[:, None]).sum(dim=1).to(values)
    return torch.where(largest > 0, count, torch.nan)


def _spectrum(profile: Profile) -> Tensor:
    return _there(profile.spectrum, "spectrum")


def _largest(profile: Profile) -> Tensor:
    return _there(profile.largest, "largest")


def _there(numbers: Tensor | None, need: Need) -> Tensor:
    if numbers is None:
        raise InvalidInput(f"this measure needs a profile with its {need!r}; make it with needs={{{need!r}}}.")
    return numbers


def _smallest(profile: Profile) -> Tensor:
    """Return the last of as many singular values as there are tokens or features, whichever are fewer."""
    values = _spectrum(profile)
    last = torch.minimum(profile.moments.tokens, profile.moments.features).clamp_min(1) - 1
    return values.gather(1, last[:, None])[:, 0]


def _effective_rank(profile: Profile) -> Tensor:
    values = _spectrum(profile)
    entropy: Tensor = torch.special.entr(values / values.sum(dim=1, keepdim=True)).sum(dim=1)
    return entropy.exp()


def _participation(profile: Profile) -> Tensor:
    squares = (_spectrum(profile) / _largest(profile)[:, None]).square()
    return squares.sum(dim=1).square() / squares.square().sum(dim=1)


def _cosine(profile: Profile) -> Tensor:
    r"""Return the mean of :math:`\cos(x_i, x_j)` over pairs: :math:`(\|\sum_i x_i/\|x_i\|\|^2 - N) / N(N-1)`."""
    return _over_pairs(profile, profile.moments.resultant.square() - profile.moments.directed)


def _over_pairs(profile: Profile, total: Tensor) -> Tensor:
    directed = profile.moments.directed
    return torch.where(directed > 1, total / (directed * (directed - 1)).clamp_min(1), torch.nan)


_PAIRS: frozenset[Need] = frozenset({"pairs"})
_SPECTRUM: frozenset[Need] = frozenset({"spectrum"})
_LARGEST: frozenset[Need] = frozenset({"largest"})

MEASURES: dict[str, Measure] = {
    "mu": Measure(
        words="distance from consensus μ",
        formula=lambda profile: profile.moments.mu,
        scale=lambda profile: profile.moments.norm,
        logarithmic=True,
    ),
    "relative_mu": Measure(
        words="relative distance from consensus μ/‖X‖",
        formula=lambda profile: profile.moments.mu / profile.moments.norm,
        logarithmic=True,
    ),
    "mean_cosine": Measure(words="mean cosine of two tokens", formula=_cosine),
    "mean_absolute_cosine": Measure(
        words="mean absolute cosine of two tokens",
        formula=lambda profile: _over_pairs(profile, _there(profile.absolute, "pairs")),
        needs=_PAIRS,
    ),
    "largest_singular_value": Measure(
        words="largest singular value",
        formula=_largest,
        scale=lambda profile: profile.moments.norm,
        logarithmic=True,
        needs=_LARGEST,
    ),
    "smallest_singular_value": Measure(
        words="smallest singular value", formula=_smallest, scale=_largest, logarithmic=True, needs=_SPECTRUM
    ),
    "stable_rank": Measure(
        words="stable rank ‖X‖²/σ₁²",
        formula=lambda profile: (profile.moments.norm / _largest(profile)).square(),
        needs=_LARGEST,
    ),
    "effective_rank": Measure(words="effective rank", formula=_effective_rank, needs=_SPECTRUM),
    "participation_ratio": Measure(words="participation ratio", formula=_participation, needs=_SPECTRUM),
    "numerical_rank": Measure(
        words=f"singular values above {RANK_TOLERANCE} of the largest",
        formula=lambda profile: numerical_rank(profile, RANK_TOLERANCE),
        needs=_SPECTRUM,
    ),
}
"""Every measure of tokens by its name."""
