"""Rows of many tasks go to the disk together: one transaction for all that came up in one turn of the event loop.

Where a commit takes microseconds the loop makes it itself, at the end of the turn: to wake a thread would cost more
than the work, and it would wait for the interpreter's lock between any two rows. Where a commit waits for a disk, a
server or somebody else's lock, a thread makes it, and what comes up meanwhile goes together next.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING

from consilience.dialogue.history import JournalLocked, JournalUnavailable
from consilience.dialogue.rows import Row
from consilience.ground.errors import InvalidInput

if TYPE_CHECKING:
    from consilience.dialogue.store import Store

__all__ = ["GroupCommit"]

MOST_ROWS = 256
"""Rows of one transaction: the loop is held for a few milliseconds at most."""

LATER_ROWS = 32
"""Rows that are in no hurry, and are written together."""

SINGLES = 8
"""Rows that do not wait for the end of their turn after one that waited in vain: nobody else seems to be at work."""

_Waiting = tuple[Row, asyncio.Future[bool]]
_Outcomes = Sequence[bool | Exception]
"""Of each row whether it stands, or why it cannot be kept."""


class GroupCommit:
    """The way of rows to a store.

    A row that was handed over is written even if whoever waited for it was cancelled. Rows that could not be written
    because the disk was full or the server gone are written with the next ones, or at the end. A row that no database
    takes fails alone.

    Parameters
    ----------
    store
        Where they go.
    run
        Which run they belong to.
    written
        Called with each row that was committed.
    """

    def __init__(self, store: Store, run: str, written: Callable[[Row], None]) -> None:
        self._store = store
        self._run = run
        self._written = written
        self._waiting: list[_Waiting] = []
        self._held: list[Row] = []
        self._later: list[Row] = []
        self._refused: list[Row] = []
        self._loop: asyncio.AbstractEventLoop | None = None
        self._executor: ThreadPoolExecutor | None = None
        self._singles = 0
        self._folding: Future[None] | None = None
        self._flying: tuple[Future[_Outcomes], list[Row]] | None = None

    async def add(self, row: Row) -> bool:
        """Write a row, and return when it is committed: whether it stands, or another was there first.

        The same row may be handed over again if nobody knows what became of it.
        """
        if self._held:
            self._held = [held for held in self._held if held is not row]
        if self._singles and self._loop is None:
            self._singles -= 1
            stands = self._alone([*self._held, row])
            if stands is not None:
                return stands
        return await self._queued(row)

    def add_soon(self, row: Row) -> None:
        """Have a row written at the end of this turn of the loop, for which nobody waits."""
        try:
            self._queued(row).add_done_callback(_looked_at)
        except RuntimeError:  # no loop runs: whoever hands it over is thrown away after the end
            self._held.append(row)

    def add_later(self, row: Row) -> None:
        """Have a row written with some of those that come, or by `settle` or `close`."""
        self._later.append(row)
        if len(self._later) >= LATER_ROWS:
            self._held += self._later
            self._later.clear()

    def settle(self) -> None:
        """Write now what was left for later, after whoever is just writing; errors as `close`."""
        rows = self._left()
        if rows:
            try:
                outcomes = self._write(rows)
            except BaseException:
                self._held = rows
                raise
            self._landed(rows, outcomes)
            _complain(outcomes)

    def close(self) -> None:
        """Write what is left and end the thread; `JournalUnavailable` when that cannot be.

        The error of a row that no database takes is raised when the others are written.
        """
        if self._executor is not None:
            self._executor.shutdown(wait=True)
            self._executor = None
        if self._flying is not None and self._flying[0].exception() is not None:
            self._held = self._flying[1] + self._held
        self._flying = None
        waiting, self._waiting = self._waiting, []
        rows = [*self._left(), *(row for row, _ in waiting)]
        if rows:
            outcomes = self._write(rows)
            self._landed(rows, outcomes, waiting)
            self._refused = []
            _complain(outcomes)

    def forget(self) -> None:
        """Let go of what is not written yet, after whoever is just writing; those who wait for it are told."""
        if self._executor is not None:
            self._executor.shutdown(wait=True)
            self._executor = None
        waiting, self._waiting = self._waiting, []
        self._left()
        for _, future in waiting:
            if not (future.done() or future.get_loop().is_closed()):
                future.set_exception(InvalidInput(f"run {self._run!r} was forgotten; open another one"))

    def _queued(self, row: Row) -> asyncio.Future[bool]:
        loop = asyncio.get_running_loop()
        future: asyncio.Future[bool] = loop.create_future()
        self._waiting.append((row, future))
        if self._loop is not loop:
            self._loop = loop
            loop.call_soon(self._commit, loop)
        return future

    def _left(self) -> list[Row]:
        """Take what nobody waits for."""
        rows = [*self._held, *self._later, *self._refused]
        self._held, self._later, self._refused = [], [], []
        return rows

    def _write(self, rows: Sequence[Row], *wait_s: float) -> _Outcomes:
        """Commit rows together; if it is one of them that cannot be kept, each by itself, so that it fails alone."""
        try:
            return self._store.write(self._run, rows, *wait_s)
        except JournalUnavailable:
            raise
        except Exception as error:  # noqa: BLE001  whoever waits is told, whatever it is
            if len(rows) == 1:
                return [error]
        return [outcome for row in rows for outcome in self._write([row], *wait_s)]

    def _commit(self, loop: asyncio.AbstractEventLoop) -> None:
        batch, self._waiting = self._waiting[:MOST_ROWS], self._waiting[MOST_ROWS:]
        rows = [*self._held, *(row for row, _ in batch)]
        self._held = []
        if not rows:  # closed in between
            self._loop = None
        elif not self._store.inline or not self._at_once(loop, batch, rows):
            written = self._thread().submit(self._write, rows)
            self._flying = written, rows
            asyncio.wrap_future(written, loop=loop).add_done_callback(partial(self._returned, loop, batch, rows))

    def _alone(self, rows: list[Row]) -> bool | None:
        """Commit now, and say whether the last row stands; None where somebody else holds the lock."""
        self._held = []
        try:
            *others, stands = self._write(rows, 0.0)
        except JournalLocked:
            self._held = rows[:-1]
            return None
        except BaseException:  # ctrl-C as well: the rows are written at the end
            self._held = rows
            raise
        self._landed(rows[:-1], others)
        if isinstance(stands, Exception):
            raise stands
        self._written(rows[-1])
        self._fold()
        return stands

    def _at_once(self, loop: asyncio.AbstractEventLoop, batch: list[_Waiting], rows: list[Row]) -> bool:
        """Commit within the loop, unless somebody else holds the lock."""
        try:
            outcomes = self._write(rows, 0.0)
        except JournalLocked:
            return False
        except JournalUnavailable as error:
            self._failed(batch, rows, error)
        except BaseException:  # ctrl-C: the rows are written at the end
            self._held = rows + self._held
            raise
        else:
            self._landed(rows, outcomes, batch)
            self._singles = SINGLES if len(batch) == 1 else 0
            self._fold()
        self._go_on(loop)
        return True

    def _returned(
        self,
        loop: asyncio.AbstractEventLoop,
        batch: list[_Waiting],
        rows: list[Row],
        written: asyncio.Future[_Outcomes],
    ) -> None:
        flying, self._flying = self._flying, None
        if error := written.exception():
            self._failed(batch, [] if flying is None else rows, error)  # none: `close` took them over
        else:
            self._landed(rows, written.result(), batch)
        self._go_on(loop)

    def _go_on(self, loop: asyncio.AbstractEventLoop) -> None:
        if self._waiting:
            loop.call_soon(self._commit, loop)
        else:
            self._loop = None

    def _landed(self, rows: Sequence[Row], outcomes: _Outcomes, batch: Sequence[_Waiting] = ()) -> None:
        """Say what became of rows; the last of them are those that somebody waits for."""
        alone = len(rows) - len(batch)
        for number, (row, outcome) in enumerate(zip(rows, outcomes, strict=True)):
            if not isinstance(outcome, Exception):
                self._written(row)
            elif number < alone:  # nobody hears of it but who settles or closes
                self._refused.append(row)
        for (_, future), outcome in zip(batch, outcomes[alone:], strict=True):
            if future.done() or future.get_loop().is_closed():
                continue
            if isinstance(outcome, Exception):
                future.set_exception(outcome)
            else:
                future.set_result(outcome)

    def _failed(self, batch: list[_Waiting], rows: list[Row], error: BaseException) -> None:
        self._held = rows + self._held
        for _, future in batch:
            if not future.done():
                future.set_exception(error)

    def _fold(self) -> None:
        if self._store.checkpoint_overdue:
            with suppress(JournalUnavailable):  # the next row meets it as well, and tells
                self._store.checkpoint()
        elif self._store.checkpoint_due and (self._folding is None or self._folding.done()):
            self._folding = self._thread().submit(self._store.checkpoint)

    def _thread(self) -> ThreadPoolExecutor:
        if self._executor is None:
            self._executor = ThreadPoolExecutor(1, thread_name_prefix="journal")
        return self._executor


def _looked_at(future: asyncio.Future[bool]) -> None:
    if not future.cancelled():
        future.exception()


def _complain(outcomes: _Outcomes) -> None:
    for outcome in outcomes:
        if isinstance(outcome, Exception):
            raise outcome
