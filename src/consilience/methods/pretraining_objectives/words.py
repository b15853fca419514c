"""The tokens of the theory tools: words, numbers and marks, the most frequent of them by number.

Whoever has a tokenizer already hands its numbers to `cooccurrence`; this one needs no other package.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain

import numpy as np
from jaxtyping import Float, Int

from consilience.ground.errors import InvalidInput

__all__ = ["Lexicon", "words"]

_TOKEN = re.compile(r"[^\W\d_]+|\d+|[^\w\s]|_")


def words(text: str) -> list[str]:
    """Split a text into words, numbers and single marks, in lower case.

    Examples
    --------
    >>> words("Return max_size (at least 10).")
    ['return', 'max', '_', 'size', '(', 'at', 'least', '10', ')', '.']
    """
    return _TOKEN.findall(text.lower())


@dataclass(frozen=True)
class Lexicon:
    """Numbers of words: 0 for all that are not in it.

    Examples
    --------
    >>> lexicon = Lexicon.learned(["a b a", "a c"], 3)
    >>> lexicon.entries, lexicon.encode("c a b").tolist()
    (('a', 'b'), [0, 1, 2])
    """

    entries: tuple[str, ...]
    """Words in their order, the first has number 1."""

    @classmethod
    def learned(cls, texts: Iterable[str], size: int) -> Lexicon:
        """Take the most frequent words; equally frequent ones in alphabetical order.

        Raises
        ------
        InvalidInput
            If `size`, with the number for all others, is below 2, or there is no word.
        """
        counts = Counter(chain.from_iterable(map(words, texts)))
        if size < 2 or not counts:  # noqa: PLR2004 - one word, and the rest
            raise InvalidInput(f"expected texts with words and a vocabulary of at least 2; got {len(counts)}, {size}")
        ranked = sorted(counts, key=lambda word: (-counts[word], word))
        return cls(tuple(ranked[: size - 1]))

    @property
    def size(self) -> int:
        """How many numbers there are, 0 among them."""
        return len(self.entries) + 1

    def encode(self, text: str) -> Int[np.ndarray, " place"]:
        """Return the numbers of a text's words."""
        return np.array([self._numbers.get(word, 0) for word in words(text)], dtype=np.int64)

    def bags(self, documents: Sequence[Int[np.ndarray, " _"]]) -> Float[np.ndarray, "document token"]:
        """Return the share that every number has in each document, a row a document."""
        counts = [np.bincount(document, minlength=self.size) / max(len(document), 1) for document in documents]
        return np.array(counts)

    @cached_property
    def _numbers(self) -> dict[str, int]:
        return {word: number for number, word in enumerate(self.entries, start=1)}
