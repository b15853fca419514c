"""Lives of a run of teams: each is a process that goes on where the last one was killed.

``python -m consilience.methods.cross_team.studies.lives FOLDER TEAMS SEED`` lives one, and says on its last line what
came of it.
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
from consilience.dialogue.rehearsal import Rehearsal
from consilience.dialogue.trials.lives import Life, Witness, lived, lived_through
from consilience.dialogue.work.artifact import Artifact
from consilience.dialogue.work.kinds.text import Text
from consilience.methods.cross_team.collaboration import collaborate
from consilience.methods.cross_team.rating import TextRater
from consilience.methods.cross_team.spec import Plan, teams
from consilience.methods.cross_team.studies.courses import SEGMENTS, chain_of

__all__ = ["live", "main", "scribble"]

LATENCY = Latency.lognormal(0.004, 1.0)


def scribble(question: Question, chance: np.random.Generator) -> str:
    """Say something that hangs on all of the prompt: where one thing comes out otherwise, all that follows does."""
    del question
    return b64encode(chance.bytes(600)).decode()


def live(folder: Path, count: int, seed: int, *, until: float = float("inf")) -> Life | None:
    """Live one life of a run in a process of its own; kill it when its record has so many entries.

    Parameters
    ----------
    folder
        Of the run.
    count
        Teams.
    seed
        Of the run and its task.
    until
        Entries of the record after which the process is killed with signal 9.

    Returns
    -------
    Life or None
        None if it was killed.
    """
    return lived([sys.executable, "-m", __name__, str(folder), str(count), str(seed)], folder, until=until)


def main(words: Sequence[str] | None = None) -> int:
    """Live one life, and return the exit status."""
    folder, count, seed = sys.argv[1:] if words is None else words
    sys.stdout.write(f"{json.dumps(asdict(asyncio.run(_live(Path(folder), int(count), int(seed)))))}\n")
    return 0


async def _live(folder: Path, count: int, seed: int) -> Life:
    model = Rehearsal(scribble, name="scribble", seed=seed, latency=LATENCY)
    plan = Plan(chain=chain_of(SEGMENTS), teams=teams(count), prune=False, final="merge", seed=seed)
    kind = Text()
    task = f"Write down number {seed}."

    async def run(session: Witness, journal: Journal) -> Artifact | None:
        return (await collaborate(plan, task, session, kind=kind, scorer=TextRater(kind), journal=journal)).artifact

    return await lived_through(run, model, folder)


if __name__ == "__main__":
    sys.exit(main())
