"""Trivial answers: what they are, ties and level rewards, and the measure of all of them."""

import pytest

torch = pytest.importorskip("torch", reason="the torch extra is not installed")

from consilience.methods.self_correction.estimator import (  # noqa: E402
    BestAnswer,
    Estimator,
    LeastSquares,
    MeanAnswer,
    misalignment,
)
from consilience.methods.self_correction.sequences import Contexts, LineAnswers  # noqa: E402


def contexts(rewards: list[float]) -> Contexts:
    responses = torch.tensor([[[1.0, 0.0], [0.0, 1.0], [3.0, 5.0]]]).double()
    return Contexts(
        query=torch.ones(1, 2).double(),
        responses=responses,
        rewards=torch.tensor([rewards]).double(),
        target=torch.ones(1, 2).double(),
    )


def test_the_mean_ignores_rewards_and_the_best_takes_the_highest() -> None:
    given = contexts([0.1, 0.9, 0.5])
    torch.testing.assert_close(MeanAnswer()(given), torch.tensor([[4 / 3, 2.0]]).double())
    assert BestAnswer()(given).tolist() == [[0.0, 1.0]]


def test_of_equally_good_answers_the_first_is_taken() -> None:
    assert BestAnswer()(contexts([0.1, 0.9, 0.9])).tolist() == [[0.0, 1.0]]


def test_least_squares_is_numpys_line_read_at_one() -> None:
    import numpy as np

    drawn = LineAnswers().draw(3, 7, torch.Generator().manual_seed(0)).double()
    noisy = Contexts(query=drawn.query, responses=drawn.responses, rewards=drawn.rewards.flip(1), target=drawn.target)
    for at in (1.0, 0.5):
        expected = [
            np.polyval(np.polyfit(noisy.rewards[s].numpy(), noisy.responses[s, :, d].numpy(), 1), at)
            for s in range(3)
            for d in range(5)
        ]
        assert LeastSquares(at=at)(noisy).flatten().tolist() == pytest.approx(expected)


def test_where_rewards_are_level_so_is_the_line() -> None:
    given = contexts([0.5, 0.5, 0.5])
    torch.testing.assert_close(LeastSquares()(given), MeanAnswer()(given))
    torch.testing.assert_close(LeastSquares()(given.prefix(1)), given.responses[:, 0])


def test_misalignment_is_one_minus_the_cosine_whatever_the_lengths() -> None:
    a, b = torch.tensor([[2.0, 0.0]]), torch.tensor([[1.0, 1.0]])
    assert float(misalignment(a, b)) == pytest.approx(1 - 0.5**0.5)
    assert float(misalignment(a, -3 * a)) == 2
    assert float(misalignment(torch.zeros(1, 2), b)) == 1


@pytest.mark.parametrize("each", [MeanAnswer(), BestAnswer(), LeastSquares()])
def test_all_are_estimators(each) -> None:
    assert isinstance(each, Estimator)
