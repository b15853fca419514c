import numpy as np
import pytest

from consilience.methods.convex_networks import selection
from consilience.methods.convex_networks.canonical import canonical_samples
from consilience.methods.convex_networks.fitting import Settings, fit_network, prepare
from consilience.methods.convex_networks.selection import LinearComparison, select_alpha

RATIOS = (1e-3, 1e-2, 1e-1, 1.0, 10.0)


def _choose(x: np.ndarray, y: np.ndarray, **settings: object) -> selection.Selection:
    samples = canonical_samples(x, y[:, None], np.ones(len(x)))
    fitted = Settings(n_gates=60, **settings)
    generator = np.random.default_rng(0)
    return select_alpha(prepare(samples, fitted, generator), fitted, RATIOS, generator, classifies=False)


def test_a_linear_truth_needs_no_gates_and_a_crossed_one_does() -> None:
    rng = np.random.default_rng(1)
    x = rng.standard_normal((300, 3))
    noise = 0.5 * rng.standard_normal(300)
    assert _choose(x, x @ [1.0, -2.0, 0.5] + noise).linear.linear_is_enough
    crossed = _choose(x, np.sign(x[:, 0] * x[:, 1]) + noise)
    assert not crossed.linear.linear_is_enough
    assert crossed.linear.network_error < crossed.linear.linear_error


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
        network_error=1.0 + difference, linear_error=1.0, difference=difference, standard_error=0.1
    )
    assert compared.linear_is_enough is enough
