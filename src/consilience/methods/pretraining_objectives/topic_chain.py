r"""Sequences whose likelihood is known: a hidden topic, tokens drawn from it, and each followed by its partner.

A row has a topic. Tokens at even places are drawn from the topic's distribution, independently; a token at an odd place
is the partner of the one before it, or with a small probability any partner. Partners are tokens of their own, so that
every token tells which kind of place it stands at. Local structure is learned quickly, the topic is what a long context
is good for, and the best possible loss after any prefix is exact.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int

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
        cls,
        seed: int,
        *,
        topics: int = 8,
        tokens: int = 16,
        concentration: float = 0.2,
        shared: float = 0.5,
        noise: float = 0.05,
    ) -> TopicChain:
        """Draw topics from a symmetric Dirichlet distribution, and partners.

        Parameters
        ----------
        seed
        topics
            How many.
        tokens
            That topics draw from; with their partners there are twice as many.
        concentration
            Of the distribution; the smaller, the fewer tokens a topic has.
        shared
            Share of tokens that come from a distribution that all topics have in common, as stop words do.
        noise
            Probability that any partner follows.

        Raises
        ------
        InvalidInput
            If a number is out of range.
        """
        if min(topics, tokens) < 2 or concentration <= 0 or not (0 <= noise <= 1 and 0 <= shared < 1):  # noqa: PLR2004 - a choice
            raise InvalidInput(
                "expected at least 2 topics and tokens, a concentration above 0, shares in [0, 1]; "
                f"got {topics}, {tokens}, {concentration}, {shared}, {noise}"
            )
        generator = np.random.default_rng(seed)
        own = generator.dirichlet(np.full(tokens, concentration), size=topics)
        table = (1 - shared) * own + shared * own.mean(axis=0) + 1e-4
        return cls(table / table.sum(axis=1, keepdims=True), tokens + generator.permutation(tokens), noise)

    @property
    def size(self) -> int:
        """How many tokens there are, partners among them."""
        return 2 * len(self.partner)

    def rows(self, count: int, length: int, seed: int) -> tuple[Rows, Int[np.ndarray, " row"]]:
        """Draw rows, each cut from a longer one at an even or an odd place, and return them with their topics.

        Were all rows cut at the same kind of place, a model would learn what stands at their ends.
        """
        generator = np.random.default_rng(seed)
        topic = generator.integers(len(self.topics), size=count)
        shape = (count, length // 2 + 1)
        ends = self.topics.cumsum(axis=1)[topic][:, None, :-1]
        first = (generator.random(shape)[:, :, None] > ends).sum(axis=2)
        strayed = generator.random(shape) < self.noise
        second = np.where(strayed, generator.integers(len(self.partner), self.size, size=shape), self.partner[first])
        whole = np.stack((first, second), axis=2).reshape(count, -1)
        starts = generator.integers(2, size=count)
        return whole[np.arange(count)[:, None], starts[:, None] + np.arange(length)], topic

    def losses(self, rows: Rows) -> Losses:
        """Return minus the logarithm of every token's probability after all those before it: no model does better.

        A partner says of the topic what the token before it has said; only the first of a row says something new.
        """
        told = np.where((rows < len(self.partner))[:, :, None], np.log(self._likelihoods[rows]), 0.0)
        told[:, 0] = np.log(self._likelihoods[rows[:, 0]])
        before = np.concatenate((np.zeros_like(told[:, :1]), told.cumsum(axis=1)[:, :-1]), axis=1)
        belief = np.exp(before - before.max(axis=2, keepdims=True))
        belief /= belief.sum(axis=2, keepdims=True)
        losses = -np.log((belief * self._likelihoods[rows]).sum(axis=2))
        losses[:, 0] += np.log(2)
        return np.where(self._follows(rows), self._partner_losses(rows), losses)

    def unigram_loss(self) -> float:
        """Return the expected loss of knowing how often tokens occur, and nothing else."""
        often = self._likelihoods.mean(axis=1) / 2
        return float(-(often * np.log(often)).sum())

    @property
    def _likelihoods(self) -> Float[np.ndarray, "token topic"]:
        """Probability of every token, given its kind and the topic."""
        partners = np.empty_like(self.topics)
        partners[:, self.partner - len(self.partner)] = (1 - self.noise) * self.topics
        return np.concatenate((self.topics, partners + self.noise / len(self.partner)), axis=1).T

    def _follows(self, rows: Rows) -> Bool[np.ndarray, "row place"]:
        """Say which tokens are partners of a token in the row."""
        follows = rows >= len(self.partner)
        follows[:, 0] = False
        return follows

    def _partner_losses(self, rows: Rows) -> Losses:
        before = np.concatenate((rows[:, :1], rows[:, :-1]), axis=1) % len(self.partner)
        expected = self.partner[before] == rows
        return -np.log(np.where(expected, 1 - self.noise, 0.0) + self.noise / len(self.partner))
