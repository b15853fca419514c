"""Newton's method against a general minimiser, far starts, and orders that no finite answer explains best."""

import numpy as np
import pytest
from scipy.optimize import minimize

torch = pytest.importorskip("torch", reason="the torch extra is not installed")

from consilience.methods.self_correction.likelihood import MaximumLikelihood, fit_plackett_luce  # noqa: E402
from consilience.methods.self_correction.ranking import NegativeSquare, plackett_luce  # noqa: E402
from consilience.methods.self_correction.sequences import IsotropicAnswers, LineAnswers  # noqa: E402


def draw(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_it_agrees_with_scipy() -> None:
    features, offsets, rewards = draw(3, 40, 4), draw(3, 40, seed=1), draw(3, 40, seed=2)
    fit = fit_plackett_luce(features, offsets, rewards)
    assert fit.exists.all()
    for sequence in range(3):

        def loss(weights: np.ndarray, at: int = sequence) -> float:
            utilities = features[at] @ torch.from_numpy(weights) + offsets[at]
            return float(plackett_luce(utilities, rewards[at]))

        expected = minimize(loss, np.zeros(4), tol=1e-12)
        assert fit.weights[sequence].tolist() == pytest.approx(expected.x.tolist(), abs=1e-4)
        assert loss(fit.weights[sequence].numpy()) <= expected.fun + 1e-10


def test_the_gradient_vanishes_there() -> None:
    contexts = IsotropicAnswers().draw(5, 60, torch.Generator().manual_seed(0)).double()
    answers = MaximumLikelihood()(contexts).requires_grad_()
    plackett_luce(NegativeSquare()(answers[:, None], contexts.responses)[:, 0], contexts.rewards).sum().backward()
    assert float(answers.grad.abs().max()) < 1e-9


@pytest.mark.parametrize("shift", [0.0, 30.0])
def test_a_far_start_loses_no_way(shift) -> None:
    """Utilities that differ by thousands at the start leave a Hessian of zeros up to rounding."""
    contexts = IsotropicAnswers(around="target").draw(64, 80, torch.Generator().manual_seed(5)).double()
    responses = contexts.responses + shift
    fit = fit_plackett_luce(2 * responses, -responses.square().sum(dim=-1), contexts.rewards)
    assert fit.exists.all()
    torch.testing.assert_close(fit.weights, MaximumLikelihood()(contexts) + shift, atol=1e-6, rtol=0)


def test_where_the_order_can_be_had_by_going_on_there_is_no_maximum() -> None:
    contexts = LineAnswers().draw(8, 6, torch.Generator().manual_seed(0)).double()
    assert MaximumLikelihood()(contexts).isnan().all()
    fit = fit_plackett_luce(
        torch.tensor([[[0.0], [1.0], [2.0]]]).double(),
        torch.zeros(1, 3).double(),
        torch.tensor([[0.0, 1.0, 2.0]]).double(),
    )
    assert not fit.exists.any()
    assert fit.weights.isfinite().all()


def test_a_direction_that_answers_do_not_span_is_left_alone() -> None:
    features = torch.cat([draw(2, 30, 2), torch.zeros(2, 30, 1).double()], dim=2)
    fit = fit_plackett_luce(features, torch.zeros(2, 30).double(), draw(2, 30, seed=1))
    assert fit.exists.all()
    assert not fit.weights[:, 2].any()


def test_too_few_steps_are_said() -> None:
    assert not fit_plackett_luce(draw(3, 40, 4), draw(3, 40, seed=1), draw(3, 40, seed=2), steps=1).exists.any()
