"""Embedding: texts as points, near one another where they are alike. One kind here is built in, another asks a server.

A third, which is fitted to texts, is `consilience.methods.social_agents.lsa.Lsa`.
"""

from __future__ import annotations

import http.client
import json
import unicodedata
from typing import Protocol, runtime_checkable
from urllib.parse import urlsplit

import numpy as np
from jaxtyping import Float
from numpy.typing import NDArray

from consilience.ground.errors import ConsilienceError, InvalidInput
from consilience.methods.social_agents.words import COMMON, split

__all__ = ["Embedder", "EmbeddingFailed", "EndpointEmbedder", "HashedNgrams"]

_MULTIPLIER = np.uint64(0x9E3779B97F4A7C15)
_PRIME = np.uint64(0x100000001B3)
_WHOLE_WORD = np.uint64(0x51)
_HALF = np.uint64(32)
_FEWEST, _MOST, _LONGEST = 64, 65_536, 16
_MOST_REPLY_BYTES = 100_000_000


class EmbeddingFailed(ConsilienceError):
    """A server gave no vectors; what the memory holds is as it was."""


@runtime_checkable
class Embedder(Protocol):
    """What turns texts into vectors of length 1."""

    @property
    def name(self) -> str:
        """Under which vectors are kept; those of another name are made anew."""

    @property
    def dimensions(self) -> int:
        """Length of a vector."""

    def embed(self, texts: list[str]) -> Float[np.ndarray, "text dimension"]:
        """Return a vector for each text; of length 1, or 0 where a text says nothing."""


class HashedNgrams:
    """Words and pieces of words, counted into as many bins as there are dimensions.

    Needs no training and no model, so a vector depends on its own text alone. Pieces make forms of a word and slips of
    the pen alike; what means the same by other letters stays apart.

    Parameters
    ----------
    dimensions
        A power of two, from 64 to 65,536.
    shortest, longest
        Lengths of the pieces, in bytes.

    Examples
    --------
    >>> import numpy as np
    >>> vectors = HashedNgrams().embed(["the dentist on monday", "dentists, mondays", "a red bicycle"])
    >>> alike = vectors @ vectors.T
    >>> bool(alike[0, 1] > 0.4 > alike[0, 2])
    True
    """

    def __init__(self, dimensions: int = 512, *, shortest: int = 3, longest: int = 5) -> None:
        if not _FEWEST <= dimensions <= _MOST or dimensions & (dimensions - 1):
            raise InvalidInput(f"`dimensions` must be a power of two from {_FEWEST} to {_MOST}; got {dimensions}")
        if not 1 <= shortest <= longest <= _LONGEST:
            raise InvalidInput(f"pieces must be from 1 to {_LONGEST} bytes, in order; got {shortest} and {longest}")
        self.dimensions = dimensions
        """Length of a vector."""
        self.name = f"ngrams-{dimensions}-{shortest}-{longest}"
        """What it is called."""
        self._lengths = range(shortest, longest + 1)
        self._shift = np.uint64(64 - dimensions.bit_length() + 1)

    def embed(self, texts: list[str]) -> Float[np.ndarray, "text dimension"]:
        """Return a vector for each text."""
        vectors = np.zeros((len(texts), self.dimensions))
        for row, text in enumerate(texts):
            self._count(text, vectors[row])
        vectors = np.sign(vectors) * np.sqrt(np.abs(vectors))
        lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
        return vectors / np.where(lengths == 0, 1, lengths)

    def _count(self, text: str, into: NDArray[np.float64]) -> None:
        told = [word for word in split(text) if word not in COMMON]
        if not told:
            return
        spelled = unicodedata.normalize("NFKD", f" {' '.join(told)} ").encode()
        letters = np.frombuffer(spelled, dtype=np.uint8).astype(np.uint64)
        gaps = np.flatnonzero(letters == ord(" "))
        for length in self._lengths:
            if letters.size >= length:
                self._add(_pieces(letters, length), 1.0, into)
        self._add(_whole(letters, gaps), 2.0, into)

    def _add(self, hashes: NDArray[np.uint64], weight: float, into: NDArray[np.float64]) -> None:
        mixed = (hashes ^ (hashes >> _HALF)) * _MULTIPLIER
        signs = np.where(mixed & np.uint64(1), weight, -weight)
        into += np.bincount((mixed >> self._shift).astype(np.intp), weights=signs, minlength=self.dimensions)


def _pieces(letters: NDArray[np.uint64], length: int) -> NDArray[np.uint64]:
    """Return a hash of each run of letters of a length; products wrap round, as they are meant to."""
    hashes = np.full(letters.size - length + 1, length, dtype=np.uint64)
    for offset in range(length):
        hashes = hashes * _PRIME + letters[offset : letters.size - length + 1 + offset]
        hashes = hashes * _MULTIPLIER
    return hashes


