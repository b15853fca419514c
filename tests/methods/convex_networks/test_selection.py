import numpy as np
import pytest

from consilience.methods.convex_networks import selection
from consilience.methods.convex_networks.canonical import canonical_samples
from consilience.methods.convex_networks.fitting import fit_network
from consilience.methods.convex_networks.problem import Settings, prepare
from consilience.methods.convex_networks.selection import LinearComparison, select_alpha

RATIOS = (1e-3, 1e-2, 1e-1, 1.0, 10.0)


def _choose(x: np.ndarray, y: np.ndarray, *, classifies: bool = False) -> selection.Selection:
    samples = canonical_samples(x, y.reshape(len(x), -1), np.ones(len(x)))
    settings = Settings(n_gates=60)
    generator = np.random.default_rng(0)
    return select_alpha(prepare(samples, settings, generator), settings, RATIOS, generator, classifies=classifies)


def test_a_linear_truth_needs_no_gates_and_a_crossed_one_does() -> None:
    rng = np.random.default_rng(1)
    x = rng.standard_normal((300, 3))
    noise = 0.5 * rng.standard_normal(300)
    assert _choose(x, x @ [1.0, -2.0, 0.5] + noise).linear.linear_is_enough
    crossed = _choose(x, np.sign(x[:, 0] * x[:, 1]) + noise)
    assert not crossed.linear.linear_is_enough
    assert crossed.linear.network_error < crossed.linear.linear_error


@pytest.mark.parametrize("outputs", [1, 2])
def test_classes_are_judged_by_log_loss(outputs: int) -> None:
    rng = np.random.default_rng(5)
    x = rng.standard_normal((300, 3))
    noise = 0.5 * rng.standard_normal(300)
    halves, quarters = x @ [1.0, -2.0, 0.5] + noise > 0, x[:, 0] * x[:, 1] + noise > 0
    straight, crossed = (
        _choose(x, np.eye(2)[label.astype(int)] if outputs == 2 else 2.0 * label - 1.0, classifies=True).linear
        for label in (halves, quarters)
    )
    assert straight.measure == crossed.measure == "log loss"
    assert straight.linear_is_enough
    assert not crossed.linear_is_enough
    # A linear model of the quarters of a plane knows about as much as a coin.
    assert crossed.linear_error == pytest.approx(np.log(2.0), abs=0.02)
    assert crossed.difference == pytest.approx(crossed.network_error - crossed.linear_error)


def test_classes_change_the_verdict_and_not_the_penalty() -> None:
    rng = np.random.default_rng(6)
    x = rng.standard_normal((150, 2))
    y = np.where(x[:, 0] + rng.standard_normal(150) > 0, 1.0, -1.0)
    numbers, classes = _choose(x, y), _choose(x, y, classifies=True)
    assert (numbers.linear.measure, classes.linear.measure) == ("squared error", "log loss")
    assert numbers.ratio == classes.ratio
    np.testing.assert_array_equal(numbers.errors, classes.errors)


def test_two_columns_that_mirror_each_other_say_what_one_says() -> None:
    rng = np.random.default_rng(7)
    x = rng.standard_normal((120, 2))
    positive = x[:, 0] + 0.5 * rng.standard_normal(120) > 0
    one = _choose(x, 2.0 * positive - 1.0, classifies=True).linear
    two = _choose(x, np.eye(2)[positive.astype(int)], classifies=True).linear
    assert two.network_error == pytest.approx(one.network_error, rel=1e-5)
    assert two.difference == pytest.approx(one.difference, rel=1e-4, abs=1e-6)


def test_pure_noise_on_repeated_rows_is_an_error() -> None:
    chosen = _choose(np.array([[0.0], [0.0], [1.0], [1.0]]), np.array([0.0, 2.0, 0.0, 2.0]))
    np.testing.assert_allclose(chosen.errors, 1.0)
    assert chosen.linear.network_error == pytest.approx(1.0)
    assert chosen.linear.linear_error == pytest.approx(1.0)


@pytest.mark.parametrize("limit", [40, 4000])
def test_noise_between_repeated_rows_is_added_to_squared_errors_and_moves_no_choice(
    limit: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(selection, "PATH_SAMPLES", limit)
    rng = np.random.default_rng(8)
    x = np.repeat(rng.standard_normal((60, 2)), 2, axis=0)
    y = np.repeat(np.abs(rng.standard_normal((60, 2))), 2, axis=0)
    apart = np.tile([[0.7, -0.2], [-0.7, 0.2]], (60, 1))
    still, noisy = _choose(x, y), _choose(x, y + apart)
    np.testing.assert_allclose(noisy.errors, still.errors + 0.53, rtol=1e-9)
    assert noisy.ratio == still.ratio
    assert noisy.linear.network_error == pytest.approx(still.linear.network_error + 0.53)
    assert noisy.linear.linear_error == pytest.approx(still.linear.linear_error + 0.53)
    assert noisy.linear.difference == pytest.approx(still.linear.difference)
    assert noisy.linear.standard_error == pytest.approx(still.linear.standard_error)


def test_more_noise_asks_for_a_larger_penalty() -> None:
    rng = np.random.default_rng(2)
    x = rng.standard_normal((200, 3))
    truth, noise = np.abs(x[:, 0]), rng.standard_normal(200)
    assert _choose(x, truth + 1e-3 * noise).ratio < _choose(x, truth + 2.0 * noise).ratio


def test_the_chosen_candidate_has_the_smallest_error_and_its_fit_is_the_plain_one() -> None:
    rng = np.random.default_rng(3)
    x = rng.standard_normal((100, 2))
    y = np.abs(x[:, 0]) + 0.1 * rng.standard_normal(100)
    chosen = _choose(x, y)
    assert chosen.ratio == RATIOS[int(np.argmin(chosen.errors))]
    samples = canonical_samples(x, y[:, None], np.ones(100))
    settings = Settings(n_gates=60, alpha_ratio=chosen.ratio)
    problem = prepare(samples, settings, np.random.default_rng(0))
    plain = fit_network(problem, settings, classifies=False, generator=np.random.default_rng(0))
    np.testing.assert_allclose(chosen.fit.network.decision(x), plain.network.decision(x), atol=1e-8)


def test_many_samples_are_scored_on_a_part_and_fitted_in_full(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(selection, "PATH_SAMPLES", 80)
    rng = np.random.default_rng(4)
    x = rng.standard_normal((200, 2))
    chosen = _choose(x, np.abs(x[:, 0]))
    assert chosen.fit.network.decision(x).shape == (200, 1)
    assert np.mean((chosen.fit.network.decision(x)[:, 0] - np.abs(x[:, 0])) ** 2) < 0.02


@pytest.mark.parametrize(("difference", "enough"), [(0.1, True), (-0.01, True), (-0.3, False)])
def test_one_standard_error_decides(difference: float, enough: bool) -> None:
    compared = LinearComparison(
        measure="squared error",
        network_error=1.0 + difference,
        linear_error=1.0,
        difference=difference,
        standard_error=0.1,
    )
    assert compared.linear_is_enough is enough
