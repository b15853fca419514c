"""Said: the questions and replies of one element, as lines to read and as JSON."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import asdict
from typing import Any

from consilience.dialogue.graph_run import Turn
from consilience.dialogue.prices import money

__all__ = ["plain", "talk"]


def talk(element: str, turns: Iterable[Turn], *, priced: bool = False) -> Iterator[str]:
    """Iterate over what was said at an element, a text for each message and reply.

    Parameters
    ----------
    element
        Where.
    turns
        Questions and their replies, in order.
    priced
        Whether to tell the money of each reply beside its tokens.

    Examples
    --------
    >>> list(talk("7", []))
    ['7: nothing was said']
    """
    turns = list(turns)
    if not turns:
        yield f"{element}: nothing was said"
    for number, turn in enumerate(turns, 1):
        yield f"--- {element}, turn {number} of {len(turns)}: {turn.speaker}{f' ({turn.note})' if turn.note else ''}"
        for message in turn.messages:
            yield f"[{message.role}]\n{message.text}"
        if turn.reply is not None:
            usage = turn.reply.usage
            cost = f"{usage.input_tokens:,} + {usage.output_tokens:,} tokens, {turn.reply.latency_s:.2f} s"
            if priced:
                cost += f", {money(usage.usd if turn.reply.priced else None)}"
            yield f"[reply of {turn.reply.model}; {cost}]\n{turn.reply.text}\n"


def plain(turn: Turn) -> dict[str, Any]:
    """Return a question and its reply as JSON takes them.

    Examples
    --------
    >>> plain(Turn(speaker="critic"))
    {'speaker': 'critic', 'note': '', 'messages': [], 'reply': None}
    """
    return {
        "speaker": turn.speaker,
        "note": turn.note,
        "messages": [{"role": message.role, "text": message.text} for message in turn.messages],
        "reply": None if turn.reply is None else asdict(turn.reply),
    }
