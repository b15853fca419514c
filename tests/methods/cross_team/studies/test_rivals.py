"""The engines that are laid side by side: that all are asked the same, and what the least time is."""

import json
import subprocess
import sys

import pytest

from consilience.dialogue.trials import rival
from consilience.dialogue.trials.rival import ARTIFACT, Visit
from consilience.dialogue.work.merging import merge_calls
from consilience.methods.cross_team.spec import team_names
from consilience.methods.cross_team.studies import rivals
from consilience.methods.cross_team.studies.rivals import ENGINES, Job, least_s, merge_names, phase_names, run

HERE = [name for name in ENGINES if not name.startswith("LangGraph")]


@pytest.mark.parametrize("engine", HERE)
def test_engines_of_this_python_ask_the_same(engine):
    outcome = run(Job(engine, 5, (2, 1), group=2, mean_s=0.002, seed=1))
    assert outcome.calls == 5 * 3 + merge_calls(5, 2)
    assert outcome.makespan_s > 0


@pytest.mark.parametrize("engine", HERE)
def test_no_engine_is_faster_than_the_bound(engine):
    outcome = run(Job(engine, 4, mean_s=0.003))
    assert outcome.makespan_s >= outcome.critical_path_s * 0.999


def test_only_what_keeps_something_leaves_files():
    bare, kept = (run(Job(engine, 3, (1, 1))) for engine in HERE[:2])
    assert bare.kept_bytes == 0
    assert kept.kept_bytes > 5 * ARTIFACT


@pytest.mark.parametrize("group", [2, 3, 4])
@pytest.mark.parametrize("count", [1, 2, 5, 8, 9])
def test_merges_are_those_of_the_formula_and_use_each_piece_once(count, group):
    pieces = [str(at) for at in range(count)]
    merges = list(merge_names(0, pieces, group))
    assert len(merges) == merge_calls(count, group)
    used = [member for _, members in merges for member in members]
    made = [name for name, _ in merges]
    assert sorted(used) == sorted([*pieces, *made[:-1]]) if merges else not used


def test_teams_are_named_as_in_a_plan():
    assert tuple(map(rivals._team, range(60))) == team_names(60)
    assert phase_names((1, 0, 2)) == [["p0"], [], ["p1", "p2"]]


def test_the_least_time_waits_for_the_slowest_team_and_for_a_merge_s_own_parents_only():
    took = {f"{name}/p0": seconds for name, seconds in zip("ABC", (1, 5, 2), strict=True)}
    took |= {f"{name}/p1": 1 for name in "ABC"} | {"k0+0.0": 1, "k0+1.0": 3}
    visits = [Visit(element, 0, seconds) for element, seconds in took.items()]
    assert least_s(Job("", 3, (1, 1)), visits, [[("k0+0.0", ["A", "B"]), ("k0+1.0", ["k0+0.0", "C"])]]) == 5 + 4 + 1


def test_the_file_runs_in_a_python_without_this_package():
    done = subprocess.run(
        [sys.executable, "-I", "-S", rival.__file__, rivals.__file__],
        input=json.dumps({"engine": "asyncio by hand", "teams": 3, "segments": [1, 1]}),
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(done.stdout.splitlines()[-1])["calls"] == 3 * 2 + 2
