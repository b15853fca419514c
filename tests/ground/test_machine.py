"""The machine is described without saying whose it is."""

import getpass
import platform
import subprocess
import sys
from pathlib import Path

import pytest

from consilience.ground.machine import machine, peak_memory_mb, versions


def test_nothing_tells_whose_machine_it_is() -> None:
    words = " ".join([*machine().values(), *versions().values()])
    assert platform.node() not in words
    assert str(Path.home()) not in words
    assert getpass.getuser() not in words.split()


def test_the_libraries_that_decide_numbers_are_named() -> None:
    assert {"python", "consilience", "numpy", "scipy", "scikit-learn"} <= versions().keys()
    # What is tuned depends on these no less.
    assert {"torch", "transformers", "safetensors", "peft"} <= versions().keys()
    assert int(machine()["cores"]) >= 1


def test_a_clone_is_told_by_its_commit_and_an_installed_copy_is_not(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    words = ["git", "-C", str(Path(__file__).parent), "rev-parse", "HEAD"]
    head = subprocess.run(words, capture_output=True, text=True, check=False).stdout.strip()
    told = versions().get("commit", "")
    assert head.startswith(told.removesuffix("-dirty"))
    assert bool(told) == bool(head)
    monkeypatch.setattr("consilience.ground.machine.__file__", str(tmp_path / "a" / "b" / "c" / "d.py"))
    assert "commit" not in versions()


def test_the_peak_is_that_of_the_program_alone_and_not_of_whoever_started_it() -> None:
    held = bytearray(300 << 20)
    held[:: 1 << 12] = b"x" * len(held[:: 1 << 12])
    told = subprocess.run(
        [sys.executable, "-c", "from consilience.ground.machine import peak_memory_mb; print(peak_memory_mb())"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert peak_memory_mb() > 300
    assert 5 < float(told.stdout) < 200
