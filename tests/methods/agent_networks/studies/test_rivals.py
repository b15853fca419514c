"""The engines that are laid side by side: that all are asked the same, and what the least time is."""

import json
import subprocess
import sys
from itertools import combinations

import pytest

from consilience.dialogue.trials import rival
from consilience.dialogue.trials.rival import ARTIFACT, Visit
from consilience.methods.agent_networks.studies import rivals
from consilience.methods.agent_networks.studies.rivals import Job, critical_path_s, run
from consilience.methods.agent_networks.studies.side_by_side import OURS

MESH = list(combinations(range(5), 2))


@pytest.mark.parametrize("engine", OURS)
def test_engines_of_ours_ask_the_same_and_take_no_less_than_the_path(engine: str) -> None:
    outcome = run(Job(engine, 5, MESH, rounds=2, mean_s=0.003, seed=1))
    assert outcome.calls == 1 + 4 * len(MESH) + 6
    assert outcome.makespan_s >= outcome.critical_path_s * 0.999
    assert outcome.critical_path_s > 0


def test_only_what_keeps_something_leaves_files() -> None:
    bare, kept = (run(Job(engine, 3, [(0, 1), (1, 2)])) for engine in OURS[:2])
    assert bare.kept_bytes == 0
    assert kept.kept_bytes > 5 * ARTIFACT


def test_several_last_nodes_are_merged_by_all() -> None:
    star = [(0, node) for node in range(1, 6)]
    assert {run(Job(engine, 6, star)).calls for engine in OURS} == {1 + 2 * 5 + 4}


def test_the_path_through_a_diamond_is_its_slower_side() -> None:
    edges = [(0, 1), (0, 2), (1, 3), (2, 3)]
    took = {"0": 1, "0->1": 2, "0->2": 5, "1->3": 2, "2->3": 1, "3+0.0": 4}
    visits = [Visit(element, 10, 10 + seconds) for element, seconds in took.items()]
    assert critical_path_s(4, edges, visits) == 1 + 5 + 1 + 4
    assert critical_path_s(4, edges, visits, barrier=True) == 1 + 5 + 2 + 4


def test_pieces_are_merged_as_they_come() -> None:
    edges = [(0, 3), (1, 3), (2, 3)]
    took = {"0": 1, "1": 1, "2": 9, "0->3": 1, "1->3": 1, "2->3": 1, "3+0.0": 5, "3+1.0": 1}
    visits = [Visit(element, 0, seconds) for element, seconds in took.items()]
    assert critical_path_s(4, edges, visits) == 9 + 1 + 1  # the first two were merged meanwhile


def test_the_file_runs_by_its_path_in_a_python_without_this_package() -> None:
    job = {"engine": "asyncio by hand", "nodes": 3, "edges": [[0, 1], [0, 2], [1, 2]]}
    done = subprocess.run(
        [sys.executable, "-I", "-S", rival.__file__, rivals.__file__],
        input=json.dumps(job),
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(done.stdout.splitlines()[-1])["calls"] == 1 + 2 * 3 + 1
