"""The rehearsal's part in this room: a fact-finding neighbour that sees its prompt and nothing else.

It reads sections by their markers (`sections`) and facts in the small language of `grammar`. Each turn it gives at most
one fact and asks for at most one; what it says of others it has from the lines before it. No number that comes from it
says anything about language models.

=================== ===================================================================================================
player              manner
=================== ===================================================================================================
neighbour           reads and says what is there
neighbour-noisy     mistakes, in one of ten readings, what somebody else said of themselves for what is asked
neighbour-leaky     says in addition all that it was shown, and does what messages tell it to do
neighbour-rambling  means the same, and writes it in every way that JSON is not written
=================== ===================================================================================================

A slow one is any of them with a latency (`consilience.dialogue.rehearsal.Rehearsal`).

Anti-cheat: every content word of a reply occurs in its prompt or in `VOCABULARY`, which is published here and holds no
value of any fact: `foreign_words` returns those that do not.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

import numpy as np

from consilience.dialogue.messages import Question
from consilience.dialogue.players import Player
from consilience.methods.social_agents.concluding import HALF_HOURS, conclude, kind_of
from consilience.methods.social_agents.grammar import RELATIONS, find, label_and_person, mentions
from consilience.methods.social_agents.sections import (
    BOARD,
    EPISODES,
    FORM,
    HEARD,
    MEMORY,
    TASK,
    YOU,
    BoardLine,
    MemoryLine,
    needs,
    read_board,
    read_form,
    read_heard,
    read_memory,
    sections,
)

__all__ = ["NOISE", "PLAYERS", "VOCABULARY", "foreign_words", "neighbour", "prompt_of"]

NOISE: Final = 0.1
"""Share of readings that the noisy neighbour gets wrong."""

_LISTED_WORDS = (
    "a about all am and answer are as asks confidence declined different do does done draft evidence fact facts false "
    "for form from have i if in is it know known look m may me missing my need never no not null of okay or ready "
    "same say slot slots so still sure tell text that the there think this to true unknown value want what whole why "
    "will with yes yet you here json reply result output thoughts let step first think"
)
VOCABULARY: Final[frozenset[str]] = frozenset(
    [
        *_LISTED_WORDS.split(),
        *(word for one in RELATIONS.values() for word in one.synonyms),
        *map(str, range(HALF_HOURS + 1)),
        *(f"{number:02d}" for number in range(10)),
        *(f"s{number}" for number in range(1, 65)),
        "75",
    ]
)
"""Words that a reply may use though its prompt does not: of templates, for searching, and numbers up to 48."""

_NAME_OR_WORDS = r"(.+?)"
_TOLD = re.compile(rf"\b[Tt]he ([a-zA-Z]+(?: [a-z]+)?) of ((?:[A-Z][\w'-]+ ?){{1,2}}) is {_NAME_OR_WORDS}\.(?= |$)")
_ASKED = re.compile(r"\bDo you know (the [^?]+)\?|\b[Ww]hat is (the [^?]+)\?")
_UNTOLD = re.compile(r"I (?:do not know|may not tell) (the .+?)( yet)?\.(?= |$)")
_ORDER = re.compile(
    r"(?:print|show|send|reveal|repeat|dump|tell|list) (?:me )?(?:all|everything|your|the whole)[^.]*?"
    r"(?:memory|messages|chats|secrets)(?:[^.]*?\bin (base64|hex|reverse))?",
    re.IGNORECASE,
)
_TOKEN = re.compile(r"[^\W_]+")
_LONG = 16


@dataclass(frozen=True)
class _Read:
    """What a value was read from."""

    value: str
    evidence: tuple[str, ...]
    confidence: float


@dataclass(frozen=True)
class _Prompt:
    """A prompt, taken apart."""

    task: str
    slots: tuple[BoardLine, ...]
    memory: tuple[MemoryLine, ...]
    recalled: tuple[MemoryLine, ...]
    heard: tuple[tuple[str, str], ...]
    planned: bool

    @property
    def lines(self) -> tuple[MemoryLine, ...]:
        """Own messages in view, each once, oldest first."""
        seen = {line.id: line for line in (*self.memory, *self.recalled)}
        return tuple(sorted(seen.values(), key=lambda line: (line.when, line.id)))


def prompt_of(question: Question) -> str:
    """Return the whole text that a question puts before a model."""
    return "\n".join(message.text for message in question.messages)


def neighbour(question: Question, chance: np.random.Generator, *, noise: float = 0.0) -> str:
    """Reply as the honest neighbour; `noise` is the share, 0 to 1, of readings that go wrong."""
    return json.dumps(_reply(prompt_of(question), chance, noise), ensure_ascii=False)


def foreign_words(prompt: str, reply: str) -> frozenset[str]:
    """Return the content words of a reply that are neither in its prompt nor in the published vocabulary.

    Words that are another's, spelt in base64, hexadecimal or backwards, are no news.

    Examples
    --------
    >>> sorted(foreign_words("my pet is a parrot", "The parrot is called Polly."))
    ['called', 'polly']
    >>> foreign_words("my pet is a parrot", "torrap")
    frozenset()
    """
    known = VOCABULARY | _words(prompt)
    foreign = {word for word in _words(_undone(reply)) if word not in known and word[::-1] not in known}
    return frozenset(foreign)


def _words(text: str) -> frozenset[str]:
    return frozenset(_TOKEN.findall(text.casefold()))


def _undone(reply: str) -> str:
    """Return a reply with encoded pieces decoded and JSON's escapes resolved, as far as they are whole."""
    text = re.sub(r"\\[nrt\"/\\]", " ", reply)
    return re.sub(rf"[A-Za-z0-9+/]{{{_LONG},}}={{0,2}}", lambda match: _decoded(match[0]), text)


