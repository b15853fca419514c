"""Tests that share what their file makes once are run by one process, and all others by whichever is free."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from together import group

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
ROOMS = "tests/conformance/test_rooms.py::test_its_"


@pytest.mark.parametrize(
    ("nodeid", "name"),
    [
        ("tests/conformance/test_wheel.py::test_it_is_small", "tests/conformance/test_wheel.py"),
        ("tests/test_links.py::test_x[a-b]", "tests/test_links.py::test_x[a-b]"),
        (f"{ROOMS}door_opens_light[em_diffusion]", "room em_diffusion"),
        (f"{ROOMS}recipes_are_valid[smoke-em_diffusion]", "room em_diffusion"),
        (f"{ROOMS}recipes_are_valid[em_diffusion-smoke]", "room em_diffusion"),
        (f"{ROOMS}door", f"{ROOMS}door"),
        ("src/consilience/gone.py::consilience.gone", "src/consilience/gone.py::consilience.gone"),
    ],
)
def test_who_stays_with_whom(nodeid: str, name: str) -> None:
    assert group(nodeid, ROOT) == name


TESTS = """
import os
import pytest

@pytest.fixture(scope="{scope}")
def made():
    return os.environ["PYTEST_XDIST_WORKER"]

@pytest.mark.parametrize("number", range(6))
def test_one(made, number, request):
    (request.config.rootpath / f"{name} {{number}}").write_text(made)
"""


def test_two_processes_keep_to_it(tmp_path: Path) -> None:
    names = ("a", "b", "c")
    for name in names:
        (tmp_path / f"test_{name}.py").write_text(
            TESTS.format(scope="module" if name != "c" else "function", name=name)
        )
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    words = [sys.executable, "-m", "pytest", "-q", "-p", "together", "-p", "no:cacheprovider", "-n", "2"]
    environment = {**os.environ, "PYTHONPATH": str(HERE)}
    done = subprocess.run(
        [*words, "--dist", "loadgroup"], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout
    ran = {name: [path.read_text() for path in sorted(tmp_path.glob(f"{name} *"))] for name in names}
    assert [len(ran[name]) for name in names] == [6, 6, 6]
    assert len(set(ran["a"])) == len(set(ran["b"])) == 1
    assert ran["a"] != ran["b"]
