"""Killed and resumed: what is compared, and that a difference would be seen."""

import os
from pathlib import Path

import pytest

from consilience.ground import InvalidInput
from consilience.methods.self_correction.studies import interruption
from consilience.methods.self_correction.studies.interruption import kill_and_resume, traced_run
from consilience.methods.self_correction.trace import fingerprint

pytestmark = pytest.mark.skipif(os.name != "posix", reason="there is no SIGKILL outside of POSIX, and never will be")


def test_a_killed_run_comes_to_the_same_trace(tmp_path: Path) -> None:
    found = kill_and_resume(tmp_path, items=60, kills=2, seed=5)
    assert (found.identical, found.untouched, found.repeated) == (True, True, 0)
    assert found.lines == found.whole_lines
    assert 1 < found.kept[0] < found.kept[1] < found.lines


def test_a_run_may_be_killed_before_it_has_begun(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = interruption._lines
    monkeypatch.setattr(interruption, "_lines", lambda path: real(path) if path.exists() else 10**6)
    found = kill_and_resume(tmp_path, items=10, kills=1, seed=5)
    assert (found.kept, found.identical) == ((0,), True)


def test_another_model_leaves_another_trace(tmp_path: Path) -> None:
    traced_run(tmp_path / "one", 10, 1)
    traced_run(tmp_path / "other", 10, 2)
    assert fingerprint(tmp_path / "one") != fingerprint(tmp_path / "other")


def test_a_run_too_short_to_be_killed_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(interruption, "_CHILD", "pass")
    with pytest.raises(InvalidInput, match="give it more items"):
        kill_and_resume(tmp_path, items=1, kills=1, seed=0)
