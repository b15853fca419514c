"""The plan of one side: what has to be known, from whom, how well it is known, and by which evidence.

A board never forgets a reading: it counts them. The status of a rationale follows from what was read and said so far,
by the rules below, and by no model.

============ ==========================================================================================================
status       when
============ ==========================================================================================================
``unknown``  nobody has said anything about it
``fuzzy``    a value leads, but by fewer readings than are asked for, or with little confidence
``known``    a value leads by enough readings, or whoever told it stands by it
``conflict`` values differ and none leads; it becomes a question again
``declined`` whoever could tell may not or will not
============ ==========================================================================================================

What a person says about a slot stands, whatever agents read before or after. Two readings of one turn or of one
utterance count once. Who tells another value than before corrects it.

To ask for a lead of :math:`s` readings is a sequential test: where a reading is wrong with chance :math:`p`, in one
way, the value that gets there is wrong with :math:`1 / (1 + ((1 - p) / p)^s)`, one in eighty for .1 and 2.

Source: InfoNav of "Autonomous Agents for Collaborative Task under Information Asymmetry", arXiv:2406.14928,
whose released code has an unknown and a known state; confidence, evidence, origin and conflict are ours.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Literal

from consilience.ground.errors import InvalidInput
from consilience.methods.social_agents.values import content_words, plain, slot_key

__all__ = ["ME", "OTHER", "Board", "Change", "Rationale", "Reading", "Rule", "Status"]

Status = Literal["unknown", "fuzzy", "known", "conflict", "declined"]
Rule = Literal["lead", "first", "last"]
"""How several readings become one value: the one that leads; or, in a plain union, the first or the last, unchecked."""

ME = "me"
"""Asked of one's own memory."""
OTHER = "other"
"""Asked of the other side."""

SURE = 0.5
"""Confidence below which a value is fuzzy however often it was read."""
MOST_SLOTS = 64
"""Slots of a board; a model that plans more than that plans nothing."""
MOST_CHARACTERS = 400
"""Of a value or a slot's text; more is cut."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """That a value was read or heard, once."""

    value: str
    """As it was said."""
    source: str
    """Handle of the person whose messages it comes from, as far as this side knows."""
    evidence: tuple[int, ...] = ()
    """Ids of own messages; empty for what was heard."""
    confidence: float = 1.0
    """From 0 to 1, as the model said, cut by what code could check."""
    turn: int = 0
    """When; readings of one turn count once."""
    may_forward: bool = True
    """Whether whoever it comes from allows it to be passed on."""
    vouched: bool = False
    """Whether whoever told it knew it by their own board."""
    by_person: bool = False
    """Whether a person said so, and no agent."""

    @property
    def direct(self) -> bool:
        """Whether it was read in one's own messages, or said by a person."""
        return self.by_person or bool(self.evidence)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rationale:
    """One thing that has to be known, and what is known of it."""

    slot: str
    """Its name, short and unique on a board."""
    text: str
    """What it asks, as a phrase that another person's agent understands."""
    asked_of: str = OTHER
    """Who is to be asked: ``"me"``, ``"other"``, or a handle."""
    status: Status = "unknown"
    """How well it is known."""
    value: str = ""
    """What is known; the value that leads, if it is fuzzy."""
    confidence: float = 0.0
    """From 0 to 1: of the best reading, times the share of the readings that agree with it."""
    evidence: tuple[int, ...] = ()
    """Ids of own messages that say so."""
    source: str = ""
    """Handle of the party whose messages it comes from."""
    may_forward: bool = True
    """Whether it may be said to others at all."""
    readings: tuple[Reading, ...] = ()
    """All that was read and heard."""
    refused_by: tuple[str, ...] = ()
    """Who declined to tell."""

    @property
    def open(self) -> bool:
        """Whether there is still something to be asked."""
        return self.status in ("unknown", "fuzzy", "conflict")

    @property
    def doubtful(self) -> bool:
        """Whether reading it again does not help: its words are not there, or the model itself is in doubt."""
        return self.status == "fuzzy" and all(one.confidence < SURE for one in self.readings)

    @property
    def numbered(self) -> bool:
        """Whether its name is only a number, as in ``s1``, and says nothing."""
        return re.fullmatch(r"[a-z]{0,4}\d{1,3}", self.slot) is not None

    @property
    def sources(self) -> tuple[str, ...]:
        """Handles of all who gave the value, in the order of their first reading."""
        form = plain(self.value)
        return tuple(dict.fromkeys(one.source for one in self.readings if form and plain(one.value) == form))

    @property
    def rivals(self) -> tuple[str, ...]:
        """The values that were read, the one with most support first."""
        return tuple(group[0].value for group in _groups(self.readings))


