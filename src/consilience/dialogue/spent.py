"""Spent: what the questions of a run cost, counted where they are asked, and summed up."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from consilience.dialogue.messages import Reply

__all__ = ["Costs", "Spent", "spent_by"]


class Costs:
    """Counts what the questions of one element cost; a room that counts more derives one of its own."""

    __slots__ = ("calls", "cut", "input_tokens", "output_tokens", "replayed", "usd")

    def __init__(self) -> None:
        self.calls = 0
        """Questions asked, those that the journal answered too."""
        self.replayed = 0
        """Questions that the journal answered."""
        self.input_tokens = 0
        """Tokens of the questions."""
        self.output_tokens = 0
        """Tokens of the replies."""
        self.cut = 0
        """Replies that ran out of tokens: what was taken of them may lack its end."""
        self.usd = 0.0
        """Money, as far as prices are known; 0 for what the journal answered."""

    def count(self, reply: Reply) -> None:
        """Add the cost of a question that was answered; that it was asked is counted before, as it may fail."""
        usage = reply.usage
        self.input_tokens += usage.input_tokens
        self.output_tokens += usage.output_tokens
        if reply.finish == "length":
            self.cut += 1
        if reply.replayed:
            self.replayed += 1
        else:
            self.usd += usage.usd


@dataclass(frozen=True, kw_only=True)
class Spent:
    """What a run cost, and what a journal saved."""

    calls: int
    """Questions asked, those that the journal answered too."""
    replayed: int
    """Questions that the journal answered."""
    input_tokens: int
    """Tokens of all questions."""
    output_tokens: int
    """Tokens of all replies."""
    usd: float
    """Money for what was sent now, as far as prices are known."""
    cut: int = 0
    """Replies that ran out of tokens."""


def spent_by(costs: Iterable[Costs]) -> Spent:
    """Return what all cost together.

    Examples
    --------
    >>> spent_by([])
    Spent(calls=0, replayed=0, input_tokens=0, output_tokens=0, usd=0, cut=0)
    """
    every = list(costs)
    return Spent(
        calls=sum(one.calls for one in every),
        replayed=sum(one.replayed for one in every),
        input_tokens=sum(one.input_tokens for one in every),
        output_tokens=sum(one.output_tokens for one in every),
        usd=sum(one.usd for one in every),
        cut=sum(one.cut for one in every),
    )