def _whole(letters: NDArray[np.uint64], gaps: NDArray[np.intp]) -> NDArray[np.uint64]:
    """Return a hash of each word between two gaps: the sum of its letters, each by its place in the word."""
    places = np.arange(letters.size) - gaps[np.searchsorted(gaps, np.arange(letters.size), side="right") - 1]
    mixed = (letters + _WHOLE_WORD) * ((places.astype(np.uint64) + np.uint64(1)) * _MULTIPLIER ^ _PRIME)
    mixed *= _PRIME
    sums = np.add.reduceat(mixed ^ (mixed >> _HALF), gaps)
    return np.asarray(sums[:-1], dtype=np.uint64)  # after the last gap there is no word


class EndpointEmbedder:
    """A model at an address that speaks the embeddings protocol.

    What is embedded leaves this machine: texts of episodes, and what is recalled by.

    Parameters
    ----------
    base_url
        Up to and with the version, as in ``"http://localhost:11434/v1"``.
    model
        By the server's name for it.
    dimensions
        Length of its vectors.
    key
        Sent as bearer token; None where the server wants none.
    timeout_s
        For one reply.
    batch_size
        Texts sent at once.

    Raises
    ------
    InvalidInput
        When the address is not one, or a number is out of range.
    """

    def __init__(
        self,
        base_url: str,
        model: str,
        dimensions: int,
        *,
        key: str | None = None,
        timeout_s: float = 60.0,
        batch_size: int = 64,
    ) -> None:
        address = urlsplit(base_url)
        if address.scheme not in ("http", "https") or not address.hostname:
            raise InvalidInput(f"`base_url` reads http://host/v1; got {base_url!r}")
        if not model or dimensions < 1 or batch_size < 1 or not timeout_s > 0:
            raise InvalidInput("`model` must have a name, and `dimensions`, `batch_size` and `timeout_s` be above 0")
        self.name = f"endpoint:{model}"
        """What it is called."""
        self.dimensions = dimensions
        """Length of a vector."""
        self._address = address
        self._model = model
        self._key = key
        self._timeout_s = timeout_s
        self._batch_size = batch_size

    def __repr__(self) -> str:
        """Show the model, and never the key."""
        return f"EndpointEmbedder({self._address.geturl()!r}, {self._model!r}, {self.dimensions})"

    def embed(self, texts: list[str]) -> Float[np.ndarray, "text dimension"]:
        """Return a vector for each text.

        Raises
        ------
        EmbeddingFailed
            When the server cannot be reached, refuses, or answers something else.
        """
        vectors = np.zeros((len(texts), self.dimensions))
        said = [row for row, text in enumerate(texts) if text.strip()]
        for start in range(0, len(said), self._batch_size):
            rows = said[start : start + self._batch_size]
            vectors[rows] = self._read(self._asked([texts[row] for row in rows]), len(rows))
        lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
        return vectors / np.where(lengths == 0, 1, lengths)

    def _asked(self, texts: list[str]) -> bytes:
        kind = http.client.HTTPSConnection if self._address.scheme == "https" else http.client.HTTPConnection
        headers = {"Content-Type": "application/json", "Accept": "application/json"}
        if self._key is not None:
            headers["Authorization"] = f"Bearer {self._key}"
        body = json.dumps({"model": self._model, "input": texts, "encoding_format": "float"}).encode()
        connection = kind(self._address.hostname or "", self._address.port, timeout=self._timeout_s)
        try:
            connection.request("POST", f"{self._address.path.rstrip('/')}/embeddings", body, headers)
            answer = connection.getresponse()
            told = answer.read(_MOST_REPLY_BYTES)
        except (OSError, http.client.HTTPException) as error:
            raise EmbeddingFailed(f"{self._address.netloc} gave no vectors; {error}: see that it runs.") from error
        finally:
            connection.close()
        if answer.status != http.client.OK:
            raise EmbeddingFailed(f"{self._address.netloc} gave no vectors; it answered {answer.status}: see its log.")
        return told

    def _read(self, told: bytes, count: int) -> Float[np.ndarray, "text dimension"]:
        try:
            data = json.loads(told)["data"]
            rows = [row["embedding"] for row in sorted(data, key=lambda row: int(row["index"]))]
            vectors = np.array(rows, dtype=float)
        except (ValueError, TypeError, LookupError) as error:
            raise EmbeddingFailed(f"{self._address.netloc} answered something else than vectors.") from error
        if vectors.shape != (count, self.dimensions) or not np.isfinite(vectors).all():
            raise EmbeddingFailed(
                f"{self._address.netloc} must answer {count} vectors of {self.dimensions} numbers; "
                f"got {vectors.shape}: give the model's own `dimensions`."
            )
        return vectors
