"""Flags: a field each, with its docstring; what is out of range is told by its flag."""

import inspect
from pathlib import Path
from typing import Annotated, Literal

import pytest
import tyro
from pydantic.dataclasses import dataclass

from consilience.dialogue.command.flags import given, read_named, read_text, with_flags
from consilience.ground import STRICT
from consilience.ground.errors import InvalidInput


@dataclass(frozen=True, kw_only=True, config=STRICT)
class _What:
    task: str
    """What is to be
    done."""
    many: int = 2
    """How many."""


@dataclass(frozen=True, kw_only=True, config=STRICT)
class _How:
    many: int = 2
    """How many."""
    place: Path | None = None
    """Where."""
    names: tuple[str, ...] = ()
    """Who."""
    pairs: Annotated[tuple[str, ...], tyro.conf.arg(metavar="A=B")] = ()
    """Which."""
    late: Literal["join", "drop"] | None = None
    """Then."""


@with_flags(_What, _How, positional="task")
def work(what: _What, how: _How) -> int:
    """Do it."""
    return hash((what.task, what.many, how.many, how.place, how.names))


def test_the_verb_has_a_parameter_for_each_field() -> None:
    signature = inspect.signature(work)
    assert list(signature.parameters) == ["task", "many", "place", "names", "pairs", "late"]
    assert signature.parameters["task"].kind is inspect.Parameter.POSITIONAL_ONLY
    assert signature.parameters["task"].default is inspect.Parameter.empty
    assert signature.parameters["many"].default is None  # so that the default, typed, is told from nothing


def test_what_was_given_is_told_from_the_defaults() -> None:
    seen = []
    verb = with_flags(_What, _How, positional="task")(lambda what, how: seen.append((what, how)) or 0)
    verb("x", many=2, place=None)
    verb("x")
    verb("x", many=None, names=("a",))
    assert [(what.many, given(what), given(how)) for what, how in seen] == [
        (2, {"task": "x", "many": 2}, {"many": 2}),
        (2, {"task": "x"}, {}),
        (2, {"task": "x"}, {"names": ("a",)}),
    ]
    assert given(_How(many=3)) == {"many": 3}


def test_numbers_are_given_one_by_one_as_words_are(capsys) -> None:
    @dataclass(frozen=True, kw_only=True, config=STRICT)
    class Which:
        number: Annotated[tuple[int, ...], tyro.conf.arg(metavar="N")] = ()
        """Which."""

    seen = []
    verb = with_flags(Which, positional="")(lambda which: seen.append(which.number) or 0)
    assert tyro.cli(verb, args=["--number", "7", "--number", "9"]) == 0
    assert tyro.cli(verb, args=[]) == 0
    assert seen == [(7, 9), ()]


def test_help_is_what_the_fields_say() -> None:
    assert work.__name__ == "work"
    assert "Do it." in work.__doc__
    assert "task\n    What is to be done.\nmany\n    How many." in work.__doc__


def test_a_flag_of_two_groups_is_one() -> None:
    assert work("x", many=5, place=Path("a")) == hash(("x", 5, 5, Path("a"), ()))


def test_what_makes_no_sense_is_told_by_its_flag() -> None:
    with pytest.raises(InvalidInput, match="--many must be a valid integer"):
        work("x", many="lots")


@pytest.mark.parametrize(("flags", "flag"), [({"late": "\udcff"}, "--late"), ({"pairs": ("a", "\udcff")}, "--pairs")])
def test_what_can_be_no_text_is_told_by_its_flag(flags: dict, flag: str) -> None:
    with pytest.raises(InvalidInput, match=f"{flag} must be text in UTF-8"):
        work("x", **flags)


def test_a_text_or_a_file(tmp_path: Path) -> None:
    path = tmp_path / "task.txt"
    path.write_text("\ufeffDo it.", encoding="utf-8")
    assert read_text("the task", f"@{path}") == "Do it."
    assert read_text("the task", "Do it.") == "Do it."
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InvalidInput, match="must be a text in UTF-8"):
        read_text("the task", f"@{path}")


def test_the_name_of_a_file_is_what_is_in_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("task.txt").write_text("Do it.")
    Path("my notes").write_text("Do that.")
    Path("d").mkdir()
    for named, told in (("task.txt", "Do it."), ("@task.txt", "Do it."), ("my notes", "Do that.")):
        assert read_named("the task", named) == told
    for text in ("", "x", "Mend README.md", "x" * 5000, "one\ntwo.md"):
        assert read_named("the task", text) == text
    for folder in ("d", "@d"):
        with pytest.raises(InvalidInput, match="the task must be a text or a file; d is a folder here: name a file in"):
            read_named("the task", folder)
    with pytest.raises(InvalidInput, match=r"nowhere\.txt: No such file"):
        read_named("the task", "nowhere.txt")
    with pytest.raises(InvalidInput, match=r"--tests must be a text or @FILE; t\.py: No such file"):
        read_named("--tests", "t.py", endings=(".py",))


def test_what_stands_for_a_value_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        tyro.cli(work, args=["--help"])
    told = capsys.readouterr().out
    assert all(words in told for words in ("--pairs A=B", "--late {join,drop}", "--place PATH", "--names ELEMENT"))
    assert "(default: 2)" in told
    assert isinstance(tyro.cli(work, args=["x", "--pairs", "a=b", "--pairs", "c=d", "--late", "drop"]), int)
    with pytest.raises(SystemExit):
        tyro.cli(work, args=["x", "--late", "never"])


@dataclass(frozen=True, kw_only=True, config=STRICT)
class _Who:
    task: str
    """What is to be done."""
    as_: Annotated[str, tyro.conf.arg(name="as")] = "ann"
    """Who does it."""


def test_a_flag_has_the_name_that_it_was_given(capsys: pytest.CaptureFixture[str]) -> None:
    verb = with_flags(_Who, positional="task")(lambda who: print(who.as_) or 0)
    tyro.cli(verb, args=["wash up", "--as", "bea"])
    assert capsys.readouterr().out == "bea\n"
