r"""Sequences whose likelihood is known: a hidden topic, tokens drawn from it, and each followed by its partner.

A row has a topic. Tokens at even places are drawn from the topic's distribution, independently; a token at an odd place
is the partner of the one before it, or with a small probability any partner. Partners are tokens of their own, so that
every token tells which kind of place it stands at. Local structure is learned quickly, the topic is what a long context
is good for, and the best possible loss after any prefix is exact.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from consilience.ground.errors import InvalidInput

__all__ = ["TopicChain"]

Rows = Int[np.ndarray, "row place"]
Losses = Float[np.ndarray, "row place"]


@dataclass(frozen=True)
class TopicChain:
    """A distribution over rows of tokens."""

    topics: Float[np.ndarray, "topic token"]
    """What each topic draws from, a distribution a row."""
    partner: Int[np.ndarray, " token"]
    """Which token follows each, numbered after all that topics draw from."""
    noise: float
    """Probability that any partner follows instead."""

    @classmethod
    def drawn(
        cls, seed: int, *, topics: int = 8, tokens: int = 24, concentration: float = 0.2, noise: float = 0.05
    ) -> TopicChain:
        """Draw topics from a symmetric Dirichlet distribution, and partners.

        Raises
        ------
        InvalidInput
            If a number is out of range.
        """
        if topics < 2 or tokens < 2 or concentration <= 0 or not 0 <= noise <= 1:  # noqa: PLR2004 - a choice
            raise InvalidInput(
                "expected at least 2 topics and tokens, a concentration above 0 and a noise in [0, 1]; "
                f"got {topics}, {tokens}, {concentration}, {noise}"
            )
        generator = np.random.default_rng(seed)
        table = generator.dirichlet(np.full(tokens, concentration), size=topics) + 1e-4
        return cls(table / table.sum(axis=1, keepdims=True), tokens + generator.permutation(tokens), noise)

    @property
    def size(self) -> int:
        """How many tokens there are, partners among them."""
        return 2 * len(self.partner)

    def rows(self, count: int, length: int, seed: int) -> tuple[Rows, Int[np.ndarray, " row"]]:
        """Draw rows, and return them with their topics."""
        generator = np.random.default_rng(seed)
        topic = generator.integers(len(self.topics), size=count)
        half = -(-length // 2)
        ends = self.topics.cumsum(axis=1)
        picks = generator.random((count, half))
        first = (picks[:, :, None] > ends[topic][:, None, :-1]).sum(axis=2)
        strayed = generator.random((count, half)) < self.noise
        anyone = generator.integers(len(self.partner), self.size, size=(count, half))
        second = np.where(strayed, anyone, self.partner[first])
        return np.stack((first, second), axis=2).reshape(count, -1)[:, :length], topic

    def losses(self, rows: Rows) -> Losses:
        """Return minus the logarithm of every token's probability after all those before it: no model does better.

        Partners say nothing of the topic that the tokens before them have not said.
        """
        even, odd = rows[:, ::2], rows[:, 1::2]
        told = np.log(self.topics.T[even])
        before = np.concatenate((np.zeros_like(told[:, :1]), told.cumsum(axis=1)[:, :-1]), axis=1)
        belief = np.exp(before - before.max(axis=2, keepdims=True))
        belief /= belief.sum(axis=2, keepdims=True)
        losses = np.empty(rows.shape)
        losses[:, ::2] = -np.log((belief * self.topics.T[even]).sum(axis=2))
        followed = odd == self.partner[even[:, : odd.shape[1]]]
        losses[:, 1::2] = -np.log(np.where(followed, 1 - self.noise, 0.0) + self.noise / len(self.partner))
        return losses

    def unigram_loss(self) -> Float[np.ndarray, " parity"]:
        """Return the expected loss of knowing how often tokens occur, at even and at odd places."""
        even = self.topics.mean(axis=0)
        odd = np.empty_like(even)
        odd[self.partner - len(even)] = (1 - self.noise) * even
        odd += self.noise / len(even)
        return np.array([-(law * np.log(law / 2)).sum() for law in (even, odd)])
