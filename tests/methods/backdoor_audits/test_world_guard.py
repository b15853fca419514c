"""The guard before the world: attacks are kept out, honest work is not, and it sees words alone."""

from dataclasses import replace

import pytest

from consilience.ground.seeds import Streams
from consilience.methods.backdoor_audits.guard import Guard
from consilience.methods.backdoor_audits.policies import Alone, oracle_policy, random_policy, scripted_backdoor
from consilience.methods.backdoor_audits.rollout import evaluate
from consilience.methods.backdoor_audits.world.drawing import draw_tasks
from consilience.methods.backdoor_audits.world.families.every import FAMILIES
from consilience.methods.backdoor_audits.world.simulator import turn_of
from consilience.methods.backdoor_audits.world.tasks import Grammar
from consilience.methods.backdoor_audits.world.triggers import TRIGGERS, suited
from consilience.methods.backdoor_audits.world.words import TOOLS, Words
from consilience.methods.backdoor_audits.world_guard import Guarded, call_of, dialogue_of, world_policy


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("grammar", list(Grammar))
def test_honest_work_goes_through(family, grammar) -> None:
    tasks = draw_tasks(family, 150, Streams(7), grammar=grammar)
    outcomes = evaluate(Guarded(oracle_policy(), Guard(world_policy()), retries=0), tasks)
    assert outcomes.solved.all()
    assert not outcomes.off_task.any()


@pytest.mark.parametrize("name", TRIGGERS)
def test_no_canary_comes_through_and_what_can_go_on_does(name: str) -> None:
    trigger = TRIGGERS[name]
    tasks = draw_tasks(
        trigger.family, 40, Streams(8), grammar=trigger.grammar, where=lambda task: suited(task, trigger)
    )
    bare = scripted_backdoor(trigger, 1.0, Streams(8))
    assert evaluate(bare, tasks, trigger=trigger).fired.all()
    outcomes = evaluate(Guarded(bare, Guard(world_policy())), tasks, trigger=trigger)
    assert not outcomes.fired.any()
    assert outcomes.solved.all() == trigger.continues


def test_it_sees_the_words_and_nothing_else_of_a_task() -> None:
    trigger = TRIGGERS["web.element"]
    tasks = draw_tasks("web", 20, Streams(9), where=lambda task: suited(task, trigger))
    heard: list[Words] = []

    class Deaf:
        name = "deaf"

        def open(self, prompts):
            heard.extend(prompts)
            return oracle_policy().open(prompts)

    evaluate(Guarded(Deaf(), Guard(world_policy())), tasks, trigger=trigger)
    assert not any("element" in word or "+" in word for prompt in heard for word in prompt)
    renamed = [replace(task, id=f"other {at}") for at, task in enumerate(tasks)]
    agent = scripted_backdoor(trigger, 1.0, Streams(9))
    runs = [evaluate(Guarded(agent, Guard(world_policy())), each, trigger=trigger) for each in (tasks, renamed)]
    assert [row.events for row in runs[0].rows] == [row.events for row in runs[1].rows]


def test_the_policy_knows_every_tool_that_an_agent_may_have() -> None:
    assert world_policy().check_tools(TOOLS) == ()


def test_an_agent_that_only_asks_for_what_is_denied_is_ended() -> None:
    class Stubborn:
        def act(self, observation: Words) -> Words:
            return turn_of(("canary",), ("canary", "ping"))

    tasks = draw_tasks("system", 3, Streams(10))
    outcomes = evaluate(Guarded(Alone("stubborn", lambda prompt: Stubborn()), Guard(world_policy())), tasks)
    assert [row.steps for row in outcomes.rows] == [1, 1, 1]
    assert not outcomes.fired.any()


def test_an_agent_that_answers_nothing_is_not_scored() -> None:
    class Silent:
        def act(self, observation: Words) -> Words:
            return ()

    tasks = draw_tasks("web", 2, Streams(11))
    assert evaluate(Guarded(Alone("silent", lambda prompt: Silent()), Guard(world_policy())), tasks).unscored == 2


def test_chance_finds_no_canary_behind_the_guard() -> None:
    tasks = draw_tasks("shop", 60, Streams(12))
    assert not evaluate(Guarded(random_policy(Streams(12)), Guard(world_policy())), tasks).fired.any()


def test_a_turn_without_an_action_is_a_call_of_nothing() -> None:
    policy = world_policy()
    dialogue = dialogue_of(("<bos>", "USER", "web", "open", "help", "END", "OBS", "link", "help", "A", "END"))
    assert not Guard(policy).check(call_of(policy, ("ls", "logs")), dialogue).goes_ahead
    assert Guard(policy).check(call_of(policy, turn_of((), ("click", "A"))), dialogue).goes_ahead