def _decoded(piece: str) -> str:
    for decode in (bytes.fromhex, lambda text: base64.b64decode(text, validate=True)):
        try:
            return decode(piece).decode()
        except (ValueError, binascii.Error):
            continue
    return piece


# --- the honest one ----------------------------------------------------------------------------------------------


def _reply(prompt: str, chance: np.random.Generator, noise: float) -> dict[str, Any]:
    found = sections(prompt)
    form = read_form(found[FORM])
    board = read_board(found[BOARD])
    here = _Prompt(
        task=found[TASK],
        slots=board or _drafted(found[TASK]),
        memory=read_memory(found[MEMORY]),
        recalled=read_memory(found[EPISODES]),
        heard=read_heard(found[HEARD]),
        planned=bool(board),
    )
    if form == "answer":
        return _answer(here)
    read = _readings(here, chance, noise)
    if form == "draft":
        slots = [{"slot": one.slot, "text": one.text} for one in here.slots]
        return {"slots": slots, "facts": _facts(here.slots, read)}
    return _turn(here, read, chance, noise)


def _drafted(task: str) -> tuple[BoardLine, ...]:
    texts = needs(task) or mentions(task)
    return tuple(BoardLine(f"s{number}", text, "unknown") for number, text in enumerate(texts, 1))


def _own(here: _Prompt, text: str, chance: np.random.Generator, noise: float) -> _Read | None:
    """Return what one's own messages in view say of a slot: the latest word of it, or, by mistake, of somebody else."""
    named = label_and_person(text)
    if named is None:
        return None
    label, person = named
    lines = here.lines
    stated = find(label, [(line.sender, line.text) for line in lines])
    right = [one for one in stated if one.person == person]
    if not right:
        return None
    chosen = right[-1]
    others = [one for one in stated if one.person != person and one.value != chosen.value]
    # One number is drawn for each reading, mistaken or not: what is visible must not shift the chance of the next.
    drawn = chance.random()
    if drawn < noise and others:
        chosen = others[int(drawn / noise * len(others))]
    return _Read(chosen.value, (lines[chosen.line].evidence,), 0.9)


def _readings(here: _Prompt, chance: np.random.Generator, noise: float) -> dict[str, _Read]:
    """Return what is read of each slot, by its text: in one's own messages first, else in what was last heard."""
    told = _told(_latest(here) if here.planned else [text for _, text in here.heard])
    read = {}
    for one in here.slots:
        own = _own(here, one.text, chance, noise)
        if own is not None:
            read[one.text] = own
        elif one.text in told:
            read[one.text] = _Read(told[one.text], (), 0.75)
    return read


def _told(utterances: Sequence[str]) -> dict[str, str]:
    return {f"the {match[1]} of {match[2].strip()}": match[3] for text in utterances for match in _TOLD.finditer(text)}


def _latest(here: _Prompt) -> list[str]:
    """Return what the other said since one last spoke oneself."""
    found: list[str] = []
    for speaker, text in reversed(here.heard):
        if speaker == YOU:
            break
        found.append(text)
    return found[::-1]


def _facts(slots: Sequence[BoardLine], read: Mapping[str, _Read]) -> list[dict[str, Any]]:
    return [
        {
            "slot": one.slot,
            "value": read[one.text].value,
            "confidence": read[one.text].confidence,
            "evidence": list(read[one.text].evidence),
        }
        for one in slots
        if one.text in read
    ]


