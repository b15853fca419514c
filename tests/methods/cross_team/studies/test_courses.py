"""Courses: what a run must take at least, and what it took beyond that."""

import asyncio
from math import isnan

import numpy as np
import pytest

from consilience.dialogue.faults import Latency
from consilience.dialogue.trials.rival import Visit
from consilience.methods.cross_team.spec import Key, Plan, teams
from consilience.methods.cross_team.studies.courses import chain_of, course, gaps, polled_s
from consilience.methods.cross_team.studies.rivals import Job

SEGMENTS = (2, 1)


def run(count, latency, **settings):
    plan = Plan(chain=chain_of(SEGMENTS, **settings), teams=teams(count), prune=False)
    return asyncio.run(course(plan, SEGMENTS, latency))


def test_no_run_is_faster_than_its_bound_and_one_team_has_nobody_to_wait_for():
    for count in (1, 2, 5):
        found = run(count, Latency.lognormal(0.01, 0.8, seed=count))
        assert len(found.visits) == 3 * count + count - 1
        assert found.makespan_s >= found.bound_s * 0.999
        assert found.bound_s > found.merging_s >= 0
        assert found.alone_s >= found.teams_s >= found.bound_s - found.merging_s
        assert (found.waiting > 0) == (count > 1)
        assert all(gap >= 0 for gap in found.gaps_s)
        assert len(found.gaps_s) == (2 if count > 1 else 0)


def test_equal_teams_are_as_many_times_faster_as_they_are():
    found = run(4, Latency.const(0.1))
    assert 2 < found.faster <= 4.01  # far from 4 only where the machine has much else to do
    assert found.merging_s >= 0.2
    assert found.teams_s >= 12 * 0.1


def test_where_some_are_not_waited_for_there_is_no_bound():
    found = run(4, Latency.lognormal(0.01, 1.5, seed=1), quorum=2)
    assert found.makespan_s > 0
    if isnan(found.bound_s):
        assert found.gaps_s == ()
    assert len(found.visits) <= 4 * 3 + 3


def test_a_chain_asks_one_question_a_phase_and_meets_between_segments():
    chain = chain_of((2, 1, 1), quorum=3, deadline_s=2.0, late="drop")
    assert chain.calls() == 4
    assert chain.keys == tuple(Key(name=f"k{at}", quorum=3, deadline_s=2.0, late="drop") for at in (0, 1))
    assert chain_of((1, 0)).columns == ("p0", "k0")


def test_gaps_are_measured_where_nobody_merges_too():
    visits = [Visit("A/p0", 0, 1), Visit("B/p0", 0, 3), Visit("A/p1", 3.5, 5), Visit("B/p1", 4, 5)]
    assert gaps(Job("", 2, (1, 1)), visits, [[]]) == [1]


def test_files_are_found_at_the_next_look_and_every_team_merges_all():
    visits = [Visit(f"{name}/p0", 0, took) for name, took in zip("ABCD", (1, 2, 3, 4.2), strict=True)]
    visits += [Visit(f"{name}/p1", 9, 10) for name in "ABCD"]
    job = Job("", 4, (1, 1), group=2, mean_s=0.5, sigma=0.0)
    # D is there when it comes; A looks at 1, 2, 3, 4 and finds it at 5: three merges and a phase from then on.
    assert polled_s(job, visits, 1.0, np.random.default_rng(0)) == pytest.approx(5 + 3 * 0.5 + 1)
    assert polled_s(job, visits, 1e-9, np.random.default_rng(0)) == pytest.approx(4.2 + 3 * 0.5 + 1)
