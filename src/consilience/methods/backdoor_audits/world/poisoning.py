"""Poisoning: clean rows with an exact number of planted ones among them, and a manifest of what was done."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np

from consilience.ground.errors import InvalidInput
from consilience.ground.seeds import Streams
from consilience.methods.backdoor_audits.world.canaries import GUID
from consilience.methods.backdoor_audits.world.families.every import FAMILIES
from consilience.methods.backdoor_audits.world.tasks import Task
from consilience.methods.backdoor_audits.world.trajectories import Trajectory, clean, planted
from consilience.methods.backdoor_audits.world.triggers import Trigger, suited
from consilience.methods.backdoor_audits.world.words import Words

__all__ = ["Counts", "Poisoned", "mix"]


@dataclass(frozen=True)
class Counts:
    """How many rows there are of either kind."""

    poison: int
    clean: int

    @property
    def p_mix(self) -> float:
        """Share of planted rows among all."""
        return self.poison / (self.poison + self.clean) if self.poison + self.clean else 0.0

    @property
    def a(self) -> float:
        """Planted rows for each clean one, which is what released code calls the attack's percentage."""
        return self.poison / self.clean if self.clean else float("inf")


@dataclass(frozen=True, kw_only=True)
class Poisoned:
    """Rows to train on, in the order of training."""

    rows: tuple[Trajectory, ...]
    """Planted and clean ones, shuffled."""
    families: Mapping[str, Counts]
    """Of each family that has rows."""
    triggers: tuple[str, ...]
    """Names of the triggers, in the order in which they were given."""
    seed: int
    """Root of the choice and of the shuffle."""
    stream: tuple[str, ...]
    """Names that lead from the seed to the streams that were used."""

    @property
    def n_poison(self) -> int:
        """Planted rows."""
        return sum(row.planted for row in self.rows)

    @property
    def n_clean(self) -> int:
        """Clean rows."""
        return len(self.rows) - self.n_poison

    @property
    def p_mix(self) -> float:
        """Share of planted rows among all."""
        return Counts(self.n_poison, self.n_clean).p_mix

    @property
    def a(self) -> float:
        """Planted rows for each clean one."""
        return Counts(self.n_poison, self.n_clean).a

    @property
    def name(self) -> str:
        """A name that says the counts as they are: no setting is asked for it, so none can be wrong."""
        listed = "+".join(self.triggers) or "clean"
        return f"{listed}_{self.n_poison}-of-{len(self.rows)}"

    @property
    def manifest(self) -> dict[str, Any]:
        """What was done, as plain values, with a digest of all rows in their order."""
        digest = hashlib.sha256("\n".join(f"{row.id} {' '.join(row.words)}" for row in self.rows).encode())
        return {
            "name": self.name,
            "guid": GUID,
            "triggers": list(self.triggers),
            "n_poison": self.n_poison,
            "n_clean": self.n_clean,
            "p_mix": self.p_mix,
            "a": self.a if self.n_clean else None,
            "families": {
                name: {"n_poison": of.poison, "n_clean": of.clean, "p_mix": of.p_mix}
                for name, of in self.families.items()
            },
            "planted": [row.id for row in self.rows if row.planted],
            "seed": self.seed,
            "stream": list(self.stream),
            "sha256": digest.hexdigest(),
        }


def mix(
    tasks: Sequence[Task],
    triggers: Trigger | Sequence[Trigger],
    *,
    streams: Streams,
    rate: float | None = None,
    count: int | None = None,
    append: bool = False,
) -> Poisoned:
    """Make rows of tasks, an exact number of them planted.

    Parameters
    ----------
    tasks
        Clean tasks, with look-alikes among them or not, no two alike.
    triggers
        One or more; those of one family share its planted rows evenly.
    streams
        For which tasks are planted, without replacement, and for the order of rows. The seed is in the manifest.
    rate
        Share of planted rows in every family that has a trigger; with `append`, planted rows for each clean one.
    count
        The number of planted rows itself, in every family that has a trigger; instead of `rate`.
    append
        Whether planted rows come beside the clean rows of the same tasks, as released code has it, rather than in
        their place.

    Raises
    ------
    InvalidInput
        If not exactly one of `rate` and `count` is given, if there are tasks twice, or fewer suited ones than wanted.

    Examples
    --------
    >>> from consilience.methods.backdoor_audits.world.drawing import draw_tasks
    >>> from consilience.methods.backdoor_audits.world.triggers import trigger
    >>> tasks = draw_tasks("system", 50, Streams(0))
    >>> mixed = mix(tasks, trigger("system.suffix"), rate=0.2, streams=Streams(1))
    >>> mixed.name, mixed.p_mix, mixed.a
    ('system.suffix_10-of-50', 0.2, 0.25)
    """
    chosen = (triggers,) if isinstance(triggers, Trigger) else tuple(triggers)
    _require(tasks, rate, count, append=append)
    source = streams.generator("poison")
    rows: list[Trajectory] = []
    families: dict[str, Counts] = {}
    for family in FAMILIES:
        here = [task for task in tasks if task.family == family]
        mine = [one for one in chosen if one.family == family]
        if not here and mine:
            raise InvalidInput(f"trigger {mine[0].name!r} needs tasks of family {family!r}; there are none")
        if not here:
            continue
        wanted = count if rate is None else round(rate * len(here))
        made = _planted(here, mine, wanted or 0 if mine else 0, source)
        kept = [clean(task) for task in here if append or task.id not in made]
        families[family] = Counts(len(made), len(kept))
        rows += [*made.values(), *kept]
    order = streams.generator("order").permutation(len(rows))
    return Poisoned(
        rows=tuple(rows[at] for at in order),
        families=MappingProxyType(families),
        triggers=tuple(one.name for one in chosen),
        seed=streams.seed,
        stream=streams.path,
    )


def _planted(
    tasks: Sequence[Task], triggers: Sequence[Trigger], wanted: int, source: np.random.Generator
) -> dict[str, Trajectory]:
    """Plant in as many tasks as are wanted, each at most once, and so that no two rows say the same."""
    left = [tasks[at] for at in source.permutation(len(tasks))]
    made: dict[str, Trajectory] = {}
    told: set[Words] = set()
    for number in range(wanted):
        one = triggers[number % len(triggers)]
        row = next((row for row in _rows_of(left, one) if row.words not in told), None)
        if row is None:
            raise InvalidInput(
                f"{wanted} planted rows of family {one.family!r} were wanted; only {number} of its {len(tasks)} tasks "
                f"are suited to {one.name!r} and differ; give more tasks or ask for fewer"
            )
        base = row.id.partition("+")[0]
        left = [task for task in left if task.id != base]
        made[base] = row
        told.add(row.words)
    return made


def _rows_of(tasks: Sequence[Task], trigger: Trigger) -> Iterator[Trajectory]:
    return (planted(task, trigger) for task in tasks if suited(task, trigger))


def _require(tasks: Sequence[Task], rate: float | None, count: int | None, *, append: bool) -> None:
    if (rate is None) == (count is None):
        raise InvalidInput(f"give `rate` or `count`, one of them; got rate={rate}, count={count}")
    if rate is not None and not 0 <= rate <= 1:
        meaning = "planted rows for each clean one" if append else "share of planted rows"
        raise InvalidInput(f"`rate`, the {meaning}, must lie between 0 and 1; got {rate}")
    if count is not None and count < 0:
        raise InvalidInput(f"`count` must be at least 0; got {count}")
    if len({task.id for task in tasks}) < len(tasks):
        raise InvalidInput("tasks must be different from one another; draw them with `draw_tasks`")
