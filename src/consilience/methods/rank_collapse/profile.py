r"""What is computed once of a batch of tokens, and every measure of collapse as a formula of it.

X holds N tokens of d features as rows, :math:`\sigma_k` are its singular values, g is the mean token and
:math:`\epsilon` the machine epsilon of the type in which the tokens came.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence, Set
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.nn.functional import pad

from consilience.ground.errors import InvalidInput
from consilience.methods.rank_collapse.moments import Moments, moments, widest
from consilience.methods.rank_collapse.spectra import absolute_cosines, largest_singular_value, singular_values

__all__ = [
    "EPSILONS",
    "MEASURES",
    "RANK_TOLERANCE",
    "REASONS",
    "Measure",
    "Need",
    "Profile",
    "Reading",
    "joined",
    "numerical_rank",
    "profile",
]

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


Need = Literal["pairs", "spectrum", "largest"]
"""What a measure may need beside sums over tokens: cosines of all pairs, all singular values, or the largest."""


@dataclass(frozen=True, kw_only=True)
class Profile:
    """A few numbers for each sequence of a batch, from which every measure is computed; no tokens are kept."""

    kind: torch.dtype
    """The type in which the tokens came: they were rounded to it, whatever they are summed in."""
    moments: Moments
    """Sums over tokens."""
    absolute: Float[Tensor, " batch"] | None
    """Sum of absolute cosines over ordered pairs of tokens."""
    spectrum: Float[Tensor, "batch rank"] | None
    """Singular values in falling order, zeros behind the last."""
    largest: Float[Tensor, " batch"] | None
    """The largest singular value."""

    @property
    def floor(self) -> float:
        """Ten machine epsilons."""
        return EPSILONS * torch.finfo(self.kind).eps

    @cached_property
    def reason(self) -> Int[Tensor, " batch"]:
        """Why a sequence cannot be measured: a key of `REASONS`, 0 when it can."""
        unfinished = torch.where(self.moments.norm.isfinite(), 0, 2)
        return torch.where(self.moments.tokens < 2, 1, unfinished)  # noqa: PLR2004  with one there is nothing to compare


def profile(
    tokens: Float[Tensor, "batch token feature"],
    valid: Bool[Tensor, "batch token"] | None = None,
    *,
    needs: Set[Need] = frozenset(),
    precision: torch.dtype | None = None,
) -> Profile:
    """Reduce tokens to what measures are computed from.

    Parameters
    ----------
    tokens
        Activations of any floating type.
    valid
        False at padding, which is not a token; everything is one when not given.
    needs
        What is computed beside sums over tokens. ``"largest"`` without ``"spectrum"`` is found in a few iterations.
    precision
        What sums and singular values are computed in; double precision where the device has it, when not given.
    """
    wide = precision or widest(tokens.device)
    sums = moments(tokens, valid, wide)
    spectrum = singular_values(tokens, valid, wide) if "spectrum" in needs else None
    largest = spectrum[:, 0] if spectrum is not None else None
    if largest is None and "largest" in needs:
        finite = sums.norm.isfinite()[:, None, None]
        largest = largest_singular_value(torch.where(finite, tokens, 0.0), valid).to(wide)
    return Profile(
        kind=tokens.dtype,
        moments=sums,
        absolute=absolute_cosines(tokens, valid).to(wide) if "pairs" in needs else None,
        spectrum=spectrum,
        largest=largest,
    )


def joined(profiles: Sequence[Profile]) -> Profile:
    """Put the sequences of several profiles of one type and one device behind one another."""
    first = profiles[0]
    longest = max((0 if one.spectrum is None else one.spectrum.shape[1]) for one in profiles)
    spectra = [pad(one.spectrum, (0, longest - one.spectrum.shape[1])) for one in profiles if one.spectrum is not None]
    sums = zip(*(vars(one.moments).values() for one in profiles), strict=True)
    return Profile(
        kind=first.kind,
        moments=Moments(*(torch.cat(parts) for parts in sums)),
        absolute=_joined([one.absolute for one in profiles]),
        spectrum=_joined(spectra),
        largest=_joined([one.largest for one in profiles]),
    )


def _joined(parts: Sequence[Tensor | None]) -> Tensor | None:
    there = [part for part in parts if part is not None]
    return torch.cat(there) if there else None


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
