r"""What is computed once of a batch of tokens, and every measure of collapse as a formula of it.

X holds N tokens of d features as rows, :math:`\sigma_k` are its singular values, g is the mean token and
:math:`\epsilon` the machine epsilon of the type in which the tokens came.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from consilience.ground.errors import InvalidInput
from consilience.methods.rank_collapse.moments import Moments, moments, widest
from consilience.methods.rank_collapse.spectra import absolute_cosines, largest_singular_value, singular_values

__all__ = ["EPSILONS", "MEASURES", "RANK_TOLERANCE", "REASONS", "Measure", "Profile", "Reading", "numerical_rank"]

EPSILONS = 10
"""A value below so many machine epsilons of what it is a part of may be nothing but rounding."""

RANK_TOLERANCE = 1e-3
"""Singular values below this part of the largest do not count, where nobody states another tolerance."""

REASONS = {
    1: "a sequence of one token: collapse compares tokens, and takes two",
    2: "NaN or infinite activations",
    3: "all tokens are zero, which have no direction",
}
"""Why a sequence could not be measured, by the number in `Profile.reason`."""


@dataclass(frozen=True)
class Reading:
    """A measured value for each sequence, and the size below which it cannot be told from rounding."""

    value: Float[Tensor, "*batch"]
    """What was measured."""
    floor: Float[Tensor, "*batch"]
    """Ten machine epsilons of what the value is a part of, in the same unit as the value."""

    @property
    def below_floor(self) -> Bool[Tensor, "*batch"]:
        """Where the value is not to be trusted."""
        return self.value.abs() < self.floor


class Profile:
    """A batch of tokens, of which everything is computed when it is first asked for, and once.

    Parameters
    ----------
    tokens
        Activations of any floating type.
    valid
        False at padding, which is not a token; everything is one when not given.
    precision
        What sums and singular values are computed in; double precision where the device has it, when not given. The
        floor stays that of the type in which the tokens came: they were rounded to it before.
    sampled
        Take the largest singular value from a few iterations instead of from all singular values.
    """

    def __init__(
        self,
        tokens: Float[Tensor, "batch token feature"],
        valid: Bool[Tensor, "batch token"] | None = None,
        *,
        precision: torch.dtype | None = None,
        sampled: bool = False,
    ) -> None:
        self.tokens = tokens
        self.valid = valid
        self.precision = precision or widest(tokens.device)
        self.sampled = sampled
        self.floor = EPSILONS * torch.finfo(tokens.dtype).eps

    @cached_property
    def moments(self) -> Moments:
        """Sums over tokens."""
        return moments(self.tokens, self.valid, self.precision)

    @cached_property
    def reason(self) -> Int[Tensor, " batch"]:
        """Why a sequence cannot be measured: a key of `REASONS`, 0 when it can."""
        unfinished = torch.where(self.moments.norm.isfinite(), 0, 2)
        return torch.where(self.moments.tokens < 2, 1, unfinished)  # noqa: PLR2004  with one there is nothing to compare

    @cached_property
    def singular_values(self) -> Float[Tensor, "batch rank"]:
        """All of them, in falling order."""
        return singular_values(self.tokens, self.valid, self.precision)

    @cached_property
    def largest(self) -> Float[Tensor, " batch"]:
        """The largest singular value."""
        if not self.sampled:
            return self.singular_values[:, 0]
        finite = (self.reason == 0)[:, None, None]
        found = largest_singular_value(torch.where(finite, self.tokens, 0.0), self.valid)
        return found.to(self.precision)

    @cached_property
    def smallest(self) -> Float[Tensor, " batch"]:
        """The smallest of as many singular values as there are tokens or features, whichever are fewer."""
        last = self.moments.tokens.clamp(1, self.singular_values.shape[1]) - 1
        return self.singular_values.gather(1, last[:, None])[:, 0]

    @cached_property
    def cosine(self) -> Float[Tensor, " batch"]:
        r"""Mean of :math:`\cos(x_i, x_j)` over pairs: :math:`(\|\sum_i x_i/\|x_i\|\|^2 - N) / N(N-1)`."""
        directed = self.moments.directed
        return self._over_pairs(self.moments.resultant.square() - directed)

    @cached_property
    def absolute_cosine(self) -> Float[Tensor, " batch"]:
        """Mean of absolute cosines over pairs."""
        return self._over_pairs(absolute_cosines(self.tokens, self.valid).to(self.precision))

    def _over_pairs(self, total: Tensor) -> Tensor:
        directed = self.moments.directed
        return torch.where(directed > 1, total / (directed * (directed - 1)).clamp_min(1), torch.nan)


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
    needs_spectrum: bool = False
    """Whether it takes all singular values."""

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
            f"`tolerance` must be at least {profile.floor:.1e}, ten machine epsilons of {profile.tokens.dtype}, and "
            f"below 1; got {tolerance!r}: widen the model, or ask for less."
        )
    values = profile.singular_values
    count = (values > tolerance * values[:, :1]).sum(dim=1).to(values)
    return torch.where(values[:, 0] > 0, count, torch.nan)


def _effective_rank(profile: Profile) -> Tensor:
    shares = profile.singular_values / profile.singular_values.sum(dim=1, keepdim=True)
    entropy: Tensor = torch.special.entr(shares).sum(dim=1)
    return entropy.exp()


def _participation(profile: Profile) -> Tensor:
    squares = (profile.singular_values / profile.singular_values[:, :1]).square()
    return squares.sum(dim=1).square() / squares.square().sum(dim=1)


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
    "mean_cosine": Measure(words="mean cosine of two tokens", formula=lambda profile: profile.cosine),
    "mean_absolute_cosine": Measure(
        words="mean absolute cosine of two tokens", formula=lambda profile: profile.absolute_cosine
    ),
    "largest_singular_value": Measure(
        words="largest singular value",
        formula=lambda profile: profile.largest,
        scale=lambda profile: profile.moments.norm,
        logarithmic=True,
    ),
    "smallest_singular_value": Measure(
        words="smallest singular value",
        formula=lambda profile: profile.smallest,
        scale=lambda profile: profile.largest,
        logarithmic=True,
        needs_spectrum=True,
    ),
    "stable_rank": Measure(
        words="stable rank ‖X‖²/σ₁²", formula=lambda profile: (profile.moments.norm / profile.largest).square()
    ),
    "effective_rank": Measure(words="effective rank", formula=_effective_rank, needs_spectrum=True),
    "participation_ratio": Measure(words="participation ratio", formula=_participation, needs_spectrum=True),
    "numerical_rank": Measure(
        words=f"singular values above {RANK_TOLERANCE} of the largest",
        formula=lambda profile: numerical_rank(profile, RANK_TOLERANCE),
        needs_spectrum=True,
    ),
}
"""Every measure of tokens by its name."""
