"""Teams under load, alone in a process: what they cost the processor and the memory when nothing has to be waited for.

``python -m consilience.methods.cross_team.studies.load TEAMS WAY`` runs them, and says on its last
line what came of it.
"""

from __future__ import annotations

import asyncio
import gc
import json
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import cast

from consilience.dialogue.trials.apart import said_apart
from consilience.dialogue.trials.load import Always, Way, asked
from consilience.dialogue.work.kinds.text import Text
from consilience.ground.machine import peak_memory_mb
from consilience.methods.cross_team.collaboration import collaborate
from consilience.methods.cross_team.rating import TextRater
from consilience.methods.cross_team.spec import Plan, teams
from consilience.methods.cross_team.studies.courses import SEGMENTS, chain_of

__all__ = ["Weight", "main", "weigh", "weigh_apart"]

_BEFORE = 8


@dataclass(frozen=True, kw_only=True)
class Weight:
    """What a run weighed."""

    teams: int
    """How many worked."""
    calls: int
    """Questions that were answered, those of aggregators too."""
    merges: int
    """Of them, those of aggregators."""
    cpu_s: float
    """Processor time of the run, all threads; a journal is opened and closed within."""
    grown_mb: float
    """Memory that it took at its peak, above what the libraries hold."""

    @property
    def cpu_ms(self) -> float:
        """Processor time of the run a call, in milliseconds."""
        return 1e3 * self.cpu_s / self.calls


def weigh(count: int, way: Way) -> Weight:
    """Run so many teams in this process, and weigh them."""
    asyncio.run(_run(_BEFORE, way))  # loads what there is to load, and has the interpreter settle
    gc.collect()
    held = peak_memory_mb()
    begun_s = time.process_time()
    calls, merges = asyncio.run(_run(count, way))
    cpu_s = time.process_time() - begun_s
    return Weight(teams=count, calls=calls, merges=merges, cpu_s=cpu_s, grown_mb=peak_memory_mb() - held)


def weigh_apart(count: int, way: Way) -> Weight:
    """Run so many teams in a process of its own, and weigh them.

    Parameters
    ----------
    count
        Teams.
    way
        One of `consilience.dialogue.trials.load.WAYS`.
    """
    return Weight(**json.loads(said_apart(["-m", __name__, str(count), way])))


async def _run(count: int, way: Way) -> tuple[int, int]:
    """Return the calls, and those of aggregators; not the result, which `asyncio.run` would write out as text."""
    plan = Plan(chain=chain_of(SEGMENTS), teams=teams(count), prune=False)
    kind = Text()
    with asked(way, Always()) as (asks, journal, events):
        result = await collaborate(
            plan,
            "Say it.",
            asks,
            kind=kind,
            scorer=TextRater(kind),
            journal=journal,
            transcript=events,
            width=2 * count,
        )
    return result.spent.calls, sum(cell.calls for cell in result.merges.values())


def main(words: Sequence[str] | None = None) -> int:
    """Weigh one run, and return the exit status."""
    count, way = sys.argv[1:] if words is None else words
    sys.stdout.write(f"{json.dumps(asdict(weigh(int(count), cast('Way', way))))}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
