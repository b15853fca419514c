"""Processes apart: their last line, and how they fail."""

import sys

import pytest

from consilience.dialogue.trials.apart import said_apart


def test_only_the_last_line_counts() -> None:
    assert said_apart([sys.executable, "-c", "print(1); print('two words'); print()"]) == "two words"
    assert said_apart([sys.executable, "-c", "print(1); print('two words')"]) == "two words"
    assert said_apart([sys.executable, "-c", "import sys; print(sys.stdin.read().upper())"], "read") == "READ"


def test_what_ends_badly_is_told() -> None:
    with pytest.raises(RuntimeError, match=r"(?s)status 3: .*what was wrong"):
        said_apart([sys.executable, "-c", "import sys; sys.stderr.write('what was wrong'); sys.exit(3)"])
    with pytest.raises(RuntimeError, match="No module named"):
        said_apart(["-m", "consilience.nowhere"])
