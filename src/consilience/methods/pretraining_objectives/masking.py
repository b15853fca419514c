r"""Which tokens are hidden, and what is put in their place.

A row with s tokens that may be hidden draws a ratio r, a number of tokens n from it, and an order; the first n of the
order are hidden. A Bernoulli mask is the same thing with n binomial: the n tokens with the lowest of s uniform numbers
are those below r.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Bool, Float, Int

from consilience.ground.errors import InvalidInput
from consilience.methods.pretraining_objectives.patterns import Pattern, RandomPattern
from consilience.methods.pretraining_objectives.quantiles import spread
from consilience.methods.pretraining_objectives.ratios import Ratio, UniformRatio
from consilience.methods.pretraining_objectives.vocabulary import Vocabulary

__all__ = ["BernoulliCount", "Count", "Drawn", "ExactCount", "Masking", "Replacement", "put"]

Rows = Float[np.ndarray, " row"]
Counts = Int[np.ndarray, " row"]
Tokens = Int[np.ndarray, "row token"]
Places = Bool[np.ndarray, "row token"]
LAST = 1e12
"""Added to the place in the order of what may not be hidden."""
SMALLEST_RATIO = 1e-3
"""Below it, 1/r is taken at it: a row in a thousand would otherwise drown a batch."""


@dataclass(frozen=True)
class Drawn:
    """What was hidden in a batch."""

    hidden: Places
    ratio: Rows
    """Ratio that each row drew."""
    weight: Rows
    """What the summed loss of a row is multiplied by in the bound on the likelihood of all its tokens."""


class Count(ABC):
    """A way to get from a ratio to a number of tokens."""

    @abstractmethod
    def draw(
        self,
        ratio: Ratio,
        quantiles: Rows,
        rounding: Rows,
        noise: Float[np.ndarray, "row token"],
        maskable: Places,
    ) -> tuple[Counts, Rows]:
        """Return how many tokens to hide in each row, and the weight of its loss in the bound.

        Parameters
        ----------
        ratio
        quantiles
            Uniform numbers that decide each row's ratio.
        rounding
            Uniform numbers that decide whether a fraction of a token counts as one.
        noise
            Uniform numbers, one a token.
        maskable
            Tokens that may be hidden.
        """


@dataclass(frozen=True)
class ExactCount(Count):
    """As many tokens as the ratio says, rounded up or down at random so that the mean is right.

    The weight is s / n: with n uniform on 1 to s, the weighted loss is that of a random order of all tokens.
    """

    def draw(
        self,
        ratio: Ratio,
        quantiles: Rows,
        rounding: Rows,
        noise: Float[np.ndarray, "row token"],
        maskable: Places,
    ) -> tuple[Counts, Rows]:
        """Return the counts and s / n."""
        del noise
        available = np.count_nonzero(maskable, axis=1)
        counts = np.minimum(np.maximum(ratio.counts(quantiles, available, rounding), 1), available)
        return counts, available / np.maximum(counts, 1)


@dataclass(frozen=True)
class BernoulliCount(Count):
    """Every token is hidden or not by itself, with probability r.

    The weight is 1 / r. A row in which none is hidden gets one target all the same, and weight zero in the bound,
    which such a row adds nothing to.
    """

    def draw(
        self,
        ratio: Ratio,
        quantiles: Rows,
        rounding: Rows,
        noise: Float[np.ndarray, "row token"],
        maskable: Places,
    ) -> tuple[Counts, Rows]:
        """Return the counts and 1 / r."""
        del rounding
        share = ratio.at(quantiles)
        counts = np.count_nonzero((noise < share[:, None]) & maskable, axis=1)
        weights = np.where(counts > 0, 1 / np.maximum(share, SMALLEST_RATIO), 0.0)
        return np.minimum(np.maximum(counts, 1), np.count_nonzero(maskable, axis=1)), weights


@dataclass(frozen=True)
class Replacement:
    """What a hidden token is replaced by: the mask, another token, or itself.

    Examples
    --------
    >>> Replacement.bert()
    Replacement(mask_share=0.8, random_share=0.1)
    """

    mask_share: float = 1.0
    """Share of hidden tokens that become the mask."""
    random_share: float = 0.0
    """Share that become a token drawn from the text of the vocabulary; the rest stay."""

    def __post_init__(self) -> None:
        """Refuse shares that are negative or sum to more than one."""
        if not (min(self.mask_share, self.random_share) >= 0 and self.mask_share + self.random_share <= 1 + 1e-9):
            raise InvalidInput(
                f"shares of masks and of random tokens must be at least 0 and sum to at most 1; "
                f"got {self.mask_share} and {self.random_share}"
            )

    @classmethod
    def bert(cls) -> Replacement:
        """Return the shares 80 %, 10 %, 10 %."""
        return cls(0.8, 0.1)

    def apply(
        self,
        tokens: Tokens,
        hidden: Places,
        vocabulary: Vocabulary,
        generator: np.random.Generator,
    ) -> Tokens:
        """Return the tokens with the hidden ones replaced."""
        mask = vocabulary.required_mask()
        if self.mask_share >= 1:
            return put(tokens, hidden, mask)
        fate = generator.random(tokens.shape)
        replaced = put(tokens, hidden & (fate < self.mask_share), mask)
        if not self.random_share:
            return replaced
        other = hidden & (fate >= self.mask_share) & (fate < self.mask_share + self.random_share)
        return put(replaced, other, vocabulary.draw_text(tokens.shape, generator))


@dataclass(frozen=True)
class Masking:
    """How much of every row is hidden, which tokens, and whether ratios are spread evenly over the batch.

    Examples
    --------
    >>> drawn = Masking().draw(np.ones((4, 8), dtype=bool), np.random.default_rng(0))
    >>> bool(drawn.hidden.any(axis=1).all())
    True
    """

    ratio: Ratio = field(default_factory=UniformRatio)
    pattern: Pattern = field(default_factory=RandomPattern)
    count: Count = field(default_factory=ExactCount)
    stratified: bool = True
    """Whether the i-th of B rows, in a random order, draws its ratio from the i-th of B equal parts of the
    distribution: the mean ratio of a batch then hardly varies."""

    def draw(self, maskable: Places, generator: np.random.Generator) -> Drawn:
        """Decide what is hidden; in every row at least one token, if any may be.

        Parameters
        ----------
        maskable
            Tokens that may be hidden.
        generator
            Source of all randomness.
        """
        rows = len(maskable)
        # In double precision two tokens of a row never tie, so that exact counts are exact.
        noise = generator.random(maskable.shape)
        quantiles = spread(rows, generator, stratified=self.stratified)
        counts, weights = self.count.draw(self.ratio, quantiles, generator.random(rows), noise, maskable)
        order = self.pattern.order(noise, generator) + LAST * ~maskable
        last = np.sort(order, axis=1)[np.arange(rows), np.maximum(counts, 1) - 1]
        return Drawn((order <= last[:, None]) & maskable, self.ratio.at(quantiles), weights)


def put(tokens: Tokens, places: Places, value: Tokens | int) -> Tokens:
    """Return the tokens with another value in some places, bit by bit.

    A processor that branches on every token guesses half of random places wrong, and takes four times as long.

    Examples
    --------
    >>> put(np.array([[3, 4]]), np.array([[True, False]]), 9).tolist()
    [[9, 4]]
    """
    replaced: Tokens = tokens ^ ((tokens ^ value) & -places.astype(tokens.dtype))
    return replaced
