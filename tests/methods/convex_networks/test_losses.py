"""Losses: values by hand, extremes without overflow, intercepts where scores are large, proximal maps, torch."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from consilience.methods.convex_networks.losses import Logistic, Loss, Softmax, Squared

LOSSES = [Squared(), Logistic(), Softmax()]


def targets(loss: Loss, generator: np.random.Generator, n: int) -> np.ndarray:
    if isinstance(loss, Squared):
        return generator.standard_normal((n, 2))
    hard = np.eye(3)[generator.integers(3, size=n)]
    return hard[:, :1] if isinstance(loss, Logistic) else hard


def test_values_by_hand() -> None:
    assert Squared().value(np.array([[3.0, 1.0]]), np.array([[1.0, 1.0]])).tolist() == [2.0]
    assert Logistic().value(np.array([[0.0]]), np.array([[0.3]]))[0] == pytest.approx(np.log(2))
    assert Softmax().value(np.zeros((1, 4)), np.eye(4)[:1])[0] == pytest.approx(np.log(4))


@pytest.mark.parametrize("score", [-1000.0, 1000.0])
def test_extremes_do_not_overflow(score: float) -> None:
    for loss in (Logistic(), Softmax()):
        prediction = np.array([[score]]) if isinstance(loss, Logistic) else np.array([[score, 0.0]])
        target = np.array([[1.0]]) if isinstance(loss, Logistic) else np.array([[1.0, 0.0]])
        assert loss.value(prediction, target)[0] == pytest.approx(max(-score, 0.0))
        assert np.isfinite(loss.gradient(prediction, target)).all()
        assert loss.conjugate(loss.gradient(prediction, target), target)[0] == pytest.approx(0.0, abs=1e-12)


def test_two_scores_of_softmax_are_one_of_logistic() -> None:
    generator = np.random.default_rng(0)
    scores, positive = generator.standard_normal((6, 1)), generator.random((6, 1))
    pair, shares = np.hstack([0 * scores, scores]), np.hstack([1 - positive, positive])
    np.testing.assert_allclose(Softmax().value(pair, shares), Logistic().value(scores, positive))
    np.testing.assert_allclose(Softmax().gradient(pair, shares)[:, 1:], Logistic().gradient(scores, positive))


@pytest.mark.parametrize("loss", [Logistic(), Softmax()], ids=["logistic", "softmax"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@given(seed=st.integers(0, 2**32 - 1), size=st.floats(-1, 2))
def test_intercepts_at_any_scale_of_scores(loss: Loss, dtype: type, seed: int, size: float) -> None:
    """Saturated scores leave a Hessian of zeros; Newton's method alone does not move or flies off."""
    generator = np.random.default_rng(seed)
    n = int(generator.integers(1, 30))
    target = targets(loss, generator, n).astype(dtype)
    weights = generator.uniform(0.1, 4.0, n).astype(dtype)
    prediction = (10.0**size * generator.standard_normal(target.shape)).astype(dtype)
    start = (10.0 * generator.standard_normal(target.shape[1])).astype(dtype)
    intercept = loss.intercept(prediction, target, weights, start)
    assert intercept.dtype == dtype
    slope = weights @ loss.gradient(prediction + intercept, target) / weights.sum()
    assert np.abs(slope).max() <= 100 * np.finfo(dtype).eps


@pytest.mark.parametrize("loss", LOSSES, ids=["squared", "logistic", "softmax"])
@given(seed=st.integers(0, 2**32 - 1), size=st.floats(-2, 1.5))
def test_proximal_map_is_stationary(loss: Loss, seed: int, size: float) -> None:
    """At p = prox(z): step * gradient(p) + p = z."""
    generator = np.random.default_rng(seed)
    target = targets(loss, generator, 5)
    point = 10.0**size * generator.standard_normal(target.shape)
    step = generator.uniform(0.05, 20.0, 5)
    found = loss.prox(point, target, step, np.zeros_like(point))
    back = step[:, None] * loss.gradient(found, target) + found
    np.testing.assert_allclose(back, point, atol=1e-8 * (1 + np.abs(point).max()))


@pytest.mark.parametrize("loss", LOSSES, ids=["squared", "logistic", "softmax"])
def test_torch_says_the_same(loss: Loss) -> None:
    torch = pytest.importorskip("torch", reason="tensors need torch: install consilience[torch]")
    generator = np.random.default_rng(0)
    target, weights = targets(loss, generator, 9), generator.uniform(0.5, 2.0, 9)
    prediction, start = 3 * generator.standard_normal(target.shape), np.zeros(target.shape[1])
    arrays = prediction, target, weights, start
    f, y, w, t = (torch.tensor(array) for array in arrays)
    residual = loss.gradient(prediction, target)
    np.testing.assert_allclose(loss.gradient(f, y), residual, atol=1e-15)
    np.testing.assert_allclose(loss.value(f, y), loss.value(prediction, target))
    np.testing.assert_allclose(loss.conjugate(torch.tensor(residual), y), loss.conjugate(residual, target), atol=1e-14)
    np.testing.assert_allclose(loss.intercept(f, y, w, t), loss.intercept(*arrays), atol=1e-12)


@pytest.mark.parametrize("loss", [Logistic(), Softmax()], ids=["logistic", "softmax"])
def test_a_proximal_map_in_single_precision_stops_at_its_rounding(loss: Loss, monkeypatch: pytest.MonkeyPatch) -> None:
    generator = np.random.default_rng(0)
    target = targets(loss, generator, 50)
    point = 3.0 * generator.standard_normal(target.shape)
    step = generator.uniform(0.1, 3.0, 50)
    exact = loss.prox(point, target, step, point)
    calls = []
    slope = type(loss).gradient
    monkeypatch.setattr(type(loss), "gradient", lambda *given: calls.append(given) or slope(*given))
    single = loss.prox(*(array.astype(np.float32) for array in (point, target, step, point)))
    assert len(calls) < 10
    assert single.dtype == np.float32
    np.testing.assert_allclose(single, exact, atol=2e-5)
