"""Which tokens of a row are hidden first: any, the last ones, or now the one and now the other.

A pattern is an order: tokens with the lowest number are hidden first, and how many are is decided elsewhere.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from consilience.ground.errors import InvalidInput, UnknownName

__all__ = ["MixturePattern", "Pattern", "RandomPattern", "SuffixPattern", "as_pattern"]

Order = Float[np.ndarray, "row token"]


class Pattern(ABC):
    """An order in which the tokens of a row are hidden."""

    @abstractmethod
    def order(self, noise: Order, generator: np.random.Generator) -> Order:
        """Return a number for every token; the lowest are hidden first.

        Parameters
        ----------
        noise
            Independent uniform numbers.
        generator
            For whatever else is random.
        """


@dataclass(frozen=True)
class RandomPattern(Pattern):
    """Every set of tokens of the same size is equally likely."""

    def order(self, noise: Order, generator: np.random.Generator) -> Order:
        """Return the noise."""
        del generator
        return noise


@dataclass(frozen=True)
class SuffixPattern(Pattern):
    """The last tokens are hidden: what is seen is a prefix, as when text is continued."""

    def order(self, noise: Order, generator: np.random.Generator) -> Order:
        """Return places, counted from the end."""
        del generator
        return np.broadcast_to(np.arange(noise.shape[1], 0, -1, dtype=noise.dtype), noise.shape)


@dataclass(frozen=True)
class MixturePattern(Pattern):
    r"""A suffix in a share :math:`\eta` of the rows, any tokens in the others.

    Prefixes of every length are then trained on with probability at least :math:`\eta`, which bounds how much larger
    the risk on prefixes can be than the risk in training: by :math:`1/\eta`.
    """

    suffix_share: float = 0.5
    """Between 0 and 1."""

    def __post_init__(self) -> None:
        """Refuse what is no share."""
        if not 0 <= self.suffix_share <= 1:
            raise InvalidInput(f"`suffix_share` must lie between 0 and 1; got {self.suffix_share}")

    def order(self, noise: Order, generator: np.random.Generator) -> Order:
        """Return places in some rows, the noise in the others."""
        chosen = generator.random((len(noise), 1)) < self.suffix_share
        return np.where(chosen, SuffixPattern().order(noise, generator), noise)


def as_pattern(given: Pattern | str, suffix_share: float = 0.5) -> Pattern:
    """Read a pattern as people write it: ``"random"``, ``"suffix"`` or ``"mixture"``.

    Raises
    ------
    UnknownName
        If there is no such pattern.

    Examples
    --------
    >>> as_pattern("mixture", 0.25)
    MixturePattern(suffix_share=0.25)
    """
    if isinstance(given, Pattern):
        return given
    known: dict[str, Pattern] = {"random": RandomPattern(), "suffix": SuffixPattern()}
    if given != "mixture" and given not in known:
        raise UnknownName("pattern", given, (*known, "mixture"))
    return MixturePattern(suffix_share) if given == "mixture" else known[given]
