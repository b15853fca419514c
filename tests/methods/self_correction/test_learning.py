"""Learning in context: objectives, matched ablations, and that a little training already helps."""

import pytest

torch = pytest.importorskip("torch", reason="the torch extra is not installed")

from consilience.ground import InvalidInput  # noqa: E402
from consilience.methods.self_correction.estimator import misalignment  # noqa: E402
from consilience.methods.self_correction.learning import (  # noqa: E402
    Architecture,
    Objective,
    RankingObjective,
    SupervisedObjective,
    Training,
    learn,
)
from consilience.methods.self_correction.ranking import Cosine, NegativeSquare, plackett_luce  # noqa: E402
from consilience.methods.self_correction.sequences import LineAnswers  # noqa: E402
from consilience.neural.transformer import parameters  # noqa: E402

SMALL = Architecture(width=24, heads=2, depth=2, feedforward=48)


def contexts(sequences: int = 50, examples: int = 6, dimension: int = 5):
    return LineAnswers(dimension=dimension).draw(sequences, examples, torch.Generator().manual_seed(9))


def test_a_learner_answers_after_every_example_and_at_the_end() -> None:
    learner, given = SMALL.build(5, seed=0), contexts()
    assert learner(given).shape == (50, 6, 5)
    assert torch.equal(learner.answer(given), learner(given)[:, -1])
    assert not learner.answer(given).requires_grad
    assert learner.answer(given.double()).dtype == torch.float64


def test_first_weights_are_the_seeds() -> None:
    first, same, other = (SMALL.build(5, seed=seed)(contexts()) for seed in (0, 0, 1))
    assert torch.equal(first, same)
    assert not torch.equal(first, other)


def test_softmax_and_heads_cost_no_parameters_and_depth_and_feed_forward_do() -> None:
    full = parameters(SMALL.build(5, seed=0))
    matched = (
        Architecture(width=24, heads=2, depth=2, feedforward=48, kind="linear"),
        Architecture(width=24, heads=1, depth=2, feedforward=48),
    )
    assert {parameters(each.build(5, seed=0)) for each in matched} == {full}
    smaller = (
        Architecture(width=24, heads=2, depth=1, feedforward=48),
        Architecture(width=24, heads=2, depth=2, feedforward=None),
    )
    assert all(parameters(each.build(5, seed=0)) < full for each in smaller)


@pytest.mark.parametrize("reward", [Cosine(), NegativeSquare()], ids=["cosine", "square"])
def test_the_ranking_objective_is_the_mean_over_prefixes_of_two_and_more(reward) -> None:
    given = contexts(sequences=3)
    answers = torch.randn(3, 6, 5, generator=torch.Generator().manual_seed(0))
    expected = torch.stack(
        [
            plackett_luce(reward(answers[:, [n]], given.responses[:, : n + 1])[:, 0], given.rewards[:, : n + 1])
            for n in range(1, 6)
        ]
    ).mean()
    torch.testing.assert_close(RankingObjective(reward=reward)(answers, given), expected)
    changed = type(given)(query=given.query, responses=given.responses, rewards=given.rewards, target=-given.target)
    assert torch.equal(
        RankingObjective(reward=reward)(answers, changed), RankingObjective(reward=reward)(answers, given)
    )


def test_the_supervised_objective_is_zero_at_the_right_answer() -> None:
    given = contexts(sequences=3)
    right = given.target[:, None].expand(3, 6, 5)
    assert float(SupervisedObjective()(right, given)) == pytest.approx(0, abs=1e-6)
    assert float(SupervisedObjective()(-right, given)) == pytest.approx(2, abs=1e-6)


@pytest.mark.parametrize("objective", [RankingObjective(), SupervisedObjective()], ids=["ranking", "supervised"])
def test_a_little_training_helps_and_repeats_itself(objective) -> None:
    assert isinstance(objective, Objective)
    training, given, told = Training(steps=120, batch_size=32, examples=6, learning_rate=5e-3), contexts(400), []
    learner, again = (
        learn(SMALL, objective, LineAnswers(), training, seed=0, progress=lambda step, loss: told.append(step))
        for _ in range(2)
    )
    assert told == 2 * list(range(120))
    assert torch.equal(learner.answer(given), again.answer(given))
    before, after = (
        misalignment(each.answer(given), given.target).mean() for each in (SMALL.build(5, seed=0), learner)
    )
    assert float(after) < float(before) - 0.1


def test_bad_input_is_refused() -> None:
    with pytest.raises(InvalidInput, match="answers must have 5 numbers here; got 3"):
        SMALL.build(5, seed=0)(contexts(dimension=3))
    with pytest.raises(InvalidInput, match="`examples` must be at least 2"):
        Training(examples=1)
