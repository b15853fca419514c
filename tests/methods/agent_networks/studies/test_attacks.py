"""Attacks: each does what it says where there is no wall, so that a wall is what holds it."""

import subprocess
import sys

import pytest

from consilience.dialogue.sandbox import Outcome
from consilience.methods.agent_networks.studies.attacks import ATTACKS, MEMORY_MB, TREE_MB, surroundings


@pytest.fixture
def around(tmp_path):
    with surroundings(tmp_path) as found:
        yield found


def outcome(status="done", stdout=b"", **facts):
    whole = {
        "returncode": 0,
        "stderr": b"",
        "truncated": False,
        "wall_s": 1,
        "cpu_s": 1,
        "peak_memory_mb": 1,
        "walls": (),
    }
    return Outcome(status=status, stdout=stdout, **whole | facts)


@pytest.mark.parametrize("name", ["socket", "path escape", "signals", "secrets"])
def test_without_walls_it_reaches_what_it_looks_for(name, around, tmp_path):
    source = ATTACKS[name].code(around)
    seen = subprocess.run(
        [sys.executable, "-c", source], cwd=tmp_path, capture_output=True, env={"KEY": "s3cret"}, check=False
    )
    assert seen.returncode == 0, seen.stderr
    assert b"reached" in seen.stdout or b"s3cret" in seen.stdout
    assert not ATTACKS[name].held(outcome(stdout=seen.stdout), around)


@pytest.mark.parametrize("name", ATTACKS)
def test_it_is_python(name, around):
    compile(ATTACKS[name].code(around), name, "exec")


def test_what_counts_as_held(around):
    def held(name, *given, **facts):
        return ATTACKS[name].held(outcome(*given, **facts), around)

    assert held("endless loop", "timeout")
    assert not held("endless loop", "done")
    assert held("fork bomb", "timeout", b"7")
    assert not held("fork bomb", "timeout", b"200")
    assert held("4 GB allocation", "memory")
    assert not held("4 GB allocation", "memory", peak_memory_mb=3 * MEMORY_MB)
    assert not held("4 GB allocation", "done", b"4294967296")
    assert held("10 GB write", "done", b"0 4096")
    assert not held("10 GB write", "done", b"%d" % (2 * TREE_MB * 2**20))
    assert not held("10 GB write", "done")
    assert held("output flood", "killed", b"x", truncated=True)
    assert not held("output flood", "killed", b"x" * 10**6, truncated=True)
    assert not held("socket", "refused")
    around.secret.write_text("changed")
    assert not held("path escape", "done")
