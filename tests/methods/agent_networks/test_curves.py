import numpy as np
import pytest
from scipy.optimize import curve_fit

from consilience.ground.errors import InvalidInput
from consilience.methods.agent_networks.curves import CURVES, fit, left_out_error

AGENTS = 2.0 ** np.arange(8)
BY_NAME = {curve.name: curve for curve in CURVES}
DRAWN = {
    "logistic": (0.1, 0.8, (3.3, 1.4)),
    "log-linear": (0.2, 0.05, ()),
    "saturating exponential": (0.1, 0.7, (4.2,)),
    "power": (0.05, 0.1, (0.43,)),
}


def values(name):
    delta, gamma, others = DRAWN[name]
    return delta + gamma * BY_NAME[name].shape(AGENTS, *others)


@pytest.mark.parametrize("name", DRAWN)
def test_a_curve_finds_itself_and_wins(name):
    delta, gamma, others = DRAWN[name]
    found = fit(BY_NAME[name], AGENTS, values(name))
    assert (found.delta, found.gamma, *found.others) == pytest.approx((delta, gamma, *others), rel=1e-3, abs=1e-4)
    assert found(AGENTS) == pytest.approx(values(name), abs=1e-5)
    noisy = values(name) + 2e-3 * np.random.default_rng(1).standard_normal(len(AGENTS))
    sizes = np.geomspace(1, 128, 40)
    many = DRAWN[name][0] + DRAWN[name][1] * BY_NAME[name].shape(sizes, *others)
    many = many + 2e-3 * np.random.default_rng(2).standard_normal(len(sizes))
    assert min(CURVES, key=lambda curve: fit(curve, sizes, many).aicc).name == name
    assert left_out_error(BY_NAME[name], AGENTS, noisy) < 0.03


def test_a_logistic_is_that_of_scipy():
    y = np.array([0.122, 0.136, 0.226, 0.457, 0.799, 0.977, 0.986, 0.985])
    theirs, _ = curve_fit(
        lambda n, d, g, a, b: d + g / (1 + np.exp(-b * (np.log2(n) - a))), AGENTS, y, (0.1, 0.9, 3, 1)
    )
    mine = fit(CURVES[0], AGENTS, y)
    assert (mine.delta, mine.gamma, *mine.others) == pytest.approx(theirs, rel=2e-3)


@pytest.mark.parametrize("curve", CURVES, ids=lambda curve: curve.name)
def test_fits_are_no_worse_than_any_nearby(curve):
    y = 0.2 + 0.6 * np.random.default_rng(0).random(len(AGENTS)).cumsum() / len(AGENTS)
    found = fit(curve, AGENTS, y)
    assert found.squares == pytest.approx(np.square(found(AGENTS) - y).sum())
    for step in (-1e-3, 1e-3):
        for changed in range(len(found.others)):
            others = [other + step * (at == changed) for at, other in enumerate(found.others)]
            design = np.stack([np.ones_like(AGENTS), curve.shape(AGENTS, *others)], axis=1)
            _, squares, *_ = np.linalg.lstsq(design, y, rcond=None)
            inside = all(low <= other <= high for other, (low, high) in zip(others, curve.spans, strict=True))
            assert not inside or squares.sum() >= found.squares - 1e-9


def test_aicc_counts_the_noise_and_is_infinite_where_it_cannot_correct():
    found = fit(BY_NAME["log-linear"], AGENTS, values("logistic"))
    assert found.aicc == pytest.approx(8 * np.log(found.squares / 8) + 6 + 24 / 4)
    assert fit(CURVES[0], AGENTS[:6], values("logistic")[:6]).aicc == np.inf
    assert fit(CURVES[0], AGENTS[:7], values("power")[:7]).aicc < np.inf


def test_what_is_left_out_is_not_looked_at():
    y = values("log-linear")
    y[-1] += 1.0
    assert left_out_error(BY_NAME["log-linear"], AGENTS, y) > 1 / np.sqrt(8)


def test_constant_quality_is_fitted_by_all():
    for curve in CURVES:
        assert fit(curve, AGENTS, np.full(8, 0.4))(AGENTS) == pytest.approx(np.full(8, 0.4))


@pytest.mark.parametrize(("agents", "quality"), [([1.0, 2.0], [0.1, 0.2]), ([1.0, 2.0, 2.0], [0.1, 0.2, 0.2])])
def test_too_few_sizes_are_refused(agents, quality):
    with pytest.raises(InvalidInput, match="3 numbers of agents"):
        fit(CURVES[0], np.array(agents), np.array(quality))