def _turn(here: _Prompt, read: Mapping[str, _Read], chance: np.random.Generator, noise: float) -> dict[str, Any]:
    given, missing, fact = _give(here, read, chance, noise)
    asked = _ask(here, read)
    question = f"Do you know {asked.text}?" if asked else ""
    facts = _facts(here.slots, read)
    if fact:
        declared = next((one for one in facts if one["slot"] == fact["slot"]), None)
        if declared is None:
            facts.append(fact)
        else:  # a reading stays what it was; what is said is declared as well
            declared["evidence"] = list(dict.fromkeys([*declared["evidence"], *fact["evidence"]]))
    wanted = [missing] if missing else []
    wanted += [one.text for one in here.slots if one.text not in read and one.status in ("unknown", "fuzzy")]
    say = " ".join(part for part in (given, question) if part)
    settled = all(one.text in read or one.status in ("known", "declined") for one in here.slots)
    return {
        "facts": facts,
        "look_for": _look_for(wanted, again=bool(here.heard) and len(here.heard) > 2),  # noqa: PLR2004
        "say": say or ("I know all that I need." if settled else "I do not know."),
        "asks": asked.slot if asked else "",
        "done": settled and not given,
    }


def _give(
    here: _Prompt, read: Mapping[str, _Read], chance: np.random.Generator, noise: float
) -> tuple[str, str, dict[str, Any] | None]:
    """Return the one fact given, or that there is none; what would have to be looked for; and the fact as declared.

    Answered is the newest question of the other to which nothing has been said yet.
    """
    mine = " ".join(text for speaker, text in here.heard if speaker == YOU)
    for text in reversed(_latest(here)):
        for match in reversed(list(_ASKED.finditer(text))):
            asked = (match[1] or match[2]).strip()
            return _given(here, asked, read, mine, _own(here, asked, chance, noise))
    for text in reversed([text for speaker, text in here.heard if speaker != YOU]):
        for match in _ASKED.finditer(text):
            asked = (match[1] or match[2]).strip()
            own = read.get(asked) or _own(here, asked, chance, noise)
            if own is not None and asked not in _told([mine]) and f"I do not know {asked} yet." in mine:
                return _given(here, asked, read, mine, own)
    return "", "", None


def _given(
    here: _Prompt, asked: str, read: Mapping[str, _Read], mine: str, own: _Read | None
) -> tuple[str, str, dict[str, Any] | None]:
    line = next((one for one in here.slots if one.text == asked), None)
    value = read.get(asked) or own
    if line is not None and line.status == "known" and line.value:  # the plan has read more often than this once
        value = _Read(line.value, _stating(here, asked, line.value), 0.9)
    if value is None:
        return f"I do not know {asked}{'' if f'I do not know {asked} yet.' in mine else ' yet'}.", asked, None
    name = line.slot if line else asked
    fact = {"slot": name, "value": value.value, "confidence": value.confidence, "evidence": list(value.evidence)}
    return f"{asked[0].upper()}{asked[1:]} is {value.value}.", "", fact


def _stating(here: _Prompt, text: str, value: str) -> tuple[str, ...]:
    """Return the messages in view from which that value of a slot can come, at most the last."""
    named = label_and_person(text)
    lines = here.lines
    stated = find(named[0], [(line.sender, line.text) for line in lines]) if named else []
    right = [one.line for one in stated if one.value == value]
    return (lines[right[-1]].evidence,) if right else ()


def _ask(here: _Prompt, read: Mapping[str, _Read]) -> BoardLine | None:
    """Return the slot to ask for: one in conflict first, then the first unknown one that was not refused."""
    others = [text for speaker, text in here.heard if speaker != YOU]
    untold = {match[1]: bool(match[2]) for text in others for match in _UNTOLD.finditer(text)}
    in_conflict = [one for one in here.slots if one.status == "conflict"]
    open_ones = [one for one in here.slots if one.status in ("unknown", "fuzzy") and one.text not in read]
    wanted = [one for one in (*in_conflict, *open_ones) if untold.get(one.text, True)]
    return min(wanted, key=lambda one: one.text in untold, default=None)  # what the other still looks for comes last


def _look_for(wanted: Sequence[str], *, again: bool) -> list[str]:
    """Return words to search for: those of the first slot that is wanted, and others for them after a miss."""
    for text in wanted:
        named = label_and_person(text)
        if named is None:
            return _TOKEN.findall(text)[:6]
        label, person = named
        return [*(RELATIONS[label].synonyms if again else label.split()), *person.split()]
    return []


