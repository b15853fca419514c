"""Descent: it goes down, and the paper's baseline trains every context by itself."""

from itertools import pairwise

import pytest

torch = pytest.importorskip("torch", reason="the torch extra is not installed")

from consilience.ground import InvalidInput  # noqa: E402
from consilience.methods.self_correction.descent import LinearDescent, answer_gradient, descend  # noqa: E402
from consilience.methods.self_correction.estimator import misalignment  # noqa: E402
from consilience.methods.self_correction.ranking import Cosine, NegativeSquare, plackett_luce  # noqa: E402
from consilience.methods.self_correction.sequences import LineAnswers  # noqa: E402


def contexts(sequences: int = 6, examples: int = 8):
    return LineAnswers().draw(sequences, examples, torch.Generator().manual_seed(0)).double()


@pytest.mark.parametrize("reward", [NegativeSquare(), Cosine()], ids=["square", "cosine"])
def test_every_step_lowers_the_loss(reward) -> None:
    given, losses = contexts(), []
    for steps in range(4):
        answers = descend(given.query, given.responses, given.rewards, rate=0.01, steps=steps, reward=reward)
        losses.append(plackett_luce(reward(answers[:, None], given.responses)[:, 0], given.rewards))
    assert all((after < before).all() for before, after in pairwise(losses))


def test_no_steps_change_nothing() -> None:
    given = contexts()
    assert descend(given.query, given.responses, given.rewards, rate=1.0, steps=0) is given.query


def test_one_answer_has_no_gradient() -> None:
    given = contexts(examples=1)
    assert not answer_gradient(given.query, given.responses, given.rewards, NegativeSquare()).any()


def test_contexts_do_not_feel_each_other() -> None:
    """The first of many end where they end alone: first weights are drawn in order, and Adam sees each by itself."""
    given = contexts()
    alone = LinearDescent(seed=3)(given.take(slice(2)))
    torch.testing.assert_close(LinearDescent(seed=3)(given)[:2], alone, atol=1e-8, rtol=0)


def test_it_is_adam_by_hand() -> None:
    given = contexts(sequences=1)
    weights = (
        ((2 * torch.rand(5, 5, generator=torch.Generator().manual_seed(3)) - 1) / 5**0.5).double().requires_grad_()
    )
    optimiser = torch.optim.Adam([weights], lr=0.1)
    for _ in range(5):
        optimiser.zero_grad()
        answer = weights @ given.query[0]
        plackett_luce(Cosine()(answer[None], given.responses[0])[0], given.rewards[0]).backward()
        optimiser.step()
    found = LinearDescent(seed=3, steps=5)(given)[0]
    torch.testing.assert_close(found, (weights @ given.query[0]).detach(), atol=1e-10, rtol=0)


def test_it_is_better_than_where_it_began_and_repeats_itself() -> None:
    given = contexts(sequences=50)
    few, many, again = (LinearDescent(steps=steps)(given) for steps in (1, 50, 50))
    assert float(misalignment(many, given.target).mean()) < 0.4 < float(misalignment(few, given.target).mean())
    assert torch.equal(many, again)


def test_no_steps_are_refused() -> None:
    with pytest.raises(InvalidInput, match="`steps` must be at least 1"):
        LinearDescent(steps=0)