@dataclass(frozen=True, slots=True)
class Change:
    """What became of a rationale between two boards."""

    slot: str
    before: Status | None
    """None for one that is new."""
    after: Status
    value: str


@dataclass(frozen=True)
class Board:
    """The rationales of one side; every change makes a new board.

    Parameters
    ----------
    owner
        Handle of whose side it is.
    rationales
        In the order in which they are asked for.
    support
        By how many readings, of different turns, a value has to lead to be known.
    rule
        How several readings become one value. Plain unions are for comparison: nothing is in conflict or read again.

    Examples
    --------
    >>> board = Board("ann").add("place", "the place of the dinner")
    >>> board = board.read("place", Reading(value="Oak Street", source="bea", turn=2))
    >>> board["place"].status, board["place"].source, board.open
    ('known', 'bea', ())
    >>> board.read("place", Reading(value="Elm Street", source="ann", evidence=(7,), turn=3))["place"].status
    'conflict'
    """

    owner: str
    rationales: tuple[Rationale, ...] = ()
    support: int = 1
    rule: Rule = "lead"

    def __post_init__(self) -> None:
        if self.support < 1:
            raise InvalidInput(f"`support` must be at least 1 reading; got {self.support!r}")

    def __iter__(self) -> Iterator[Rationale]:
        return iter(self.rationales)

    def __len__(self) -> int:
        return len(self.rationales)

    def __getitem__(self, name: str) -> Rationale:
        found = self.find(name)
        if found is None:
            raise InvalidInput(f"the board must have the slot that is named; got {name!r}, it has {self.names}")
        return found

    @property
    def names(self) -> tuple[str, ...]:
        """Names of all slots."""
        return tuple(one.slot for one in self.rationales)

    @property
    def open(self) -> tuple[Rationale, ...]:
        """What still has to be asked."""
        return tuple(one for one in self.rationales if one.open)

    @property
    def known(self) -> dict[str, str]:
        """Values that are known, by slot."""
        return {one.slot: one.value for one in self.rationales if one.status == "known"}

    @property
    def complete(self) -> bool:
        """Whether there are slots and all of them are known."""
        return bool(self.rationales) and all(one.status == "known" for one in self.rationales)

    def find(self, name: str) -> Rationale | None:
        """Return the rationale that a model means: by name, number from 1, or what it asks, small words aside.

        What is merely near is another: the pet of Ana is not the pet of Ann.
        """
        wanted = slot_key(name)
        if not wanted:
            return None
        by_name = {slot_key(one.slot): one for one in self.rationales}
        if wanted in by_name:
            return by_name[wanted]
        number = wanted.removeprefix("slot").strip()
        if re.fullmatch("[0-9]{1,3}", number) and 1 <= int(number) <= len(self.rationales):
            return self.rationales[int(number) - 1]
        words = content_words(name)
        meant = [
            one for one in self.rationales if words and words in (content_words(one.text), content_words(one.slot))
        ]
        return meant[0] if len(meant) == 1 else None

    def add(self, slot: str, text: str = "", asked_of: str = OTHER) -> Board:
        """Add a slot at the end; one that is there already changes nothing."""
        name = " ".join(slot.split())[:MOST_CHARACTERS]
        if not slot_key(name) or len(self) >= MOST_SLOTS or slot_key(name) in map(slot_key, self.names):
            return self
        asked = " ".join(text.split())[:MOST_CHARACTERS] or name
        return replace(self, rationales=(*self.rationales, Rationale(slot=name, text=asked, asked_of=asked_of)))

    def read(self, slot: str, reading: Reading) -> Board:
        """Count a reading. Of what is not on the board, or says nothing, nothing is counted.

        The same reading of the same turn counts once; one without evidence of own messages whose source is the owner
        is an echo, and does not count.
        """
        one = self.find(slot)
        if one is None or not plain(reading.value) or (reading.source == self.owner and not reading.direct):
            return self
        kept = replace(reading, value=" ".join(reading.value.split())[:MOST_CHARACTERS])
        same_turn = [old for old in one.readings if old.turn == kept.turn and plain(old.value) == plain(kept.value)]
        if any(old.direct or not kept.direct for old in same_turn):
            return self
        others = tuple(old for old in one.readings if old not in same_turn and not _corrected(old, kept))
        return self._put(replace(one, readings=(*others, kept)))

    def decline(self, slot: str, by: str) -> Board:
        """Take down that somebody will not tell."""
        one = self.find(slot)
        if one is None or by in one.refused_by:
            return self
        return self._put(replace(one, refused_by=(*one.refused_by, by)))

    def ask(self, slot: str, of: str) -> Board:
        """Say who is to be asked next."""
        one = self.find(slot)
        return self if one is None or one.asked_of == of else self._put(replace(one, asked_of=of))

    def concluding(self, values: Mapping[str, str]) -> Board:
        """Return the board as an answer is asked for: what was agreed is known, and what was not is left open."""
        agreed = (
            replace(one, status="known", value=values[one.slot])
            if one.slot in values
            else replace(one, status="unknown" if one.status == "known" else one.status)
            for one in self.rationales
        )
        return replace(self, rationales=tuple(agreed))

    def changes(self, earlier: Board) -> tuple[Change, ...]:
        """Return what is different from an earlier board, for whoever watches."""
        before = {one.slot: one for one in earlier}
        found = []
        for one in self.rationales:
            old = before.get(one.slot)
            if old is None or (old.status, old.value) != (one.status, one.value):
                found.append(Change(one.slot, None if old is None else old.status, one.status, one.value))
        return tuple(found)

    def _put(self, changed: Rationale) -> Board:
        settled = _settled(changed, self.support) if self.rule == "lead" else _united(changed, self.rule)
        return replace(self, rationales=tuple(settled if one.slot == changed.slot else one for one in self.rationales))


