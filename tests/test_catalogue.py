"""The catalogue: every room once, resolved late, cited whole."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from consilience import catalogue
from consilience.ground import InvalidInput, UnknownName


@pytest.mark.parametrize("entry", catalogue.METHODS, ids=lambda entry: entry.name)
def test_entries_are_complete(entry: catalogue.Method) -> None:
    assert re.fullmatch(r"\d{4}\.\d{5}", entry.arxiv)
    assert entry.year == 2000 + int(entry.arxiv[:2])
    assert entry.question.endswith("?")
    assert entry.authors


def test_names_are_unique() -> None:
    assert len({entry.name for entry in catalogue.METHODS}) == len(catalogue.METHODS)


def test_bibtex_names_every_author() -> None:
    entry = catalogue.method("convex_networks").bibtex()
    assert entry.count(" and ") == 4
    assert "eprint        = {2406.02806}" in entry
    assert entry.count("{") == entry.count("}")


def test_either_dash_is_accepted() -> None:
    assert catalogue.method("convex-networks") is catalogue.method("convex_networks")


def test_an_unknown_room_is_answered() -> None:
    with pytest.raises(UnknownName, match="did you mean 'convex_networks'"):
        catalogue.method("convex-network")


def test_a_part_that_is_not_there_is_a_mistake(throwaway: Path) -> None:
    with pytest.raises(InvalidInput, match=r"consilience\.methods\.throwaway\.kitchen"):
        catalogue.method("throwaway").part("kitchen")


def test_a_room_without_commands_has_no_verbs(throwaway: Path) -> None:
    (throwaway / "commands.py").unlink()
    assert catalogue.method("throwaway").verbs() == {}


@pytest.mark.parametrize("module", ["consilience", "consilience.catalogue", "consilience.cli"])
def test_nothing_heavy_is_loaded_before_it_is_used(module: str) -> None:
    code = f"import sys, {module}; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not {"numpy", "pydantic", "rich", "jinja2", "sklearn", "torch", "matplotlib"} & set(loaded)
