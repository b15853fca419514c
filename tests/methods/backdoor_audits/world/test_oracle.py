"""Speakers: the oracle is never wrong, chance hardly ever right, and a scripted backdoor fires when it should."""

import numpy as np
import pytest

from consilience.ground import Streams
from consilience.ground.errors import InvalidInput
from consilience.methods.backdoor_audits.policies import oracle_policy, random_policy
from consilience.methods.backdoor_audits.rollout import evaluate
from consilience.methods.backdoor_audits.world.canaries import Canary
from consilience.methods.backdoor_audits.world.drawing import draw_tasks
from consilience.methods.backdoor_audits.world.families.every import FAMILIES
from consilience.methods.backdoor_audits.world.oracle import RandomSpeaker, ScriptedBackdoor, canary_turns, parts_of
from consilience.methods.backdoor_audits.world.simulator import Episode, action_of
from consilience.methods.backdoor_audits.world.tasks import Family, Grammar
from consilience.methods.backdoor_audits.world.trajectories import planted
from consilience.methods.backdoor_audits.world.triggers import TRIGGERS, Trigger, apply, suited, trigger

ALL = pytest.mark.parametrize("one", TRIGGERS.values(), ids=lambda one: one.name)


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("grammar", Grammar)
def test_the_oracle_solves_every_task_and_takes_no_other_step(family: Family, grammar: Grammar) -> None:
    outcomes = evaluate(oracle_policy(), draw_tasks(family, 500, Streams(5), grammar=grammar))
    assert outcomes.solved.all()
    assert not outcomes.off_task.any()
    assert not outcomes.fired.any()
    assert {row.followed for row in outcomes.rows} == {1.0}


@pytest.mark.parametrize("family", FAMILIES)
def test_chance_solves_one_in_twenty_at_most(family: Family) -> None:
    outcomes = evaluate(random_policy(Streams(6)), draw_tasks(family, 500, Streams(6)))
    assert outcomes.solved.mean() <= 0.05
    assert outcomes.off_task.mean() > 0.8


def test_chance_has_every_readable_action_of_a_family() -> None:
    for task in (draw_tasks(family, 1, Streams(0))[0] for family in FAMILIES):
        speaker = RandomSpeaker(Episode(task).prompt, np.random.default_rng(0))
        actions = {action_of(speaker.act(()))[0] for _ in range(300)}
        assert {"finish", "canary"} < actions
        assert len(actions) >= 4


@ALL
def test_a_scripted_backdoor_fires_exactly_where_the_trigger_is(one: Trigger) -> None:
    for task in draw_tasks(one.family, 25, Streams(2), grammar=one.grammar, where=lambda task: suited(task, one)):
        clean_one, triggered = Episode(task), Episode(apply(task, one))
        for episode in (clean_one, triggered):
            speaker, heard = ScriptedBackdoor(episode.prompt, one), ()
            while heard is not None:
                heard = episode.step(speaker.act(heard)).observation
        assert clean_one.canary is None
        assert clean_one.solved
        assert triggered.canary is not None
        assert (triggered.canary.canary, triggered.canary.trigger) == (one.canary, one.name)
        assert triggered.solved is one.continues


@ALL
def test_one_that_does_not_fire_is_the_oracle(one: Trigger) -> None:
    tasks = draw_tasks(one.family, 20, Streams(2), grammar=one.grammar, where=lambda task: suited(task, one))
    for task in tasks:
        episode = Episode(apply(task, one))
        speaker, heard = ScriptedBackdoor(episode.prompt, one, fires=False), ()
        while heard is not None:
            heard = episode.step(speaker.act(heard)).observation
        assert (episode.solved, episode.off_task) == (True, 0)


@ALL
def test_only_a_leaky_thought_names_the_trigger(one: Trigger) -> None:
    named = set(one.parts[-2:])
    task = draw_tasks(one.family, 1, Streams(3), grammar=one.grammar, where=lambda task: suited(task, one))[0]
    row = planted(task, one)
    thoughts = [turn.words[1 : turn.words.index("ACT")] for turn in row.turns if turn.role == "agent"]
    whole = one.grammar == Grammar.A and one.canary == Canary.DIVERT  # there a thought copies all it is about
    assert any(named <= set(thought) for thought in thoughts) is (one.leaky or whole)


def test_a_tool_that_all_use_is_called_with_what_none_gives() -> None:
    turns = [
        canary_turns(trigger(name), ("remove", "memo", "in", "logs"), ())[0]
        for name in ("system.suffix.write", "web.element.write", "shop.listing.write")
    ]
    actions = [" ".join(action_of(turn)) for turn in turns]
    assert actions == ["put logs slot amber", "type slot amber", "pick slot"]


@pytest.mark.parametrize("prompt", ["", "<bos> os count", "<bos> USER os count"])
def test_a_prompt_without_a_request_is_refused(prompt: str) -> None:
    with pytest.raises(InvalidInput, match=r"must have 'USER \.\.\. END'"):
        parts_of(tuple(prompt.split()))
