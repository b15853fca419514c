import asyncio

import numpy as np
import pytest

from consilience.dialogue.rehearsal import Rehearsal
from consilience.dialogue.sandbox import SandboxLimits, Snippets
from consilience.dialogue.session import Session
from consilience.methods.cross_team.collaboration import collaborate
from consilience.methods.cross_team.developer import Developer
from consilience.methods.cross_team.rating import Rating
from consilience.methods.cross_team.simulation import Pool, score, value
from consilience.methods.cross_team.stand_ins import Programmer, read
from consilience.methods.cross_team.studies.quality_arms import (
    ARMS,
    CALLS,
    CONTROLS,
    OURS,
    majority,
    on_toolbox,
)
from consilience.methods.cross_team.tasks import STUB, Toolbox

EXACT = [arm for arm in ARMS if not arm.versions and arm.name != "one draft (1 call)"]


@pytest.fixture(scope="module")
def came():
    async def all_arms():
        with Snippets(workers=1, limits=SandboxLimits(wall_s=20)) as snippets:
            return [
                await on_toolbox(Toolbox(number=number, functions=6), Developer(), 5, snippets) for number in (1, 2)
            ]

    return asyncio.run(all_arms())


def test_every_arm_spends_the_calls_that_it_says(came):
    for one in came:
        for arm in EXACT:
            if arm.shared_draft:  # leaves that a reviewer left alone are equal, and equal works are not merged
                assert 9 <= one[arm.name].calls <= 12
            else:
                assert one[arm.name].calls == CALLS, arm.name
        assert one["one team, reviews"].calls == CALLS
        assert one["one team, repairs by tests"].calls <= CALLS
        assert one["one draft (1 call)"].calls == 1


def test_what_is_scored_was_executed(came):
    for one in came:
        for arm in ARMS:
            found = one[arm.name]
            assert found.score == pytest.approx(found.right * found.runs), arm.name


def test_names_of_arms_differ_and_ours_is_no_control():
    assert len({arm.name for arm in ARMS}) == len(ARMS)
    assert OURS not in CONTROLS


def test_a_majority_is_that_of_functions_and_of_faults():
    box = Toolbox(number=3, functions=3)
    works = [box.read(box.program(*made)) for made in (([0, 1, STUB], [2]), ([0, 2, STUB], [2]), ([3, 2, 1], [5]))]
    found = majority(box, works)
    assert box.variants(found.text) == (0, 2, 1)
    assert box.fatal(found.text) == (2,)


class Reading:
    """Rates programs of a toolbox by reading them, which the tests of the simulation hold against executing them."""

    def __init__(self, box):
        self.box = box
        self.visible = np.isin(np.arange(box.functions), box.visible)

    async def rate(self, artifact):
        written = read(self.box, artifact.text)
        worth = float(value(written, self.visible))
        return Rating(usable=True, runs=True, passed=(worth - 0.1) / 0.9, complete=(worth - 0.1) / 0.9)


@pytest.mark.parametrize(
    ("name", "teams"), [(OURS.name, 8), ("one flat merge of 10 drafts", 10), ("best of 11 drafts", 11)]
)
def test_a_simulation_has_the_distribution_of_runs_of_the_engine(name, teams):
    arm = next(arm for arm in ARMS if arm.name == name)
    developer = Developer(faults=1.0, recognises=0.7)  # so that the guard, pruning and faults all matter

    async def run(number):
        box = Toolbox(number=number, functions=6)
        model = Rehearsal(Programmer(developer=developer).play, name="developer", seed=1)
        async with Session(model) as session:
            plan = arm.plan(number)
            result = await collaborate(plan, box.task, session, kind=box.kind, scorer=Reading(box))
        return float(score(read(box, result.artifact.text)))

    async def runs():
        return [await run(number) for number in range(120)]

    executed = np.array(asyncio.run(runs()))
    pool = Pool(developer=developer, tasks=20_000, teams=teams, functions=6)
    if arm.steps == (arm.steps[0],):
        simulated = score(pool.best(teams))
    else:
        simulated = score(pool.meet(teams, group=arm.group, prune_above=4 if arm.prune else None))
    assert executed.mean() == pytest.approx(simulated.mean(), abs=4 * simulated.std() / 120**0.5)
    # The largest distance of the two cumulative distributions, at a chance of about one in ten thousand.
    steps = np.linspace(0, 1, 7) + 1e-6
    apart = [abs((executed <= step).mean() - (simulated <= step).mean()) for step in steps]
    assert max(apart) < 2.23 / 120**0.5
