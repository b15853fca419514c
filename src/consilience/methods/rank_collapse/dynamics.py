"""Tokens layer after layer: attention, perhaps a skip connection, then perhaps a normalisation."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice

import numpy as np
from jaxtyping import Float

from consilience.ground.errors import InvalidInput
from consilience.methods.rank_collapse.layers import Layer
from consilience.methods.rank_collapse.normalisation import Normalisation, Unnormalised

__all__ = ["Dynamics", "mu", "relative_mu"]


@dataclass(frozen=True)
class Dynamics:
    r"""What one layer does to tokens: :math:`X \mapsto N(s X + F(X))`.

    Parameters
    ----------
    normalisation
        N, applied to every token.
    skip
        s, the strength of the skip connection; 0 for none.

    Examples
    --------
    >>> from itertools import repeat
    >>> from consilience.methods.rank_collapse.layers import Averaging
    >>> from consilience.methods.rank_collapse.masks import Complete
    >>> tokens = np.random.default_rng(0).standard_normal((4, 2))
    >>> layer = Averaging.uniform(Complete().array(4), width=2)
    >>> [round(float(mu(X)), 12) > 0 for X in Dynamics().run(tokens, repeat(layer), depth=2)]
    [True, False, False]
    """

    normalisation: Normalisation = field(default_factory=Unnormalised)
    skip: float = 0.0

    def step(
        self, X: Float[np.ndarray, "*batch token feature"], layer: Layer
    ) -> Float[np.ndarray, "*batch token feature"]:
        """Return the tokens after one layer."""
        made = layer(X)
        return self.normalisation(made + self.skip * X if self.skip else made)

    def run(
        self, X: Float[np.ndarray, "*batch token feature"], layers: Iterable[Layer], depth: int | None = None
    ) -> Iterator[Float[np.ndarray, "*batch token feature"]]:
        """Yield the tokens at the start and after every layer.

        Parameters
        ----------
        X
            Tokens at the start, finite; any number of batch axes before them.
        layers
            What is applied, one after the other.
        depth
            How many of them; all when not given.

        Raises
        ------
        InvalidInput
            If tokens at the start are not finite, or a token has nothing left to normalise.
        """
        if not np.isfinite(X).all():
            raise InvalidInput(f"tokens must be finite; {int((~np.isfinite(X)).sum())} of {X.size} numbers are not.")
        yield X
        for layer in islice(layers, depth):
            X = self.step(X, layer)
            yield X

    def final(
        self, X: Float[np.ndarray, "*batch token feature"], layers: Iterable[Layer], depth: int
    ) -> Float[np.ndarray, "*batch token feature"]:
        """Return the tokens after `depth` layers."""
        for current in self.run(X, layers, depth):
            X = current
        return X


def mu(X: Float[np.ndarray, "*batch token feature"]) -> Float[np.ndarray, "*batch"]:
    """Return the Frobenius distance of tokens from their mean, in two passes: one pass loses it to rounding."""
    return np.asarray(np.linalg.norm(X - X.mean(axis=-2, keepdims=True), axis=(-2, -1)))


def relative_mu(X: Float[np.ndarray, "*batch token feature"]) -> Float[np.ndarray, "*batch"]:
    """Return mu over the Frobenius norm of the tokens: between 0 (all equal) and 1 (their mean is zero)."""
    return np.asarray(mu(X) / np.linalg.norm(X, axis=(-2, -1)))
