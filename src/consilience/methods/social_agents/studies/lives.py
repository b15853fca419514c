"""A town's tasks in a process of their own, which can be killed at any turn and goes on; what it took is its last line.

Each turn that a person could watch is written down in a file of its own once they have seen it, past everything that
is measured. The store is made by the first life and found by the others.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from hashlib import blake2b
from pathlib import Path

import numpy as np

from consilience.dialogue.journal import Journal
from consilience.dialogue.session import Session
from consilience.dialogue.trials.lives import told_by
from consilience.ground.machine import peak_memory_mb
from consilience.methods.social_agents.pursuit import Pursuit
from consilience.methods.social_agents.record import TurnSeen
from consilience.methods.social_agents.scoring import summary
from consilience.methods.social_agents.studies.stage import Stage, player
from consilience.methods.social_agents.worlds.people import Task, World
from consilience.methods.social_agents.worlds.town import town

__all__ = ["Life", "Size", "live", "seen_in"]

_PATIENCE_S = 560.0
_WIDTH = 33


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """Of a town, and how it is run."""

    people: int
    contacts: int
    messages: int
    recursive: int
    seed: int
    journalled: bool = True
    """Whether turns are safe after a kill."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Life:
    """What a life that came to its end says of it."""

    tasks: int
    recursive: int
    """Tasks that needed a third person."""
    score: float
    """Mean over all tasks."""
    recursive_score: float
    errors: int
    """Tasks that failed or raised something."""
    talks: int
    calls: int
    turns: int
    furnished_s: float
    """For putting the town into the store, where this life did."""
    seconds: float
    """For all tasks."""
    cpu_s: float
    """Processor time of them."""
    largest_mb: float
    """Of the process, the town and all libraries included."""
    answers: str
    """Digest of all answers."""
    said: tuple[str, ...]
    """Digests of all utterances that are in the talks in the end."""


def live(folder: Path, size: Size, *, until: float = float("inf")) -> Life | None:
    """Live one life of a town in a process of its own; kill it with signal 9 when so many turns were seen.

    Parameters
    ----------
    folder
        Of the store, the journal and the record.
    size
        Of the town.
    until
        Turns after which it is killed.

    Returns
    -------
    Life or None
        None if it was killed.

    Raises
    ------
    RuntimeError
        When it ends by itself with another status than 0, or never ends.
    """
    command = [sys.executable, "-m", __name__, str(folder), json.dumps(asdict(size))]
    found = told_by(
        command,
        folder,
        lambda: len(seen_in(folder)) >= until,
        patience_s=_PATIENCE_S,
        pause_s=0.001 if until < float("inf") else 0.05,
    )
    return None if found is None else Life(**(found | {"said": tuple(found["said"])}))


def seen_in(folder: Path) -> list[str]:
    """Return the digests of the turns that people saw, in the order in which they did."""
    record = folder / "seen"
    written = record.read_bytes() if record.exists() else b""
    return [written[at : at + _WIDTH - 1].decode() for at in range(0, len(written) - _WIDTH + 1, _WIDTH)]


def main(words: Sequence[str] | None = None) -> int:
    """Live one life, and return the exit status."""
    folder, size = sys.argv[1:] if words is None else words
    life = asyncio.run(_live(Path(folder), Size(**json.loads(size))))
    sys.stdout.write(f"{json.dumps(asdict(life))}\n")
    return 0


async def _live(folder: Path, size: Size) -> Life:
    world = town(size.people, size.contacts, size.messages, np.random.default_rng(size.seed), recursive=size.recursive)
    if not size.journalled:
        return await _lived(folder, world, None)
    with Journal.open(folder / "journal.sqlite", "town") as journal:
        return await _lived(folder, world, journal)


async def _lived(folder: Path, world: World, journal: Journal | None) -> Life:
    record = os.open(folder / "seen", os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    current: list[str] = [""]

    def note(seen: TurnSeen) -> None:
        if seen.owner == seen.utterance.speaker:  # each turn is shown to two
            os.write(record, f"{_digest(current[0], seen.utterance)}\n".encode())

    errors = 0
    pursuits: dict[str, Pursuit] = {}
    begun_s = time.perf_counter()
    try:
        async with Session(player(), journal=journal) as session:
            with Stage(world, session, path=folder / "store.sqlite", journal=journal, on_turn=note) as stage:
                furnished_s = time.perf_counter() - begun_s
                begun_s, begun_cpu_s = time.perf_counter(), time.process_time()
                for task in world.tasks:
                    current[0] = task.id
                    try:
                        pursuits[task.id] = await stage.solve(task)
                    except Exception as error:  # noqa: BLE001  what is counted is that anything at all went wrong
                        sys.stdout.write(f"{task.id}: {error!r}\n")
                        errors += 1
                    stage.wire.texts.clear()
                seconds, cpu_s = time.perf_counter() - begun_s, time.process_time() - begun_cpu_s
    finally:
        os.close(record)
    return _life(world.tasks, pursuits, errors=errors, furnished_s=furnished_s, seconds=seconds, cpu_s=cpu_s)


def _life(
    tasks: Sequence[Task],
    pursuits: dict[str, Pursuit],
    *,
    errors: int,
    furnished_s: float,
    seconds: float,
    cpu_s: float,
) -> Life:
    answers = {name: one.answer for name, one in pursuits.items()}
    third = [task for task in tasks if "recursion" in task.needs]
    said = [
        _digest(name, utterance)
        for name, one in pursuits.items()
        for branch in one.root
        for utterance in branch.talk.utterances
    ]
    return Life(
        tasks=len(tasks),
        recursive=len(third),
        score=summary(tasks, answers).score,
        recursive_score=summary(third, {task.id: answers.get(task.id) for task in third}).score if third else 0.0,
        errors=errors + sum(branch.talk.ending == "failed" for one in pursuits.values() for branch in one.root),
        talks=sum(one.talks for one in pursuits.values()),
        calls=sum(one.calls for one in pursuits.values()),
        turns=len(said),
        furnished_s=furnished_s,
        seconds=seconds,
        cpu_s=cpu_s,
        largest_mb=peak_memory_mb(),
        answers=_hashed(json.dumps(answers, sort_keys=True)),
        said=tuple(said),
    )


def _digest(task: str, said: object) -> str:
    return _hashed(f"{task} {said!r}")


def _hashed(text: str) -> str:
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


if __name__ == "__main__":
    sys.exit(main())
