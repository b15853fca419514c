"""Telling: lines, and readers who leave."""

import subprocess
import sys

import pytest

from consilience.dialogue.command.telling import say


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
