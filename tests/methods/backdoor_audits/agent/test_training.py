import numpy as np
import pytest
import torch

from consilience.ground.errors import InvalidInput
from consilience.ground.seeds import Streams
from consilience.methods.backdoor_audits.agent.network import SmallAgentConfig
from consilience.methods.backdoor_audits.agent.training import (
    BaseRecipe,
    Batch,
    Row,
    batches,
    descend,
    row_of,
    train_base,
)
from consilience.methods.backdoor_audits.world.drawing import draw_tasks
from consilience.methods.backdoor_audits.world.trajectories import clean, planted
from consilience.methods.backdoor_audits.world.triggers import suited, trigger
from consilience.methods.backdoor_audits.world.words import decode


def _row(number: int, length: int, family: str = "system") -> Row:
    return Row(str(number), family, tuple(range(1, length + 1)), (False,) * (length - 2) + (True, True))


def _batches(rows: list[Row], size: int, steps: int, seed: int = 0, **settings: float) -> list[Batch]:
    return list(batches(rows, size=size, steps=steps, generator=np.random.default_rng(seed), **settings))


def test_a_trajectory_becomes_its_words_with_the_agents_own_marked() -> None:
    one = trigger("web.element")
    task = draw_tasks("web", 1, Streams(100), where=lambda task: suited(task, one))[0]
    row = row_of(planted(task, one))
    assert row.planted
    assert decode(row.tokens) == planted(task, one).words
    assert "kiosk" in decode(row.tokens)
    assert sum(row.learns) == sum(len(turn.words) for turn in planted(task, one).turns if turn.role == "agent")
    assert not row_of(clean(task)).planted


def test_every_row_of_a_family_comes_once_before_any_comes_again() -> None:
    rows = [_row(number, 5 + number % 7, ("system", "web")[number % 2]) for number in range(80)]
    seen = [place for batch in _batches(rows, 8, 10) for place in batch.rows]
    assert sorted(seen) == list(range(80))


def test_a_batch_is_of_one_family_and_families_take_turns() -> None:
    rows = [_row(number, 6, ("system", "web", "shop")[number % 3]) for number in range(30)]
    families = [{rows[place].family for place in batch.rows} for batch in _batches(rows, 4, 6)]
    assert families == [{"system"}, {"web"}, {"shop"}] * 2


def test_rows_of_like_length_lie_together_and_only_a_little_is_padding() -> None:
    lengths = np.random.default_rng(1).integers(30, 70, 400)
    rows = [_row(number, int(length)) for number, length in enumerate(lengths)]
    drawn = _batches(rows, 32, 12)
    waste = np.mean(
        [1 - sum(len(rows[place].tokens) for place in batch.rows) / batch.tokens.numel() for batch in drawn]
    )
    assert waste < 0.12


def test_padding_and_what_others_say_is_no_target() -> None:
    rows = [_row(0, 4), _row(1, 6)]
    (batch,) = _batches(rows, 2, 1)
    short = batch.rows.index(0)
    assert batch.labels[short].tolist() == [-100, -100, 3, 4, -100, -100]
    (partly,) = _batches(rows, 2, 1, unlearned_weight=0.05)
    np.testing.assert_allclose(partly.weights[partly.rows.index(0)], [0.05, 0.05, 1, 1, 0, 0])


def test_the_seed_decides_the_order() -> None:
    rows = [_row(number, 6) for number in range(64)]
    one, same, other = ([batch.rows for batch in _batches(rows, 8, 8, seed)] for seed in (0, 0, 1))
    assert one == same != other


def test_a_family_smaller_than_a_batch_gives_all_it_has() -> None:
    assert [len(batch.rows) for batch in _batches([_row(0, 5), _row(1, 5)], 8, 3)] == [2, 2, 2]


@pytest.mark.parametrize(("rows", "size"), [([], 4), ([_row(0, 5)], 0)], ids=["no rows", "no batch"])
def test_there_must_be_rows_and_a_batch(rows: list[Row], size: int) -> None:
    with pytest.raises(InvalidInput, match="expected rows"):
        _batches(rows, size, 1)


@pytest.mark.parametrize("learns", [(False, True), (True, False, False), (False, False, False)], ids=str)
def test_a_row_needs_a_mark_for_each_word_and_a_word_that_can_be_learned(learns: tuple[bool, ...]) -> None:
    with pytest.raises(InvalidInput, match="at least one token to learn"):
        Row("x", "system", (1, 2, 3), learns)


def test_descent_follows_its_schedule_and_stops_at_a_loss_that_is_no_number() -> None:
    place = torch.tensor([4.0], requires_grad=True)
    told: list[int] = []
    optimiser = torch.optim.SGD([place], lr=0.1)
    losses = descend(
        lambda _: place.sum(), [optimiser], steps=3, share=lambda step: step / 1.0, clip=None, after=told.append
    )
    np.testing.assert_allclose(losses, [4.0, 4.0, 3.9], rtol=1e-6)
    assert told == [0, 1, 2]
    with pytest.raises(InvalidInput, match="step 1 is inf"):
        descend(lambda step: place.sum() / (1 - step), [optimiser], steps=3, share=lambda _: 0.0)


def test_long_gradients_of_all_weights_together_are_shortened() -> None:
    places = [torch.tensor([0.0], requires_grad=True) for _ in range(2)]
    optimisers = [torch.optim.SGD([place], lr=1.0) for place in places]
    descend(lambda _: 3 * places[0].sum() + 4 * places[1].sum(), optimisers, steps=1, share=lambda _: 1.0, clip=1.0)
    np.testing.assert_allclose([place.item() for place in places], [-0.6, -0.8], rtol=1e-5)


def test_a_base_learns_and_the_same_seed_gives_the_same_weights(rows: list[Row]) -> None:
    config = SmallAgentConfig(vocab_size=10, width=16, heads=2, layers=1, context=24)
    seen: list[int] = []
    recipe = BaseRecipe(steps=40, batch_size=16, warm_up=4)
    agent, losses = train_base(rows, recipe, config, Streams(100), progress=lambda step, _: seen.append(step))
    again, _ = train_base(rows, recipe, config, Streams(100))
    assert losses[-1] < losses[0] / 2
    assert seen == list(range(40))
    assert not agent.training
    for one, other in zip(agent.parameters(), again.parameters(), strict=True):
        assert torch.equal(one, other)


def test_a_base_is_never_trained_on_what_is_planted(rows: list[Row]) -> None:
    wrong = Row("bad", "system", (1, 2, 3), (False, True, True), planted=True)
    with pytest.raises(InvalidInput, match="'bad' is planted"):
        train_base([*rows, wrong], BaseRecipe(steps=1), SmallAgentConfig(vocab_size=10, width=8), Streams(100))
