import asyncio
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from consilience.dialogue.sandbox import SandboxLimits, Snippets
from consilience.ground.errors import InvalidInput
from consilience.methods.cross_team.developer import Developer, Written
from consilience.methods.cross_team.rating import rater_for
from consilience.methods.cross_team.simulation import Pool, calls, kept, score, value
from consilience.methods.cross_team.tasks import FATAL, STUB, Toolbox

PERFECT = Developer(ability=50.0, faults=0.0, faults_by_temperature=0.0, keeps=1.0, crowding=0.0, injects=0.0)


@pytest.fixture(scope="module")
def snippets():
    with Snippets(workers=1, limits=SandboxLimits(wall_s=5)) as pool:
        yield pool


@given(
    number=st.integers(0, 300),
    seen=st.sampled_from([0.0, 0.25, 0.5, 1.0]),
    variants=st.lists(st.integers(0, STUB), min_size=7, max_size=7),
    fatal=st.sets(st.integers(0, FATAL - 1), max_size=2),
)
@settings(max_examples=25)
def test_what_is_executed_tells_what_a_simulation_says_it_would(number, seen, variants, fatal, snippets):
    box = Toolbox(number=number, functions=7, seen=seen)
    artifact = box.read(box.program(variants, sorted(fatal)))
    visible = np.isin(np.arange(7), box.visible)
    written = Written(np.array(variants), np.isin(np.arange(FATAL), sorted(fatal)))

    async def executed():
        rater = rater_for(box.kind, tests=box.tests, snippets=snippets)
        return (await rater.rate(artifact)).value, (await box.score(artifact, snippets)).value

    rated, right = asyncio.run(executed())
    assert rated == pytest.approx(float(value(written, visible)), abs=1e-8)
    assert right == pytest.approx(float(score(written)))


def test_no_merge_is_rated_below_the_best_of_who_met():
    pool = Pool(tasks=400, teams=9, developer=Developer(interference=0.2, injects=0.2))
    for group in (2, 3, 9):
        for above in (None, 4):
            merged = value(pool.meet(9, group=group, prune_above=above), pool.visible)
            assert (merged >= pool.values.max(axis=-1)).all()
    unguarded = value(pool.meet(9, group=9, prune_above=None, guard=False), pool.visible)
    assert (unguarded < pool.values.max(axis=-1)).mean() > 0.5


def test_one_team_meets_nobody_and_the_best_of_one_is_that_one():
    pool = Pool(tasks=50, teams=3)
    for found in (pool.meet(1), pool.best(1), pool.majority(1), pool.refine(1)):
        assert (found.variants == pool.drafts.variants[:, 0]).all()
        assert (found.fatal == pool.drafts.fatal[:, 0]).all()


def test_who_knows_and_keeps_all_has_all_right():
    pool = Pool(tasks=20, teams=8, developer=PERFECT)
    for found in (pool.meet(8), pool.meet(8, guard=False), pool.best(2), pool.majority(5), pool.refine(3)):
        assert (score(found) == 1).all()


def test_the_best_of_more_is_rated_no_lower_and_repairs_neither():
    pool = Pool(tasks=300, teams=12)
    rated = [value(pool.best(teams), pool.visible) for teams in (1, 4, 12)]
    assert (np.diff(rated, axis=0) >= 0).all()
    repaired = [value(pool.refine(count), pool.visible).mean() for count in (1, 3, 11)]
    assert repaired[0] < repaired[1] < repaired[2]


def test_a_majority_takes_what_most_have_and_stubs_only_where_there_is_nothing_else():
    pool = Pool(tasks=1, teams=5, functions=3)
    variants = np.array([[[0, STUB, 2], [0, STUB, 1], [2, STUB, 1], [2, 3, 0], [1, STUB, 0]]])
    fatal = np.zeros((1, 5, FATAL), dtype=bool)
    fatal[0, :3, 4] = fatal[0, :2, 5] = True
    pool.__dict__["drafts"] = Written(variants, fatal)
    found = pool.majority(5)
    assert found.variants.tolist() == [[0, 3, 1]]
    assert np.flatnonzero(found.fatal[0]).tolist() == [4]


def test_calls_and_who_is_kept():
    assert [calls(8, 2, 4), calls(8, 2, None), calls(6, 2, None), calls(10, 10, None), calls(1, 2, 4)] == [
        11,
        15,
        11,
        11,
        1,
    ]
    assert [kept(5, 4), kept(16, 4), kept(2, 1), kept(1, 1)] == [2, 8, 1, 1]


def test_simulations_of_one_seed_are_the_same_and_share_their_drafts():
    one, same, other = Pool(tasks=30), Pool(tasks=30), Pool(tasks=30, seed=1)
    assert (one.meet(8).variants == same.meet(8).variants).all()
    assert (one.drafts.variants != other.drafts.variants).any()
    merging = replace(one, developer=replace(one.developer, interference=0.2, recognises=0.0))
    assert (merging.drafts.variants == one.drafts.variants).all()


@pytest.mark.parametrize("setting", [{"tasks": 0}, {"teams": 0}])
def test_an_empty_pool_is_refused(setting):
    with pytest.raises(InvalidInput, match="a pool must have"):
        Pool(**setting)
