"""Attention layers of the dynamics lab, and where their weights come from; everything in double precision."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

from consilience.ground.errors import InvalidInput
from consilience.methods.rank_collapse.averaging import uniform_attention

__all__ = ["Averaging", "Layer", "SoftmaxAttention", "gaussian_layers", "orthogonal_layers", "random_orthogonal"]


class Layer(ABC):
    """A layer of attention: weights that may depend on the tokens, then a value matrix."""

    @abstractmethod
    def attention(self, X: Float[np.ndarray, "*batch token feature"]) -> Float[np.ndarray, "*shape"]:
        """Return row-stochastic weights that broadcast to (*batch, head, query, key)."""

    @abstractmethod
    def __call__(self, X: Float[np.ndarray, "*batch token feature"]) -> Float[np.ndarray, "*batch token feature"]:
        """Return what attention makes of the tokens."""


@dataclass(frozen=True)
class Averaging(Layer):
    """Fixed weights: tokens become averages whatever they are, as with zero queries and keys.

    Parameters
    ----------
    weights
        Row-stochastic, such as `uniform_attention` of a mask.
    value
        Value matrix; tokens are rows and multiply it from the left.
    """

    weights: Float[np.ndarray, "query key"]
    value: Float[np.ndarray, "feature out"]

    @classmethod
    def uniform(cls, allowed: Bool[np.ndarray, "query key"], width: int) -> Averaging:
        """Average uniformly over what a mask allows, with the identity as value matrix."""
        return cls(uniform_attention(allowed), np.eye(width))

    def attention(self, X: Float[np.ndarray, "*batch token feature"]) -> Float[np.ndarray, "*shape"]:  # noqa: ARG002
        """Return the fixed weights, one head."""
        return self.weights[None]

    def __call__(self, X: Float[np.ndarray, "*batch token feature"]) -> Float[np.ndarray, "*batch token feature"]:
        """Return A X W."""
        values = X @ self.value.astype(X.dtype)
        mixed: Float[np.ndarray, "*batch token feature"] = self.weights.astype(X.dtype) @ values
        return mixed


@dataclass(frozen=True)
class SoftmaxAttention(Layer):
    r"""Softmax attention over what a mask allows, :math:`\sum_h A_h X W_h`.

    Parameters
    ----------
    allowed
        The mask.
    query, key
        One matrix a head.
    value
        One matrix a head, output projection included.
    temperature
        :math:`d_{QK}`: logits are divided by its root.
    """

    allowed: Bool[np.ndarray, "query key"]
    query: Float[np.ndarray, "head feature inner"]
    key: Float[np.ndarray, "head feature inner"]
    value: Float[np.ndarray, "head feature feature"]
    temperature: float

    def __post_init__(self) -> None:
        """Refuse empty rows and temperatures that are not positive."""
        uniform_attention(self.allowed)
        if not self.temperature > 0:
            raise InvalidInput(f"`temperature` must be positive; got {self.temperature!r}.")

    def attention(self, X: Float[np.ndarray, "*batch token feature"]) -> Float[np.ndarray, "*shape"]:
        """Return the weights of every head."""
        tokens = X[..., None, :, :]
        queries, keys = tokens @ self.query.astype(X.dtype), tokens @ self.key.astype(X.dtype)
        logits = queries @ keys.swapaxes(-1, -2) / np.asarray(np.sqrt(self.temperature), X.dtype)
        logits = np.where(self.allowed, logits, -np.inf)
        weights: Float[np.ndarray, "*shape"] = np.exp(logits - logits.max(axis=-1, keepdims=True))
        weights /= weights.sum(axis=-1, keepdims=True)
        return weights

    def __call__(self, X: Float[np.ndarray, "*batch token feature"]) -> Float[np.ndarray, "*batch token feature"]:
        """Return the sum over heads of A X W."""
        heads = self.attention(X) @ (X[..., None, :, :] @ self.value.astype(X.dtype))
        total: Float[np.ndarray, "*batch token feature"] = heads.sum(axis=-3)
        return total


def gaussian_layers(
    rng: np.random.Generator,
    allowed: Bool[np.ndarray, "query key"],
    width: int,
    *,
    heads: int = 1,
    temperature: float | None = None,
    gain: float = 1.0,
) -> Iterator[SoftmaxAttention]:
    """Yield layers with fresh Gaussian weights for ever, as networks have at the start of training.

    Parameters
    ----------
    rng
        Where weights come from.
    allowed
        The mask.
    width
        Features of a token, a multiple of `heads`.
    heads
        Heads of width / heads features each.
    temperature
        What logits are divided by the root of; the width of a head when not given.
    gain
        By how much values grow on the average: entries have variance gain squared over width.
    """
    if heads < 1 or width % heads:
        raise InvalidInput(f"`width` must be a positive multiple of `heads`; got {width} and {heads}.")
    inner = width // heads
    while True:
        query, key, down = rng.standard_normal((3, heads, width, inner)) / np.sqrt(width)
        up = rng.standard_normal((heads, inner, width)) / np.sqrt(width)
        yield SoftmaxAttention(
            allowed, query, key, gain * down @ up, temperature=float(inner if temperature is None else temperature)
        )


def orthogonal_layers(
    rng: np.random.Generator,
    allowed: Bool[np.ndarray, "query key"],
    width: int,
    *,
    temperature: float | None = None,
) -> Iterator[SoftmaxAttention]:
    """Yield layers of one head with fresh Gaussian queries and keys and fresh random orthogonal values, for ever."""
    divisor = float(width if temperature is None else temperature)
    while True:
        query, key = rng.standard_normal((2, 1, width, width)) / np.sqrt(width)
        value = random_orthogonal(rng, width)[None]
        yield SoftmaxAttention(allowed, query, key, value, temperature=divisor)


def random_orthogonal(rng: np.random.Generator, width: int) -> Float[np.ndarray, "width width"]:
    """Draw an orthogonal matrix by the Haar measure."""
    basis, triangle = np.linalg.qr(rng.standard_normal((width, width)))
    return basis * np.sign(np.diag(triangle))
