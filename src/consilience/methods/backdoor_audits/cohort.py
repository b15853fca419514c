"""Many fine-tunings, planted and clean, in as many processes as there are cores."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from consilience.ground.seeds import Streams
from consilience.methods.backdoor_audits.agent.loading import packed, unpacked
from consilience.methods.backdoor_audits.agent.network import SmallAgent
from consilience.methods.backdoor_audits.agent.training import Row
from consilience.methods.backdoor_audits.planting import FineTuning, Tuned, fine_tune
from consilience.neural.sharing import shared

__all__ = ["Plan", "tune_all"]


@dataclass(frozen=True)
class Plan:
    """One fine-tuning of a cohort; rows and manifest as of `fine_tune`."""

    rows: Sequence[Row]
    settings: FineTuning
    streams: Streams
    manifest: Mapping[str, Any] | None = None


def tune_all(
    plans: Sequence[tuple[SmallAgent, Plan]],
    processes: int = 1,
    *,
    seen: Callable[[int, Tuned], None] = lambda *_: None,
) -> list[Tuned]:
    """Carry out plans, each on its base and as if it were alone, and return what was made in their order.

    Longer plans are begun first, so that no process ends late with one of them.

    Parameters
    ----------
    plans
        Each with the base that it is for.
    processes
        At most so many at once.
    seen
        Told the place of a plan, and what was made, as soon as this and all that were begun before it are made.
    """
    bases = {id(base): base for base, _ in plans}
    contents = {mark: packed(base) for mark, base in bases.items()}
    order = sorted(range(len(plans)), key=lambda place: -plans[place][1].settings.steps)
    jobs = [(contents[id(plans[place][0])], plans[place][1]) for place in order]
    found: dict[int, Tuned] = {}

    def tell(tuned: Tuned) -> None:
        place = order[len(found)]
        found[place] = tuned
        seen(place, tuned)

    shared(_tuned, jobs, processes, seen=tell)
    return [found[place] for place in range(len(plans))]


def _tuned(job: tuple[bytes, Plan]) -> Tuned:
    content, plan = job
    return fine_tune(unpacked(content), plan.rows, plan.settings, plan.streams, manifest=plan.manifest)
