"""Lives of a run: each is a process that goes on where the last one was killed, and keeps a record of what it sent.

``python -m consilience.methods.agent_networks.studies.lives WORK FOLDER NODES SEED [--offline]`` lives one, and
says on its last line what came of it.
"""

from __future__ import annotations

import asyncio
import json
import sys
from base64 import b64encode
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np

from consilience.dialogue.faults import Latency
from consilience.dialogue.journal import Journal
from consilience.dialogue.messages import Question
from consilience.dialogue.players import Player
from consilience.dialogue.rehearsal import Rehearsal
from consilience.dialogue.trials.lives import Life, Witness, journal_of, lived, lived_through
from consilience.dialogue.work.artifact import Artifact, Kind
from consilience.dialogue.work.kinds.text import Text
from consilience.methods.agent_networks.profiles import standard_profiles
from consilience.methods.agent_networks.prompts import CRITIC, FINISHED
from consilience.methods.agent_networks.stand_ins import Solver
from consilience.methods.agent_networks.topology import topology
from consilience.methods.agent_networks.traversal import traverse
from consilience.methods.agent_networks.workshop import Workshop

__all__ = ["WORKS", "live", "main", "payload", "scribble"]

FEATURES = 32
"""Of a workshop: modules of about one and a half kilobytes."""
WORKS = ("noise", "modules")
"""What is written: letters that follow from every letter of the prompt and cannot be squeezed, or modules of Python."""
LATENCY = Latency.lognormal(0.002, 1.0)


def scribble(question: Question, chance: np.random.Generator) -> str:
    """Say something that hangs on all of the prompt: where one thing comes out otherwise, all that follows does."""
    if CRITIC in question.messages[0].text:
        return FINISHED if chance.random() < 1 / 3 else b64encode(chance.bytes(150)).decode()
    return b64encode(chance.bytes(1050)).decode()


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
    return lived(command, folder, until=until)


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
    task, kind, player = _work(work, seed)
    model = Rehearsal(player, name=work, seed=seed, latency=LATENCY)

    async def run(session: Witness, journal: Journal) -> Artifact | None:
        network, kept = topology("mesh", nodes), None if offline else journal
        return (await traverse(network, task, session, kind=kind, rounds=1, journal=kept, seed=seed)).artifact

    return await lived_through(run, model, folder, offline=offline)


if __name__ == "__main__":
    sys.exit(main())
