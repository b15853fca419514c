"""A JSONL file of every call, from which an interrupted run goes on as if it had never stopped.

The first line says what the file is. Each further line is a call (item, number within the item, role, hash of the
prompt, tokens, seconds, and the reply or the error) or the end of an item (reason, chosen attempt). Lines reach the
operating system before the event loop waits again: a killed process loses the calls that were under way, no others.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import sys
from dataclasses import asdict
from pathlib import Path
from types import TracebackType
from typing import BinaryIO

from consilience.ground.errors import InvalidInput
from consilience.methods.self_correction.progress import Spent
from consilience.methods.self_correction.record import HEADER_LINE, Call, End, is_header, read_line

if sys.platform != "win32":
    import fcntl


class Trace:
    """The calls of a batch on disk; opening a file that is there goes on from it.

    Parameters
    ----------
    path
        The file; folders on the way to it are created.
    retry_errors
        Forget calls that failed, so that they are made again: for instance when a network is back.
    read_only
        For a replay: nothing is written, and calls that the file lacks are not made.

    Raises
    ------
    InvalidInput
        If the file is something else, another run writes it, a line of it cannot be read, or there is none to replay.
    """

    def __init__(self, path: Path | str, *, retry_errors: bool = False, read_only: bool = False) -> None:
        self.path = Path(path)
        self.read_only = read_only
        self._calls: dict[tuple[str, int], Call] = {}
        self._ends: dict[str, End] = {}
        self._waiting: list[str] = []
        self._scheduled = False
        self._failure: OSError | None = None
        self._made: list[Call] = []
        if read_only:
            self._read()
        else:
            self._open()
        if retry_errors:
            self._calls = {key: call for key, call in self._calls.items() if call.error is None}

    def __enter__(self) -> Trace:
        """Return the trace."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Write what is left and close the file, whatever happened."""
        self.close()

    @property
    def spent(self) -> Spent:
        """What the calls of earlier sessions took, repeated ones included; money is not the trace's business."""
        made = self._made
        return Spent(
            len(made),
            sum(call.tokens_in for call in made),
            sum(call.tokens_out for call in made),
            sum(call.seconds for call in made),
        )

    @property
    def calls(self) -> list[Call]:
        """Calls of earlier sessions, by item and number; of a repeated one the last."""
        return [call for _, call in sorted(self._calls.items())]

    @property
    def ends(self) -> list[End]:
        """How items ended, by item."""
        return [end for _, end in sorted(self._ends.items())]

    def kept(self, item: str, number: int) -> Call | None:
        """Return the call with this number for the item, if an earlier session made it."""
        return self._calls.get((item, number))

    def add(self, call: Call) -> None:
        """Append a call.

        Raises
        ------
        OSError
            If what was appended before could not be written.
        """
        self._append(call.line())

    def end(self, end: End) -> None:
        """Append the end of an item, unless the file says so already."""
        if self.read_only or self._ends.get(end.item) == end:
            return
        self._ends[end.item] = end
        self._append(end.line())

    def flush(self) -> None:
        """Hand everything to the operating system.

        Raises
        ------
        OSError
            If that is not possible, now or since the last time.
        """
        if self._failure is not None:
            raise self._failure
        if self._waiting:
            text, self._waiting = "".join(self._waiting), []
            self._file.write(text.encode())
            self._file.flush()

    def close(self) -> None:
        """Write what is left and close the file."""
        if not self.read_only and not self._file.closed:
            try:
                self.flush()
            finally:
                self._file.close()

    def _append(self, line: str) -> None:
        if self._failure is not None:
            raise self._failure
        self._waiting.append(line)
        if not self._scheduled:
            self._scheduled = True
            asyncio.get_running_loop().call_soon(self._flush_soon)

    def _flush_soon(self) -> None:
        """Write what one turn of the event loop has gathered, before it waits for anything."""
        self._scheduled = False
        if self.read_only or self._file.closed:
            return
        try:
            self.flush()
        except OSError as failure:
            self._failure = failure

    def _read(self) -> int:
        """Take in the file and return the length of its whole lines; 0 where there is no file."""
        try:
            content = self.path.read_bytes()
        except FileNotFoundError:
            if self.read_only:
                raise InvalidInput(f"expected a trace to replay at {self.path}; there is none") from None
            return 0
        except OSError as error:
            raise InvalidInput(f"a trace must be a readable file; {self.path}: {error.strerror}") from error
        whole = content.rfind(b"\n") + 1
        lines = content[:whole].split(b"\n")[:-1]
        if HEADER_LINE.encode().startswith(content):  # killed before the first line was whole
            return 0
        if not lines or not is_header(lines[0]):
            raise InvalidInput(
                f"{self.path} must be a trace of self-correction; it is something else: name another file"
            )
        for number, line in enumerate(lines[1:], start=2):
            self._take(line, number)
        return whole

    def _take(self, line: bytes, number: int) -> None:
        try:
            entry = read_line(line)
        except ValueError as error:
            raise InvalidInput(f"line {number} of {self.path} must be a call or an end; {error}") from error
        if isinstance(entry, End):
            self._ends[entry.item] = entry
        else:
            self._calls[entry.item, entry.call] = entry
            self._made.append(entry)

    def _open(self) -> None:
        """Open the file for this run alone, take in what it holds, and cut off what cannot be read."""
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._file = self.path.open("ab")
        except OSError as error:
            raise InvalidInput(f"a trace must be writable; {self.path}: {error.strerror}") from error
        try:
            _lock(self._file, self.path)
            whole = self._read()
        except InvalidInput:
            self._file.close()
            raise
        self._file.truncate(whole)  # a line that a killed process left half-written goes
        if not whole:
            self._file.write(HEADER_LINE.encode())
            self._file.flush()


def _lock(file: BinaryIO, path: Path) -> None:
    """Refuse a file that another run writes, on systems and disks that have locks; the end of a process frees it."""
    if sys.platform == "win32":
        return
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise InvalidInput(f"{path} is written by another run: wait for its end, or name another file") from None
    except OSError:
        return


def fingerprint(path: Path | str) -> str:
    """Hash what a repeated run must reproduce: every call and every end in order of item and number, without times.

    Raises
    ------
    InvalidInput
        If there is no trace at `path`.
    """
    trace = Trace(path, read_only=True)
    calls = [{**asdict(call), "seconds": None} for call in trace.calls]
    return hashlib.sha256(json.dumps([calls, [asdict(end) for end in trace.ends]]).encode()).hexdigest()
