"""The result of a run: the artifact, whose work is in it, and what each element did and cost."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from consilience.dialogue.messages import Message, Reply
from consilience.dialogue.work.artifact import Artifact

__all__ = ["ElementFacts", "Outcome", "Result", "Spent", "State"]

State = Literal["done", "fallback", "skipped", "pending"]
"""Gave an artifact; let pass what it was given, after a failure; gave nothing; waits for an approval."""

Outcome = Literal["done", "pending"]
"""Whether the run came to its end or waits for approvals."""


class ElementFacts:
    """What an element did and cost."""

    __slots__ = (
        "calls",
        "digest",
        "dropped",
        "input_tokens",
        "largest_prompt",
        "output_tokens",
        "replayed",
        "rounds",
        "state",
        "usd",
    )

    def __init__(self) -> None:
        self.state: State = "pending"
        """What became of it."""
        self.digest = ""
        """Digest of its artifact; empty where it gave none."""
        self.calls = 0
        """Questions asked, those that the journal answered too."""
        self.replayed = 0
        """Questions that the journal answered."""
        self.rounds = 0
        """Rounds in which the actor acted."""
        self.dropped = 0
        """Replies that parsed worse than what was there, and were dropped."""
        self.input_tokens = 0
        """Tokens of the questions."""
        self.output_tokens = 0
        """Tokens of the replies."""
        self.usd = 0.0
        """Money, as far as prices are known; 0 for what the journal answered."""
        self.largest_prompt = 0
        """Characters of the longest question."""

    def count(self, messages: tuple[Message, ...], reply: Reply) -> None:
        """Add the cost of a question that was answered."""
        usage = reply.usage
        self.input_tokens += usage.input_tokens
        self.output_tokens += usage.output_tokens
        if reply.replayed:
            self.replayed += 1
        else:
            self.usd += usage.usd
        size = 0
        for message in messages:
            for part in message.parts:
                size += len(part)
        self.largest_prompt = max(self.largest_prompt, size)


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


@dataclass(frozen=True, kw_only=True)
class Result:
    """What came of a run."""

    outcome: Outcome
    """Whether it came to its end."""
    artifact: Artifact | None
    """The final artifact: the last node's, or what became of those of several; None while approvals are pending."""
    ends: Mapping[str, Artifact]
    """The artifacts of the last nodes, by name, as far as there are any."""
    ancestry: tuple[str, ...]
    """Nodes whose work is in the final artifact, in the order of the network; empty while approvals are pending."""
    pending: tuple[str, ...]
    """Nodes and edges that wait for an approval, by name."""
    elements: Mapping[str, ElementFacts]
    """Facts of nodes, edges and merges that had their turn, by name."""

    @property
    def spent(self) -> Spent:
        """What all elements cost together."""
        facts = self.elements.values()
        return Spent(
            calls=sum(one.calls for one in facts),
            replayed=sum(one.replayed for one in facts),
            input_tokens=sum(one.input_tokens for one in facts),
            output_tokens=sum(one.output_tokens for one in facts),
            usd=sum(one.usd for one in facts),
        )

    @property
    def largest_prompt(self) -> int:
        """Characters of the longest question of all."""
        return max((one.largest_prompt for one in self.elements.values()), default=0)
