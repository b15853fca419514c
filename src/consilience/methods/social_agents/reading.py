"""Reading: what a model meant, taken from its reply by fixed rules.

A reply is an object of JSON, or near to one (`repair`); names and types that are off are mended where there is one way
to do so, and what is left over is dropped. A reply without any object is an utterance and nothing else. No reply raises
anything, and every mend is named in `repairs`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from consilience.methods.social_agents.repair import LONGEST_REPLY, objects

__all__ = ["AnswerReply", "DraftReply", "Fact", "Planned", "TurnReply", "read_answer", "read_draft", "read_turn"]

MOST_FACTS = 64
"""Facts, slots or words of one reply; more are dropped."""
LONGEST_SAID = 2_000
"""Characters of an utterance or an answer; more is cut."""
LONGEST_NAMED = 400
"""Characters of a value, a slot's name or a word."""

_NAMES: dict[str, tuple[str, ...]] = {
    "facts": ("facts", "fact", "found", "values", "updates", "known"),
    "slots": ("slots", "slot", "plan", "rationales", "needs", "needed"),
    "slot": ("slot", "name", "key", "id", "field"),
    "text": ("text", "asks", "question", "description", "what"),
    "value": ("value", "val", "answer", "is", "fact"),
    "confidence": ("confidence", "conf", "certainty", "probability", "score"),
    "evidence": ("evidence", "sources", "source", "messages", "ids", "from", "because"),
    "look_for": ("look_for", "lookfor", "search", "search_for", "keywords", "query", "words"),
    "say": ("say", "said", "utterance", "message", "reply", "response", "text", "speak"),
    "asks": ("asks", "ask", "asking", "question", "next"),
    "done": ("done", "finished", "end", "stop", "complete"),
    "answer": ("answer", "result", "final_answer", "final", "conclusion", "value"),
    "why": ("why", "because", "reason", "reasons", "explanation", "missing"),
}
_EVIDENCE = re.compile(r"(?i)(?<![\w:.-])(?:m\s*#?|#)?(\d{1,18})(?![\w:-]|\.\d)")
_NOTHING = frozenset({"", "unknown", "none", "null", "n/a", "na", "?", "-", "not known", "empty", "tbd", "..."})
_FENCE = re.compile(r"```[\w-]*")
_LEVELS = {"high": 0.9, "sure": 0.95, "certain": 1.0, "medium": 0.6, "moderate": 0.6, "low": 0.3, "unsure": 0.3}
_SURE = 1.0
_PERCENT = 100.0


@dataclass(frozen=True, slots=True)
class Fact:
    """A value that a model says it found."""

    slot: str
    value: str
    confidence: float = 1.0
    evidence: tuple[int, ...] = ()
    """Numbers of messages that it names; whether it saw them is for others to check."""


@dataclass(frozen=True, slots=True)
class Planned:
    """A slot that a model wants on its board."""

    slot: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DraftReply:
    """A plan."""

    slots: tuple[Planned, ...] = ()
    facts: tuple[Fact, ...] = ()
    look_for: tuple[str, ...] = ()
    repairs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnReply:
    """A turn."""

    facts: tuple[Fact, ...] = ()
    look_for: tuple[str, ...] = ()
    say: str = ""
    asks: str = ""
    done: bool = False
    repairs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerReply:
    """An answer; an empty one abstains."""

    answer: str = ""
    why: str = ""
    repairs: tuple[str, ...] = ()


def read_draft(text: str) -> DraftReply:
    """Read a plan.

    Examples
    --------
    >>> read_draft('{"slots": ["place", {"slot": "time", "text": "the time of the dinner"}]}').slots
    (Planned(slot='place', text='place'), Planned(slot='time', text='the time of the dinner'))
    """
    notes: list[str] = []
    found = _pick(text, ("slots", "facts", "look_for"), notes)
    raw = _items(_get(found, "slots", notes), notes)
    slots = [one for one in map(_planned, raw) if one is not None]
    within = [one for one in raw if isinstance(one, dict) and _get(one, "value", [])]
    facts = _facts([*_items(_get(found, "facts", notes), notes), *within], notes)
    words = _words(_get(found, "look_for", notes))
    return DraftReply(slots=tuple(slots[:MOST_FACTS]), facts=facts, look_for=words, repairs=tuple(notes))


