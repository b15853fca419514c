"""Apart: a module runs in a process of its own, and says on its last line what came of it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence

__all__ = ["said_apart"]

_PATIENCE_S = 900.0


def said_apart(command: Sequence[str], stdin: str = "") -> str:
    """Run a command of our own, and return the last line of what it wrote that is not empty.

    Parameters
    ----------
    command
        The words; where the first is ``"-m"``, this Python runs the module.
    stdin
        What it reads.

    Raises
    ------
    RuntimeError
        When it ends with another status than 0; the message has the end of what it complained of.

    Examples
    --------
    >>> said_apart(["-m", "keyword"]), said_apart([sys.executable, "-c", "print(input())"], "yes")
    ('', 'yes')
    """
    words = [sys.executable, *command] if command[0] == "-m" else [*command]
    done = subprocess.run(  # noqa: S603  our own module
        words, input=stdin, capture_output=True, text=True, timeout=_PATIENCE_S, check=False
    )
    if done.returncode:
        raise RuntimeError(f"{' '.join(words[1:4])} ended with status {done.returncode}: {done.stderr[-2000:]}")
    return done.stdout.rstrip("\n").rpartition("\n")[2]
