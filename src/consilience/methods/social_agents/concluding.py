"""From the facts that a question needs to its answer: by code, one rule for each kind of question.

============ ========================================================= ===============================================
kind         the question asks                                         answer
============ ========================================================= ===============================================
value        what one fact is                                          the fact
same         whether two facts are the same                            ``same`` or ``different``
smaller      whose number is the smaller one                           a name
deletions    how many activities of two people have to be cancelled    a number
             at least so that none overlap
longest      which activities of all are the longest                   names of activities, ``"choir; dentist"``
free         when all people are free between 7:00 and 22:00           spans, ``"7:00-8:30; 12:00-13:00"``
============ ========================================================= ===============================================
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, Literal

from consilience.methods.social_agents.grammar import label_and_person

__all__ = [
    "DAY",
    "HALF_HOURS",
    "QUESTIONS",
    "Activity",
    "Kind",
    "activities",
    "clock",
    "conclude",
    "half_hours",
    "kind_of",
    "spans",
]

Kind = Literal["value", "same", "smaller", "deletions", "longest", "free"]

HALF_HOURS: Final = 48
"""Of a day."""
DAY: Final = (14, 44)
"""First half-hour at which anybody is awake, and the first one at which nobody is: 7:00 and 22:00."""

QUESTIONS: Mapping[Kind, str] = MappingProxyType(
    {
        "value": "What is {one}?",
        "same": "Are {one} and {two} the same or different?",
        "smaller": "Which number is smaller, {one} or {two}? Answer with the name of the person.",
        "deletions": (
            "How many activities on {day} must be cancelled at least, so that {one} and {two} are never both busy?"
        ),
        "longest": "Which activities on {day} take the longest, of all that {people} have?",
        "free": "When on {day}, between 7:00 and 22:00, are {people} all free?",
    }
)
"""How each kind of question is put."""

_KINDS: Mapping[Kind, re.Pattern[str]] = MappingProxyType(
    {
        "deletions": re.compile(r"must be cancelled at least"),
        "longest": re.compile(r"take the longest"),
        "free": re.compile(r"\ball free\b"),
        "smaller": re.compile(r"Which number is smaller"),
        "same": re.compile(r"the same or different"),
        "value": re.compile(r""),
    }
)
_ACTIVITY = re.compile(r"(\d+):([03]0)-(\d+):([03]0)(?: (\w+))?")


@dataclass(frozen=True, slots=True)
class Activity:
    """What somebody does, from a half-hour of the day until before another."""

    name: str
    start: int
    end: int


def kind_of(question: str) -> Kind:
    """Return the kind of a question.

    Examples
    --------
    >>> kind_of("When on Friday, between 7:00 and 22:00, are Ana and Ben all free?")
    'free'
    """
    return next(kind for kind, pattern in _KINDS.items() if pattern.search(question))


def clock(half_hour: int) -> str:
    """Return a half-hour of the day as a time.

    Examples
    --------
    >>> clock(15)
    '7:30'
    """
    return f"{half_hour // 2}:{'30' if half_hour % 2 else '00'}"


def activities(text: str) -> tuple[Activity, ...]:
    """Return the activities, or the bare spans, that a text lists.

    Examples
    --------
    >>> activities("9:00-10:30 dentist and 11:00-12:00 choir")[0]
    Activity(name='dentist', start=18, end=21)
    """
    found = (
        Activity(match[5] or "", int(match[1]) * 2 + (match[2] == "30"), int(match[3]) * 2 + (match[4] == "30"))
        for match in _ACTIVITY.finditer(text)
    )
    return tuple(one for one in found if one.start < one.end <= HALF_HOURS)


def half_hours(text: str) -> frozenset[int]:
    """Return the half-hours that the spans of a text cover.

    Examples
    --------
    >>> sorted(half_hours("7:00-8:30; 12:00-12:30"))
    [14, 15, 16, 24]
    """
    return frozenset(moment for one in activities(text) for moment in range(one.start, one.end))


def spans(moments: frozenset[int]) -> str:
    """Return half-hours as spans.

    Examples
    --------
    >>> spans(frozenset({14, 15, 16, 24}))
    '7:00-8:30; 12:00-12:30'
    """
    starts = sorted(moment for moment in moments if moment - 1 not in moments)
    ends = sorted(moment + 1 for moment in moments if moment + 1 not in moments)
    return "; ".join(f"{clock(start)}-{clock(end)}" for start, end in zip(starts, ends, strict=True))


def conclude(kind: Kind, slots: Sequence[str], values: Mapping[str, str]) -> str | None:
    """Return the answer, None where a fact that it needs is missing or cannot be read.

    Parameters
    ----------
    kind
        Of the question.
    slots
        Texts of the slots, in the order of the question.
    values
        What is known, by the text of the slot.

    Examples
    --------
    >>> pets = ("the pet of Ana", "the pet of Ben")
    >>> conclude("same", pets, {"the pet of Ana": "parrot", "the pet of Ben": "Parrot"})
    'same'
    >>> conclude("same", pets, {"the pet of Ana": "parrot"}) is None
    True
    """
    if not slots or any(not values.get(slot, "").strip() for slot in slots):
        return None
    return _RULES[kind](slots, values)


def _value(slots: Sequence[str], values: Mapping[str, str]) -> str | None:
    return values[slots[-1]].strip()


def _same(slots: Sequence[str], values: Mapping[str, str]) -> str | None:
    return "same" if len({values[slot].strip().casefold() for slot in slots}) == 1 else "different"


def _smaller(slots: Sequence[str], values: Mapping[str, str]) -> str | None:
    numbers = [re.search(r"\d+", values[slot]) for slot in slots]
    people = [label_and_person(slot) for slot in slots]
    read = [(int(number[0]), who[1]) for number, who in zip(numbers, people, strict=True) if number and who]
    if len(read) != len(slots) or len({number for number, _ in read}) != len(slots):
        return None
    return min(read)[1]


def _deletions(slots: Sequence[str], values: Mapping[str, str]) -> str | None:
    """Least vertex cover of the overlaps, which is a largest matching (König): both sides are free of overlaps."""
    mine: dict[str, list[Activity]] = {}
    for slot in slots:
        who = label_and_person(slot)
        mine.setdefault(who[1] if who else slot, []).extend(activities(values[slot]))
    if len(mine) != 2:  # noqa: PLR2004  two people
        return None
    one, two = mine.values()
    partners: dict[int, int] = {}

    def place(number: int, tried: set[int]) -> bool:
        for other, there in enumerate(two):
            if other not in tried and one[number].start < there.end and there.start < one[number].end:
                tried.add(other)
                if other not in partners or place(partners[other], tried):
                    partners[other] = number
                    return True
        return False

    return str(sum(place(number, set()) for number in range(len(one))))


def _longest(slots: Sequence[str], values: Mapping[str, str]) -> str | None:
    found = [one for slot in slots for one in activities(values[slot])]
    most = max((one.end - one.start for one in found), default=0)
    return "; ".join(sorted({one.name for one in found if one.end - one.start == most})) or None


def _free(slots: Sequence[str], values: Mapping[str, str]) -> str | None:
    busy = frozenset(moment for slot in slots for moment in half_hours(values[slot]))
    return spans(frozenset(range(*DAY)) - busy) or "never"


_RULES: Mapping[Kind, Callable[[Sequence[str], Mapping[str, str]], str | None]] = MappingProxyType(
    {
        "value": _value,
        "same": _same,
        "smaller": _smaller,
        "deletions": _deletions,
        "longest": _longest,
        "free": _free,
    }
)
