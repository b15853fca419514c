"""Engines in turns, each in a process of its own."""

import sys
import types
from dataclasses import dataclass
from pathlib import Path

import pytest

from consilience.dialogue.trials.rival import Outcome
from consilience.dialogue.trials.side_by_side import in_turns, run_apart, typical

ROOM = """
from dataclasses import dataclass
from consilience.dialogue.trials.rival import answer, measured

@dataclass(frozen=True)
class Job:
    engine: str
    mean_s: float = 0.0
    sigma: float = 0.8
    seed: int = 0

async def build(job, model, folder):
    async def go():
        for at in range(job.seed):
            await model.say("a", at)
    return go, "2.0"

if __name__ == "__main__":
    answer(Job, lambda job: measured(job, job, {"one": (build, False)}, lambda job, visits: 0.0))
"""


@dataclass(frozen=True)
class Job:
    engine: str
    mean_s: float = 0.0
    sigma: float = 0.8
    seed: int = 0


@pytest.fixture
def room(tmp_path) -> types.ModuleType:
    module = types.ModuleType("room")
    module.__file__ = str(tmp_path / "room.py")
    (tmp_path / "room.py").write_text(ROOM)
    return module


def test_another_python_runs_the_file(room) -> None:
    alias = str(Path(room.__file__).with_name("python"))
    Path(alias).symlink_to(sys.executable)
    assert run_apart(room, Job("one", seed=5), alias).calls == 5
    with pytest.raises(RuntimeError, match=r"(?s)another: .*KeyError"):
        run_apart(room, Job("another"), alias)


def test_all_have_their_turn_before_anyone_has_a_second() -> None:
    order = []
    found = in_turns(("a", "b"), ["x", "y"], 2, lambda *of: order.append(of) or len(order))
    assert order == [(engine, place, turn) for turn in (0, 1) for place in "xy" for engine in "ab"]
    assert found["x", "a"] == [1, 5]
    assert found["y", "b"] == [4, 8]


def test_the_typical_one_is_the_median() -> None:
    outcomes = [Outcome(10, cpu_s, 0.0, cpu_s * 2, 1.0, 1.0, 1, "9.9") for cpu_s in (0.9, 0.1, 0.2)]
    assert typical(outcomes, "cpu_ms") == pytest.approx(20)
    assert typical(outcomes, "makespan_s") == 0.4
