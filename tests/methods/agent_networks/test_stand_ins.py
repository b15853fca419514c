import asyncio
from collections import Counter

import numpy as np
import pytest

from consilience.dialogue.messages import Question
from consilience.dialogue.rehearsal import Rehearsal, rehearse
from consilience.dialogue.session import Session
from consilience.dialogue.work.artifact import Artifact
from consilience.dialogue.work.kinds import Choice, Function, Repository, Text
from consilience.ground.errors import InvalidInput
from consilience.methods.agent_networks.profiles import standard_profiles
from consilience.methods.agent_networks.prompts import Prompts, finished
from consilience.methods.agent_networks.stand_ins import PLAYERS, Solver
from consilience.methods.agent_networks.topology import mesh, star
from consilience.methods.agent_networks.traversal import traverse
from consilience.methods.agent_networks.workshop import Workshop, module

KIND = Workshop(number=7, features=64)
PROMPTS = Prompts(KIND.task, KIND, standard_profiles(), 0)


def said(messages, solver, times=400):
    return [solver.play(Question("7", messages), np.random.default_rng(at)) for at in range(times)]


def rights(messages, solver, times=400):
    return np.array([KIND.right(KIND.read(text)) for text in said(messages, solver, times)])


def work(*right):
    return Artifact(module(7, tuple(0 if at in right else 1 for at in range(64))))


def test_a_draft_gets_common_aspects_right_and_rare_ones_rarely():
    share = rights(PROMPTS.draft("0"), Solver()).mean(axis=0)
    expected = 0.9 / np.arange(1, 65) ** 0.7
    assert np.abs(share - expected).max() < 4 * np.sqrt(0.25 / 400)
    assert share.mean() == pytest.approx(0.124, abs=0.01)


def test_a_critic_sees_what_is_wrong_and_is_wrong_at_times():
    for artifact, share in ((work(), 0.8), (work(*range(64)), 0.3)):
        comments = said(PROMPTS.critique("0->1", artifact), Solver())
        assert np.mean([not finished(comment) for comment in comments]) == pytest.approx(share, abs=0.09)


def test_critics_look_at_different_things():
    def favourite(edge):
        comments = said(PROMPTS.critique(edge, work()), Solver(spread=3.0), 100)
        return Counter(comment for comment in comments if not finished(comment)).most_common(1)[0][0]

    assert len({favourite(f"{at}->x") for at in range(12)}) > 3


def test_an_actor_follows_most_comments_and_breaks_things_as_it_edits():
    artifact = work(*range(32))
    refined = rights(PROMPTS.refine("1", artifact, "feature_50 is wrong: write it anew."), Solver())
    assert refined[:, 50].mean() == pytest.approx(0.931, abs=0.05)
    lost = 32 - refined[:, :32].sum(axis=1)
    assert set(lost.tolist()) <= {0, 1}
    assert lost.mean() == pytest.approx(0.931 * 0.02 * np.sqrt(32), abs=0.06)
    assert not np.delete(refined[:, 32:], 18, axis=1).any()


def test_a_merge_keeps_nearly_all_that_one_of_them_has():
    merged = rights(PROMPTS.merge("1", [work(*range(16)), work(*range(16, 32))]), Solver())
    assert merged[:, :32].mean() == pytest.approx(0.985, abs=0.01)
    assert not merged[:, 32:].any()
    many = rights(PROMPTS.merge("1", [work(*range(32))] * 4), Solver())
    assert many[:, :32].mean() == pytest.approx(0.965, abs=0.01)


def test_work_decays_where_it_is_said_to():
    refined = rights(PROMPTS.refine("1", work(*range(64)), "nothing"), Solver(rollback=0.1))
    assert refined.mean() == pytest.approx(0.9, abs=0.01)


def test_the_wiring_of_what_is_said_is_all_there_is_to_it():
    one, other = (PROMPTS.refine("1", work(1), "feature_02 is wrong") for _ in range(2))
    assert said(one, Solver(), 5) == said(other, Solver(), 5)


def test_more_agents_get_more_right():
    async def quality(network):
        async with Session(Rehearsal(Solver().play, name="solver")) as session:
            result = await traverse(network, KIND.task, session, kind=KIND)
        return np.mean(KIND.right(result.artifact))

    alone, some, many = (asyncio.run(quality(network)) for network in (mesh(1), star(8), mesh(16)))
    assert alone < some < many


@pytest.mark.parametrize(
    "kind", [Text(), Choice(options=3), Function(entry="f"), Repository()], ids=lambda kind: kind.name
)
@pytest.mark.parametrize("player", sorted(PLAYERS))
def test_any_task_can_be_rehearsed(kind, player):
    async def once():
        async with Session(rehearse(player, PLAYERS)) as session:
            return await traverse(mesh(5), "Write something.", session, kind=kind)

    result = asyncio.run(once())
    assert result.artifact.grade
    assert not any(facts.dropped for facts in result.elements.values())
    assert len(result.artifact.text) < 5000


@pytest.mark.parametrize("setting", [{"adopts": 1.1}, {"rollback": -0.1}, {"tail": -1.0}, {"knows": float("nan")}])
def test_chances_out_of_range_are_refused(setting):
    with pytest.raises(InvalidInput, match=f"`{next(iter(setting))}` must be from 0 to"):
        Solver(**setting)
