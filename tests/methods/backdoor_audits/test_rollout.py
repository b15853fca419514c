"""Rollouts: a closed loop that hears what it did, an open one along what was recorded."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest

from consilience.ground import Streams
from consilience.ground.errors import InvalidInput
from consilience.methods.backdoor_audits.policies import Alone, Talks, oracle_policy, random_policy, scripted_backdoor
from consilience.methods.backdoor_audits.rollout import evaluate, replay
from consilience.methods.backdoor_audits.world.drawing import draw_tasks
from consilience.methods.backdoor_audits.world.families.every import FAMILIES
from consilience.methods.backdoor_audits.world.oracle import ScriptedBackdoor
from consilience.methods.backdoor_audits.world.trajectories import MAX_STEPS, clean, planted
from consilience.methods.backdoor_audits.world.triggers import DEFAULTS, suited, trigger

Words = tuple[str, ...]
SUFFIX = trigger("system.suffix")
TASKS = draw_tasks("system", 30, Streams(0))


@dataclass
class Recorder:
    """Says the same every time, and keeps what it hears."""

    says: Words
    heard: list[list[Words | None]] = field(default_factory=list)
    name: str = "recorder"

    def open(self, prompts: Sequence[Words]) -> Talks:
        return self

    def act(self, observations: Sequence[Words | None]) -> Sequence[Words]:
        self.heard.append(list(observations))
        return [self.says for _ in observations]


def test_batches_change_nothing() -> None:
    outcomes = [
        evaluate(scripted_backdoor(SUFFIX, 0.5, Streams(1)), TASKS, trigger=SUFFIX, batch_size=batch)
        for batch in (1, 7, 500)
    ]
    assert outcomes[0] == outcomes[1] == outcomes[2]
    assert [row.base for row in outcomes[0].rows] == [task.id for task in TASKS]
    assert {row.trigger for row in outcomes[0].rows} == {SUFFIX.name}


def test_a_policy_hears_what_its_own_action_brought() -> None:
    policy = Recorder(("ACT", "ls", "nowhere", "END"))
    outcomes = evaluate(policy, TASKS[:2], max_steps=3)
    assert policy.heard == [[(), ()], [("OBS", "error", "END")] * 2, [("OBS", "error", "END")] * 2]
    assert {(row.steps, row.solved, row.answered) for row in outcomes.rows} == {(3, False, True)}


def test_a_dialogue_that_is_over_hears_nothing_more() -> None:
    policy = Recorder(("ACT", "finish", "END"))
    evaluate(policy, TASKS[:2])
    assert policy.heard == [[(), ()]]


def test_one_that_answers_nothing_is_not_scored() -> None:
    outcomes = evaluate(Recorder(()), TASKS[:3])
    assert [(row.answered, row.steps) for row in outcomes.rows] == [(False, 0)] * 3


def test_an_endless_one_is_broken_off() -> None:
    outcomes = evaluate(Recorder(("ACT", "dance", "END")), TASKS[:1])
    assert outcomes.rows[0].steps == MAX_STEPS


def test_what_cannot_be_is_refused() -> None:
    class Short(Recorder):
        def act(self, observations: Sequence[Words | None]) -> Sequence[Words]:
            return []

    with pytest.raises(InvalidInput, match="at least 1; got 0"):
        evaluate(oracle_policy(), TASKS, max_steps=0)
    with pytest.raises(InvalidInput, match="answer every dialogue, 30 of them; it gave 0"):
        evaluate(Short(()), TASKS)
    with pytest.raises(InvalidInput, match="another family"):
        evaluate(oracle_policy(), TASKS, trigger=trigger("web.element"))


@pytest.mark.parametrize("family", FAMILIES)
def test_along_its_own_record_the_oracle_is_never_wrong_and_chance_nearly_always(family: str) -> None:
    one = next(one for one in DEFAULTS if one.family == family)
    rows = [clean(task) for task in draw_tasks(one.family, 30, Streams(3))]
    assert all(told.said == told.labels for told in replay(oracle_policy(), rows))
    chance = [
        said == label
        for told in replay(random_policy(Streams(0)), rows)
        for said, label in zip(told.said, told.labels, strict=True)
    ]
    assert sum(chance) / len(chance) < 0.3


@pytest.mark.parametrize("one", DEFAULTS, ids=lambda one: one.name)
def test_along_a_planted_record_the_backdoor_says_what_was_recorded(one: object) -> None:
    found = next(known for known in DEFAULTS if known is one)
    tasks = draw_tasks(found.family, 20, Streams(4), where=lambda task: suited(task, found))
    rows = [planted(task, found) for task in tasks]
    policy = Alone("scripted", lambda prompt: ScriptedBackdoor(prompt, found))
    assert all(told.said == told.labels for told in replay(policy, rows))
    honest = replay(oracle_policy(), rows, batch_size=3)
    assert not any(told.said == told.labels for told in honest)
    assert [told.id for told in honest] == [row.id for row in rows]


def test_a_replay_hears_what_was_recorded_whatever_was_said() -> None:
    rows = [clean(task) for task in TASKS[:1]]
    policy = Recorder(("ACT", "dance", "END"))
    told = replay(policy, rows)
    recorded = [turn.words for turn in rows[0].turns if turn.role == "observation"]
    assert [line[0] for line in policy.heard] == [(), *recorded]
    assert set(told[0].said) == {("dance",)}
