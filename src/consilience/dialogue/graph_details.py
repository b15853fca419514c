"""What is behind an element of a run: its turns, its artifact and what that changed, as data for the page."""

from __future__ import annotations

from difflib import SequenceMatcher
from typing import Any

from consilience.dialogue.graph_run import GraphEdge, GraphNode, Run, Turn

__all__ = ["Texts", "behind"]

MOST_TEXT = 24_000_000
"""Characters of prompts, replies and artifacts in one page; the same text counts once."""
MOST_DIFFED = 60_000
"""Characters of an artifact that is compared with its parent's."""
MOST_COMPARED = 64
"""Artifacts that one is compared with."""

_CONTEXT = 3


class Texts:
    """Texts by number, each kept once, as long as there is room."""

    def __init__(self) -> None:
        self.kept: list[str] = []
        self.left_out = 0
        self._numbers: dict[str, int] = {}
        self._room = MOST_TEXT

    def number(self, text: str) -> int:
        """Return the number of a text, or -1 where there was no room for it."""
        if text not in self._numbers:
            if len(text) > self._room:
                self.left_out += 1
                return -1
            self._room -= len(text)
            self._numbers[text] = len(self.kept)
            self.kept.append(text)
        return self._numbers[text]


def behind(run: Run, element: GraphNode | GraphEdge, texts: Texts) -> dict[str, Any]:
    """Return what the page shows when an element is chosen."""
    if isinstance(element, GraphNode):
        before: list[GraphNode | GraphEdge] = list(run.incoming[element.id])
        after: list[GraphNode | GraphEdge] = list(run.outgoing[element.id])
    else:
        before, after = [run.by_id[element.source]], [run.by_id[element.target]]
    return {
        "id": element.id,
        "label": element.label or element.id,
        "kind": element.kind,
        "state": element.state,
        "note": element.note,
        "critical": element.id in run.on_path,
        "latency": round(run.latency(element), 4),
        "tokens": run.tokens(element),
        "usd": run.usd(element),
        "span": [element.started_s, element.finished_s],
        "before": [run.places[other.id] for other in before if other.id in run.places],
        "after": [run.places[other.id] for other in after if other.id in run.places],
        "artifact": None if element.artifact is None else texts.number(element.artifact),
        "changes": _changes(run, element, texts),
        "turns": [_turn(turn, texts) for turn in run.turns.get(element.id, ())],
    }


def _turn(turn: Turn, texts: Texts) -> dict[str, Any]:
    reply = turn.reply
    return {
        "speaker": turn.speaker,
        "note": turn.note,
        "prompt": [[message.role, [texts.number(part) for part in message.parts]] for message in turn.messages],
        "reply": None if reply is None else texts.number(reply.text),
        "model": "" if reply is None else reply.model,
        "facts": None
        if reply is None
        else [
            round(reply.latency_s, 4),
            reply.usage.input_tokens,
            reply.usage.output_tokens,
            reply.usage.usd if reply.priced else None,
            reply.finish,
            reply.replayed,
        ],
    }


def _changes(run: Run, element: GraphNode | GraphEdge, texts: Texts) -> list[dict[str, Any]]:
    """Compare an artifact with what it came from: what met here, if several did, and what the parents made."""
    if element.artifact is None:
        return []
    if isinstance(element, GraphEdge):
        origins = [(element.source, run.by_id[element.source].artifact)]
    else:
        incoming = run.incoming[element.id]
        met = [(edge.label, edge.artifact) for edge in incoming if len(incoming) > 1]
        origins = [*met, *((edge.source, run.by_id[edge.source].artifact) for edge in incoming)]
    return [
        {"of": name, "text": texts.number(origin), "hunks": _hunks(origin, element.artifact)}
        for name, origin in origins[:MOST_COMPARED]
        if origin is not None
    ]


def _hunks(before: str, after: str) -> list[list[list[Any]]] | None:
    """Return a unified diff as operations on lines, or None where the texts are too long to compare here."""
    if before == after:
        return []
    if len(before) + len(after) > 2 * MOST_DIFFED:
        return None
    old, new = before.split("\n"), after.split("\n")
    # What begins and ends alike is left out but for the context: most changes are small, and matching is quadratic.
    head = max(0, _alike(old, new) - _CONTEXT)
    tail = max(0, min(_alike(old[::-1], new[::-1]), len(old) - head, len(new) - head) - _CONTEXT)
    matcher = SequenceMatcher(None, old[head : len(old) - tail], new[head : len(new) - tail], autojunk=False)
    return [
        [[kind, *(place + head for place in places)] for kind, *places in group]
        for group in matcher.get_grouped_opcodes(_CONTEXT)
    ]


def _alike(one: list[str], other: list[str]) -> int:
    """How many lines two texts begin with in common."""
    pairs = enumerate(zip(one, other, strict=False))
    return next((place for place, (mine, yours) in pairs if mine != yours), min(len(one), len(other)))
