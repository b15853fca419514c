r"""Tokens that look at one another through the first alone: with LayerNorm they keep any rank, without it none.

Token i attends to the first with weight :math:`\alpha` and to itself with the rest, and :math:`W_V = I + w\,c\,e_d^T`
for a unit vector c orthogonal to :math:`e_d`. Let :math:`x_1 = e_d`, a fixed point, and write
:math:`x_i = (a\,\hat y, b)` with a > 0. LayerNorm preserves :math:`\hat y` exactly, and :math:`\rho = b/a` follows

.. math:: \rho' = \rho + w_i + \kappa\sqrt{1 + \rho^2}, \qquad w_i = w\langle\hat y, c\rangle,\
          \kappa = \frac{\alpha}{1-\alpha}.

Besides :math:`e_d` there are two equilibria iff :math:`w_i < -\kappa`, at :math:`a^* = \kappa/|w_i|`,
:math:`b^* = \pm\sqrt{1-a^{*2}}`; a small change of :math:`\rho` is multiplied by :math:`1 + \kappa b^*`, so that the
lower one attracts, for :math:`\kappa \le 1` all that starts below the upper one. (At :math:`w_i = -\kappa` the two are
one, at :math:`\rho = 0`, which attracts from below only.) The construction is ours.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

from consilience.ground.errors import InvalidInput
from consilience.methods.rank_collapse.layers import Averaging

__all__ = ["Star"]


@dataclass(frozen=True)
class Star:
    """The system for one number of tokens and one width.

    Parameters
    ----------
    tokens
        N, at least 2.
    width
        d, at least 2.
    strength
        w, above kappa.
    pull
        alpha, in (0, 1/2], so that kappa is at most 1.
    """

    tokens: int = 12
    width: int = 8
    strength: float = 6.0
    pull: float = 0.5

    def __post_init__(self) -> None:
        """Refuse what the closed form does not cover."""
        if self.tokens < 2 or self.width < 2:  # noqa: PLR2004
            raise InvalidInput(f"a star needs at least 2 tokens in 2 dimensions; got {self.tokens} and {self.width}.")
        if not 0 < self.pull <= 0.5 or not self.strength > self.kappa:  # noqa: PLR2004
            raise InvalidInput(
                "`pull` must be in (0, 1/2] and `strength` above pull / (1 - pull); got "
                f"{self.pull!r} and {self.strength!r}."
            )

    @property
    def kappa(self) -> float:
        """Pull of the first token relative to what a token keeps of itself."""
        return self.pull / (1 - self.pull)

    @property
    def direction(self) -> Float[np.ndarray, " side"]:
        """The vector c without its last coordinate, which is zero: all others are equal."""
        return np.full(self.width - 1, 1 / math.sqrt(self.width - 1))

    @property
    def layer(self) -> Averaging:
        """Attention to the first token and itself, with the shear as value matrix."""
        weights = (1 - self.pull) * np.eye(self.tokens)
        weights[:, 0] += self.pull
        value = np.eye(self.width)
        value[:-1, -1] = self.strength * self.direction
        return Averaging(weights, value)

    def random_start(self, rng: np.random.Generator, starts: int) -> Float[np.ndarray, "start token feature"]:
        """Draw tokens uniformly on the sphere, the first of each start at its fixed point."""
        X = rng.standard_normal((starts, self.tokens, self.width))
        X[:, 0] = np.eye(self.width)[-1]
        X /= np.linalg.norm(X, axis=-1, keepdims=True)
        return X

    def equilibrium(self, rank: int) -> Float[np.ndarray, "token feature"]:
        r"""Return a well-conditioned stable equilibrium of a given rank.

        All :math:`(y, b)` with :math:`\langle y, c\rangle = -\kappa/w` and norm 1 are equilibria. One token takes no
        more of y than that, the others add a direction each, orthogonal to c; the rest of the tokens stand at
        :math:`e_d`.

        Raises
        ------
        InvalidInput
            If the rank is not from 1 to min(N, d).
        """
        highest = min(self.tokens, self.width)
        if not 1 <= rank <= highest:
            raise InvalidInput(f"`rank` must be from 1 to {highest}; got {rank!r}.")
        least = self.kappa / self.strength
        X = np.zeros((self.tokens, self.width))
        X[:, -1] = 1.0
        sides = np.tile(-least * self.direction, (rank - 1, 1))
        sides[1:] += math.sqrt((1 - least**2) / 2) * _complement(self.direction)[: max(rank - 2, 0)]
        X[1:rank, :-1] = sides
        X[1:rank, -1] = -np.sqrt(1 - (sides**2).sum(axis=1))
        return X

    def multiplier(self, token: Float[np.ndarray, " feature"]) -> float:
        """Return the factor by which a small change of b / a at an equilibrium grows in a layer with LayerNorm."""
        return 1 + self.kappa * float(token[-1])

    def alive(self, X: Float[np.ndarray, "*start token feature"]) -> Bool[np.ndarray, "*start token"]:
        """Say which tokens LayerNorm will keep away from the first one, wherever the others are."""
        a, tilt = self._tilt(X)
        below = X[..., -1] < a * np.sqrt(np.maximum(tilt**2 / self.kappa**2 - 1, 0.0))
        alive: Bool[np.ndarray, "*start token"] = (a > 0) & (tilt < -self.kappa) & below
        return alive

    def limit(self, X: Float[np.ndarray, "*start token feature"]) -> Float[np.ndarray, "*start token feature"]:
        """Return where tokens end with LayerNorm, in closed form.

        Parameters
        ----------
        X
            Tokens of norm 1, the first at :math:`e_d`.
        """
        a, tilt = self._tilt(X)
        alive = self.alive(X)
        share = np.divide(self.kappa, -tilt, out=np.zeros_like(tilt), where=alive)
        ends = np.zeros_like(X)
        ends[..., :-1] = X[..., :-1] * np.divide(share, a, out=np.zeros_like(a), where=alive)[..., None]
        ends[..., -1] = np.where(alive, -np.sqrt(1 - share**2), 1.0)
        return ends

    def limit_rank(self, X: Float[np.ndarray, "*start token feature"]) -> np.ndarray:
        """Return the rank of the limit for tokens in general position: one more than those alive, as far as d goes."""
        rank: np.ndarray = 1 + np.minimum(self.alive(X).sum(axis=-1), self.width - 1)
        return rank

    def unnormalised(
        self, X: Float[np.ndarray, "*start token feature"], layers: int
    ) -> Float[np.ndarray, "*start token feature"]:
        r"""Return tokens after a number of layers *without* LayerNorm, in closed form.

        Differences from the first token follow :math:`D_t = (1-\alpha)^t D_0 W_V^t` with
        :math:`W_V^t = I + t w\,c\,e_d^T`: mu falls like :math:`t (1-\alpha)^t` where differences have a part along c.
        """
        away = X - X[..., :1, :]
        power = np.eye(self.width)
        power[:-1, -1] = layers * self.strength * self.direction
        shrunk = (1 - self.pull) ** layers * (away @ power)
        tokens: Float[np.ndarray, "*start token feature"] = X[..., :1, :] @ power + shrunk
        return tokens

    def _tilt(self, X: Float[np.ndarray, "*start token feature"]) -> tuple[np.ndarray, np.ndarray]:
        """Return a and w_i of every token; where a is zero, w_i is zero too."""
        a: np.ndarray = np.linalg.norm(X[..., :-1], axis=-1)
        tilt = self.strength * (X[..., :-1] @ self.direction)
        return a, np.divide(tilt, a, out=np.zeros_like(tilt), where=a > 0)


def _complement(direction: Float[np.ndarray, " side"]) -> Float[np.ndarray, "basis side"]:
    """Return an orthonormal basis of what is orthogonal to a unit vector, by a Householder reflection."""
    reflected = direction.copy()
    reflected[0] += math.copysign(1.0, direction[0])
    reflected /= np.linalg.norm(reflected)
    mirrored: Float[np.ndarray, "side side"] = np.eye(direction.size) - 2 * np.outer(reflected, reflected)
    return mirrored[1:]
