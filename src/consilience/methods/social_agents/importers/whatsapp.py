"""WhatsApp's text export: a line a message, more lines where it has them, in the manner of the phone's language.

Nothing in the file says how its dates are ordered, which zone its times are in, or what a message is called. The order
is found from all dates together; a message's name is what it says, when, by whom, and which of its like it is.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Literal

from consilience.ground.errors import InvalidInput
from consilience.methods.social_agents.importers.export import (
    Author,
    Export,
    Said,
    Skipped,
    Thread,
    counted_keys,
    digest,
)
from consilience.methods.social_agents.importers.files import decoded, opened
from consilience.methods.social_agents.importers.times import LocalClock, find_zone

__all__ = ["DateOrder", "begins_message", "read"]

DateOrder = Literal["auto", "day-first", "month-first", "year-first"]
"""How the numbers of a date are ordered; ``"auto"`` finds it out."""

_LRM = "\u200e"
_UNSEEN = re.compile("[\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]")
_DATE = r"(?P<a>\d{1,4})\s?(?P<sep>[./\-年년])\s?(?P<b>\d{1,2})\s?(?:(?P=sep)|[月월])\s?(?P<c>\d{1,4})\s?(?:\.|日|일)?"
_HALF = r"[AaPp]\s?\.?\s?[Mm]\b\.?|上午|下午|午前|午後|오전|오후|ص|م"
_TIME = (
    rf"(?:(?P<early>{_HALF})\s?)?(?P<hour>\d{{1,2}})[:.h](?P<minute>\d{{2}})(?:[:.](?P<second>\d{{2}}))?"
    rf"(?:\s?(?P<late>{_HALF}))?"
)
_BETWEEN = r"(?:[,،]?\s+(?:um |at |kl\. ?|à |a las |às |alle )?|,)"
_LAYOUTS = {
    "brackets": re.compile(rf"\[{_DATE}{_BETWEEN}{_TIME}\]\s(?P<rest>.*)", re.DOTALL),
    "dash": re.compile(rf"{_DATE}{_BETWEEN}{_TIME}\s[-–]\s(?P<rest>.*)", re.DOTALL),
    "comma": re.compile(rf"{_DATE}{_BETWEEN}{_TIME},\s(?P<rest>.*)", re.DOTALL),
}
_NAMED = re.compile(r"(?P<name>.{1,120}?)\s?:(?: (?P<text>.*)|$)", re.DOTALL)
_AFTERNOON = frozenset({"p", "下", "午後", "오후", "م"})
_OMITTED = re.compile(
    r"omitted|omitid[oa]s?|omess[oai]|omise?s?|weggelassen|ausgelassen|ausgeschlossen|weggelaten|ocult[oa]|"
    r"utelämna[dt]|utelat[t]|udeladt|pominięt[oey]|опущен[оаы]?|пропущен[оаы]?|省略|생략|dihilangkan|dahil edilmedi",
    re.IGNORECASE,
)
_ATTACHED = re.compile(rf"{_LRM}?<[^:<>\n]{{3,20}}:\s(?P<name>[^<>/\\\n]+\.\w{{2,5}})>")
_ENCLOSED = re.compile(r"(?P<name>[^\s/\\][^/\\\n]*\.\w{2,5}) \([^()\d]{5,40}\)")
_LIVELY = re.compile(r"(?:POLL|ENQUETE|UMFRAGE|ENCUESTA|Location|Standort|Ubicación|Localisation)\s?:")
_DELETED = re.compile(
    r"(?:This message was deleted|You deleted this message|Diese Nachricht wurde gelöscht|Du hast diese Nachricht "
    r"gelöscht|Se eliminó este mensaje|Eliminaste este mensaje|Ce message a été supprimé|Vous avez supprimé ce message"
    r"|Questo messaggio è stato eliminato|Esta mensagem foi apagada|Dit bericht is verwijderd)\.?",
    re.IGNORECASE,
)
_EDITED = re.compile(rf"\s?(?:{_LRM}<[^<>\n]{{5,60}}>|<This message was edited>)$")
_TITLE = re.compile(
    r"^(?:WhatsApp[ -](?:Chat|Conversation)|Chat|Conversation|Conversa)[\w\s]*?\s(?:with|mit|con|avec|com|-)\s"
)
_PAIRS = (('"', '"'), ("“", "”"), ("«", "»"), ("„", "“"))
_SHORT_YEARS, _LATEST_YEAR, _LONGEST_MONTH = 100, 2200, 31
_FEW_WORDS = 4


@dataclass(slots=True)
class _Entry:
    """A message as it stands in the file."""

    line: int
    numbers: tuple[int, int, int]
    """The date's, as they come."""
    separator: str
    clock: tuple[int, int, int]
    halves: bool
    """Whether the clock has twelve hours."""
    whole: str
    """The line as it stands."""
    rest: list[str]
    """What comes after the time, line by line."""


