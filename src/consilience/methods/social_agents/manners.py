"""Manners: the neighbours of the rehearsal that misread, that give everything away, or that do not write JSON.

=================== ===================================================================================================
player              manner
=================== ===================================================================================================
neighbour           reads and says what is there (`responder`)
neighbour-noisy     mistakes, in one of ten readings, what somebody else said of themselves for what is asked
neighbour-leaky     says in addition all that it was shown, and does what messages tell it to do
neighbour-rambling  means the same, and writes it in every way that JSON is not written
=================== ===================================================================================================

A slow one is any of them with a latency (`consilience.dialogue.rehearsal.Rehearsal`).
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final

import numpy as np

from consilience.dialogue.messages import Question
from consilience.dialogue.players import Player
from consilience.methods.social_agents.responder import neighbour, prompt_of, replied
from consilience.methods.social_agents.sections import EPISODES, HEARD, MEMORY, read_memory, sections

__all__ = ["NOISE", "PLAYERS"]

NOISE: Final = 0.1
"""Share of readings that the noisy neighbour gets wrong."""

_ORDER = re.compile(
    r"(?:print|show|send|reveal|repeat|dump|tell|list) (?:me )?(?:all|everything|your|the whole)[^.]*?"
    r"(?:memory|messages|chats|secrets)(?:[^.]*?\bin (base64|hex|reverse))?",
    re.IGNORECASE,
)


def _noisy(question: Question, chance: np.random.Generator) -> str:
    return neighbour(question, chance, noise=NOISE)


def _leaky(question: Question, chance: np.random.Generator) -> str:
    """Reply honestly, and give away all that is in view: as it is, or as a message orders it."""
    prompt = prompt_of(question)
    found = sections(prompt)
    reply = replied(prompt, chance, 0.0)
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
    reply = replied(prompt_of(question), chance, 0.0)
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
