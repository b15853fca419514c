"""How far it goes: a town's tasks one after the other in one process, and what a kill costs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

from consilience.dialogue.rehearsal import REHEARSAL_NOTICE
from consilience.ground import Evidence, Measurement, RunFolder, Streams, Table
from consilience.methods.social_agents.config import Config
from consilience.methods.social_agents.studies.lives import Life, Size, live, seen_in

__all__ = ["PUBLISHED", "scale"]

PUBLISHED = (140, 588, 65_800, 100)
"""People, relationships, messages and recursive tasks for which the bars of time and memory are."""
_KILLED = Size(people=12, contacts=20, messages=400, recursive=4, seed=0)
"""The town whose run is killed: a turn is as deep there as anywhere."""
_LAST = 0.95
"""A run is killed before this part of its turns is over."""


@dataclass(frozen=True, slots=True)
class _Kill:
    """What became of a run that was killed once."""

    hit: bool
    """Whether it was not over yet."""
    seen: int
    """Turns that people had seen."""
    lost: int
    """Of these, turns that are in no talk in the end."""
    repeated: int
    """Turns that were said a second time."""
    same: bool
    """Whether the answers are those of a run that nobody killed."""


def scale(config: Config, streams: Streams, folder: RunFolder) -> Evidence:
    """Measure the claim ``iagents.scale``.

    A task for each relationship of a town, and tasks that need a third person, in a process of its own, with the gate,
    the log and a journal in which every turn is safe. The model answers at once.

    Parameters
    ----------
    config
        ``scale_people``, ``scale_contacts``, ``scale_messages``, ``scale_recursive``, ``scale_kills``.
    streams
        For the town and the points.
    folder
        For the record.
    """
    size = Size(
        people=config.scale_people,
        contacts=config.scale_contacts,
        messages=config.scale_messages,
        recursive=config.scale_recursive,
        seed=streams.integer("town"),
    )
    with TemporaryDirectory() as scratch:
        whole = _whole(Path(scratch) / "whole", size)
        folder.record("scale", seconds=whole.seconds, memory_mb=whole.largest_mb)
        small = replace(_KILLED, seed=streams.integer("killed town"))
        unharmed = _whole(Path(scratch) / "unharmed", small)
        points = streams.generator("points").uniform(0, _LAST, config.scale_kills)
        kills = [
            _killed(Path(scratch) / f"kill {number}", small, int(point * unharmed.turns), unharmed)
            for number, point in enumerate(sorted(points))
        ]
    as_published = (size.people, size.contacts, size.messages, size.recursive) == PUBLISHED
    return Evidence(
        measurements=(*_of_size(whole, published=as_published), *_of_kills(kills)),
        tables=(_table(whole, size),),
    )


def _whole(place: Path, size: Size) -> Life:
    place.mkdir()
    life = live(place, size)
    if life is None:
        raise RuntimeError("a run that nobody killed was killed")
    return life


def _killed(place: Path, size: Size, point: int, unharmed: Life) -> _Kill:
    place.mkdir()
    hit = live(place, size, until=max(1, point)) is None
    before = seen_in(place)
    life = live(place, size)
    if life is None:
        raise RuntimeError("a run that nobody killed was killed")
    after = seen_in(place)[len(before) :]
    return _Kill(
        hit=hit,
        seen=len(before),
        lost=len(set(before) - set(life.said)),
        repeated=len(set(before) & set(after)),
        same=life.answers == unharmed.answers,
    )


def _of_size(life: Life, *, published: bool) -> Iterator[Measurement]:
    note = f"{life.tasks - life.recursive} tasks of two and {life.recursive} that need a third, {life.calls} calls"
    bars = "" if published else "; the bar is for 588 and 100 in a town of 65,800 messages"
    yield Measurement(
        name="duration of all tasks",
        value=life.seconds,
        at_most=300.0 if published else None,
        unit="s",
        timing=True,
        note=f"{note}; one process, journal on disk{bars}. {REHEARSAL_NOTICE.capitalize()}",
    )
    yield Measurement(
        name="memory of the process",
        value=life.largest_mb,
        at_most=500.0 if published else None,
        unit="MB",
        timing=True,
        note=f"at its largest, the town and all libraries included{bars}",
    )
    yield Measurement(name="tasks in which anything failed", value=life.errors, at_most=0.0, note=note)
    yield Measurement(name="score over all tasks", value=life.score, note="no bar: success is another claim")
    yield Measurement(
        name="score over the tasks that need a third",
        value=life.recursive_score if life.recursive else None,
        note="no bar: success is another claim",
    )


def _of_kills(kills: Sequence[_Kill]) -> Iterator[Measurement]:
    note = f"{len(kills)} kills by signal 9, {sum(one.hit for one in kills)} of them in time; "
    yield Measurement(
        name="turns that people had seen and that a kill lost",
        value=sum(one.lost for one in kills),
        at_most=0.0,
        note=f"{note}of {sum(one.seen for one in kills)} turns",
    )
    yield Measurement(
        name="turns that were said again after a kill",
        value=sum(one.repeated for one in kills),
        at_most=0.0,
        note="shown to people a second time",
    )
    yield Measurement(
        name="killed runs that end with the answers of the run that nobody killed",
        value=100 * sum(one.same for one in kills) / len(kills),
        at_least=100.0,
        unit="%",
        note=f"{len(kills)} runs",
    )


def _table(life: Life, size: Size) -> Table:
    return Table(
        title="A town",
        columns=(
            "people",
            "contacts",
            "messages",
            "tasks",
            "talks",
            "turns",
            "calls",
            "furnished, s",
            "tasks, s",
            "CPU s",
            "MB",
        ),
        rows=(
            (
                size.people,
                size.contacts,
                size.messages,
                life.tasks,
                life.talks,
                life.turns,
                life.calls,
                round(life.furnished_s, 1),
                round(life.seconds, 1),
                round(life.cpu_s, 1),
                round(life.largest_mb),
            ),
        ),
        note="One process, one thread, a zero-latency stand-in.",
        timing=True,
    )