def read_turn(text: str) -> TurnReply:
    """Read a turn.

    Examples
    --------
    >>> read_turn('{"facts": {"place": "Oak Street"}, "say": "It is Oak Street.", "done": "no"}').facts
    (Fact(slot='place', value='Oak Street', confidence=1.0, evidence=()),)
    >>> read_turn("I do not know.").say
    'I do not know.'
    """
    notes: list[str] = []
    found = _pick(text, ("say", "facts", "asks"), notes)
    if not found:
        notes.append("no object")
        return TurnReply(say=_prose(text), repairs=tuple(notes))
    return TurnReply(
        facts=_facts(_items(_get(found, "facts", notes), notes), notes),
        look_for=_words(_get(found, "look_for", notes)),
        say=_text(_get(found, "say", notes), LONGEST_SAID),
        asks=_value(_get(found, "asks", notes)),
        done=_truth(_get(found, "done", notes)),
        repairs=tuple(notes),
    )


def read_answer(text: str) -> AnswerReply:
    """Read an answer; one without an object is taken as it stands, unless it is a torn object.

    Examples
    --------
    >>> read_answer('{"answer": "", "why": "The time is missing."}').why
    'The time is missing.'
    >>> read_answer("Oak Street").answer
    'Oak Street'
    """
    notes: list[str] = []
    found = _pick(text, ("answer", "why"), notes)
    if not found:
        notes.append("no object")
        return AnswerReply(answer=_prose(text), repairs=tuple(notes))
    answer = _get(found, "answer", notes)
    listed = ", ".join(map(str, answer)) if isinstance(answer, list) else answer
    return AnswerReply(
        answer=_value(listed, LONGEST_SAID),
        why=_text(_get(found, "why", notes), LONGEST_SAID),
        repairs=tuple(notes),
    )


def _pick(text: str, names: tuple[str, ...], notes: list[str]) -> dict[str, Any]:
    """Return the object of a reply that has most of the names, the last of equals: models correct themselves."""
    found = objects(text)
    if not found:
        return {}
    if len(found) > 1:
        notes.append("several objects")
    flat = [next((v for v in one.values() if isinstance(v, dict)), one) if len(one) == 1 else one for one in found]
    candidates = [one for pair in zip(found, flat, strict=True) for one in pair]
    return max(reversed(candidates), key=lambda one: sum(_get(one, name, []) is not None for name in names))


def _get(found: dict[str, Any], name: str, notes: list[str]) -> Any:
    """Return what stands under a name or one of its likes; the name itself goes before them."""
    keys = {_key(key): key for key in reversed(list(found))}
    for like in _NAMES[name]:
        if like in keys:
            if keys[like] != name:
                notes.append(f"{keys[like]!r:.40} for {name}")
            return found[keys[like]]
    return None


def _key(name: object) -> str:
    return re.sub(r"[\s-]+", "_", str(name).strip().casefold())


def _items(raw: Any, notes: list[str]) -> list[Any]:
    """Return a list of what may be a list, one thing, or an object of values by slot."""
    if isinstance(raw, list):
        return raw[:MOST_FACTS]
    if isinstance(raw, dict):
        if _get(raw, "slot", []) is not None:
            notes.append("one for a list")
            return [raw]
        notes.append("an object for a list")
        return [
            {"slot": slot, **value} if isinstance(value, dict) else {"slot": slot, "value": value}
            for slot, value in list(raw.items())[:MOST_FACTS]
        ]
    if raw in (None, "", False):
        return []
    notes.append("one for a list")
    return [raw]


def _planned(raw: Any) -> Planned | None:
    if isinstance(raw, dict):
        slot = _text(_get(raw, "slot", []), LONGEST_NAMED)
        text = _text(_get(raw, "text", []), LONGEST_NAMED)
        return Planned(slot or text, text or slot) if slot or text else None
    slot = _text(raw, LONGEST_NAMED)
    return Planned(slot, slot) if slot else None


