"""The bill: what calls cost together."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from consilience.dialogue.history import Call

__all__ = ["Bill", "bill_of"]


@dataclass(frozen=True, kw_only=True)
class Bill:
    """What an element cost."""

    calls: int
    """Replies it got."""
    input_tokens: int
    """Tokens of its questions."""
    output_tokens: int
    """Tokens of its replies."""
    usd: float | None
    """Money; None where a price is not known."""
    seconds: float
    """Time of its calls, one after the other."""


def bill_of(calls: Iterable[Call]) -> Bill:
    """Return what some calls cost together.

    Examples
    --------
    >>> bill_of([])
    Bill(calls=0, input_tokens=0, output_tokens=0, usd=0, seconds=0)
    """
    replies = [call.reply for call in calls]
    return Bill(
        calls=len(replies),
        input_tokens=sum(reply.usage.input_tokens for reply in replies),
        output_tokens=sum(reply.usage.output_tokens for reply in replies),
        usd=sum(reply.usage.usd for reply in replies) if all(reply.priced for reply in replies) else None,
        seconds=sum(reply.latency_s for reply in replies),
    )
