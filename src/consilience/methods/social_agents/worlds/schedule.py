"""Schedules: the days of up to six people, of whom each side knows three.

Ana talks with two others, and so does Dan; what they tell is each one's morning, afternoon and evening. Asked is how
many activities have to go so that Ana and Dan are never both busy (easy), which activities of all six are the longest
(medium), and when all six are free (hard).

Hardened: neither side's half gives the right answer (of the hard ones: no half reaches an overlap of `ALONE`), the
answers of the easy set are spread evenly over 1 to 4, and no two tasks of the medium set share an answer.

Source: the schedule sets of InformativeBench, arXiv:2406.14928, in kind; days and texts are ours.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from types import MappingProxyType
from typing import Final, Literal

import numpy as np

from consilience.ground.errors import InvalidInput
from consilience.methods.social_agents.concluding import QUESTIONS, Activity, Kind, clock, conclude, half_hours
from consilience.methods.social_agents.grammar import DAYS, parts_of, slot
from consilience.methods.social_agents.sections import asking_for
from consilience.methods.social_agents.worlds.chatter import Writer
from consilience.methods.social_agents.worlds.people import BEGINNING, Resident, SetName, Slot, Task, World, residents
from consilience.methods.social_agents.worlds.planting import draw, plant

__all__ = ["ALONE", "Level", "schedule"]

Level = Literal["easy", "medium", "hard"]

ALONE: Final = 0.7
"""Overlap with the answer that nobody reaches alone in the hard set."""

_KINDS: Mapping[Level, Kind] = MappingProxyType({"easy": "deletions", "medium": "longest", "hard": "free"})
_SETS: Mapping[Level, SetName] = MappingProxyType(
    {"easy": "schedule-easy", "medium": "schedule-medium", "hard": "schedule-hard"}
)
_PARTS = ((14, 24), (24, 34), (34, 44))
_SIX = 6
_EASY_ANSWERS = 4
_LONGEST = 8
_TRIES = 10_000
_LISTED_ACTIVITIES = (
    "dentist rehearsal gym lecture gardening laundry market yoga tutoring painting inventory hairdresser carpentry "
    "bookkeeping babysitting meditation training interview shopping welding baking archery welcoming surgery parade "
    "seminar audition fitting survey excursion polishing sketching drumming knitting fishing jogging hearing rally "
    "auction briefing"
)
_ACTIVITIES = _LISTED_ACTIVITIES.split()

Day = tuple[tuple[Activity, ...], ...]


def schedule(level: Level, n: int, rng: np.random.Generator, *, length: int = 40) -> World:
    """Return a world of `n` circles of six people with a task each.

    Parameters
    ----------
    level
        What is asked.
    n
        Tasks.
    rng
        Of the world.
    length
        Messages of small talk in each conversation, after the facts.

    Raises
    ------
    InvalidInput
        If there is no such level, or no tasks.

    Examples
    --------
    >>> task = schedule("hard", 1, np.random.default_rng(0)).tasks[0]
    >>> task.kind, len(task.slots)
    ('free', 18)
    """
    if level not in _KINDS or n < 1:
        raise InvalidInput(f"`level` must be 'easy', 'medium' or 'hard' and `n` at least 1; got {level!r} and {n!r}")
    people = residents(n * _SIX, rng)
    writer = Writer(rng, f"s{level[0]}-")
    contacts: list[tuple[str, str]] = []
    tasks: list[Task] = []
    for number in range(n):
        circle = people[number * _SIX : (number + 1) * _SIX]
        tasks.append(_task(number, level, circle, writer, length=length, taken={task.answer for task in tasks}))
        ana, ben, cleo, dan, emma, fred = (one.handle for one in circle)
        contacts += [(ana, dan), (ana, ben), (ana, cleo), (dan, emma), (dan, fred)]
    return World(people, tuple(contacts), tuple(writer.chats), tuple(writer.lines), tuple(tasks))


def _task(
    number: int, level: Level, circle: tuple[Resident, ...], writer: Writer, *, length: int, taken: set[str]
) -> Task:
    rng = writer.rng
    day = draw(rng, DAYS)
    parts = parts_of(day)
    ana, ben, cleo, dan, emma, fred = circle
    days, answer = _hardened(number, level, circle, parts, rng=rng, taken=taken)
    began = BEGINNING + timedelta(days=int(rng.integers(30)))
    writer.chat(writer.open((ana.handle, dan.handle), began), length // 2)
    for host, guests in ((ana, (ben, cleo)), (dan, (emma, fred))):
        for number_, guest in enumerate(guests):
            chat = writer.open((host.handle, guest.handle), began)
            for teller in (guest, host) if number_ == 0 else (guest,):
                for part, told in zip(parts, days[circle.index(teller)], strict=True):
                    plant(writer, chat, teller.handle, part, _told(told))
            writer.chat(chat, length)
    asked = (ana, dan) if level == "easy" else circle
    holders = {one: ana if one in (ana, ben, cleo) else dan for one in circle}
    texts = [(slot(part, one.name), holders[one].handle) for one in asked for part in parts]
    slots = tuple(Slot(f"s{index}", text, holder) for index, (text, holder) in enumerate(texts, 1))
    kind = _KINDS[level]
    names = ", ".join(one.name for one in circle[:-1]) + f" and {circle[-1].name}"
    question = QUESTIONS[kind].format(day=day, one=ana.name, two=dan.name, people=names)
    return Task(
        id=f"schedule-{level}/{number}",
        set=_SETS[level],
        asker=ana.handle,
        partner=dan.handle,
        question=asking_for(question, [one.text for one in slots]),
        slots=slots,
        answer=answer,
        kind=kind,
        needs=frozenset() if level == "easy" else frozenset({"infonav"}),
    )


def _hardened(
    number: int,
    level: Level,
    circle: tuple[Resident, ...],
    parts: Sequence[str],
    *,
    rng: np.random.Generator,
    taken: set[str],
) -> tuple[tuple[Day, ...], str]:
    """Draw days until neither side alone knows the answer."""
    for _ in range(_TRIES):
        days = _days(level, rng)
        halves = [
            {slot(part, one.name): _told(told) for one, own in half for part, told in zip(parts, own, strict=True)}
            for half in (list(zip(circle, days, strict=True))[:3], list(zip(circle, days, strict=True))[3:])
        ]
        if level == "easy":
            asked = [slot(part, one.name) for one in (circle[0], circle[3]) for part in parts]
            answer = conclude("deletions", asked, halves[0] | halves[1]) or ""
            if answer == str(number % _EASY_ANSWERS + 1):
                return days, answer
            continue
        kind = _KINDS[level]
        whole, mine, theirs = (conclude(kind, list(told), told) or "" for told in (halves[0] | halves[1], *halves))
        if level == "medium" and whole not in (*taken, mine, theirs):
            return days, whole
        if level == "hard" and whole != "never" and max(_overlap(mine, whole), _overlap(theirs, whole)) < ALONE:
            return days, whole
    raise InvalidInput(f"no day of that kind came up in {_TRIES} draws; take fewer tasks or another seed")


def _overlap(one: str, two: str) -> float:
    mine, theirs = half_hours(one), half_hours(two)
    return len(mine & theirs) / len(mine | theirs)


def _days(level: Level, rng: np.random.Generator) -> tuple[Day, ...]:
    """Draw six days; of the medium level one on each side has an activity of the greatest length."""
    names = iter(rng.permutation(_ACTIVITIES).tolist())
    longest = {int(rng.integers(3)), 3 + int(rng.integers(3))} if level == "medium" else set()
    days = []
    for person in range(_SIX):
        chosen = int(rng.integers(len(_PARTS))) if person in longest else None
        day: list[tuple[Activity, ...]] = []
        for number, (first, last) in enumerate(_PARTS):
            if number == chosen:
                start = first + int(rng.integers(last - first - _LONGEST + 1))
                day.append((Activity(next(names), start, start + _LONGEST),))
            else:
                day.append(_busy(rng, (first, last), 1 + (level == "easy" and number > 0), names))
        days.append(tuple(day))
    return tuple(days)


def _busy(rng: np.random.Generator, part: tuple[int, int], count: int, names: Iterator[str]) -> tuple[Activity, ...]:
    """Draw activities that do not overlap: one of one to three hours, or several of half an hour to one and a half."""
    first, last = part
    room = (last - first) // count
    found = []
    for place in range(count):
        size = int(rng.integers(2, _LONGEST - 1)) if count == 1 else int(rng.integers(1, 4))
        start = first + place * room + int(rng.integers(room - size + 1))
        found.append(Activity(next(names), start, start + size))
    return tuple(found)


def _told(told: Sequence[Activity]) -> str:
    texts = [f"{clock(one.start)}-{clock(one.end)} {one.name}" for one in told]
    return " and ".join(texts) if len(texts) <= 2 else ", ".join(texts[:-1]) + f" and {texts[-1]}"  # noqa: PLR2004
