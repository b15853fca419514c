"""Whether the estimator's word can be trusted: tables drawn from known rates, its intervals and its advice counted."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool

from consilience.ground import Measurement, Streams, Table
from consilience.methods.self_correction.config import Config
from consilience.methods.self_correction.paying import Payoff, payoff
from consilience.methods.self_correction.rounds import Rounds

__all__ = ["estimating"]

COST_PER_CALL = 0.005
"""A round of two calls costs a point of accuracy."""


@dataclass(frozen=True)
class _Case:
    """Known rates, and how large a table of them is."""

    name: str
    start: float
    model: Rounds
    items: int
    made: int = 1

    @property
    def gain(self) -> float:
        return self.model.gain(self.model.after(self.start, self.made))

    @property
    def pays(self) -> bool:
        return self.gain > 2 * COST_PER_CALL


CASES = (
    _Case("a good critic", 0.6, Rounds(0.4, 0.05), 100),
    _Case("a good critic, few items", 0.6, Rounds(0.4, 0.05), 30),
    _Case("little left to fix", 0.9, Rounds(0.5, 0.05), 100),
    _Case("little left to fix, many items", 0.9, Rounds(0.5, 0.05), 1000),
    _Case("a strong model, a poor critic", 0.9, Rounds(0.2, 0.1), 200),
    _Case("few broken so far", 0.7, Rounds(0.1, 0.01), 60),
    _Case("three rounds made", 0.4, Rounds(0.3, 0.05), 100, 3),
)


def estimating(config: Config, streams: Streams) -> tuple[Table, tuple[Measurement, ...]]:
    """Draw tables, ask of each whether another round pays, and count what was true.

    The baseline is what people do without a model: go on if the last round raised accuracy.

    Parameters
    ----------
    config : Config
        Its ``rounds_tables``.
    streams : Streams

    Returns
    -------
    tuple of Table and measurements
        The measurements have no bar: they are what to expect of the estimator.
    """
    rows = [_row(case, config.rounds_tables, streams.generator(case.name)) for case in CASES]
    tables = config.rounds_tables * len(CASES)
    wrong, naive = sum(row[6] for row in rows), sum(row[8] for row in rows)
    table = Table(
        title="Whether another round pays: advice from tables with known rates",
        columns=(
            "rates",
            "items",
            "true gain, points",
            "pays",
            "does not",
            "cannot tell",
            "of these wrong",
            "intervals that hold it, %",
            "wrong by 'accuracy rose'",
        ),
        rows=tuple(rows),
        note=f"{config.rounds_tables} tables a row; a round costs {200 * COST_PER_CALL:g} point; 95 % intervals.",
    )
    return table, (
        Measurement(
            name="wrong advice of the estimator",
            value=100 * wrong / tables,
            unit="%",
            note=f"of {tables} tables; it may say that it cannot tell",
        ),
        Measurement(
            name="wrong advice of 'go on if accuracy rose'",
            value=100 * naive / tables,
            unit="%",
            note="on the same tables; it always advises",
        ),
        Measurement(
            name="lowest share of intervals that hold the next gain",
            value=min(row[7] for row in rows),
            unit="%",
            note="over the rows of the table; the nominal level is 95 %",
        ),
    )


def _row(case: _Case, tables: int, rng: np.random.Generator) -> tuple[str, int, float, int, int, int, int, float, int]:
    drawn = [_table(case, rng) for _ in range(tables)]
    found = [payoff(table, cost_per_call=COST_PER_CALL) for table in drawn]
    answers = [each.answer for each in found]
    held = sum(each.next_gain.low <= case.gain <= each.next_gain.high for each in found)
    rose = [bool(table[:, -1].sum() > table[:, -2].sum()) for table in drawn]
    return (
        case.name,
        case.items,
        round(100 * case.gain, 2),
        answers.count("pays"),
        answers.count("does not pay"),
        answers.count("cannot tell"),
        sum(_is_wrong(each, case) for each in found),
        round(100 * held / tables, 1),
        sum(each != case.pays for each in rose),
    )


def _is_wrong(found: Payoff, case: _Case) -> bool:
    return found.answer != "cannot tell" and (found.answer == "pays") != case.pays


def _table(case: _Case, rng: np.random.Generator) -> Bool[np.ndarray, "item state"]:
    states = [rng.random(case.items) < case.start]
    for _ in range(case.made):
        chance = rng.random(case.items)
        states.append(np.where(states[-1], chance >= case.model.damage, chance < case.model.repair))
    return np.column_stack(states)
