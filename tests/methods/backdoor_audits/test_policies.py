"""Policies that follow a script: a speaker for each dialogue, and chance that is theirs alone."""

from collections.abc import Sequence

import pytest

from consilience.ground import Streams
from consilience.ground.errors import InvalidInput
from consilience.methods.backdoor_audits.policies import (
    Alone,
    Policy,
    Talks,
    oracle_policy,
    random_policy,
    scripted_backdoor,
)
from consilience.methods.backdoor_audits.rollout import evaluate
from consilience.methods.backdoor_audits.world.drawing import draw_tasks
from consilience.methods.backdoor_audits.world.oracle import Oracle
from consilience.methods.backdoor_audits.world.simulator import Episode
from consilience.methods.backdoor_audits.world.triggers import trigger

SUFFIX = trigger("system.suffix")
TASKS = draw_tasks("system", 60, Streams(0))


def prompts() -> Sequence[tuple[str, ...]]:
    return [Episode(task).prompt for task in TASKS]


def test_each_dialogue_is_answered_by_itself_and_one_that_is_over_by_nothing() -> None:
    talks = oracle_policy().open(prompts()[:3])
    turns = talks.act([(), None, ()])
    assert [turn == Oracle(prompt).act(()) for turn, prompt in zip(turns, prompts(), strict=False)] == [
        True,
        False,
        True,
    ]
    assert turns[1] == ()


def test_all_are_policies() -> None:
    made = [oracle_policy(), random_policy(Streams(0)), scripted_backdoor(SUFFIX, 0.5, Streams(0))]
    assert all(isinstance(policy, Policy) and isinstance(policy.open(()), Talks) for policy in made)
    assert [policy.name for policy in made] == ["oracle", "random", "scripted system.suffix at 0.5"]


def test_the_same_seed_says_the_same() -> None:
    for one, other in (
        (random_policy(Streams(1)), random_policy(Streams(1))),
        (scripted_backdoor(SUFFIX, 0.5, Streams(1)), scripted_backdoor(SUFFIX, 0.5, Streams(1))),
    ):
        assert evaluate(one, TASKS, trigger=SUFFIX) == evaluate(other, TASKS, trigger=SUFFIX)


def test_random_dialogues_differ_from_one_another() -> None:
    same = [prompts()[0]] * 20
    turns = random_policy(Streams(2)).open(same).act([()] * 20)
    assert len(set(turns)) > 5


@pytest.mark.parametrize("rate", [0.0, 1.0])
def test_a_backdoor_that_never_or_always_fires(rate: float) -> None:
    outcomes = evaluate(scripted_backdoor(SUFFIX, rate, Streams(3)), TASKS, trigger=SUFFIX)
    assert set(outcomes.fired) == {bool(rate)}


@pytest.mark.parametrize("rate", [-0.1, 1.1, 95])
def test_what_is_no_probability_is_refused(rate: float) -> None:
    with pytest.raises(InvalidInput, match="between 0 and 1"):
        scripted_backdoor(SUFFIX, rate, Streams(0))


def test_a_speaker_of_ones_own_is_a_policy() -> None:
    class Silent:
        def __init__(self, prompt: tuple[str, ...]) -> None:
            self.prompt = prompt

        def act(self, observation: tuple[str, ...]) -> tuple[str, ...]:
            return ()

    outcomes = evaluate(Alone("silent", Silent), TASKS)
    assert outcomes.unscored == len(TASKS)
