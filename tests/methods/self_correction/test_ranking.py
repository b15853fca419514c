"""Ranking losses against loops and known values, ties, zero vectors, and sizes that overflow."""

import math

import pytest

torch = pytest.importorskip("torch", reason="the torch extra is not installed")

from consilience.ground import InvalidInput  # noqa: E402
from consilience.methods.self_correction.ranking import (  # noqa: E402
    Cosine,
    ImplicitReward,
    NegativeSquare,
    bradley_terry,
    plackett_luce,
    plackett_luce_gradient,
    plackett_luce_over_prefixes,
    ranking,
    require_distinct,
)
from consilience.methods.self_correction.studies.losses import by_mask, double_loop  # noqa: E402


def draw(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.mark.parametrize("oracle", [double_loop, by_mask])
@pytest.mark.parametrize("ties", [False, True])
def test_all_prefixes_at_once_are_a_double_loop(oracle, ties) -> None:
    implicit, rewards = 5 * draw(6, 9, 9), draw(6, 9, seed=1)
    rewards = rewards.round() if ties else rewards
    assert ties == (len(rewards[0].unique()) < 9)
    torch.testing.assert_close(
        plackett_luce_over_prefixes(implicit, rewards), oracle(implicit, rewards), atol=1e-10, rtol=0
    )


def test_gradients_through_all_prefixes_are_the_closed_form_in_single_precision_too() -> None:
    for dtype, tolerance in ((torch.float64, 1e-12), (torch.float32, 1e-5)):
        implicit, rewards = draw(4, 7, 7).to(dtype).requires_grad_(), draw(4, 7, seed=1).to(dtype)
        plackett_luce_over_prefixes(implicit, rewards).sum().backward()
        for prefix in range(7):
            seen = slice(prefix + 1)
            expected = plackett_luce_gradient(implicit.detach()[:, prefix, seen], rewards[:, seen])
            torch.testing.assert_close(implicit.grad[:, prefix, seen], expected, atol=tolerance, rtol=0)


def test_a_known_value() -> None:
    """Chosen first with 3/6, then with 2/3: the logarithm of three."""
    implicit = torch.log(torch.tensor([1.0, 3.0, 2.0]))
    assert float(plackett_luce(implicit, torch.tensor([0.1, 0.9, 0.5]))) == pytest.approx(math.log(3))


def test_one_answer_costs_nothing() -> None:
    assert float(plackett_luce(torch.tensor([5.0]), torch.tensor([0.3]))) == 0


@pytest.mark.parametrize("scale", [1e4, 1e30])
def test_nothing_overflows(scale) -> None:
    implicit, rewards = scale * draw(3, 5, 5), draw(3, 5, seed=1)
    assert plackett_luce_over_prefixes(implicit, rewards).isfinite().all()
    assert plackett_luce_gradient(implicit, rewards[:, None].expand(3, 5, 5)).isfinite().all()
    assert float(bradley_terry(torch.tensor(-scale), torch.tensor(scale))) == pytest.approx(2 * scale, rel=1e-6)


def test_of_equal_rewards_the_earlier_ranks_higher() -> None:
    assert ranking(torch.tensor([[0.5, 0.9, 0.5, 0.9]])).tolist() == [[1, 3, 0, 2]]
    implicit = draw(4)
    tied = plackett_luce(implicit, torch.tensor([1.0, 1.0, 0.0, 0.0]).double())
    torch.testing.assert_close(tied, plackett_luce(implicit, torch.tensor([4.0, 3.0, 2.0, 1.0]).double()))


def test_infinite_rewards_have_a_place_and_nan_has_none() -> None:
    assert ranking(torch.tensor([0.0, math.inf, -math.inf])).tolist() == [1, 0, 2]
    with pytest.raises(InvalidInput, match="got NaN"):
        plackett_luce(torch.zeros(2), torch.tensor([0.0, math.nan]))


def test_the_smallest_gap_is_found_and_a_tie_refused() -> None:
    assert require_distinct(torch.tensor([[0.0, 1.0, 4.0], [2.5, 0.0, 2.0]])) == 0.5
    with pytest.raises(InvalidInput, match="got a tie"):
        require_distinct(torch.tensor([[0.0, 1.0, 4.0], [2.0, 0.0, 2.0]]))
    with pytest.raises(InvalidInput, match="at least two answers"):
        require_distinct(torch.tensor([[0.0]]))


@pytest.mark.parametrize("reward", [NegativeSquare(), Cosine()], ids=["square", "cosine"])
def test_rewards_are_their_formula_and_so_are_their_gradients(reward) -> None:
    predictions, responses, weights = draw(2, 3, 4).requires_grad_(), draw(2, 5, 4, seed=1), draw(2, 3, 5, seed=2)
    values = reward(predictions, responses)
    f, y = predictions[1, 2], responses[1, 4]
    expected = -(f - y).square().sum() if isinstance(reward, NegativeSquare) else f @ y / (f.norm() * y.norm())
    torch.testing.assert_close(values[1, 2, 4], expected)
    (values * weights).sum().backward()
    torch.testing.assert_close(reward.gradient(predictions.detach(), responses, weights), predictions.grad)
    assert isinstance(reward, ImplicitReward)


def test_the_cosine_with_a_zero_vector_is_zero() -> None:
    values = Cosine()(torch.zeros(1, 1, 3), draw(1, 2, 3).float())
    assert values.tolist() == [[[0.0, 0.0]]]
