"""The base alone, without any extra: what it lists, shows and cites, and what it says to install for the rest."""

import json
import re
import subprocess
import sys
import tomllib
from importlib.metadata import distribution, packages_distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from consilience import catalogue, methods

ROOT = Path(__file__).resolve().parents[2]
ROOMS = [entry.name for entry in catalogue.METHODS]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
EXTRAS = PROJECT["optional-dependencies"]


def plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def brought_by(requirements: list[str]) -> set[str]:
    """Name every distribution that these requirements bring, with what those bring."""
    found: set[str] = set()
    waiting = [Requirement(text) for text in requirements]
    while waiting:
        wanted = waiting.pop()
        name = plain(wanted.name)
        if name in found or (wanted.marker and not wanted.marker.evaluate({"extra": ""})):
            continue
        found.add(name)
        waiting += [Requirement(text) for text in distribution(name).requires or ()]
    return found


def base_lacks() -> list[str]:
    """Name the modules here that the base alone would not have."""
    base = brought_by(PROJECT["dependencies"]) | {"consilience"}
    return sorted(
        module for module, brought in packages_distributions().items() if not base & {plain(name) for name in brought}
    )


# Stands before what is tried: whatever the base does not bring cannot be found, by `find_spec` either.
WITHOUT = """
import importlib.abc, json, sys
absent = set(json.loads(sys.argv.pop(1)))
class Absent(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in absent:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
sys.meta_path.insert(0, Absent())
"""


def bare(code: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    words = [sys.executable, "-c", WITHOUT + code, json.dumps(base_lacks()), *arguments]
    return subprocess.run(words, capture_output=True, text=True, check=False)


def consilience(*words: str) -> subprocess.CompletedProcess[str]:
    return bare("from consilience.cli import main; raise SystemExit(main())", *words)


def test_what_is_heavy_is_not_in_the_base() -> None:
    assert {"numpy", "torch", "sklearn", "matplotlib", "aiohttp"} <= set(base_lacks())


@pytest.mark.parametrize("words", [["--help"], ["--version"], ["list"], ["reproduce", "--help"]])
def test_it_answers(words: list[str]) -> None:
    done = consilience(*words)
    assert (done.returncode, done.stderr) == (0, "")


def test_nothing_can_be_reproduced_and_that_is_said(tmp_path: Path) -> None:
    done = consilience("reproduce", "--runs", str(tmp_path / "runs"))
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("consilience: no method can be run yet; install consilience[all]")
    assert not (tmp_path / "runs").exists()


def test_extras_are_there_and_bring_what_they_say() -> None:
    assert {"agents", "train", "ray", "postgres", "all"} <= EXTRAS.keys()
    assert "torch" not in brought_by([f"consilience[{name}]" for name in ("agents", "postgres", "social", "interop")])


@pytest.mark.parametrize("room", ROOMS)
class TestRoom:
    def test_its_extra_is_there(self, room: str) -> None:
        assert catalogue.method(room).extra in EXTRAS

    def test_its_door_and_its_studies_name_the_same_extra(self, room: str) -> None:
        home = Path(methods.__file__).parent / room
        named = {
            extra
            for file in ("__init__.py", "experiment.py")
            for extra in re.findall(r'extra="(\w+)"', (home / file).read_text(encoding="utf-8"))
        }
        assert named == {catalogue.method(room).extra}

    def test_it_is_shown(self, room: str) -> None:
        done = consilience("show", room)
        assert (done.returncode, done.stderr) == (0, "")
        assert f"pip install '.[{catalogue.method(room).extra}]' in the clone" in done.stdout

    def test_it_is_cited(self, room: str) -> None:
        done = consilience("cite", room)
        assert (done.returncode, done.stderr) == (0, "")
        assert catalogue.method(room).arxiv in done.stdout

    def test_what_to_install_is_said(self, room: str) -> None:
        entry = catalogue.method(room)
        done = consilience("reproduce", room, "--quiet")
        assert (done.returncode, done.stdout) == (2, "")
        assert done.stderr.startswith(f"consilience: {entry.command} needs ")
        assert done.stderr.endswith(f"; install consilience[{entry.extra}]\n")

    def test_its_names_say_so_too(self, room: str) -> None:
        code = (
            "import sys; from importlib import import_module\n"
            "from consilience.ground import MissingDependency\n"
            "door = import_module('consilience.methods.' + sys.argv[1])\n"
            "for name in door.__all__:\n"
            "    try: getattr(door, name)\n"
            "    except MissingDependency as lacking: print(lacking)"
        )
        done = bare(code, room)
        assert (done.returncode, done.stderr) == (0, "")
        assert set(re.findall(r"install (\S+)", done.stdout)) <= {f"consilience[{catalogue.method(room).extra}]"}

    def test_its_verbs_are_offered_or_say_what_to_install(self, room: str) -> None:
        entry = catalogue.method(room)
        done = consilience(entry.command, "--help")
        if done.returncode:
            assert done.returncode == 2
            assert done.stderr.endswith(f"; install consilience[{entry.extra}]\n")
        else:
            assert "usage: consilience" in done.stdout
