"""Objectives side by side on labelled texts: how they connect tokens, what is promised, what a probe reads."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Float, Int

from consilience.ground.errors import InvalidInput
from consilience.methods.pretraining_objectives.bound import ProbeBound, probe_bound
from consilience.methods.pretraining_objectives.corpus import Corpus
from consilience.methods.pretraining_objectives.joint import Joint, cooccurrence
from consilience.methods.pretraining_objectives.probe import Folds, Probed, probed
from consilience.methods.pretraining_objectives.spectra import Method, Spectrum, spectrum
from consilience.methods.pretraining_objectives.targets import as_targets
from consilience.methods.pretraining_objectives.words import Lexicon

__all__ = ["Connection", "LabelledTokens"]

FIRST_TOKENS = 64
"""Tokens of a document that its features are averaged over."""


@dataclass(frozen=True, kw_only=True)
class Connection:
    """One objective on one corpus."""

    targets: str
    spectrum: Spectrum
    """Of all documents."""
    bound: ProbeBound
    """With labels of tokens as distributions: what documents with this token are labelled."""
    next_token: float
    """Share of what features of this width can keep of the next token's matrix, that these keep."""
    probed: Probed
    """With features learned from the parts that are not tested."""


@dataclass(frozen=True)
class LabelledTokens:
    """Documents as numbers of tokens, with labels, in parts.

    Parameters
    ----------
    documents
    lexicon
    folds
    rank
        Width of the features.
    method
        How singular values are found.
    """

    documents: Sequence[Int[np.ndarray, " _"]]
    lexicon: Lexicon
    folds: Folds
    rank: int
    method: Method = "auto"

    @classmethod
    def of(
        cls, corpus: Corpus, *, vocabulary: int = 1024, rank: int = 64, seed: int = 0, method: Method = "auto"
    ) -> LabelledTokens:
        """Read a corpus.

        Raises
        ------
        InvalidInput
            If the vocabulary is no larger than the features are wide, or labels are too few.
        """
        lexicon = Lexicon.learned(corpus.texts, vocabulary)
        if lexicon.size <= rank + 1:
            raise InvalidInput(
                f"the vocabulary must be larger than `rank` + 1; got {lexicon.size} words and rank {rank}: "
                "lower --rank or give more text"
            )
        labels = np.array([corpus.classes.index(label) for label in corpus.labels])
        documents = [lexicon.encode(text) for text in corpus.texts]
        return cls(documents, lexicon, Folds.drawn(labels, seed=seed), rank, method)

    def connection(self, targets: str) -> Connection:
        """Measure one objective, such as ``"ahead:1"`` or ``"around:32"``."""
        parts = [self._counted(targets, number) for number in range(self.folds.count)]
        whole = self._spectrum(Joint.of(sum(part.probabilities * weight for part, weight in parts)))
        tables = [self._without(parts, number) for number in range(self.folds.count)]
        return Connection(
            targets=targets,
            spectrum=whole,
            bound=probe_bound(whole, self._token_labels, rank=self.rank),
            next_token=self._kept_of_next(whole),
            probed=probed(lambda number: self.averaged(tables[number]), self.folds),
        )

    def baselines(self, seed: int = 0) -> dict[str, Probed]:
        """Probe what learned from no objective: features drawn at random, and the bag of tokens itself."""
        random = np.random.default_rng(seed).standard_normal((self.lexicon.size, self.rank))
        tables: dict[str, Callable[[int], Float[np.ndarray, "document feature"]]] = {
            "random features": lambda _: self.averaged(random),
            "bag of tokens": lambda _: self.lexicon.bags(self._beginnings),
        }
        return {name: probed(table, self.folds) for name, table in tables.items()}

    def averaged(self, table: Float[np.ndarray, "token feature"]) -> Float[np.ndarray, "document feature"]:
        """Return the mean features of every document's first tokens."""
        return np.array([table[document].mean(axis=0) for document in self._beginnings])

    def _counted(self, targets: str, part: int) -> tuple[Joint, float]:
        """Return what a part's documents say, and their weight among all."""
        chosen = [document for document, where in zip(self.documents, self.folds.part, strict=True) if where == part]
        joint = cooccurrence(chosen, as_targets(targets), size=self.lexicon.size)
        return joint, float(sum(map(len, chosen)))

    def _without(self, parts: list[tuple[Joint, float]], tested: int) -> Float[np.ndarray, "token feature"]:
        others = (joint.probabilities * weight for number, (joint, weight) in enumerate(parts) if number != tested)
        return self._spectrum(Joint.of(sum(others))).features(self.rank)

    def _spectrum(self, joint: Joint) -> Spectrum:
        return spectrum(joint, self.rank, method=self.method)

    def _kept_of_next(self, found: Spectrum) -> float:
        matrix = self._next.joint.normalised
        seen = found.left[:, : self.rank].T @ matrix
        return float((seen**2).sum() / (self._next.values[: self.rank] ** 2).sum())

    @cached_property
    def _next(self) -> Spectrum:
        return self._spectrum(cooccurrence(self.documents, "ahead:1", size=self.lexicon.size))

    @cached_property
    def _beginnings(self) -> list[Int[np.ndarray, " _"]]:
        return [document[:FIRST_TOKENS] for document in self.documents]

    @cached_property
    def _token_labels(self) -> Float[np.ndarray, "token label"]:
        """Return how documents with a token are labelled; evenly, where there is none."""
        classes = int(self.folds.labels.max()) + 1
        counts = np.zeros((self.lexicon.size, classes))
        for document, label in zip(self.documents, self.folds.labels, strict=True):
            np.add.at(counts[:, label], document, 1.0)
        totals = counts.sum(axis=1, keepdims=True)
        return np.where(totals > 0, counts / np.maximum(totals, 1), 1 / classes)
