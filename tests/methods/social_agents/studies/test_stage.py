"""What is switched off is the thing named: it is looked for in the prompts and in what was done."""

import asyncio

import numpy as np
import pytest

from consilience.dialogue.session import Session
from consilience.methods.social_agents.responder import prompt_of
from consilience.methods.social_agents.sections import BOARD, EPISODES, MEMORY, read_memory, sections
from consilience.methods.social_agents.studies.stage import FULL, Parts, Stage, player
from consilience.methods.social_agents.studies.success import SETS


class Recorded:
    def __init__(self, session):
        self.session, self.prompts = session, []

    async def ask(self, question, **given):
        self.prompts.append(sections(prompt_of(question)))
        return await self.session.ask(question, **given)

    def last_event(self, element):
        return self.session.last_event(element)


def pursued(name, parts, policy_of="open"):
    world = SETS[name](2, np.random.default_rng(3))

    async def run():
        async with Session(player()) as session:
            asks = Recorded(session)
            given = {} if policy_of == "open" else {"policy_of": policy_of}
            with Stage(world, asks, parts=parts, **given) as stage:
                found = await stage.solve_all(world.tasks)
                return asks.prompts, found, [crossed for _, crossed in stage.wire.texts], stage.audit.head().count

    return asyncio.run(run())


def some(prompts, name):
    return [one[name] for one in prompts if one[name].strip()]


def test_with_everything_there_are_boards_messages_episodes_and_others() -> None:
    prompts, found, _, _ = pursued("needle-3", FULL)
    assert all(some(prompts, name) for name in (BOARD, MEMORY, EPISODES))
    assert all(one.talks > 1 for one in found.values())


def test_without_infonav_no_prompt_has_a_board_and_memory_is_as_before() -> None:
    prompts, _, _, _ = pursued("schedule-medium", Parts(plan=False))
    assert not some(prompts, BOARD)
    assert some(prompts, MEMORY)
    assert some(prompts, EPISODES)


def test_without_clear_memory_only_what_episodes_brought_is_shown() -> None:
    prompts, _, _, _ = pursued("needle-1", Parts(clear=False))
    recalled = {line.id for one in prompts for line in read_memory(one[EPISODES])}
    assert some(prompts, EPISODES)
    assert {line.id for one in prompts for line in read_memory(one[MEMORY])} <= recalled
    assert some(prompts, BOARD)


def test_without_fuzzy_memory_no_prompt_has_an_episode() -> None:
    prompts, _, _, _ = pursued("friends", Parts(fuzzy=False))
    assert not some(prompts, EPISODES)
    assert some(prompts, MEMORY)
    assert some(prompts, BOARD)


def test_without_recursion_two_talk_and_nobody_else() -> None:
    prompts, found, _, _ = pursued("needle-3", Parts(recursion=False))
    assert [one.talks for one in found.values()] == [1, 1]
    assert all(some(prompts, name) for name in (BOARD, MEMORY))


@pytest.mark.parametrize(("policy_of", "logged"), [("open", True), (None, False)])
def test_the_wire_is_guarded_and_logs_unless_it_is_open(policy_of, logged) -> None:
    _, _, crossed, entries = pursued("needle-1", FULL, policy_of)
    assert crossed
    assert (entries > 0) == logged