def _facts(raw: Iterable[Any], notes: list[str]) -> tuple[Fact, ...]:
    found = []
    for one in raw:
        fact = _fact(one)
        if fact is None:
            notes.append("a fact without slot or value")
        else:
            found.append(fact)
    return tuple(dict.fromkeys(found))[:MOST_FACTS]


def _fact(raw: Any) -> Fact | None:
    if not isinstance(raw, dict):
        slot, _, value = str(raw)[: 2 * LONGEST_NAMED].partition(":") if isinstance(raw, str) else ("", "", "")
        return Fact(slot.strip(), _value(value), 0.0) if slot.strip() and _value(value) else None
    slot, value = _text(_get(raw, "slot", []), LONGEST_NAMED), _get(raw, "value", [])
    said = ", ".join(map(str, value[:MOST_FACTS])) if isinstance(value, list) else value
    said = ("yes" if said else "no") if isinstance(said, bool) else said
    if not slot or not _value(said):
        return None
    return Fact(slot, _value(said), _confidence(_get(raw, "confidence", [])), _evidence(_get(raw, "evidence", [])))


def _confidence(raw: Any) -> float:
    """Return a share from 0 to 1; 1 where nothing is said, 0 where what is said is none."""
    if raw is None or isinstance(raw, bool):
        return 0.0 if raw is False else _SURE
    if isinstance(raw, str):
        bare = raw.strip().casefold()
        if bare in _LEVELS:
            return _LEVELS[bare]
        raw = bare.removesuffix("%")
    try:
        share = float(raw)
    except (TypeError, ValueError, OverflowError):
        return 0.0
    if not math.isfinite(share):
        return 0.0
    return min(max(share / _PERCENT if share > _SURE else share, 0.0), _SURE)


def _evidence(raw: Any) -> tuple[int, ...]:
    """Return the numbers of messages that are named, as ``m12``, ``[m12]``, ``12`` or in a sentence."""
    parts = raw if isinstance(raw, list) else [raw]
    named = [str(part)[:LONGEST_NAMED] for part in parts[:MOST_FACTS] if isinstance(part, str | int)]
    found = [int(match[1]) for part in named for match in _EVIDENCE.finditer(part)]
    return tuple(dict.fromkeys(found))[:MOST_FACTS]


def _words(raw: Any) -> tuple[str, ...]:
    parts = re.split(r"[,/;\n]", raw) if isinstance(raw, str) else raw if isinstance(raw, list) else []
    found = (_text(part, 80) for part in parts[:MOST_FACTS] if isinstance(part, str | int | float))
    return tuple(dict.fromkeys(filter(None, found)))


def _value(raw: Any, longest: int = LONGEST_NAMED) -> str:
    """Return a value, which is none where it only says that there is none."""
    text = _text(raw, longest)
    return "" if text.casefold().strip(" .[]()") in _NOTHING else text


def _text(raw: Any, longest: int) -> str:
    """Return a text on one line, without what no terminal or page shows."""
    if isinstance(raw, bool) or raw is None or isinstance(raw, dict):
        return ""
    if isinstance(raw, list):
        raw = " ".join(str(part) for part in raw[:MOST_FACTS] if isinstance(part, str | int | float))
    try:
        text = str(raw)
    except ValueError:  # a whole number of too many digits
        return ""
    shown = "".join(char if char.isprintable() else " " for char in text[: 4 * longest])
    return " ".join(shown.split())[:longest]


def _truth(raw: Any) -> bool:
    if isinstance(raw, str):
        return raw.strip().casefold() in ("true", "yes", "1", "done")
    return isinstance(raw, bool | int | float) and bool(raw)


def _prose(text: str) -> str:
    """Return a reply that is an utterance; what looks like a torn object is none."""
    bare = _FENCE.sub(" ", text[:LONGEST_REPLY]).strip()
    return "" if bare.startswith(("{", "[", '"')) else _text(bare, LONGEST_SAID)
