r"""One system whose equilibria have every rank at once: the full causal mask, LayerNorm, and a ladder as value matrix.

Attention is uniform and causal over N tokens in d dimensions, and :math:`W_V = I + w S` where the shift S maps
:math:`e_q` to :math:`e_{q+1}`, and :math:`e_d` to nothing. For w > N there is an equilibrium of each rank k from 1 to
min(N, d): the first N - k + 1 tokens stand at :math:`e_d`, and each one after them reaches one coordinate further down.
Existence is all that this shows: for N of 3 or more most of them are unstable. The construction is ours; that such
systems exist is the claim of arXiv:2405.18781.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from consilience.ground.errors import InvalidInput
from consilience.methods.rank_collapse.averaging import uniform_attention
from consilience.methods.rank_collapse.layers import Averaging
from consilience.methods.rank_collapse.masks import Causal

__all__ = ["Ladder"]


@dataclass(frozen=True)
class Ladder:
    """The system for one number of tokens and one width.

    Parameters
    ----------
    tokens
        N, at least 1.
    width
        d, at least 2.
    strength
        w, above N.
    """

    tokens: int
    width: int
    strength: float

    def __post_init__(self) -> None:
        """Refuse sizes and strengths for which not every rank has an equilibrium."""
        if self.tokens < 1 or self.width < 2 or not self.strength > self.tokens:  # noqa: PLR2004
            raise InvalidInput(
                "`tokens` must be at least 1, `width` at least 2 and `strength` above `tokens`; got "
                f"{self.tokens!r}, {self.width!r} and {self.strength!r}."
            )

    @property
    def highest_rank(self) -> int:
        """The rank of tokens in general position."""
        return min(self.tokens, self.width)

    @property
    def layer(self) -> Averaging:
        """Uniform causal attention with the ladder as value matrix; `Sphere` follows it."""
        value = np.eye(self.width) + self.strength * np.eye(self.width, k=1)
        return Averaging(uniform_attention(Causal().array(self.tokens)), value)

    def equilibrium(self, rank: int, signs: Float[np.ndarray, " climber"] | None = None) -> np.ndarray:
        r"""Return tokens of norm 1 that the layer and `Sphere` map to themselves.

        A token i past the first m = N - k + 1 must solve :math:`S + x_i W_V = x_i`, where S is the sum of what the
        tokens before it contribute: :math:`x_i[q] = -S[q+1]/w`, and the last coordinate completes the norm. S is
        :math:`m e_d` for the first of them and :math:`x_{i-1}` for the others.

        Parameters
        ----------
        rank
            k, from 1 to `highest_rank`.
        signs
            Signs of the last coordinates of the k - 1 tokens; all positive when not given.

        Returns
        -------
        array
            Of shape (N, d).

        Raises
        ------
        InvalidInput
            If there is no such rank, or signs are not as many as tokens that climb.
        """
        self._require(rank)
        together = self.tokens - rank + 1
        X = np.zeros((self.tokens, self.width))
        X[:together, -1] = 1.0
        chosen = np.ones(rank - 1) if signs is None else signs
        if chosen.shape != (rank - 1,) or not (np.abs(chosen) == 1).all():
            raise InvalidInput(f"`signs` must be {rank - 1} numbers, each 1 or -1; got {signs!r}.")
        sum_before = together * X[0]
        for token, sign in zip(range(together, self.tokens), chosen, strict=True):
            X[token, :-1] = -sum_before[1:] / self.strength
            X[token, -1] = sign * math.sqrt(1 - float(X[token, :-1] @ X[token, :-1]))
            sum_before = X[token]
        return X

    def pivots(self, rank: int) -> Float[np.ndarray, " rank"]:
        """Return the entries whose product is a minor of the equilibrium: the certificate of its rank.

        The last `rank` tokens on the last `rank` coordinates, taken in reverse, are a triangular matrix with these on
        its diagonal. None of them is zero; singular values get too small to show that.
        """
        X = self.equilibrium(rank)
        climbers = np.arange(rank)
        return X[self.tokens - rank + climbers, self.width - 1 - climbers]

    def _require(self, rank: int) -> None:
        if not 1 <= rank <= self.highest_rank:
            raise InvalidInput(f"`rank` must be from 1 to {self.highest_rank}; got {rank!r}.")
