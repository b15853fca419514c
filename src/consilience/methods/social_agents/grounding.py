"""Grounding: what a model puts down counts only as far as the messages shown to it, or the talk, have it.

A value whose words are not in the messages that it is said to come from keeps so little confidence that it is never
known; a fact with no message and no utterance behind it is dropped.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from consilience.methods.social_agents.party import Party
from consilience.methods.social_agents.rationale import Rationale, Reading
from consilience.methods.social_agents.reading import Fact
from consilience.methods.social_agents.retrieval import Found
from consilience.methods.social_agents.sections import HEARD_LINES
from consilience.methods.social_agents.speech import Utterance
from consilience.methods.social_agents.values import contains, covered

__all__ = ["grounded", "overheard"]

UNGROUNDED: Final = 0.4
"""Confidence of a value whose words are not in the messages that it is said to come from: never enough to be known."""
GROUNDED: Final = 0.6
"""Share of a value's words that have to be there."""
MOST_EVIDENCE: Final = 4
"""Messages that one value is said to come from."""


def grounded(fact: Fact, found: Found, party: Party, number: int) -> Reading | None:
    """Return a fact as read in messages that the prompt showed, None where it names none of them.

    Parameters
    ----------
    fact
        As the model gave it.
    found
        What the prompt showed.
    party
        Whose messages they are.
    number
        Of the turn.
    """
    rows = [found.by_id[one] for one in fact.evidence if one in found.by_id]
    if not rows:
        return None
    # Who names every message as evidence has named none: what has the value counts, where any has it.
    having = [row for row in rows if contains(row.text, fact.value)]
    rows = (having or rows)[:MOST_EVIDENCE]
    texts = [text for row in rows for text in (row.text, row.sender_name)]
    share = 1.0 if having else covered(texts, fact.value)
    return Reading(
        value=fact.value,
        source=party.person.handle,
        evidence=tuple(row.id for row in rows),
        confidence=fact.confidence if share >= GROUNDED else min(fact.confidence, UNGROUNDED),
        turn=number,
        may_forward=party.may_forward(rows),
    )


def overheard(fact: Fact, one: Rationale, heard: Sequence[Utterance], owner: str) -> Reading | None:
    """Return a fact as read from what the other side said; where that came as data, the data stands."""
    for utterance in reversed(heard[-HEARD_LINES:]):
        if utterance.speaker != owner and contains(utterance.text, fact.value):
            if any(told.slot == one.slot for told in utterance.tells):
                return None
            return Reading(
                value=fact.value,
                source=utterance.speaker,
                confidence=fact.confidence,
                turn=utterance.number,
                vouched=utterance.by_person,
            )
    return None
