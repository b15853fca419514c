"""What a critic's flags were worth, by a table of the answers that they flagged and of what came of them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool

from consilience.ground.intervals import Estimate, wilson
from consilience.methods.self_correction.forecast import RightAt

FlaggedAt = Bool[np.ndarray, "item round"]
"""Whether the critic objected to the answer that a round began with."""


@dataclass(frozen=True, kw_only=True)
class FlagRates:
    """What the critic's flags were worth."""

    tpr: Estimate
    """Share of wrong answers that were flagged."""
    fpr: Estimate
    """Share of right answers that were flagged."""
    fix: Estimate
    """Share of flagged wrong answers that were right a round later."""
    spoil: Estimate
    """Share of flagged right answers that were wrong a round later."""
    unflagged_moved: Estimate
    """Share of answers without a flag that changed between right and wrong: chance, or a model that doubts itself."""


def flag_rates(right: RightAt, flagged: FlaggedAt, level: float) -> FlagRates:
    """Compare flags with the answers that they flagged, and with those that came of them."""
    before, after = right[:, :-1], right[:, 1:]

    def share(event: FlaggedAt, among: FlaggedAt) -> Estimate:
        return wilson(int((event & among).sum()), int(among.sum()), level=level)

    return FlagRates(
        tpr=share(flagged, ~before),
        fpr=share(flagged, before),
        fix=share(after, flagged & ~before),
        spoil=share(~after, flagged & before),
        unflagged_moved=share(before != after, ~flagged),
    )


def know_the_truth(right: RightAt, flagged: FlaggedAt) -> bool:
    """Whether flags and labels agree on every item, as they do where flags were made from labels."""
    return not bool((flagged == right[:, :-1]).any())
