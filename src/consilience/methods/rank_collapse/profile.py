"""The few numbers that tokens are reduced to, from which every measure of collapse is computed; what a reading is."""

from __future__ import annotations

from collections.abc import Sequence, Set
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.nn.functional import pad

from consilience.methods.rank_collapse.moments import Moments, moments, widest
from consilience.methods.rank_collapse.spectra import absolute_cosines, largest_singular_value, singular_values

__all__ = ["EPSILONS", "REASONS", "Need", "Profile", "Reading", "joined", "profile"]

EPSILONS = 10
"""A value below so many machine epsilons of what it is a part of may be nothing but rounding."""

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