def begins_message(line: str) -> bool:
    """Whether a line begins a message of a WhatsApp export.

    Examples
    --------
    >>> begins_message("31.12.20, 21:05 - Ann: Happy new year!"), begins_message("31.12.20 was a Thursday")
    (True, False)
    """
    return any(_entry(line, 0, layout) is not None for layout in _LAYOUTS.values())


def read(path: Path, *, zone: str = "UTC", title: str = "", dates: DateOrder = "auto") -> Export:
    """Read a chat that was exported as text, or the zip file around it.

    Parameters
    ----------
    path
        Of the file.
    zone
        Where the phone was.
    title
        What the chat is called; found in the file's name where nothing is given.
    dates
        How its dates are ordered.

    Raises
    ------
    InvalidInput
        When it is no such export.
    """
    data, stem = opened(path, "_chat.txt")
    text = decoded(data)
    layout, entries = _entries(text.told.split("\n"))
    if not entries:
        raise InvalidInput(f"{path.name} must be a chat exported from WhatsApp; no line in it begins like a message")
    order, notes = (dates, ()) if dates != "auto" else _found_order(entries)
    entries = list(_dated(entries, order))
    if not entries:
        raise InvalidInput(f"the dates of {path.name} must be {order}; none is: say how they are ordered with `dates`")
    said, skipped = _split(entries, order, layout)
    title = title or _title(stem)
    return _export(said, skipped, title, LocalClock(find_zone(zone)), cut_off=text.cut_off, notes=(*text.notes, *notes))


def _entries(lines: Sequence[str]) -> tuple[str, list[_Entry]]:
    """Return the layout of most beginnings, and what begins in it; a text may quote another export."""
    bare = [_UNSEEN.sub("", line.removesuffix("\r")) for line in lines]
    counts = {name: sum(layout.match(line) is not None for line in bare) for name, layout in _LAYOUTS.items()}
    name = max(counts, key=lambda each: counts[each])
    found: list[_Entry] = []
    for number, line in enumerate(lines, start=1):
        entry = _entry(line, number, _LAYOUTS[name])
        if entry is not None:
            found.append(entry)
        elif found:
            found[-1].rest.append(line.removesuffix("\r"))
    return name, found


def _entry(line: str, number: int, layout: re.Pattern[str]) -> _Entry | None:
    start = line.removesuffix("\r").lstrip("\ufeff\u200e\u200f\u202a\u202b\u202c")
    match = layout.match(start)
    if match is None:
        return None
    hour, half = int(match["hour"]), match["early"] or match["late"]
    if half is not None:
        late = any(half.lower().startswith(each) for each in _AFTERNOON)
        hour = hour % 12 + 12 * late
    clock = (hour, int(match["minute"]), int(match["second"] or 0))
    numbers = (int(match["a"]), int(match["b"]), int(match["c"]))
    return _Entry(number, numbers, match["sep"], clock, half is not None, start, [match["rest"]])


_ORDERS: dict[str, tuple[int, int, int]] = {
    "day-first": (2, 1, 0),
    "month-first": (2, 0, 1),
    "year-first": (0, 1, 2),
}
"""Where year, month and day stand."""


def _shown(entry: _Entry, order: str) -> datetime | None:
    """Return what the clock showed, None where no calendar has it."""
    year, month, day = (entry.numbers[place] for place in _ORDERS[order])
    year += 2000 if year < _SHORT_YEARS else 0
    try:
        return datetime(year, month, day, *entry.clock) if year < _LATEST_YEAR else None  # noqa: DTZ001 - has its zone later
    except ValueError:
        return None


def _found_order(entries: Sequence[_Entry]) -> tuple[str, tuple[str, ...]]:
    """Return the order under which the most dates are dates and the fewest go back, and what was assumed."""
    if any(entry.numbers[0] > _LONGEST_MONTH for entry in entries):
        return "year-first", ()
    marks = {
        order: _oddities([_shown(entry, order) for entry in entries]) for order in _ORDERS if order != "year-first"
    }
    first, second = sorted(marks, key=lambda each: marks[each])
    if marks[first][:2] != marks[second][:2]:
        return first, ()
    usual = "month-first" if entries[0].separator == "/" and any(entry.halves for entry in entries) else "day-first"
    if all(entry.numbers[0] == entry.numbers[1] for entry in entries):
        return usual, ()
    return usual, (f"dates may be read in two ways; they were read {usual}: see that it is right, or say `dates`",)


