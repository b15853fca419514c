"""Saying: from a model's reply and the board to what a side says; where the two differ, code says what the board knows.

A value is said only where it leads on the board, and together with the messages that it comes from. The same is also
put plainly, in no words but the fact's and the question's, for a gate that does not let the model's own words pass.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from consilience.methods.social_agents.rationale import Board, Rationale
from consilience.methods.social_agents.reading import Fact, TurnReply
from consilience.methods.social_agents.records import Message
from consilience.methods.social_agents.retrieval import Found
from consilience.methods.social_agents.speech import Move, Told
from consilience.methods.social_agents.values import contains, same

__all__ = ["LONGEST_SAID", "put"]

LONGEST_SAID: Final = 1_200
"""Characters of an utterance."""


def put(
    reply: TurnReply,
    board: Board,
    *,
    other: str,
    asked: Rationale | None,
    question: Rationale | None,
    found: Found,
    behind: Callable[[tuple[int, ...]], tuple[Message, ...]],
) -> Move:
    """Return what is said: the model's own words, where they say what the board knows.

    Parameters
    ----------
    reply
        Of the model.
    board
        What the side knows, the facts of the reply counted.
    other
        Handle of whom it is said to.
    asked
        Slot that the other side asked for last.
    question
        Slot to ask for.
    found
        What the prompt showed.
    behind
        Gives the messages that were shown, and those of some numbers.
    """
    tells, say = _told(reply, board, other, asked)
    owed = board[asked.slot] if asked is not None and asked.slot not in {one.slot for one in tells} else None
    declared = tuple(sorted({number for one in tells for number in one.evidence}))
    return Move(
        say=_worded(say, owed, question),
        tells=tuple(_as_data(one) for one in tells),
        asks=question.slot if question is not None else "",
        # Who has read something and is not sure of it is asked again.
        lacks=owed.slot if owed is not None and not owed.readings else "",
        asked=asked.slot if asked is not None else "",
        declared=declared,
        found=found,
        behind=behind(declared),
        done=reply.done and question is None,
        plainly=f"{_stated(tells)} {_asking(question)}".strip() if tells else "",
    )


def _told(reply: TurnReply, board: Board, other: str, asked: Rationale | None) -> tuple[list[Rationale], str]:
    """Return what is told, and in which words: the model's own, unless the board is against them."""
    tellable = [one for one in _touched(reply, board, asked) if _tellable(one, other)]
    tells = [one for one in tellable if contains(reply.say, one.value)]
    due = [one for one in tellable if asked is not None and one.slot == asked.slot]
    wrong = any(contains(reply.say, fact.value) and not _stands(board.find(fact.slot), fact) for fact in reply.facts)
    if wrong or any(one.status == "known" and one not in tells for one in due):
        # What was read now is not what was read as a rule, or is not said: code says what the board knows.
        return due, _stated(due)
    return tells, reply.say


def _touched(reply: TurnReply, board: Board, asked: Rationale | None) -> list[Rationale]:
    """Return the slots of which the reply has a fact, and the one that was asked for, as they stand on the board."""
    touched = {one.slot: one for fact in reply.facts if (one := board.find(fact.slot)) is not None}
    if asked is not None:
        touched[asked.slot] = board[asked.slot]
    return list(touched.values())


def _worded(say: str, owed: Rationale | None, question: Rationale | None) -> str:
    """Return the utterance: an answer that is owed is not passed over in silence, and the question is put in words."""
    if owed is not None and not say.strip():
        say = f"I do not know {owed.text} yet."
    if question is not None and not (contains(say, question.text) and "?" in say):
        say = f"{say} {_asking(question)}".strip()
    return (say or "I have nothing to add.")[:LONGEST_SAID]


def _as_data(one: Rationale) -> Told:
    return Told(
        slot=one.slot,
        value=one.value,
        source=one.source,
        confidence=one.confidence,
        may_forward=one.may_forward,
        vouched=one.status == "known",
    )


def _stands(one: Rationale | None, fact: Fact) -> bool:
    if one is None:
        return True
    return one.status in ("known", "fuzzy") and not one.doubtful and same(one.value, fact.value)


def _tellable(one: Rationale, other: str) -> bool:
    """Whether a side may say what it has: a value that leads, of its own or one that may be passed on, and no echo."""
    if one.status not in ("known", "fuzzy") or one.source == other or one.doubtful:
        return False
    return bool(one.evidence) or one.may_forward


def _stated(facts: Sequence[Rationale]) -> str:
    return " ".join(f"{one.text[:1].upper()}{one.text[1:]} is {one.value}." for one in facts)


def _asking(question: Rationale | None) -> str:
    return "" if question is None else f"Do you know {question.text}?"
