"""The study of runs that were cut off: a process that is really killed, and flaws that it would notice."""

import signal
import sys
from types import SimpleNamespace

import pytest

torch = pytest.importorskip("torch", reason="the em extra is not installed")

from consilience.ground import Evidence, RunFolder, Streams  # noqa: E402
from consilience.methods.em_diffusion.em import Progress  # noqa: E402
from consilience.methods.em_diffusion.state import read_state  # noqa: E402
from consilience.methods.em_diffusion.studies import resuming as study  # noqa: E402
from consilience.methods.em_diffusion.training import Learner  # noqa: E402

pytestmark = pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="this system knows no SIGKILL")


def measure(folder) -> Evidence:
    return study.resuming(SimpleNamespace(), Streams(0), RunFolder(folder, quiet=True))


def test_killed_and_interrupted_runs_end_with_the_same_bits_and_a_forgetful_one_does_not(tmp_path) -> None:
    evidence = measure(tmp_path)
    (measurement,) = evidence.measurements
    assert (measurement.value, measurement.bar, measurement.holds) == (0.0, "at most 0", True)
    rows = evidence.tables[0].rows
    assert [row[0] for row in rows] == ["anywhere", "E, round 2", "M, round 2", "between rounds"]
    assert [row[1] for row in rows] == ["3 exceptions", "SIGKILL", "SIGKILL", "weights alone are kept"]
    assert rows[-1][3] > 50
    assert len({row[2] for row in rows}) == 1


def test_the_child_is_killed_between_parts_in_e_and_among_steps_in_m(tmp_path) -> None:
    child = study._child(tmp_path, 3)
    study._expect_killed(child)
    _, cursor = read_state(tmp_path / "E" / "learner.safetensors")
    assert (cursor["round"], cursor["taken"]) == (1, 0)
    assert len(list((tmp_path / "E" / "round-002-000").iterdir())) == 1
    _, cursor = read_state(tmp_path / "M" / "learner.safetensors")
    assert (cursor["round"], cursor["taken"]) == (1, study.ROUNDS.steps // 2)
    assert len(list((tmp_path / "M" / "round-002-000").iterdir())) == 2


def test_a_learner_that_forgets_the_generator_is_noticed(tmp_path, monkeypatch) -> None:
    restore = Learner.restore

    def forgetful(self, held) -> None:
        fresh = self.generator.get_state()
        restore(self, held)
        self.generator.set_state(fresh)

    # The child and its import of torch are left out: interruptions by exceptions are enough to see it.
    whole = study._run(tmp_path / "whole", 3)
    whole.run()
    assert study._interrupted(tmp_path / "cut", 3, whole).differ == 0
    monkeypatch.setattr(Learner, "restore", forgetful)
    assert study._interrupted(tmp_path / "forgetful", 3, whole).differ > 50


def test_a_child_that_ends_otherwise_is_a_bug_that_says_so(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(study, "ENTRY", "import sys; sys.exit('no such module')")
    with pytest.raises(RuntimeError, match="ended with 1: no such module"):
        study._expect_killed(study._child(tmp_path, 0))


@pytest.mark.parametrize(
    ("stage", "number", "done", "total", "half"),
    [
        ("E", 2, 20, 30, True),
        ("E", 1, 20, 30, False),
        ("E", 2, 30, 30, False),
        ("M", 2, 10, 20, True),
        ("M", 2, 9, 20, False),
        ("M", 2, 20, 20, False),
    ],
)
def test_half_way_is_neither_the_beginning_nor_the_end(stage, number, done, total, half) -> None:
    progress = Progress(round=number, stage=stage, done=done, total=total, figure=1.0)
    assert study._is_half_way(progress, stage) is half
    assert not study._is_half_way(progress, "E" if stage == "M" else "M")


def test_the_child_s_arguments_are_read_from_the_command_line(tmp_path, monkeypatch) -> None:
    """In this process, the kill is told instead of done."""
    killed: list[int] = []

    def kill(pid: int, number: int) -> None:
        killed.append(number)
        raise KeyboardInterrupt

    monkeypatch.setattr(study.os, "kill", kill)
    monkeypatch.setattr(study.em, "SAVE_EVERY_S", 20.0)
    monkeypatch.setattr(sys, "argv", ["-c", str(tmp_path), "3", str(torch.get_num_threads())])
    with pytest.raises(KeyboardInterrupt):
        study.die()
    assert killed == [signal.SIGKILL]
