"""The estimator: its answer, when it declines, and what it warns of. How often it errs is counted in its study."""

import math

import numpy as np
import pytest

from consilience.ground import InvalidInput
from consilience.methods.self_correction.paying import payoff


def table(kept_right: int, broken: int, fixed: int, kept_wrong: int) -> np.ndarray:
    before = np.repeat([True, True, False, False], [kept_right, broken, fixed, kept_wrong])
    after = np.repeat([True, False, True, False], [kept_right, broken, fixed, kept_wrong])
    return np.column_stack([before, after])


@pytest.mark.parametrize(
    ("cells", "cost", "answer"),
    [
        ((40, 2, 30, 28), 0.0, "pays"),
        ((40, 2, 30, 28), 0.2, "does not pay"),
        ((80, 15, 2, 3), 0.0, "does not pay"),
        ((20, 2, 4, 4), 0.0, "cannot tell"),
        ((40, 0, 0, 60), 0.05, "does not pay"),
        ((100, 0, 0, 0), 0.01, "does not pay"),
    ],
)
def test_its_answer(cells, cost: float, answer: str) -> None:
    assert payoff(table(*cells), cost_per_call=cost, calls_per_round=1).answer == answer


def test_few_items_are_declined_whatever_they_show() -> None:
    found = payoff(table(0, 0, 9, 0))
    assert (found.answer, found.why) == ("cannot tell", "9 items are too few to say anything: label at least 10")


def test_more_items_are_asked_for_in_the_number_that_tells() -> None:
    found = payoff(table(20, 2, 4, 4))
    needed = int(found.why.partition("about ")[2].split()[0])
    assert found.answer == "cannot tell"
    times = math.ceil(needed / 30)
    assert payoff(np.repeat(table(20, 2, 4, 4), times, axis=0)).answer != "cannot tell"
    assert payoff(np.repeat(table(20, 2, 4, 4), max(times // 3, 1), axis=0)).answer == "cannot tell"


def test_a_tie_is_not_told_by_any_number() -> None:
    """After one round accuracy is where it will stay."""
    assert "any number of items" in payoff(table(40, 10, 10, 40)).why


def test_its_numbers_are_those_of_the_table() -> None:
    found = payoff(table(40, 10, 30, 20))
    assert [estimate.value for estimate in found.accuracy] == [0.5, 0.7]
    assert (found.gain.value, found.repair.value, found.damage.value) == pytest.approx((0.2, 0.6, 0.2))
    assert found.next_gain.value == pytest.approx(0.6 * 0.3 - 0.2 * 0.7)
    assert found.limit.value == pytest.approx(0.75)
    assert found.limit.low < 0.75 < found.limit.high
    assert (found.flags, found.notes) == (None, ())


def test_flags_are_judged_against_what_they_flagged() -> None:
    right = table(40, 10, 30, 20)
    flagged = np.zeros(100, dtype=np.bool_)
    flagged[38:85] = True  # two kept right, ten broken, thirty fixed, five kept wrong
    flags = payoff(right, flagged[:, None]).flags
    assert flags.tpr.value == pytest.approx(35 / 50)
    assert flags.fpr.value == pytest.approx(12 / 50)
    assert flags.fix.value == pytest.approx(30 / 35)
    assert flags.spoil.value == pytest.approx(10 / 12)
    assert (flags.unflagged_moved.value, flags.unflagged_moved.of) == (0.0, 53)


def test_flags_that_know_the_truth_are_noticed() -> None:
    right = table(40, 10, 30, 20)
    assert "oracle stopping" in payoff(right, ~right[:, :1]).notes[0]
    almost = ~right[:, :1]
    almost[0] = True
    assert payoff(right, almost).notes == ()


def chain(items: int, rates: list[tuple[float, float]], seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    states = [rng.random(items) < 0.4]
    for repair, damage in rates:
        chance = rng.random(items)
        states.append(np.where(states[-1], chance >= damage, chance < repair))
    return np.column_stack(states)


def test_rounds_that_are_alike_are_taken_together() -> None:
    right = chain(400, [(0.3, 0.05)] * 4)
    found = payoff(right)
    assert found.notes == ()
    assert found.repair.of == int((~right[:, :-1]).sum())


def test_rounds_that_are_not_alike_are_noticed_and_the_last_one_counts() -> None:
    """The easy ones are fixed first: what a round gained at first is no forecast."""
    right = chain(400, [(0.6, 0.02), (0.05, 0.02)])
    found = payoff(right)
    assert "rounds are not alike" in found.notes[0]
    assert found.repair.value == pytest.approx(0.05, abs=0.05)
    assert found.repair.of == int((~right[:, 1]).sum())
    assert found.best_rounds >= 1


def test_swings_are_forecast_as_swings() -> None:
    found = payoff(chain(2000, [(0.9, 0.8), (0.9, 0.8)]))
    assert found.answer in {"pays", "does not pay"}
    assert np.sign(found.next_gain.value) == -np.sign(found.accuracy[2].value - found.accuracy[1].value)


def test_the_best_number_of_rounds_has_an_interval() -> None:
    found = payoff(chain(300, [(0.4, 0.03)]), cost_per_call=0.005)
    low, high = found.best_rounds_range
    assert 1 <= low <= found.best_rounds <= high <= 20
    assert payoff(chain(300, [(0.4, 0.03)]), cost_per_call=0.2).best_rounds == 0


@pytest.mark.parametrize(
    ("right", "flagged", "settings"),
    [
        (np.ones((20, 1), dtype=np.bool_), None, {}),
        (np.ones((0, 2), dtype=np.bool_), None, {}),
        (np.ones((20, 2), dtype=np.bool_), np.ones((20, 2), dtype=np.bool_), {}),
        (np.ones((20, 2), dtype=np.bool_), None, {"cost_per_call": -0.1}),
        (np.ones((20, 2), dtype=np.bool_), None, {"calls_per_round": 0.0}),
        (np.ones((20, 2), dtype=np.bool_), None, {"level": 95.0}),
        (np.ones((20, 2), dtype=np.bool_), None, {"cost_per_call": math.inf}),
    ],
)
def test_tables_and_costs_out_of_range_are_refused(right, flagged, settings) -> None:
    with pytest.raises(InvalidInput):
        payoff(right, flagged, **settings)


@pytest.mark.parametrize("seed", range(8))
def test_intervals_hold_their_values_on_any_table(seed: int) -> None:
    """A wrong answer that was always fixed puts the limit at one, where no draw is."""
    rng = np.random.default_rng(seed)
    for _ in range(8):
        items, states = int(rng.integers(1, 40)), int(rng.integers(2, 6))
        found = payoff(rng.random((items, states)) < rng.choice([0, 0.1, 0.6, 1], size=states))
        for estimate in (found.next_gain, found.limit, found.gain, *found.accuracy):
            assert math.isnan(estimate.value) or estimate.low <= estimate.value <= estimate.high
        low, high = found.best_rounds_range
        assert low <= found.best_rounds <= high
