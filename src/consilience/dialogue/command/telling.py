"""Telling: lines on standard output, and beside them those that are not what was asked for."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

__all__ = ["if_writable", "say"]


def say(line: str, *, aside: bool = False) -> None:
    """Write a line at once.

    Parameters
    ----------
    line
        Without its end.
    aside
        Whether it goes to standard error: progress, trouble, and notices where the output is JSON.

    Examples
    --------
    >>> say("done")
    done
    """
    stream = sys.stderr if aside else sys.stdout
    try:
        stream.write(f"{line}\n")
        stream.flush()
    except BrokenPipeError:  # the reader has seen enough, as `| head` has
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


@contextmanager
def if_writable(path: Path) -> Iterator[None]:
    """Write a file anew, or say that it stays as it was: a run can be looked at where nothing can be written.

    Parameters
    ----------
    path
        Of the file.
    """
    try:
        yield
    except OSError as error:
        say(f"consilience: {path} stays as it was; {error.strerror or error}", aside=True)
