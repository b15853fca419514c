"""Rows of the list of runs: what is said of each at a glance."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from consilience.ground.claims import Verdict
from consilience.ground.wording import many
from consilience.studio.agents import AgentRun
from consilience.studio.keeping import stamp_of
from consilience.studio.measured import MeasuredRun
from consilience.studio.places import Place
from consilience.studio.rendering import moment, words

__all__ = ["Row", "row_of", "rows_of"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A run in the list."""

    place: Place
    """Where it lies."""
    stamp: tuple[object, ...]
    """What changes when anything of it does."""
    room: str
    """Package name of the method; empty where it is not known."""
    title: str
    """What it is called."""
    state: str = ""
    """Whether it goes on, has come to its end, or was cut off; empty for pictures."""
    when: str = ""
    """When the last thing happened, ISO 8601."""
    told: tuple[str, ...] = ()
    """Recipe and seed, or what stands in their place."""
    verdicts: Mapping[Verdict, int] = field(default_factory=dict)
    """How many claims hold, fail and were not measured."""
    line: str = ""
    """What stands in the place of verdicts."""
    done: int = 0
    """Claims or elements that are behind it."""
    total: int = 0
    """How many there are; 0 where that is not known."""
    seconds: float = 0.0
    """How long its studies took together."""
    troubles: tuple[str, ...] = ()
    """What in it could not be read."""

    @property
    def comparable(self) -> bool:
        """Whether it can be laid beside another."""
        return self.place.kind != "pictures"


def rows_of(places: Iterable[Place]) -> list[Row]:
    """Return the rows of all runs: those that go on first, then the latest first."""
    rows = sorted((row_of(place) for place in places), key=lambda row: row.when, reverse=True)
    return sorted(rows, key=lambda row: row.state != "running")


def row_of(place: Place) -> Row:
    """Return the row of a run."""
    if place.kind == "measured":
        return _measured(MeasuredRun(place))
    if place.kind == "agents":
        return _agents(AgentRun(place))
    stamp = stamp_of(place.path)
    when = moment(stamp[2] / 1e9) if stamp else ""
    return Row(
        place=place,
        stamp=(place.name, stamp),
        room=place.name.partition("/")[0] if "/" in place.name else "",
        title=words(place.path.name),
        when=when,
        line="pictures",
    )


def _measured(run: MeasuredRun) -> Row:
    told = (run.recipe, f"seed {run.seed}" if run.seed else "")
    return Row(
        place=run.place,
        stamp=run.stamp,
        room=run.room,
        title=words(run.room),
        state=run.state,
        when=run.when,
        told=tuple(filter(None, told)),
        verdicts=run.verdicts,
        done=run.done,
        total=len(run.stages),
        seconds=run.seconds,
        troubles=tuple(run.troubles),
    )


def _agents(run: AgentRun) -> Row:
    calls = int(run.spent["calls"])
    return Row(
        place=run.place,
        stamp=run.stamp,
        room=run.room,
        title=run.task[:90] or run.name,
        state=run.state,
        when=moment(run.when),
        told=tuple(filter(None, (words(run.room), f"seed {run.order['seed']}" if "seed" in run.order else ""))),
        line=f"{run.done:,} elements done, {many(calls, 'call')}",
        done=run.done,
        total=run.elements,
        troubles=tuple(run.troubles),
    )
