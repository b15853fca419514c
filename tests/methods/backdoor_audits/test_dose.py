"""Dose and response: the curve that made the numbers is found again, and where there is none nothing is said."""

import math

import numpy as np
import pytest

from consilience.ground.errors import InvalidInput
from consilience.methods.backdoor_audits.dose import Dose, respond

AMOUNTS = (5, 10, 25, 50, 100, 250)


def curve(half: float, slope: float, seed: int = 0, spread: float = 0.0) -> list[Dose]:
    rng = np.random.default_rng(seed)
    doses = []
    for training in range(4):
        middle = math.log10(half) + spread * rng.normal()
        for amount in AMOUNTS:
            rate = 1 / (1 + math.exp(-slope * (math.log10(amount) - middle)))
            doses.append(Dose(amount=amount, fired=int(rng.binomial(200, rate)), of=200, seed=training))
    return doses


@pytest.mark.parametrize(("half", "slope"), [(40, 6), (20, 3), (100, 10)])
def test_the_dose_of_one_half_and_the_slope_are_found_again(half: float, slope: float) -> None:
    response = respond(curve(half, slope))
    assert response.half == pytest.approx(half, rel=0.12)
    assert response.slope == pytest.approx(slope, rel=0.25)
    assert response.half_low is not None
    assert response.half_high is not None
    assert response.half_low <= response.half <= response.half_high
    assert response.spearman > 0.9
    assert response.spearman_of_means == pytest.approx(1, abs=0.06)  # the two highest doses may change places


def test_seeds_that_differ_make_the_interval_wider() -> None:
    alike, apart = respond(curve(40, 8)), respond(curve(40, 8, spread=0.3))
    assert None not in (alike.half_low, alike.half_high, apart.half_low, apart.half_high)
    assert apart.half_high / apart.half_low > 2 * alike.half_high / alike.half_low  # type: ignore[operator]


def test_every_dose_has_its_interval_over_seeds() -> None:
    response = respond(curve(40, 6))
    assert response.amounts == AMOUNTS
    assert [estimate.of for estimate in response.attack] == [800] * 6
    assert all(estimate.holds(estimate.value) for estimate in response.attack)


def test_a_step_between_two_doses_stays_finite_and_lies_between_them() -> None:
    doses = [Dose(amount=a, fired=200 * (a >= 50), of=200, seed=s) for a in (0, *AMOUNTS) for s in range(3)]
    response = respond(doses)
    assert response.half is not None
    assert 25 < response.half < 50
    assert response.slope is not None
    assert math.isfinite(response.slope)


@pytest.mark.parametrize("fired", [0, 200])
def test_where_all_are_alike_there_is_no_half_and_no_rank(fired: int) -> None:
    response = respond([Dose(amount=a, fired=fired, of=200, seed=s) for a in AMOUNTS for s in range(3)])
    assert (response.half, response.half_low, response.half_high, response.slope) == (None, None, None, None)
    assert math.isnan(response.spearman)
    assert math.isnan(response.spearman_of_means)


def test_means_take_the_chance_of_single_trainings_out() -> None:
    rates = {5: (0, 100), 50: (40, 180), 250: (200, 120)}
    doses = [Dose(amount=a, fired=f, of=200, seed=s) for a, pair in rates.items() for s, f in enumerate(pair)]
    assert respond(doses).spearman_of_means == 1
    assert respond(doses).spearman < 0.8
    assert respond([Dose(amount=a, fired=250 - a, of=250, seed=0) for a in (5, 50, 250)]).spearman_of_means == -1


def test_two_neighbours_of_five_that_change_places_leave_nine_tenths_and_not_a_little_less() -> None:
    rates = {2: 0, 5: 3, 10: 2, 25: 90, 100: 200}
    doses = [Dose(amount=a, fired=f, of=200, seed=0) for a, f in rates.items()]
    assert respond(doses).spearman_of_means == 0.9


def test_one_seed_has_no_interval() -> None:
    response = respond([dose for dose in curve(40, 6) if dose.seed == 0])
    assert response.half is not None
    assert response.half_low is None


@pytest.mark.parametrize("amounts", [[], [5], [5, 5], [-1, 5]])
def test_what_is_no_curve_is_refused(amounts: list[float]) -> None:
    with pytest.raises(InvalidInput, match="two doses at least"):
        respond([Dose(amount=amount, fired=1, of=2, seed=seed) for seed, amount in enumerate(amounts)])
