"""Every example is one idea, short, and runs as it stands."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = sorted((Path(__file__).parents[1] / "examples").glob("*.py"))
MOST_LINES = 80
TOGETHER = (Path(__file__).parents[1] / "docs" / "together.md").read_text(encoding="utf-8")
"""The page of those that join rooms."""


@pytest.mark.parametrize("script", EXAMPLES, ids=lambda script: script.stem)
def test_it_runs_and_says_something(script: Path, tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, script], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout
    if script.stem.startswith("together_"):
        _, _, told = TOGETHER.partition(f"`examples/{script.name}`")
        assert _but_for_numbers(told.partition("```\n")[2].partition("```")[0]) == _but_for_numbers(done.stdout)


@pytest.mark.parametrize("script", EXAMPLES, ids=lambda script: script.stem)
def test_it_is_short(script: Path) -> None:
    assert len(script.read_text(encoding="utf-8").splitlines()) < MOST_LINES


def _but_for_numbers(text: str) -> list[str]:
    """Return the words of the lines; numbers depend on versions, and on what this Python documents."""
    return [" ".join(re.sub(r"\d+", "#", line).split()) for line in text.splitlines()]
