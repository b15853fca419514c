"""The bill: what calls cost together."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from consilience.dialogue.history import Call
from consilience.dialogue.prices import money

__all__ = ["Bill", "bill_of", "cut_told", "spent_facts", "spent_told"]


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
    cut: int
    """Replies that ran out of tokens: what was taken of them may lack its end."""


def bill_of(calls: Iterable[Call]) -> Bill:
    """Return what some calls cost together.

    Examples
    --------
    >>> bill_of([])
    Bill(calls=0, input_tokens=0, output_tokens=0, usd=0, seconds=0, cut=0)
    """
    replies = [call.reply for call in calls]
    return Bill(
        calls=len(replies),
        input_tokens=sum(reply.usage.input_tokens for reply in replies),
        output_tokens=sum(reply.usage.output_tokens for reply in replies),
        usd=sum(reply.usage.usd for reply in replies) if all(reply.priced for reply in replies) else None,
        seconds=sum(reply.latency_s for reply in replies),
        cut=sum(reply.finish == "length" for reply in replies),
    )


def spent_facts(bill: Bill, *, replayed: int, seconds: float, critical: tuple[float, Sequence[str]]) -> dict[str, Any]:
    """Return what a run spent, as JSON takes it.

    Parameters
    ----------
    bill
        Of all calls.
    replayed
        Of them, those that the journal answered in this sitting.
    seconds
        How long the sitting took.
    critical
        The seconds of the calls on the critical path, and its elements.
    """
    return {
        "calls": bill.calls,
        "replayed": replayed,
        "input_tokens": bill.input_tokens,
        "output_tokens": bill.output_tokens,
        "usd": bill.usd,
        "cut": bill.cut,
        "seconds": round(seconds, 3),
        "critical_path_s": round(critical[0], 3),
        "critical_path": critical[1],
    }


def spent_told(facts: Mapping[str, Any]) -> tuple[str, str]:
    """Return in words what a run spent and how long it took, from facts such as those of `spent_facts`."""
    replayed = f", {facts['replayed']:,} of them from the journal" if facts["replayed"] else ""
    tokens = f"{facts['input_tokens']:,} + {facts['output_tokens']:,} tokens"
    cut = cut_told(facts.get("cut", 0))  # numbers of an earlier version do not have it
    return (
        f"{facts['calls']:,} calls{replayed}; {tokens}; {money(facts['usd'])}{cut}",
        f"{facts['seconds']:.1f} s; the critical path's calls took {facts['critical_path_s']:.1f} s",
    )


def cut_told(cut: int) -> str:
    """Return in words, to be put behind others, how many replies ran out of tokens; nothing where none did.

    Examples
    --------
    >>> cut_told(0), cut_told(1)
    ('', '; 1 reply was cut by the limit on tokens (--max-tokens)')
    """
    if not cut:
        return ""
    told = "1 reply was" if cut == 1 else f"{cut:,} replies were"
    return f"; {told} cut by the limit on tokens (--max-tokens)"