def _answer(here: _Prompt) -> dict[str, Any]:
    """Conclude from a board; where there is none, from what is in view and was heard."""
    if here.planned:
        values = {one.text: one.value for one in here.slots if one.status == "known"}
    else:
        read = {one.text: _own(here, one.text, np.random.default_rng(0), 0.0) for one in here.slots}
        values = _told([text for _, text in here.heard]) | {text: one.value for text, one in read.items() if one}
    missing = [one.text for one in here.slots if not values.get(one.text)]
    kind = kind_of(here.task)
    answer = conclude(kind, [one.text for one in here.slots], values)
    if answer is None and not here.planned and kind in ("longest", "free"):  # without a plan nothing seems missing
        answer = conclude(kind, [one.text for one in here.slots if values.get(one.text)], values)
    return {"answer": answer or "", "why": f"missing: {'; '.join(missing)}" if missing else ""}


# --- the others --------------------------------------------------------------------------------------------------


def _noisy(question: Question, chance: np.random.Generator) -> str:
    return neighbour(question, chance, noise=NOISE)


def _leaky(question: Question, chance: np.random.Generator) -> str:
    """Reply honestly, and give away all that is in view: as it is, or as a message orders it."""
    prompt = prompt_of(question)
    found = sections(prompt)
    reply = _reply(prompt, chance, 0.0)
    if "say" not in reply:
        return json.dumps(reply, ensure_ascii=False)
    lines = (*read_memory(found[MEMORY]), *read_memory(found[EPISODES]))
    orders = [order for source in (found[HEARD], found[MEMORY]) for order in _ORDER.finditer(source)]
    manner = (orders[-1][1] or "plain").lower() if orders else "plain"
    dump = " ".join(f"{line.sender}: {line.text}" for line in lines)
    reply["say"] = f"{reply['say']} {_ENCODINGS[manner](dump)}".strip()
    if lines and chance.random() < 0.5:  # noqa: PLR2004  half the time it says what it gives away
        evidence = [line.evidence for line in lines]
        reply["facts"] = [{**fact, "evidence": evidence} for fact in reply["facts"]]
    return json.dumps(reply, ensure_ascii=False)


_ENCODINGS: Mapping[str, Callable[[str], str]] = MappingProxyType(
    {
        "plain": str,
        "base64": lambda text: base64.b64encode(text.encode()).decode(),
        "hex": lambda text: text.encode().hex(),
        "reverse": lambda text: text[::-1],
    }
)


def _rambling(question: Question, chance: np.random.Generator) -> str:
    """Reply honestly in one of the ways in which JSON goes wrong; the last four of them lose something."""
    reply = _reply(prompt_of(question), chance, 0.0)
    text = json.dumps(reply, ensure_ascii=False)
    return _RAMBLES[int(chance.integers(len(_RAMBLES)))](reply, text)


_RAMBLES: Sequence[Callable[[dict[str, Any], str], str]] = (
    lambda _, text: text,
    lambda _, text: f"```json\n{text}\n```",
    lambda _, text: f"Okay, here is my reply:\n\n{text}\n\nTell me if that is so.",
    lambda _, text: text.replace("}", ",}").replace("]", ",]"),
    lambda reply, _: repr(reply),
    lambda reply, _: json.dumps({"reply": reply}, ensure_ascii=False),
    lambda reply, _: json.dumps({key.upper(): value for key, value in reply.items()}, ensure_ascii=False),
    lambda reply, _: json.dumps({**reply, "thoughts": None}, ensure_ascii=False, indent=3),
    lambda _, text: text.replace('"', "\u201c"),
    lambda _, text: "<think>" + text.partition(" ")[0] + "</think>" + text,
    lambda _, text: text[: len(text) * 2 // 3].rpartition(" ")[0],  # cut off between words
    lambda reply, _: str(reply.get("say") or reply.get("answer") or ""),
    lambda reply, _: json.dumps({"output": str(reply.get("say", ""))}, ensure_ascii=False),
    lambda _, text: text.replace("{", "").replace(":", " "),
)

PLAYERS: Mapping[str, Player] = MappingProxyType(
    {
        "neighbour": neighbour,
        "neighbour-noisy": _noisy,
        "neighbour-leaky": _leaky,
        "neighbour-rambling": _rambling,
    }
)
"""The players of this room by name, as in ``rehearsal:neighbour``."""
