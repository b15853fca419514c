"""``python -m consilience`` is the command line."""

import subprocess
import sys


def test_the_package_runs_as_a_module_and_hands_on_how_it_left() -> None:
    shown = subprocess.run(
        [sys.executable, "-m", "consilience", "--version"], capture_output=True, text=True, timeout=60, check=False
    )
    assert shown.returncode == 0, shown.stderr
    wrong = subprocess.run(
        [sys.executable, "-m", "consilience", "show", "no_such_room"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert wrong.returncode == 2
    assert "no_such_room" in wrong.stderr
