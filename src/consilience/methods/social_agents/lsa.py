"""Latent semantic analysis: texts as points by which words go together in texts that it was fitted to.

Words of like company come to lie near one another, also where they share no letter; hashed n-grams cannot do that. What
it was fitted to shapes all its vectors, so that whoever sees vectors sees a trace of these texts: fit it to public
texts, or to one person's for that person's own store, and never to everybody's.
(Deerwester et al. 1990, "Indexing by latent semantic analysis".)
"""

from __future__ import annotations

import io
import math
from collections import Counter
from collections.abc import Iterable, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
from jaxtyping import Float
from numpy.typing import NDArray

from consilience.ground.errors import InvalidInput
from consilience.ground.folder import write_whole
from consilience.ground.late import late_module
from consilience.methods.social_agents.words import COMMON, plain, split

__all__ = ["Lsa"]

MOST_WORDS = 20_000
"""Words that it knows at most: those that stand in most texts."""
_FEWEST = 2
"""Texts, and words, that it takes to be fitted."""


class Lsa:
    """An embedder that was fitted to texts; made by `Lsa.fit` or `Lsa.load`.

    Parameters
    ----------
    words
        That it knows, in order.
    weights
        Of each word: the rarer, the more.
    directions
        Each a mixture of words.

    Examples
    --------
    >>> told = [
    ...     "the vet saw our cat",
    ...     "our kitten was at the vet",
    ...     "a cat and a kitten",
    ...     "the train was late",
    ...     "late trains",
    ...     "a train to the sea",
    ... ]
    >>> lsa = Lsa.fit(told, dimensions=2)
    >>> cat, kitten, train = lsa.embed(["cat", "kitten", "train"])
    >>> bool(cat @ kitten > 0.9 > 0.2 > cat @ train)
    True
    """

    def __init__(
        self,
        words: Sequence[str],
        weights: Float[np.ndarray, " word"],
        directions: Float[np.ndarray, "dimension word"],
    ) -> None:
        if len(words) != len(weights) or directions.shape[1:] != (len(words),):
            raise InvalidInput(f"a weight and a column stand for each word; got {len(words)}, {directions.shape}")
        self.dimensions = len(directions)
        """Length of a vector."""
        self._places = {word: place for place, word in enumerate(words)}
        self._weights = weights
        self._directions = directions
        told = sha256("\n".join(words).encode() + weights.tobytes() + directions.tobytes()).hexdigest()
        self.name = f"lsa-{self.dimensions}-{told[:12]}"
        """What it is called: fitted to other texts, another, so that vectors are made anew."""

    @classmethod
    def fit(cls, texts: Iterable[str], dimensions: int = 128, *, seed: int = 0) -> Lsa:
        """Fit it to texts.

        Parameters
        ----------
        texts
            Public ones, or one person's own.
        dimensions
            Length of vectors; less where there are fewer texts or words.
        seed
            Of the randomised decomposition; the same texts and seed give the same vectors.

        Raises
        ------
        InvalidInput
            When there are not two texts and two words at least.
        MissingDependency
            Without scikit-learn.
        """
        if dimensions < 1:
            raise InvalidInput(f"`dimensions` must be at least 1; got {dimensions}")
        svd = late_module(
            "sklearn.decomposition", "to fit LSA takes {missing}; install scikit-learn", usually="scikit-learn"
        ).TruncatedSVD
        told = [words for words in map(_told, texts) if words]
        standing = Counter(word for words in told for word in set(words))
        known = sorted(sorted(standing), key=lambda word: -standing[word])[:MOST_WORDS]
        if len(told) < _FEWEST or len(known) < _FEWEST:
            raise InvalidInput(
                f"LSA is fitted to texts; got {len(told)} with {len(known)} words between them: give more"
            )
        weights = np.array([1 + math.log((1 + len(told)) / (1 + standing[word])) for word in known])
        table = _counted(told, {word: place for place, word in enumerate(known)}, weights)
        found = svd(min(dimensions, len(told) - 1, len(known) - 1), random_state=seed).fit(table)
        return cls(known, weights, np.asarray(found.components_, dtype=float))

    def embed(self, texts: list[str]) -> Float[np.ndarray, "text dimension"]:
        """Return a vector for each text; 0 where it has no word that is known."""
        vectors = _counted([_told(text) for text in texts], self._places, self._weights) @ self._directions.T
        lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
        return np.asarray(vectors / np.where(lengths == 0, 1, lengths))

    def save(self, path: str | Path) -> None:
        """Write it to a file that `load` reads."""
        told = io.BytesIO()
        np.savez(told, words=np.array(list(self._places)), weights=self._weights, directions=self._directions)
        write_whole(Path(path), told.getvalue())

    @classmethod
    def load(cls, path: str | Path) -> Lsa:
        """Read what `save` wrote.

        Raises
        ------
        InvalidInput
            When the file cannot be read, or is another.
        """
        try:
            with np.load(io.BytesIO(Path(path).read_bytes()), allow_pickle=False) as read:
                return cls([str(word) for word in read["words"]], read["weights"], read["directions"])
        except (OSError, ValueError, KeyError, EOFError, BadZipFile) as error:
            raise InvalidInput(f"{path} must be a file that `Lsa.save` wrote; {error}: name another.") from error


def _told(text: str) -> list[str]:
    return [word for word in plain(split(text)) if word not in COMMON]


def _counted(told: Sequence[Sequence[str]], places: dict[str, int], weights: NDArray[np.float64]) -> Any:
    """Return logarithms of how often each word stands in each text, weighed, each text of length 1."""
    sparse = late_module("scipy.sparse", "LSA takes {missing}; install scipy", usually="scipy")
    rows, columns, values = list[int](), list[int](), list[float]()
    for row, words in enumerate(told):
        counts = Counter(places[word] for word in words if word in places)
        said = np.array([(1 + math.log(count)) * weights[place] for place, count in counts.items()])
        rows += [row] * len(counts)
        columns += counts
        values += (said / max(float(np.linalg.norm(said)), 1e-12)).tolist()
    return sparse.csr_array((values, (rows, columns)), shape=(len(told), len(places)))
