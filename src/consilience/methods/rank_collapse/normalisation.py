"""What may follow attention in a layer: nothing, projection onto the sphere, or layer normalisation with a gain."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from consilience.ground.errors import InvalidInput

__all__ = ["Centring", "Normalisation", "Sphere", "Unnormalised"]


class Normalisation(ABC):
    """A map of each token by itself."""

    @abstractmethod
    def __call__(self, X: Float[np.ndarray, "*batch token feature"]) -> Float[np.ndarray, "*batch token feature"]:
        """Map every token.

        Raises
        ------
        InvalidInput
            If a token is zero, or constant over features where these are centred: it has no direction to keep.
        """


@dataclass(frozen=True)
class Unnormalised(Normalisation):
    """Leave tokens as they are."""

    def __call__(self, X: Float[np.ndarray, "*batch token feature"]) -> Float[np.ndarray, "*batch token feature"]:
        """Return the tokens themselves."""
        return X


@dataclass(frozen=True)
class Sphere(Normalisation):
    """Divide every token by its Euclidean norm, which is what the theorems are about."""

    def __call__(self, X: Float[np.ndarray, "*batch token feature"]) -> Float[np.ndarray, "*batch token feature"]:
        """Return tokens of norm 1."""
        on_sphere: Float[np.ndarray, "*batch token feature"] = X / _norms(X)
        return on_sphere


@dataclass(frozen=True)
class Centring(Normalisation):
    r"""Layer normalisation as in transformers, without a bias: subtract the mean over features, scale, times a gain.

    Centring is the projection :math:`I - 11^T/d` and may be taken into :math:`W_V`; a gain is a diagonal matrix and may
    be taken into the weights of the next layer. What is left is `Sphere` times the root of d. A bias is not covered.

    Parameters
    ----------
    gain
        Factor of each feature; 1 when not given.
    """

    gain: Float[np.ndarray, " feature"] | None = None

    def __call__(self, X: Float[np.ndarray, "*batch token feature"]) -> Float[np.ndarray, "*batch token feature"]:
        """Return tokens of mean 0 and variance 1 over features, times the gain."""
        away = X - X.mean(axis=-1, keepdims=True)
        scaled: Float[np.ndarray, "*batch token feature"] = away / _norms(away) * np.sqrt(X.shape[-1]).astype(X.dtype)
        if self.gain is not None:
            scaled *= self.gain.astype(X.dtype)
        return scaled


def _norms(X: Float[np.ndarray, "*batch token feature"]) -> Float[np.ndarray, "*batch token 1"]:
    norms: Float[np.ndarray, "*batch token 1"] = np.linalg.norm(X, axis=-1, keepdims=True)
    if not (norms > 0).all():
        raise InvalidInput(
            "normalisation needs tokens that are numbers and not zero (nor constant, where they are centred); "
            f"{int((~(norms > 0)).sum())} are not."
        )
    return norms
