"""Many fine-tunings of one base, planted and clean, in as many processes as there are cores."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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


def tune_all(base: SmallAgent, plans: Sequence[Plan], processes: int = 1) -> list[Tuned]:
    """Carry out plans, each as if it were alone, and return what was made in their order.

    Longer plans are begun first, so that no process ends late with one of them.
    """
    content = packed(base)
    order = sorted(range(len(plans)), key=lambda place: -plans[place].settings.steps)
    made = shared(_tuned, [(content, plans[place]) for place in order], processes)
    found = dict(zip(order, made, strict=True))
    return [found[place] for place in range(len(plans))]


def _tuned(job: tuple[bytes, Plan]) -> Tuned:
    content, plan = job
    return fine_tune(unpacked(content), plan.rows, plan.settings, plan.streams, manifest=plan.manifest)
