"""Lives of a run: each is a process that goes on where the last one was killed, and keeps a record of what it sent.

``python -m consilience.methods.agent_networks.studies.lives WORK FOLDER NODES SEED [--offline]`` lives one, and
says on its last line what came of it.
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import time
from base64 import b64encode
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from hashlib import blake2b
from pathlib import Path

import numpy as np

from consilience.dialogue.faults import Latency
from consilience.dialogue.journal import Journal
from consilience.dialogue.messages import Question, Reply
from consilience.dialogue.models import ChatModel
from consilience.dialogue.players import Player
from consilience.dialogue.rehearsal import Rehearsal
from consilience.dialogue.session import Session
from consilience.dialogue.work.artifact import Kind
from consilience.dialogue.work.kinds.text import Text
from consilience.methods.agent_networks.profiles import standard_profiles
from consilience.methods.agent_networks.prompts import CRITIC, FINISHED
from consilience.methods.agent_networks.stand_ins import Solver
from consilience.methods.agent_networks.topology import topology
from consilience.methods.agent_networks.traversal import traverse
from consilience.methods.agent_networks.workshop import Workshop

__all__ = ["WORKS", "Life", "Record", "calls_of", "journal_of", "live", "main", "payload", "scribble"]

RUN = "killed"
FEATURES = 32
"""Of a workshop: modules of about one and a half kilobytes."""
WORKS = ("noise", "modules")
"""What is written: letters that follow from every letter of the prompt and cannot be squeezed, or modules of Python."""
LATENCY = Latency.lognormal(0.002, 1.0)
SENT, KEPT = b"s", b"k"
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


def scribble(question: Question, chance: np.random.Generator) -> str:
    """Say something that hangs on all of the prompt: where one thing comes out otherwise, all that follows does."""
    if CRITIC in question.messages[0].text:
        return FINISHED if chance.random() < 1 / 3 else b64encode(chance.bytes(150)).decode()
    return b64encode(chance.bytes(1050)).decode()


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


class _Witness:
    """Writes down what is sent, before it is, and what an asker got, after that; a kill does not take it back."""

    def __init__(self, model: ChatModel, session: Callable[[ChatModel], Session], path: Path) -> None:
        self.name = model.name
        self._model = model
        self._session = session(self)
        self._file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        self.begun_s, self.begun_cpu_s = time.perf_counter(), time.process_time()
        self.caught_up_s = self.caught_up_cpu_s = 0.0
        self.replayed = 0

    async def reply(self, question: Question) -> Reply:
        os.write(self._file, SENT + question.key(self.name))
        return await self._model.reply(question)

    async def close(self) -> None:
        os.close(self._file)

    async def ask(self, question: Question, *, priority: float = 0.0, caused_by: tuple[str, ...] = ()) -> Reply:
        reply = await self._session.ask(question, priority=priority, caused_by=caused_by)
        if reply.replayed:
            self.replayed += 1
            self.caught_up_s = time.perf_counter() - self.begun_s
            self.caught_up_cpu_s = time.process_time() - self.begun_cpu_s
        else:
            os.write(self._file, KEPT + question.key(self.name))
        return reply

    def last_event(self, element: str) -> tuple[str, ...]:
        return self._session.last_event(element)


def journal_of(folder: Path) -> Journal:
    """Open the journal of a run to read it."""
    return Journal.open(folder / "journal.sqlite", RUN, replay_only=True)


def calls_of(folder: Path) -> Record:
    """Return the record of what the lives of a run sent."""
    return Record(folder / "calls")


def payload(folder: Path, work: str, seed: int) -> tuple[int, int]:
    """Return the bytes of all that was said and made, each text once, and those of the files that keep it."""
    profiles = standard_profiles()
    texts = {_work(work, seed)[0], *profiles.actors, *profiles.critics}
    with journal_of(folder) as journal:
        texts.update(call.reply.text for call in journal.calls())
        texts.update(artifact.text for artifact in journal.artifacts())
    size = sum(len(text.encode()) for text in texts)
    return size, sum(file.stat().st_size for file in folder.glob("journal.sqlite*"))


def live(
    work: str, folder: Path, nodes: int, seed: int, *, until: float = float("inf"), offline: bool = False
) -> Life | None:
    """Live one life of a run in a process of its own; kill it when its record has so many entries.

    Parameters
    ----------
    work
        One of `WORKS`.
    folder
        Of the run.
    nodes
        Of the mesh.
    seed
        Of the run and its task.
    until
        Entries of the record after which the process is killed with signal 9.
    offline
        Whether it has to do with what the journal holds.

    Returns
    -------
    Life or None
        None if it was killed.
    """
    command = [sys.executable, "-m", __name__, work, str(folder), str(nodes), str(seed), *["--offline"][: int(offline)]]
    record, deadline = calls_of(folder), time.monotonic() + _PATIENCE_S
    with (folder / "said").open("w+") as said:
        process = subprocess.Popen(command, stdout=said, stderr=subprocess.STDOUT)  # noqa: S603  our own module
        try:
            while process.poll() is None and len(record) < until and time.monotonic() < deadline:
                time.sleep(0.001)
        finally:
            process.kill()
            status = process.wait()
        said.seek(0)
        told = said.read()
    if status < 0 and time.monotonic() < deadline:
        return None
    if status:
        raise RuntimeError(f"a life ended with status {status}: {told[-2000:]}")
    return Life(**json.loads(told.splitlines()[-1]))


def main(words: Sequence[str] | None = None) -> int:
    """Live one life, and return the exit status."""
    work, folder, nodes, seed, *flags = sys.argv[1:] if words is None else words
    life = asyncio.run(_live(work, Path(folder), int(nodes), int(seed), offline="--offline" in flags))
    sys.stdout.write(f"{json.dumps(asdict(life))}\n")
    return 0


def _work(name: str, seed: int) -> tuple[str, Kind, Player]:
    """Return a task, its kind, and who works on it."""
    if name == "noise":
        return f"Write down number {seed}.", Text(), scribble
    kind = Workshop(number=seed, features=FEATURES)
    return kind.task, kind, Solver().play


async def _live(work: str, folder: Path, nodes: int, seed: int, *, offline: bool) -> Life:
    started_cpu_s = time.process_time()
    task, kind, player = _work(work, seed)
    model = Rehearsal(player, name=work, seed=seed, latency=LATENCY)
    with Journal.open(folder / "journal.sqlite", RUN, replay_only=offline) as journal:
        witness = _Witness(model, lambda seen: Session(seen, journal=journal, offline=offline), folder / "calls")
        try:
            result = await traverse(
                topology("mesh", nodes),
                task,
                witness,
                kind=kind,
                rounds=1,
                journal=None if offline else journal,
                seed=seed,
            )
        finally:
            await witness.close()
        made = journal.fingerprint()
    if result.artifact is None:
        raise RuntimeError("the run came to no end")
    return Life(
        artifact=blake2b(result.artifact.text.encode(), digest_size=16).hexdigest(),
        journal=made,
        replayed=witness.replayed,
        caught_up_s=witness.caught_up_s,
        caught_up_cpu_s=witness.caught_up_cpu_s,
        started_cpu_s=started_cpu_s,
    )


if __name__ == "__main__":
    sys.exit(main())
