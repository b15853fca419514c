"""Being told to stop: what ends a process is taken for ctrl-C, so that it puts in order what it began."""

import os
import signal
import stat
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from time import monotonic
from types import FrameType

__all__ = ["heeded"]

_TELLING = ("SIGTERM", "SIGHUP")
"""By `kill`, a scheduler or a supervisor; when the terminal is closed, which Windows does not tell."""
_ECHO_S = 1.0
"""For so long it is heard once: `timeout` tells a process and then its group, a shell tells its jobs twice."""


@contextmanager
def heeded() -> Iterator[list[int]]:
    """Let a signal to end interrupt the block as ctrl-C does, and give the list of those that came.

    What has a handler already, or is ignored as under `nohup`, stays as it is, and so does all in other threads than
    the main one. A process that is forked within the block ends at once, as ever. Once the terminal is gone, what would
    be written to it is dropped.

    Examples
    --------
    >>> with heeded() as told:
    ...     try:
    ...         signal.raise_signal(signal.SIGTERM)
    ...     except KeyboardInterrupt:
    ...         print("put in order")
    put in order
    >>> told == [signal.SIGTERM]
    True
    """
    told: list[int] = []
    if threading.current_thread() is not threading.main_thread():
        yield told
        return
    owner = os.getpid()
    since = -_ECHO_S

    def stop(number: int, frame: FrameType | None) -> None:
        nonlocal since
        del frame
        if os.getpid() != owner:
            signal.signal(number, signal.SIG_DFL)
            signal.raise_signal(number)
        if number == getattr(signal, "SIGHUP", None):
            _let_go_of_the_terminal()
        if monotonic() - since < _ECHO_S:
            return
        since = monotonic()
        told.append(number)
        if not callable(signal.getsignal(signal.SIGINT)):  # ignored, as in the background of a script
            raise KeyboardInterrupt
        signal.raise_signal(signal.SIGINT)  # so that whoever listens for ctrl-C hears it

    known = [getattr(signal, name) for name in _TELLING if hasattr(signal, name)]
    heard = [number for number in known if signal.getsignal(number) is signal.SIG_DFL]
    for number in heard:
        signal.signal(number, stop)
    try:
        yield told
    finally:
        for number in heard:
            signal.signal(number, signal.SIG_DFL)


def _let_go_of_the_terminal() -> None:
    """Let what is written to a terminal go nowhere: it would end in an error, while things are put in order."""
    for descriptor in (1, 2):
        with suppress(OSError):
            if stat.S_ISCHR(os.fstat(descriptor).st_mode):
                nowhere = os.open(os.devnull, os.O_WRONLY)
                os.dup2(nowhere, descriptor)
                os.close(nowhere)
