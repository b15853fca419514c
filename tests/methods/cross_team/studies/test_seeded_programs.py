"""Programs with seeded defects: whole ones are whole, defects are there, and both follow from the seed."""

import ast

import numpy as np
import pytest

from consilience.dialogue.work.kinds.repository import files_of
from consilience.dialogue.work.stubs import parsed
from consilience.methods.cross_team.gaps import gaps
from consilience.methods.cross_team.studies.seeded_programs import (
    DEFECTS,
    FAMILIES,
    HIDDEN,
    UNTOLD,
    defective,
    fuzzed,
    whole,
)


def source(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def test_a_seed_draws_the_same_programs() -> None:
    assert whole(source(3)) == whole(source(3)) != whole(source(4))
    assert list(fuzzed(source(3), 4)) == list(fuzzed(source(3), 4))


def test_whole_programs_parse_have_no_gaps_and_are_of_every_family() -> None:
    chance = source()
    programs = [whole(chance) for _ in range(60)]
    assert {program.family for program in programs} == set(FAMILIES)
    for program in programs:
        files = files_of(program.text)
        assert "main.py" in files
        assert gaps(files) == {}
        ast.parse(program.tests)


@pytest.mark.parametrize("sort", [*DEFECTS, *HIDDEN, *UNTOLD])
def test_defects_are_of_many_forms(sort: str) -> None:
    chance = source(1)
    drawn = [defective(chance, sort) for _ in range(12)]
    assert {program.defect for program in drawn} == {sort}
    assert len({program.text for program in drawn}) > 4
    assert "one line" not in {program.family for program in drawn}


def test_what_does_not_parse_does_not() -> None:
    chance = source(2)
    for _ in range(20):
        files = files_of(defective(chance, "does not parse").text)
        assert any(isinstance(parsed(text), str) for path, text in files.items() if path.endswith(".py"))
