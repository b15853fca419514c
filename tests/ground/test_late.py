"""What loads late: names when they are used, modules when a verb is, and a clear word where a library is absent."""

import sys
from pathlib import Path

import pytest

from consilience.ground import MissingDependency
from consilience.ground.late import absence_told, late_module, late_names


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "lateroom"
    folder.mkdir()
    (folder / "__init__.py").touch()
    monkeypatch.syspath_prepend(str(tmp_path))
    for name in [name for name in sys.modules if name.startswith("lateroom")]:
        monkeypatch.delitem(sys.modules, name)
    return folder


def test_a_name_loads_its_module_when_it_is_used(package: Path) -> None:
    (package / "one.py").write_text("thing = 3")
    load, names = late_names("lateroom", {"thing": "one", "other": "two"})
    assert names() == ["other", "thing"]
    assert "lateroom.one" not in sys.modules
    assert load("thing") == 3
    with pytest.raises(AttributeError, match="module 'lateroom' has no attribute 'nothing'"):
        load("nothing")


def test_a_library_that_is_absent_is_named(package: Path) -> None:
    (package / "one.py").write_text("import a_library_that_nobody_has")
    with pytest.raises(MissingDependency, match=r"this needs a_library_that_nobody_has; install consilience\[x\]"):
        late_module("lateroom.one", "this needs {missing}; install consilience[x]", usually="it")


@pytest.mark.parametrize(
    ("content", "error"), [("import consilience.no_such_room", ModuleNotFoundError), ("1 / 0", ZeroDivisionError)]
)
def test_a_bug_keeps_its_error(package: Path, content: str, error: type[Exception]) -> None:
    (package / "one.py").write_text(content)
    with pytest.raises(error):
        late_module("lateroom.one", "this needs {missing}", usually="it")


def test_what_a_module_says_itself_is_not_said_again(package: Path) -> None:
    (package / "one.py").write_text(
        "from consilience.ground import MissingDependency\nraise MissingDependency('install the other one')"
    )
    with pytest.raises(MissingDependency, match="install the other one"):
        late_module("lateroom.one", "this needs {missing}", usually="it")


def test_a_door_names_the_extra(package: Path) -> None:
    (package / "one.py").write_text("import a_library_that_nobody_has.part")
    load, _ = late_names("lateroom", {"thing": "one"}, extra="x")
    with pytest.raises(MissingDependency, match=r"^`thing` needs a_library_that_nobody_has; install consilience\[x\]$"):
        load("thing")


def test_a_library_too_old_is_named_too() -> None:
    with pytest.raises(MissingDependency, match="this needs json"), absence_told("this needs {missing}"):
        from json import nothing_like_it  # noqa: F401


def test_an_import_error_without_a_name() -> None:
    with pytest.raises(MissingDependency, match="this needs it"), absence_told("this needs {missing}", usually="it"):
        raise ImportError
