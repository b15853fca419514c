"""Lives of a run: each is a process that goes on where the last one was killed, and keeps a record of what it sent."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any

from consilience.dialogue.journal import Journal
from consilience.dialogue.messages import Question, Reply
from consilience.dialogue.models import ChatModel
from consilience.dialogue.session import Session
from consilience.dialogue.work.artifact import Artifact
from consilience.ground import Measurement

__all__ = [
    "KEPT", "RUN", "SENT", "Kill", "Life", "Record", "Witness", "calls_of", "journal_of", "killed", "lived",
    "lived_through", "measured_kills", "told_by",
]  # fmt: skip

RUN = "killed"
"""Name of the run in its journal."""
SENT, KEPT = b"s", b"k"
"""What happened to a question: it went out, or its asker has the reply."""
_WIDTH = 17
_PATIENCE_S = 300.0


@dataclass(frozen=True, kw_only=True)
class Life:
    """What a life that came to its end says of it."""

    artifact: str
    """Digest of the final artifact."""
    journal: str
    """Digest of all that was answered and made."""
    replayed: int
    """Calls that the journal answered."""
    caught_up_s: float
    """From the opening of the journal to the last reply that it gave."""
    caught_up_cpu_s: float
    """Processor time of that."""
    started_cpu_s: float
    """Processor time before that, for the interpreter and what it imports."""


@dataclass(frozen=True)
class Kill:
    """What became of a run that was killed once."""

    hit: bool
    """Whether the kill came before the run was over."""
    kept: int
    """Replies that an asker had got when it came."""
    in_flight: int
    """Questions that were sent and whose asker had no reply yet."""
    repeated: int
    """Questions that both lives sent."""
    lost: int
    """Questions whose asker had got a reply, and that were sent again."""
    life: Life
    """The life after it."""


class Record:
    """Questions that were sent and whose replies were kept, as the killed processes wrote it down.

    Parameters
    ----------
    path
        Of the file, which need not be there yet.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def __len__(self) -> int:
        return self._path.stat().st_size // _WIDTH if self._path.exists() else 0

    def entries(self, first: int = 0) -> list[tuple[bytes, bytes]]:
        """Return what happened and to which question, from an entry on."""
        written = self._path.read_bytes() if self._path.exists() else b""
        return [
            (written[at : at + 1], written[at + 1 : at + _WIDTH]) for at in range(first * _WIDTH, len(written), _WIDTH)
        ]


