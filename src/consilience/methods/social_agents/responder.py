"""The rehearsal's part in this room: a fact-finding neighbour that sees its prompt and nothing else.

It reads sections by their markers (`sections`) and facts in the small language of `grammar`. Each turn it gives at most
one fact and asks for at most one; what it says of others it has from the lines before it. No number that comes from it
says anything about language models.

Those who misread, leak or ramble are in `manners`; that no reply has a word of its own is checked in `honesty`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from consilience.dialogue.messages import Question
from consilience.methods.social_agents.concluding import conclude, kind_of
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

__all__ = ["neighbour", "prompt_of", "replied"]

_NAME_OR_WORDS = r"(.+?)"
_TOLD = re.compile(rf"\b[Tt]he ([a-zA-Z]+(?: [a-z]+)?) of ((?:[A-Z][\w'-]+ ?){{1,2}}) is {_NAME_OR_WORDS}\.(?= |$)")
_ASKED = re.compile(r"\bDo you know (the [^?]+)\?|\b[Ww]hat is (the [^?]+)\?")
_UNTOLD = re.compile(r"I (?:do not know|may not tell) (the .+?)( yet)?\.(?= |$)")
_TOKEN = re.compile(r"[^\W_]+")


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
    return json.dumps(replied(prompt_of(question), chance, noise), ensure_ascii=False)


def replied(prompt: str, chance: np.random.Generator, noise: float) -> dict[str, Any]:
    """Return the reply to a prompt, as it is before it is written down."""
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
