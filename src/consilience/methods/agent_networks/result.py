"""The result of a run: the artifact, whose work is in it, and what each element did and cost."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from consilience.dialogue.messages import Message
from consilience.dialogue.spent import Costs, Spent, spent_by
from consilience.dialogue.work.artifact import Artifact

__all__ = ["ElementFacts", "Outcome", "Result", "State"]

State = Literal["done", "fallback", "skipped", "pending"]
"""Gave an artifact; let pass what it was given, after a failure; gave nothing; waits for an approval."""

Outcome = Literal["done", "pending"]
"""Whether the run came to its end or waits for approvals."""


class ElementFacts(Costs):
    """What an element did and cost."""

    __slots__ = ("digest", "dropped", "largest_prompt", "rounds", "state")

    def __init__(self) -> None:
        super().__init__()
        self.state: State = "pending"
        """What became of it."""
        self.digest = ""
        """Digest of its artifact; empty where it gave none."""
        self.rounds = 0
        """Rounds in which the actor acted."""
        self.dropped = 0
        """Replies that parsed worse than what was there, and were dropped."""
        self.largest_prompt = 0
        """Characters of the longest question."""

    def measure(self, messages: tuple[Message, ...]) -> None:
        """See how long a question is that was answered."""
        size = 0
        for message in messages:
            for part in message.parts:
                size += len(part)
        self.largest_prompt = max(self.largest_prompt, size)


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
        return spent_by(self.elements.values())

    @property
    def largest_prompt(self) -> int:
        """Characters of the longest question of all."""
        return max((one.largest_prompt for one in self.elements.values()), default=0)
