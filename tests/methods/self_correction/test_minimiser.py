"""The exact minimum: it agrees with descent, lies in the disk where noise wants it, and needs a plane."""

import pytest

torch = pytest.importorskip("torch", reason="the torch extra is not installed")

from consilience.ground import InvalidInput  # noqa: E402
from consilience.methods.self_correction.descent import LinearDescent  # noqa: E402
from consilience.methods.self_correction.minimiser import CosineMinimiser  # noqa: E402
from consilience.methods.self_correction.ranking import Cosine, plackett_luce  # noqa: E402
from consilience.methods.self_correction.sequences import (  # noqa: E402
    IsotropicAnswers,
    LineAnswers,
    with_reward_noise,
)


def contexts(sequences: int = 20, examples: int = 10, dimension: int = 5, noise: float = 0.0):
    generator = torch.Generator().manual_seed(0)
    return with_reward_noise(
        LineAnswers(dimension=dimension).draw(sequences, examples, generator), noise, generator
    ).double()


def loss(answers: torch.Tensor, given) -> torch.Tensor:
    return plackett_luce(Cosine()(answers[:, None], given.responses)[:, 0], given.rewards)


@pytest.mark.parametrize("noise", [0.0, 0.5, 1.0])
def test_long_descent_comes_to_it_and_not_below(noise) -> None:
    given = contexts(noise=noise)
    answers = CosineMinimiser()(given)
    gap = loss(LinearDescent(steps=1500, learning_rate=0.01)(given), given) - loss(answers, given)
    assert float(gap.min()) > -1e-9
    assert float(gap.max()) < 1e-3
    torch.testing.assert_close(answers.norm(dim=1), torch.ones(20).double())


def test_without_noise_it_lies_in_the_plane_and_noise_may_push_it_out() -> None:
    for noise, inside in ((0.0, False), (1.0, True)):
        given = contexts(sequences=60, noise=noise)
        spanned = torch.linalg.svd(given.responses, full_matrices=False).Vh[:, :2]
        shares = (spanned @ CosineMinimiser()(given)[..., None]).norm(dim=(1, 2))
        assert bool((shares < 1 - 1e-6).any()) == inside


def test_finer_grids_come_to_the_same_answer() -> None:
    given = contexts()
    torch.testing.assert_close(
        CosineMinimiser(angles=97)(given), CosineMinimiser(angles=1440)(given), atol=1e-6, rtol=0
    )


def test_two_numbers_an_answer_are_a_plane_and_one_example_is_enough() -> None:
    given = contexts(dimension=2, noise=1.0)
    rivals = torch.tensor([[0.3, 0.7], [-1.0, 0.2]]).double()
    for rival in rivals:
        assert (loss(CosineMinimiser()(given), given) <= loss(rival.expand(20, 2), given) + 1e-12).all()
    assert CosineMinimiser()(contexts(examples=1)).isfinite().all()


def test_answers_beyond_a_plane_are_refused() -> None:
    with pytest.raises(InvalidInput, match="span no more than a plane"):
        CosineMinimiser()(IsotropicAnswers().draw(2, 8, torch.Generator().manual_seed(0)))
    with pytest.raises(InvalidInput, match="at least 2 numbers"):
        CosineMinimiser()(LineAnswers(dimension=1).draw(2, 8, torch.Generator().manual_seed(0)))
