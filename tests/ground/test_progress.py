"""Progress: lines without a terminal, nothing when quiet, one display for all that is taken away on one."""

from io import StringIO

import pytest
from rich.console import Console

from consilience.ground.progress import Course, Progress


class Terminal(StringIO):
    """Text that claims to be a terminal."""

    def isatty(self) -> bool:
        return True


def two_stages(progress: Progress) -> None:
    with progress:
        for stage in ("one", "two"):
            progress.begin(stage)
            progress.end(stage, "holds")


def test_plain_lines_without_a_terminal() -> None:
    stream = StringIO()
    two_stages(Progress("room", 2, console=Console(file=stream, highlight=False)))
    assert stream.getvalue().splitlines() == [
        "room 1/2: one ...",
        "room 1/2: one: holds",
        "room 2/2: two ...",
        "room 2/2: two: holds",
    ]


def test_nothing_when_quiet(capsys: pytest.CaptureFixture[str]) -> None:
    for stream in (StringIO(), Terminal()):
        two_stages(Progress("room", 2, quiet=True, console=Console(file=stream, highlight=False)))
        assert stream.getvalue() == ""
    assert capsys.readouterr() == ("", "")


def test_standard_output_stays_clean(capsys: pytest.CaptureFixture[str]) -> None:
    two_stages(Progress("room", 2))
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "two: holds" in captured.err


def test_a_terminal_keeps_the_outcomes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    stream = Terminal()
    two_stages(Progress("room", 2, console=Console(file=stream, highlight=False)))
    assert "room 2/2: two: holds" in stream.getvalue()


def test_several_pieces_say_which_of_them_is_at_work() -> None:
    stream = StringIO()
    with Course("methods", 2, console=Console(file=stream, highlight=False)) as course:
        for room in ("one room", "another"):
            with Progress(room, 1, course=course) as progress:
                progress.end("claim", "holds")
    assert stream.getvalue().splitlines() == ["[1/2] one room 1/1: claim: holds", "[2/2] another 1/1: claim: holds"]


def test_a_course_of_one_looks_like_the_piece_alone() -> None:
    stream = StringIO()
    console = Console(file=stream, highlight=False)
    with Course("methods", 1, console=console) as course:
        two_stages(Progress("room", 2, course=course))
    alone = StringIO()
    two_stages(Progress("room", 2, console=Console(file=alone, highlight=False)))
    assert stream.getvalue() == alone.getvalue()


def test_a_quiet_course_says_nothing() -> None:
    stream = StringIO()
    with Course("methods", 2, quiet=True, console=Console(file=stream, highlight=False)) as course:
        two_stages(Progress("room", 2, course=course))
    assert stream.getvalue() == ""


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> Console:
    monkeypatch.setenv("TERM", "xterm")
    return Console(file=Terminal(), highlight=False, width=100)


def test_one_display_shows_the_whole_and_the_piece_at_work(seen: Console) -> None:
    with Course("methods", 3, console=seen) as course:
        for room in ("one room", "another"):
            with Progress(room, 2, course=course) as progress:
                progress.begin("claim")
                shown = [(task.description, task.completed, task.total) for task in course._display.tasks]
        assert shown == [("methods", 1, 3), ("another: claim", 0, 2)]
        assert [(task.description, task.completed) for task in course._display.tasks] == [("methods", 2)]


def test_a_piece_that_breaks_leaves_no_display(seen: Console) -> None:
    with (
        pytest.raises(ZeroDivisionError),
        Course("methods", 2, console=seen) as course,
        Progress("room", 1, course=course),
    ):
        raise ZeroDivisionError
    assert not course._display.live.is_started
    assert [task.description for task in course._display.tasks] == ["methods"]
