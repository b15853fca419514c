"""Which tokens a token is asked to predict: those ahead of it, those around it, or any other of its document.

For contexts of one token the share that a masked objective hides cancels: whatever the ratio, every pair of a visible
and a hidden token of a window is equally likely. What tells objectives apart is where the targets lie.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Int
from scipy import sparse

from consilience.ground.errors import InvalidInput

__all__ = ["Ahead", "Anywhere", "Around", "Targets", "as_targets"]

Stream = Int[np.ndarray, " place"]
"""Documents one after the other, or their numbers."""
_FORM = "expected 'ahead:K', 'around:RADIUS' or 'anywhere', such as 'ahead:1' for the next token"


class Targets(ABC):
    """Where the targets of a token lie."""

    @property
    @abstractmethod
    def name(self) -> str:
        """How `as_targets` writes it."""

    @property
    @abstractmethod
    def effective(self) -> float:
        r"""How many equally weighted targets would be as diverse, :math:`1 / \sum_k w_k^2`."""

    @abstractmethod
    def counts(self, tokens: Stream, document: Stream, size: int) -> sparse.csr_array:
        """Return how often, weighted, a token (row) has another (column) as its target.

        Parameters
        ----------
        tokens
            All documents, one after the other.
        document
            Number of the document that each of them belongs to; pairs never cross documents.
        size
            Of the vocabulary.
        """


@dataclass(frozen=True)
class Ahead(Targets):
    """The next tokens, as many as there are weights: one is next-token prediction, several are its diverse kin.

    Examples
    --------
    >>> Ahead.of(4).effective, Ahead((0.5, 0.25, 0.25)).effective
    (4.0, 2.66...)
    """

    weights: tuple[float, ...] = (1.0,)
    """Of the tokens one, two, ... places ahead; each above 0."""

    def __post_init__(self) -> None:
        """Refuse no offsets and weights that are not above 0."""
        if not self.weights or min(self.weights) <= 0:
            raise InvalidInput(f"`weights` must be one number above 0 for each offset; got {self.weights}")

    @classmethod
    def of(cls, offsets: int) -> Ahead:
        """Return the next `offsets` tokens with equal weights."""
        return cls((1.0,) * offsets)

    @property
    def name(self) -> str:
        """The number of offsets."""
        return f"ahead:{len(self.weights)}"

    @property
    def effective(self) -> float:
        """How many equal weights would be as diverse."""
        weights = np.array(self.weights) / sum(self.weights)
        return float(1 / (weights**2).sum())

    def counts(self, tokens: Stream, document: Stream, size: int) -> sparse.csr_array:
        """Count pairs at every offset within documents."""
        total = sparse.csr_array((size, size))
        for offset, weight in enumerate(self.weights, start=1):
            whole = document[:-offset] == document[offset:]
            total = total + weight * _counted(tokens[:-offset][whole], tokens[offset:][whole], size)
        return sparse.csr_array(total)


@dataclass(frozen=True)
class Around(Targets):
    """Every token at most `radius` places before or after, as under a mask that is drawn in a window."""

    radius: int
    """At least 1."""

    def __post_init__(self) -> None:
        """Refuse a radius below 1."""
        if self.radius < 1:
            raise InvalidInput(f"`radius` must be at least 1; got {self.radius}")

    @property
    def name(self) -> str:
        """The radius."""
        return f"around:{self.radius}"

    @property
    def effective(self) -> float:
        """Twice the radius."""
        return 2.0 * self.radius

    def counts(self, tokens: Stream, document: Stream, size: int) -> sparse.csr_array:
        """Count pairs ahead, and the same pairs the other way round."""
        ahead = Ahead.of(self.radius).counts(tokens, document, size)
        return sparse.csr_array(ahead + ahead.T)


@dataclass(frozen=True)
class Anywhere(Targets):
    """Every other token of the document, as under a mask that is drawn over all of it."""

    @property
    def name(self) -> str:
        """One word."""
        return "anywhere"

    @property
    def effective(self) -> float:
        """As many as a document has; infinite here."""
        return float("inf")

    def counts(self, tokens: Stream, document: Stream, size: int) -> sparse.csr_array:
        """Count pairs of different places of a document, each document with as much weight as it has tokens."""
        lengths = np.bincount(document).astype(float)
        table = _counted(document, tokens, size, rows=len(lengths))
        weights = sparse.diags_array(1 / np.maximum(lengths - 1, 1))
        with_themselves = sparse.diags_array((weights @ table).sum(axis=0))
        return sparse.csr_array((table.T @ weights @ table - with_themselves).tocsr())


def as_targets(name: str) -> Targets:
    """Read targets as people write them.

    Raises
    ------
    InvalidInput
        If they are not of a known form.

    Examples
    --------
    >>> as_targets("around:32")
    Around(radius=32)
    >>> as_targets("ahead:4").effective
    4.0
    """
    kind, _, number = name.strip().partition(":")
    try:
        if kind == "ahead" and int(number) >= 1:
            return Ahead.of(int(number))
        if kind == "around":
            return Around(int(number))
    except ValueError:
        pass
    if name.strip() == "anywhere":
        return Anywhere()
    raise InvalidInput(f"unknown targets {name!r}; {_FORM}")


def joined(documents: Sequence[Int[np.ndarray, " _"]]) -> tuple[Stream, Stream]:
    """Return documents one after the other, and the number of the document at every place."""
    lengths = [len(document) for document in documents]
    return np.concatenate(documents), np.repeat(np.arange(len(documents)), lengths)


def _counted(rows_of: Stream, columns_of: Stream, size: int, *, rows: int | None = None) -> sparse.csr_array:
    ones = np.ones(len(rows_of))
    return sparse.coo_array((ones, (rows_of, columns_of)), shape=(rows or size, size)).tocsr()
