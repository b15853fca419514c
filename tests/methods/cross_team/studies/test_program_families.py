"""Families of programs: their functions do what their tests say, and what is shown in their midst is run."""

import ast

import pytest

from consilience.methods.cross_team.studies.program_families import FAMILIES, UNITS, Parts


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_a_unit_passes_its_test_and_its_wrong_body_does_not(unit) -> None:
    source = "\n".join([*unit.imports, unit.code, unit.test])
    exec(source, {})
    wrong = source.replace(unit.code, type(unit)(**{**vars(unit), "body": unit.wrong}).code)
    with pytest.raises(AssertionError):
        exec(wrong, {})


@pytest.mark.parametrize("family", sorted(set(FAMILIES) - {"one line"}))
def test_a_family_holds_its_units_and_what_is_put_between(family: str) -> None:
    files, _, module = FAMILIES[family](Parts(UNITS[:3], ("marked = 7",), 0))
    code = "\n".join(text for path, text in files.items() if path.endswith(".py"))
    ast.parse(files["main.py"])
    assert f"{module.replace('.', '/')}.py" in files
    assert "marked = 7" in code
    assert all(f"def {unit.name}(" in code for unit in UNITS[:3])


def test_a_single_line_is_one_unless_something_is_put_between() -> None:
    line, _, module = FAMILIES["one line"](Parts(UNITS[:3], (), 0))
    assert (module, line["main.py"].count("\n")) == ("", 1)
    assert FAMILIES["one line"](Parts(UNITS[:3], ("x = 1",), 0))[2] == "main"
