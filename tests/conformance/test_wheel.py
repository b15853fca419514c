"""What is built to be installed: the wheel has every file of the package, the source archive what makes the wheel."""

import os
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from email import message_from_bytes
from pathlib import Path

import pytest

from consilience import __version__, catalogue

ROOT = Path(__file__).resolve().parents[2]
SOURCE = ROOT / "src"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
NAME = f"consilience-{__version__}"
MOST_MB = 10
"""What the package itself may weigh as source; the base is to stay under 100 MB with all that it brings."""


def build(root: Path, out: Path, kind: str) -> Path:
    words = [sys.executable, "-m", "hatchling", "build", "-t", kind, "-d", str(out)]
    environment = {**os.environ, "SOURCE_DATE_EPOCH": "1577836800"}
    done = subprocess.run(words, cwd=root, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    (built,) = out.iterdir()
    return built


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("hatchling", reason="wheels are built by hatchling: install consilience[dev]")
    return build(ROOT, tmp_path_factory.mktemp("wheel"), "wheel")


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("hatchling", reason="archives are built by hatchling: install consilience[dev]")
    return build(ROOT, tmp_path_factory.mktemp("archive"), "sdist")


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    with zipfile.ZipFile(wheel) as packed:
        packed.extractall(folder)
    return folder


def files(folder: Path) -> set[str]:
    paths = (path for path in (folder / "consilience").rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix() for path in paths if path.suffix != ".pyc"}


def test_nothing_is_left_out_and_nothing_is_added(installed: Path) -> None:
    assert files(installed) == files(SOURCE)


def test_what_is_no_python_is_there(installed: Path) -> None:
    kinds = {Path(name).suffix for name in files(installed)}
    assert {".toml", ".j2", ".css", ".typed"} <= kinds
    assert (installed / "consilience" / "py.typed").is_file()


def test_it_is_small(installed: Path) -> None:
    assert sum(path.stat().st_size for path in installed.rglob("*") if path.is_file()) < MOST_MB * 1e6


def test_what_it_says_of_itself(installed: Path) -> None:
    told = message_from_bytes((installed / f"{NAME}.dist-info" / "METADATA").read_bytes())
    assert (told["Name"], told["Version"], told["License-Expression"]) == ("consilience", __version__, "Apache-2.0")
    assert told["Requires-Python"] == ">=3.11"
    assert set(told.get_all("Provides-Extra")) == set(PROJECT["optional-dependencies"])
    assert sum("extra ==" not in line for line in told.get_all("Requires-Dist")) == len(PROJECT["dependencies"])
    assert (installed / f"{NAME}.dist-info" / "licenses" / "LICENSE").is_file()
    commands = (installed / f"{NAME}.dist-info" / "entry_points.txt").read_text()
    assert "consilience = consilience.cli:main" in commands


@pytest.mark.parametrize("room", [entry.name for entry in catalogue.METHODS])
def test_every_room_is_shown_from_it(installed: Path, room: str, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "consilience", "show", room],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(installed)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "smoke, small, paper" in done.stdout


def test_the_archive_makes_the_same_wheel(archive: Path, wheel: Path, tmp_path: Path) -> None:
    with tarfile.open(archive) as packed:
        packed.extractall(tmp_path, filter="data")
    again = build(tmp_path / NAME, tmp_path / "out", "wheel")
    with zipfile.ZipFile(again) as ours, zipfile.ZipFile(wheel) as theirs:
        assert ours.namelist() == theirs.namelist()


def test_the_archive_says_who_may_do_what(archive: Path) -> None:
    with tarfile.open(archive) as packed:
        names = {Path(name).name for name in packed.getnames()}
    assert {"LICENSE", "README.md", "CHANGELOG.md", "CITATION.cff", "SECURITY.md", "pyproject.toml"} <= names
