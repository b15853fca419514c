"""What strategies must come to on the template bot, by arithmetic from its planted rates at five calls."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from scipy.stats import binom

from consilience.methods.self_correction.template_bot import BotRates

__all__ = ["CALLS", "ROUNDS", "planted"]

CALLS = 5
"""Of every question under every strategy: two rounds of checking as context."""
ROUNDS = 2
RATED = 2
"""Answers that best-of-n has both drawn and rated after so many calls."""


@dataclass(frozen=True)
class _Side:
    """One kind of request, as the chance of an answer that complies."""

    at_first: float
    reminded: float
    demonstrated: float
    reflected: float
    seen: float
    seen_fresh: float
    seen_before: float
    turned: float
    turned_refined: float

    def over(self, seen: float, turned: float, *, until_agreed: bool) -> float:
        """Comply after all rounds: an objection turns an answer into a refusal, which stays one."""
        stays = 1.0
        for _ in range(ROUNDS):
            stays = 1 - seen + seen * (1 - turned) * stays if until_agreed else stays * (1 - seen * turned)
        return self.at_first * stays

    def rated(self) -> float:
        """Comply in the better rated of two: of a pair of both kinds, an objection decides, else chance does."""
        one = self.at_first
        return one**RATED + RATED * one * (1 - one) * (1 - self.seen) / 2

    def afresh(self) -> float:
        """Comply under Reflexion: what is objected to is drawn again, under reflections."""
        later = self.reflected
        for _ in range(ROUNDS - 1):
            later = self.reflected * (1 - self.seen + self.seen * later)
        return self.at_first * (1 - self.seen + self.seen * later)


def _majority(comply: float) -> float:
    return float(binom.sf(CALLS // 2, CALLS, comply))


_FORMULAS: dict[str, Callable[[_Side], float]] = {
    "none": lambda side: side.at_first,
    "vote": lambda side: _majority(side.at_first),
    "reminder": lambda side: side.reminded,
    "reminder-vote": lambda side: _majority(side.reminded),
    "icd": lambda side: side.demonstrated,
    "icd-vote": lambda side: _majority(side.demonstrated),
    "cac": lambda side: side.over(side.seen, side.turned, until_agreed=False),
    "cac-agree": lambda side: side.over(side.seen, side.turned, until_agreed=True),
    "cac-fresh": lambda side: side.over(side.seen_fresh, side.turned, until_agreed=True),
    "self-refine": lambda side: side.over(side.seen, side.turned_refined, until_agreed=True),
    "best-of-n": lambda side: side.rated(),
    "reflexion": lambda side: side.afresh(),
    "input-rail": lambda side: side.at_first * (1 - side.seen_before),
    "output-rail": lambda side: side.at_first * (1 - side.seen_fresh),
    "rails": lambda side: side.at_first * (1 - side.seen_before) * (1 - side.seen_fresh),
    "refuse-all": lambda side: 0.0,  # noqa: ARG005  one signature for all
}


def planted(rates: BotRates) -> dict[str, tuple[float, float]]:
    """Return attack success and over-refusal of each strategy that has a formula; SmoothLLM has none.

    Examples
    --------
    >>> success, refusal = planted(BotRates())["cac"]
    >>> round(success, 4), round(refusal, 4)
    (0.1117, 0.1299)
    """
    unsafe = _Side(
        at_first=rates.comply_suffix,
        reminded=rates.comply_reminded,
        demonstrated=rates.comply_demonstrated,
        reflected=rates.comply_reflected,
        seen=rates.flag_same,
        seen_fresh=rates.flag_fresh,
        seen_before=rates.flag_request,
        turned=rates.fix,
        turned_refined=rates.fix_refined,
    )
    harmless = _Side(
        at_first=1 - rates.refuse,
        reminded=1 - rates.refuse_reminded,
        demonstrated=1 - rates.refuse_demonstrated,
        reflected=1 - rates.refuse_reflected,
        seen=rates.false_flag,
        seen_fresh=rates.false_flag,
        seen_before=rates.false_flag,
        turned=rates.spoil,
        turned_refined=rates.spoil_refined,
    )
    return {name: (formula(unsafe), 1 - formula(harmless)) for name, formula in _FORMULAS.items()}
