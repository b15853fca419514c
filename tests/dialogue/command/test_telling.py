"""Telling: lines, and readers who leave."""

import subprocess
import sys
from pathlib import Path

import pytest

from consilience.dialogue.command.telling import if_writable, say


def test_a_line_goes_out_or_aside(capsys: pytest.CaptureFixture[str]) -> None:
    say("done")
    say("trouble", aside=True)
    assert tuple(capsys.readouterr()) == ("done\n", "trouble\n")


def test_a_reader_who_has_seen_enough_is_no_error() -> None:
    code = "from consilience.dialogue.command.telling import say\nfor _ in range(10**5): say('x' * 100)"
    command = [sys.executable, "-c", code]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        process.stdout.readline()
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 0


def test_what_cannot_be_written_stays_and_that_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    page, nowhere = tmp_path / "page.html", tmp_path / "none" / "page.html"
    with if_writable(page):
        page.write_text("new")
    assert capsys.readouterr().err == ""
    with if_writable(nowhere):
        nowhere.write_text("new")
    assert capsys.readouterr().err == f"consilience: {nowhere} stays as it was; No such file or directory\n"
    with pytest.raises(ZeroDivisionError), if_writable(page):
        raise ZeroDivisionError
