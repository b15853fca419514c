"""Progress: lines without a terminal, nothing when quiet, a display that is taken away on one."""

from io import StringIO

import pytest
from rich.console import Console

from consilience.ground.progress import Progress


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
