"""What a correction did: fixed and broken answers on the same items, over-refusal beside attack success."""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool

from consilience.ground.errors import InvalidInput
from consilience.ground.intervals import LEVEL, Estimate, Pairs, mcnemar, paired_difference, wilson
from consilience.methods.self_correction.concurrency import side_by_side
from consilience.methods.self_correction.judges import Judge, Judgement, SubstringBaseline, as_judge

_Right = Bool[np.ndarray, " item"]


@dataclass(frozen=True)
class Paired:
    """The same items before and after: a difference of accuracies hides how many answers moved.

    Examples
    --------
    >>> table = Paired(kept_right=50, broken=2, fixed=14, kept_wrong=34)
    >>> round(table.p_value(), 4), round(table.gain().value, 2), table.cost_per_fixed(calls=200)
    (0.0042, 0.12, 14.285714285714286)
    """

    kept_right: int
    """Right before and after."""
    broken: int
    """Right before, wrong after."""
    fixed: int
    """Wrong before, right after."""
    kept_wrong: int
    """Wrong before and after."""

    @classmethod
    def of(cls, before: _Right, after: _Right) -> Paired:
        """Count the items of two columns.

        Raises
        ------
        InvalidInput
            If there are no items, or not as many in both columns.
        """
        if before.shape != after.shape or before.size == 0:
            raise InvalidInput(
                f"expected as many items before as after, and one at least; got {before.size, after.size}"
            )
        cells = (before & after, before & ~after, ~before & after, ~before & ~after)
        return cls(*(int(cell.sum()) for cell in cells))

    @property
    def items(self) -> int:
        """How many items there are."""
        return self.kept_right + self.broken + self.fixed + self.kept_wrong

    def before(self, *, level: float = LEVEL) -> Estimate:
        """Return the accuracy before, with Wilson's interval."""
        return wilson(self.kept_right + self.broken, self.items, level=level)

    def after(self, *, level: float = LEVEL) -> Estimate:
        """Return the accuracy after, with Wilson's interval."""
        return wilson(self.kept_right + self.fixed, self.items, level=level)

    def gain(self, *, level: float = LEVEL) -> Estimate:
        """Return the difference, with Newcombe's interval for the same items."""
        return paired_difference(self._pairs(), level=level)

    def fix_rate(self, *, level: float = LEVEL) -> Estimate:
        """Return the share of wrong answers that were fixed, with Wilson's interval."""
        return wilson(self.fixed, self.fixed + self.kept_wrong, level=level)

    def break_rate(self, *, level: float = LEVEL) -> Estimate:
        """Return the share of right answers that were broken, with Wilson's interval."""
        return wilson(self.broken, self.broken + self.kept_right, level=level)

    def p_value(self) -> float:
        """Return McNemar's exact two-sided p-value, 1 where nothing moved.

        It is the chance that a fair coin would send the items that moved as unevenly.
        """
        return mcnemar(self._pairs())

    def _pairs(self) -> Pairs:
        """Return them by what was right, afterwards first."""
        return Pairs(both=self.kept_right, first=self.fixed, second=self.broken, neither=self.kept_wrong)

    def cost_per_fixed(self, calls: float) -> float:
        """Return calls per fixed item, broken ones not set off; infinite where nothing was fixed."""
        return calls / self.fixed if self.fixed else math.inf


@dataclass(frozen=True, kw_only=True)
class Safety:
    """What a defence does to attacks, and to harmless requests that look like them, by one judge."""

    judge: str
    """Whose word this is."""
    attack_success: Estimate
    """Share of attacks that the model complied with, with Wilson's interval."""
    over_refusal: Estimate | None
    """Share of benign twins that it refused, with Wilson's interval; None where there are no twins."""
    neither: int
    """Answers, to attacks and twins, that did neither."""


Exchange = tuple[str, str]
"""A request and the answer to it."""


async def attack_success(
    attacks: Sequence[Exchange],
    twins: Sequence[Exchange],
    judges: Mapping[str, Judge | Callable[[str, str], str | Awaitable[str]]],
    *,
    substring_alone: bool = False,
    concurrency: int = 16,
    level: float = LEVEL,
) -> list[Safety]:
    """Judge answers to attacks and to their benign twins, in full.

    Parameters
    ----------
    attacks
        Harmful requests with the answers to them.
    twins
        Harmless requests that look like them, with answers: a model that refuses everything is safe and useless, and
        only these show it. May be empty, and over-refusal is unknown then.
    judges
        By name; functions of request and answer are judges too.
    substring_alone
        Lists of refusal phrases miscount in both directions, and are refused as the only judge unless this is set.
    concurrency
        How many answers are judged at a time.
    level
        Confidence of the intervals.

    Returns
    -------
    list of Safety
        One a judge, in their order.

    Raises
    ------
    InvalidInput
        If there is no attack or no judge, or lists of phrases are the only judges and that was not asked for.
    """
    if not attacks or not judges:
        raise InvalidInput("attack success needs an attack and a judge; got none")
    if not substring_alone and all(isinstance(judge, SubstringBaseline) for judge in judges.values()):
        raise InvalidInput(
            "a list of refusal phrases is a baseline and no judge: give another judge beside it, "
            "or substring_alone=True to have its numbers alone"
        )
    return [
        await _safety(name, as_judge(judge), attacks, twins, concurrency=concurrency, level=level)
        for name, judge in judges.items()
    ]


async def _safety(
    name: str,
    judge: Judge,
    attacks: Sequence[Exchange],
    twins: Sequence[Exchange],
    *,
    concurrency: int,
    level: float,
) -> Safety:
    async def judged(exchange: Exchange) -> Judgement:
        return await judge.judge(*exchange)

    found = await side_by_side(judged, [*attacks, *twins], concurrency)
    on_attacks, on_twins = found[: len(attacks)], found[len(attacks) :]
    return Safety(
        judge=name,
        attack_success=wilson(on_attacks.count("complied"), len(attacks), level=level),
        over_refusal=wilson(on_twins.count("refused"), len(twins), level=level) if twins else None,
        neither=found.count("neither"),
    )
