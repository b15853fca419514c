"""The reckoning: what a run really takes lies between the least and the most, and reaches both where it must."""

import asyncio
from dataclasses import replace

import numpy as np
import pytest

from consilience.dialogue.command.forecast import Pace
from consilience.dialogue.messages import Question
from consilience.dialogue.rehearsal import Rehearsal, rehearse
from consilience.dialogue.session import Session
from consilience.dialogue.work.kinds import Text
from consilience.ground.errors import InvalidInput
from consilience.methods.cross_team.collaboration import collaborate
from consilience.methods.cross_team.formats import software, stories
from consilience.methods.cross_team.job import bundled
from consilience.methods.cross_team.merge_tree import tokens_of
from consilience.methods.cross_team.reckoning import Lengths, reckon
from consilience.methods.cross_team.spec import Chain, Key, Loop, Phase, Plan, teams
from consilience.methods.cross_team.stand_ins import PLAYERS

ROLES = {"w": "You write.", "r": "You read."}
DRAFT = Phase(name="draft", assistant="w", prompt="{task}")
TALK = Phase(name="talk", assistant="w", instructor="r", turns=3, prompt="{artifact}")
REMARK = Phase(name="remark", assistant="r", prompt="{artifact}", makes="note")
MEND = Phase(name="mend", assistant="w", prompt="{artifact} {remark}")


def plan(*steps, count: int = 4, **settings) -> Plan:
    return Plan(chain=Chain(steps=(DRAFT, *steps), roles=ROLES), teams=teams(count), **settings)


@pytest.mark.parametrize("made", [stories(3), stories(6, shared=False), stories(5, final="merge"), stories(1)])
def test_a_run_lies_between_the_least_and_the_most(made: Plan) -> None:
    async def run():
        async with Session(rehearse("talker")) as session:
            return await collaborate(made, "Say it.", session, kind=Text())

    found, spent = reckon(made), asyncio.run(run()).spent
    assert found.calls.least <= spent.calls <= found.calls.most
    assert found.calls == (
        sum(calls.least for calls in found.teams.values()) + found.merges.least,
        sum(calls.most for calls in found.teams.values()) + found.merges.most,
    )


def test_software_lies_there_too() -> None:
    made, order = software(4), bundled()

    async def run():
        async with Session(Rehearsal(PLAYERS["developer"], name="developer")) as session:
            return await collaborate(made, order.task, session, kind=order.task_kind())

    found, spent = reckon(made), asyncio.run(run()).spent
    assert found.calls.least <= spent.calls <= found.calls.most


def test_packed_groups_may_be_pairs_though_more_were_allowed() -> None:
    def write(question: Question, chance: np.random.Generator) -> str:
        return f"{chance.integers(10**8, 10**9)} " * 40  # all equally long

    size = tokens_of(Text().read(write(Question("A/draft", ()), np.random.default_rng(0))))
    made = plan(Key(name="key"), group=4, grouping="packed", context_tokens=5 * size, prune=False)

    async def run():
        async with Session(Rehearsal(write, name="writer")) as session:
            return await collaborate(made, "Say it.", session, kind=Text())

    result, found = asyncio.run(run()), reckon(made)
    assert len(result.meetings[0].merges) == found.merges.most == 3
    assert result.spent.calls == found.calls.most


@pytest.mark.parametrize(
    ("step", "least", "most"),
    [
        (TALK, 2, 5),
        (replace(TALK, budget_calls=1), 1, 1),
        (replace(TALK, budget_calls=4), 2, 4),
        (Loop(name="loop", phases=(REMARK, MEND), cycles=3, until="finished"), 1, 6),
        (Loop(name="loop", phases=(REMARK, MEND), cycles=3, until="runs"), 0, 6),
        (Loop(name="loop", phases=(REMARK, MEND), cycles=3, until="unchanged"), 2, 6),
        (Loop(name="loop", phases=(REMARK, MEND), cycles=3), 6, 6),
    ],
)
def test_each_sort_of_step(step, least: int, most: int) -> None:
    found = reckon(plan(step, count=1))
    assert found.teams["A"] == (1 + least, 1 + most)
    assert found.turns == found.calls == found.teams["A"]
    limited = replace(plan(step, count=1), teams=(replace(teams(1)[0], cycles=0),))
    if isinstance(step, Loop):
        assert reckon(limited).calls == (1, 1)


@pytest.mark.parametrize(
    ("settings", "most"),
    [
        ({"count": 8, "group": 2, "prune": False}, 7),
        ({"count": 8, "group": 4, "prune": False}, 3),
        ({"count": 8, "group": 2, "prune": True}, 3),
        ({"count": 5, "group": 2, "prune": True}, 3),
        ({"count": 4, "group": 2, "prune": True}, 3),
        ({"count": 8, "group": 2, "prune": False, "shared": False}, 56),
        ({"count": 8, "group": 2, "prune": False, "final": "merge"}, 14),
        ({"count": 1, "group": 2}, 0),
    ],
)
def test_merges_are_those_of_the_formula(settings: dict, most: int) -> None:
    assert reckon(plan(Key(name="meet"), **settings)).merges == (0, most)


def test_the_path_takes_the_slowest_team_of_each_stretch() -> None:
    steps = (Key(name="meet"), Loop(name="loop", phases=(MEND,), cycles=9))
    note = replace(MEND, prompt="{artifact}")
    made = plan(steps[0], replace(steps[1], phases=(note,)), count=3, prune=False)
    crew = (replace(made.teams[0], cycles=2), replace(made.teams[1], cycles=5), replace(made.teams[2], cycles=1))
    lengths = Lengths(task=0, instructions=0, artifact=100, note=0)
    found = reckon(replace(made, teams=crew), lengths=lengths, pace=Pace(first_s=0, tokens_per_s=100))
    assert [segment[:4] for segment in found.critical_path] == [("A", ("draft",), "meet", 2), ("B", ("loop",), "", 0)]
    assert found.seconds.most == pytest.approx(1 + 2 + 5)
    assert found.work_s.most == pytest.approx(3 + 2 + 8)
    assert found.seconds_with(1) == found.work_s
    with pytest.raises(InvalidInput, match="at least 1"):
        found.seconds_with(0)


def test_the_longest_prompt_is_a_merge_where_works_are_long() -> None:
    lengths = Lengths(task=1, instructions=10, artifact=1000, note=5)
    assert reckon(plan(Key(name="meet"), group=3, prune=False), lengths=lengths).largest_prompt == 3011
    assert reckon(plan(TALK), lengths=lengths).largest_prompt == 1011


def test_money_is_that_of_each_model() -> None:
    made = plan(TALK, Key(name="meet"), count=2)
    made = replace(made, teams=(replace(made.teams[0], model="dear"), made.teams[1]))
    found = reckon(made, price=lambda model, usage: usage.output_tokens * (10.0 if model else 1.0))
    one, other = 700 * 4 + 120 * 2, 700
    assert found.usd.most == 11 * one + other
    assert reckon(made).usd is None
    assert reckon(made, price=lambda model, usage: None if model else 1.0).usd is None


def test_lengths_below_nothing_are_refused() -> None:
    with pytest.raises(InvalidInput, match="`note` must be at least 0"):
        Lengths(note=-1)
