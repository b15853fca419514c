"""The shape of the house: light floors, no circle of imports, nothing that stands twice; each would be seen."""

from pathlib import Path

import pytest
from house_shape import RUN, circle, clashes, imports, repeated, shared_part

SOURCE = Path(__file__).parents[2] / "src" / "consilience"


def test_shared_floors_are_under_a_third_of_the_lines() -> None:
    assert 0.0 < shared_part(SOURCE) < 1 / 3


def test_imports_run_in_no_circle() -> None:
    graph = imports(SOURCE)
    assert "consilience.ground.config" in graph["consilience.ground.laboratory"]
    assert circle(graph) == []


def test_no_public_name_of_a_door_is_a_module_behind_it() -> None:
    doors = [path.parent for path in sorted(SOURCE.rglob("__init__.py"))]
    assert len(doors) > 10
    assert [told for door in doors for told in clashes(door)] == []


def test_no_run_of_lines_stands_twice() -> None:
    files = {str(path.relative_to(SOURCE)): path.read_text(encoding="utf-8") for path in sorted(SOURCE.rglob("*.py"))}
    assert len(files) > 100
    assert repeated(files) == []


@pytest.fixture
def package(tmp_path: Path) -> Path:
    files = {
        "__init__.py": "",
        "ground/__init__.py": "",
        "ground/one.py": "import house.ground.two\n",
        "ground/two.py": "a = 1\n",
        "methods/__init__.py": "",
        "methods/room.py": "from house.ground import one\nb = 2\nc = 3\n",
    }
    for name, text in files.items():
        path = tmp_path / "house" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path / "house"


def test_the_part_of_floors_is_that_of_their_lines(package: Path) -> None:
    assert shared_part(package) == pytest.approx(2 / 5)


def test_imports_of_a_module_are_those_that_run(package: Path) -> None:
    (package / "methods" / "room.py").write_text(
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import house.ground.two\n"
        "try:\n    from house.ground import one\nexcept ImportError:\n    pass\n"
        "def late():\n    import house.ground.two\n"
    )
    assert imports(package)["house.methods.room"] == {"house.ground.one"}


def test_a_circle_is_seen(package: Path) -> None:
    assert circle(imports(package)) == []
    (package / "ground" / "two.py").write_text("from house.methods.room import b\n")
    found = circle(imports(package))
    assert found[0] == found[-1]
    assert set(found) == {"house.ground.one", "house.ground.two", "house.methods.room"}


@pytest.mark.parametrize("module", ["portrait.py", "portrait/__init__.py"])
def test_a_module_called_as_a_public_name_is_seen(package: Path, module: str) -> None:
    door = package / "methods"
    (door / "__init__.py").write_text('__all__ = ["Portrait", "portrait"]\n')
    assert clashes(door) == []
    path = door / module
    path.parent.mkdir(exist_ok=True)
    path.write_text("")
    (told,) = clashes(door)
    assert "the public name `portrait` is also the module portrait" in told


LINES = [f"value_{number} = {number}" for number in range(RUN)]


def code(lines: list[str], indent: str = "") -> str:
    return "".join(f"{indent}{line}\n" for line in lines)


def test_a_run_that_stands_twice_is_seen_once_whatever_its_indent() -> None:
    longer = [*LINES, "more = 1"]
    found = repeated({"a.py": code(longer), "b.py": "if True:\n" + code(longer, "    ")})
    assert found == ["a.py:1 ~ b.py:2"]


def test_a_run_that_stands_twice_in_one_file_is_seen() -> None:
    assert repeated({"a.py": code([*LINES, "other = 0", *LINES])}) == [f"a.py:1 ~ a.py:{RUN + 2}"]


def test_blank_lines_and_comments_hide_nothing() -> None:
    assert repeated({"a.py": code(LINES), "b.py": "\n# b\n".join(LINES)}) == ["a.py:1 ~ b.py:1"]


@pytest.mark.parametrize(
    "text",
    [
        code(LINES[:-1]),
        code([f"import module_{number}" for number in range(RUN)]),
        '"""Text.\n\n' + code(LINES) + '"""\n',
        "def f(\n" + code([f"a_{number}: int," for number in range(RUN)], "    ") + ") -> None:\n    ...\n",
    ],
    ids=["short", "imports", "docstring", "head"],
)
def test_what_does_not_count(text: str) -> None:
    assert repeated({"a.py": text, "b.py": text}) == []


def test_a_line_that_is_said_over_and_over_is_not_its_own_double() -> None:
    assert repeated({"a.py": code(["x = 0"] * (2 * RUN - 1))}) == []