def _oddities(shown: Sequence[datetime | None]) -> tuple[int, int, timedelta]:
    """Return how many dates are none, how often they go back by more than a day, and what they span."""
    whole = [each for each in shown if each is not None]
    back = sum(later < earlier - timedelta(days=1) for earlier, later in pairwise(whole))
    return len(shown) - len(whole), back, max(whole) - min(whole) if whole else timedelta.max


def _dated(entries: Iterable[_Entry], order: str) -> Iterator[_Entry]:
    """Give the entries whose date is one; the lines of the others belong to what came before."""
    before: _Entry | None = None
    for entry in entries:
        if _shown(entry, order) is not None:
            if before is not None:
                yield before
            before = entry
        elif before is not None:
            before.rest += [entry.whole, *entry.rest[1:]]
    if before is not None:
        yield before


@dataclass(frozen=True, slots=True)
class _Line:
    """A message with its author apart."""

    shown: datetime
    name: str
    text: str


def _split(entries: Sequence[_Entry], order: str, layout: str) -> tuple[list[_Line], list[Skipped]]:
    said, skipped = [], []
    for entry in entries:
        shown = _shown(entry, order)
        parts = _NAMED.match(entry.rest[0])
        where = f"line {entry.line}"
        if shown is None or parts is None or _is_torn(parts["name"]):
            skipped.append(Skipped(where, "a notice of the program"))
            continue
        told = "\n".join([parts["text"] or "", *entry.rest[1:]]).rstrip()
        if _is_notice(told, layout):
            skipped.append(Skipped(where, "a notice of the program"))
        elif _DELETED.fullmatch(_UNSEEN.sub("", told).strip()):
            skipped.append(Skipped(where, "deleted by its author"))
        else:
            said.append(_Line(shown, _name(parts["name"]), _text(told)))
    return said, skipped


def _is_torn(name: str) -> bool:
    """Whether a quotation was cut through, as in ``Ann named the group "Trip``: no name, then, but a notice."""
    return any(
        name.count(left) % 2 if left == right else name.count(left) > name.count(right) for left, right in _PAIRS[:3]
    )


def _is_notice(told: str, layout: str) -> bool:
    """Whether a text comes from the program: iPhones mark that, and media too, by a letter that is not seen."""
    if layout != "brackets" or not told.startswith(_LRM):
        return False
    bare = _UNSEEN.sub("", told)
    media = _ATTACHED.match(bare) or _OMITTED.search(bare.partition("\n")[0]) or _LIVELY.match(bare)
    return media is None and not _DELETED.fullmatch(bare.strip()) and _EDITED.fullmatch(told) is None


def _name(told: str) -> str:
    return " ".join(_UNSEEN.sub("", told).replace("~", " ", 1 if told.lstrip(_LRM).startswith("~") else 0).split())


def _text(told: str) -> str:
    """Return a text without what the program added, media as words in brackets."""
    told = _UNSEEN.sub("", _EDITED.sub("", _ATTACHED.sub(r"[file \g<name>]", told)))
    head, _, more = told.partition("\n")
    if (match := _ENCLOSED.fullmatch(head)) is not None:
        head = f"[file {match['name']}]"
    elif _is_omitted(head):
        head = "[media]"
    return f"{head}\n{more}".strip()


def _is_omitted(head: str) -> bool:
    words = head.split()
    if not 0 < len(words) <= _FEW_WORDS:
        return False
    return (head.startswith("<") and head.endswith(">")) or _OMITTED.fullmatch(words[-1]) is not None


def _title(stem: str) -> str:
    bare = _UNSEEN.sub("", stem).strip()
    return "" if bare == "_chat" else _TITLE.sub("", bare).strip()


def _export(
    lines: Sequence[_Line],
    skipped: Sequence[Skipped],
    title: str,
    clock: LocalClock,
    *,
    cut_off: bool,
    notes: tuple[str, ...],
) -> Export:
    keys = counted_keys((line.shown.isoformat(), line.name, line.text) for line in lines)
    names = tuple(dict.fromkeys(line.name for line in lines))
    title = title or ", ".join(names)
    thread = digest(title.casefold())
    said = tuple(
        Said(key, thread, line.name, clock.moment(line.shown), line.text) for key, line in zip(keys, lines, strict=True)
    )
    people = tuple(Author(name, name, name if name.startswith("+") else "") for name in names)
    return Export("whatsapp", people, (Thread(thread, title, names),), said, tuple(skipped), cut_off, notes)