def _settled(one: Rationale, support: int) -> Rationale:
    """Return a rationale with the status that follows from its readings."""
    said = [reading for reading in one.readings if reading.by_person]
    groups = _groups(said[-1:] or one.readings)
    if not groups:
        return replace(one, status="declined" if one.refused_by else "unknown", value="", confidence=0.0)
    best = groups[0]
    lead = _weight(best) - (_weight(groups[1]) if len(groups) > 1 else 0)
    top = max(best, key=lambda reading: (reading.by_person, reading.direct, reading.confidence, -reading.turn))
    confidence = top.confidence * _weight(best) / sum(map(_weight, groups))
    status: Status
    if lead < 1:
        status = "conflict"
    elif top.by_person:
        status = "known"
    elif top.confidence < SURE or (lead < support and not any(reading.vouched for reading in best)):
        status = "fuzzy"
    else:
        status = "known"
    return replace(
        one,
        status=status,
        value=top.value,
        confidence=round(confidence, 3),
        evidence=tuple(dict.fromkeys(number for reading in best for number in reading.evidence)),
        source=top.source,
        may_forward=all(reading.may_forward for reading in best),
    )


def _united(one: Rationale, rule: Rule) -> Rationale:
    """Return a rationale with the first or the last of its readings, whatever the others say, unless a person did."""
    if not one.readings or any(reading.by_person for reading in one.readings):
        return _settled(one, 1)
    taken = one.readings[0 if rule == "first" else -1]
    return replace(_settled(replace(one, readings=(taken,)), 1), readings=one.readings)


def _corrected(old: Reading, new: Reading) -> bool:
    """Whether a reading is what the same party had told before."""
    told = not (old.direct or new.direct)
    return told and old.source == new.source and old.turn < new.turn and plain(old.value) != plain(new.value)


def _groups(readings: Iterable[Reading]) -> list[list[Reading]]:
    """Return readings by what they say, the most supported first; of equals the one that was read first."""
    found: dict[str, list[Reading]] = {}
    for reading in readings:
        found.setdefault(plain(reading.value), []).append(reading)
    return sorted(found.values(), key=_weight, reverse=True)


def _weight(group: Iterable[Reading]) -> int:
    """Return in how many turns a value was read."""
    return len({reading.turn for reading in group})