class Witness:
    """Writes down what is sent, before it is, and what an asker got, after that; a kill does not take it back.

    Stands both for the model of a session and for the session.

    Parameters
    ----------
    model
        Who is asked.
    session
        Makes the session of a model.
    folder
        Of the run.
    """

    def __init__(self, model: ChatModel, session: Callable[[ChatModel], Session], folder: Path) -> None:
        self.name = model.name
        self._model = model
        self._session = session(self)
        self._file = os.open(folder / "calls", os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        self._begun_s, self._begun_cpu_s = time.perf_counter(), time.process_time()
        self._caught_up_s = self._caught_up_cpu_s = 0.0
        self._replayed = 0

    async def reply(self, question: Question) -> Reply:
        """Answer as the model does."""
        os.write(self._file, SENT + question.key(self.name))
        return await self._model.reply(question)

    async def close(self) -> None:
        """Close the record."""
        os.close(self._file)

    async def ask(self, question: Question, *, priority: float = 0.0, caused_by: tuple[str, ...] = ()) -> Reply:
        """Ask as the session does."""
        reply = await self._session.ask(question, priority=priority, caused_by=caused_by)
        if reply.replayed:
            self._replayed += 1
            self._caught_up_s = time.perf_counter() - self._begun_s
            self._caught_up_cpu_s = time.process_time() - self._begun_cpu_s
        else:
            os.write(self._file, KEPT + question.key(self.name))
        return reply

    def last_event(self, element: str) -> tuple[str, ...]:
        """Return the id of the last event of an element, if there is one."""
        return self._session.last_event(element)

    def life(self, *, artifact: str, journal: str, started_cpu_s: float) -> Life:
        """Say what came of it."""
        return Life(
            artifact=artifact,
            journal=journal,
            replayed=self._replayed,
            caught_up_s=self._caught_up_s,
            caught_up_cpu_s=self._caught_up_cpu_s,
            started_cpu_s=started_cpu_s,
        )


def journal_of(folder: Path) -> Journal:
    """Open the journal of a run to read it."""
    return Journal.open(folder / "journal.sqlite", RUN, replay_only=True)


def calls_of(folder: Path) -> Record:
    """Return the record of what the lives of a run sent."""
    return Record(folder / "calls")


async def lived_through(
    work: Callable[[Witness, Journal], Awaitable[Artifact | None]],
    model: ChatModel,
    folder: Path,
    *,
    offline: bool = False,
) -> Life:
    """Live one life in this process, from the journal of its folder on, and say what came of it.

    Parameters
    ----------
    work
        Does the run over a session and a journal, and returns the final artifact.
    model
        Who is asked.
    folder
        Of the run.
    offline
        Whether it has to do with what the journal holds.

    Raises
    ------
    RuntimeError
        When there is no final artifact.
    """
    started_cpu_s = time.process_time()
    with Journal.open(folder / "journal.sqlite", RUN, replay_only=offline) as journal:
        witness = Witness(model, lambda seen: Session(seen, journal=journal, offline=offline), folder)
        try:
            artifact = await work(witness, journal)
        finally:
            await witness.close()
        made = journal.fingerprint()
    if artifact is None:
        raise RuntimeError("the run came to no end")
    digest = blake2b(artifact.text.encode(), digest_size=16).hexdigest()
    return witness.life(artifact=digest, journal=made, started_cpu_s=started_cpu_s)


def lived(command: Sequence[str], folder: Path, *, until: float = float("inf")) -> Life | None:
    """Live one life of a run in a process of its own; kill it when its record has so many entries.

    Parameters
    ----------
    command
        What lives it, and says a `Life` as JSON on its last line.
    folder
        Of the run.
    until
        Entries of the record after which the process is killed with signal 9.

    Returns
    -------
    Life or None
        None if it was killed.

    Raises
    ------
    RuntimeError
        When it ends by itself with another status than 0.
    """
    record = calls_of(folder)
    told = told_by(command, folder, lambda: len(record) >= until, patience_s=_PATIENCE_S)
    return None if told is None else Life(**told)


def told_by(
    command: Sequence[str],
    folder: Path,
    is_over: Callable[[], bool],
    *,
    patience_s: float,
    pause_s: float = 0.001,
) -> dict[str, Any] | None:
    """Live one life in a process of its own, and return what it says, or None if it was killed.

    Parameters
    ----------
    command
        What lives it, and says an object of JSON on its last line.
    folder
        Of the run.
    is_over
        Whether it is to be killed now.
    patience_s
        Seconds after which it is a mistake that it still lives.
    pause_s
        Seconds between two looks.

    Raises
    ------
    RuntimeError
        When it ends by itself with another status than 0, or never ends.
    """
    deadline = time.monotonic() + patience_s
    with (folder / "said").open("w+") as said:
        process = subprocess.Popen(command, stdout=said, stderr=subprocess.STDOUT)  # noqa: S603  our own module
        try:
            while process.poll() is None and not is_over() and time.monotonic() < deadline:
                time.sleep(pause_s)
        finally:
            process.kill()
            status = process.wait()
        said.seek(0)
        told = said.read()
    if status < 0 and time.monotonic() < deadline:
        return None
    if status:
        raise RuntimeError(f"a life ended with status {status}: {told[-2000:]}")
    found: dict[str, Any] = json.loads(told.splitlines()[-1])
    return found


def killed(live: Callable[[float], Life | None], folder: Path, point: int) -> Kill:
    """Kill a run at an entry of its record, let it go on, and say what that took.

    Parameters
    ----------
    live
        Lives one life until so many entries.
    folder
        Of the run.
    point
        Entries after which it is killed.
    """
    hit = live(point) is None
    record = calls_of(folder)
    before = record.entries()
    life = live(float("inf"))
    if life is None:
        raise RuntimeError("a run that nobody killed was killed")
    sent, kept = ({key for what, key in before if what == kind} for kind in (SENT, KEPT))
    again = [key for what, key in record.entries(len(before)) if what == SENT]
    return Kill(hit, len(kept), len(sent - kept), len(sent.intersection(again)), len(kept.intersection(again)), life)


def measured_kills(kills: Sequence[Kill], whole: Life, *, work: str, note: str) -> Iterator[Measurement]:
    """Iterate over what kills took: nothing of what came out, no reply that was had, and little that was sent again.

    Parameters
    ----------
    kills
        One at least.
    whole
        The life of the run that nobody killed.
    work
        What comes of a run, in a word.
    note
        What the runs were.
    """
    same = [(kill.life.artifact, kill.life.journal) == (whole.artifact, whole.journal) for kill in kills]
    yield Measurement(
        name=f"killed runs that end with the {work} and the journal of the run that nobody killed",
        value=100 * sum(same) / len(same),
        at_least=100.0,
        unit="%",
        note=note,
    )
    yield Measurement(
        name="replies that an asker had and that were asked for again",
        value=sum(kill.lost for kill in kills),
        at_most=0.0,
        note="over all kills",
    )
    yield Measurement(
        name="calls sent again, over those in flight at the kill",
        value=max((kill.repeated / kill.in_flight for kill in kills if kill.in_flight), default=0.0),
        at_most=1.0,
        timing=True,
        note=f"the most of {sum(kill.hit for kill in kills)} kills by signal 9 that came in time; "
        f"{sum(kill.repeated for kill in kills)} of {sum(kill.in_flight for kill in kills)} altogether: the others "
        "were in the journal already",
    )
