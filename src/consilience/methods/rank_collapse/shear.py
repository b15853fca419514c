r"""Two tokens in the plane under a shear: the smallest system in which LayerNorm keeps rank two.

The mask is causal, attention uniform, the value matrix :math:`(a, b) \mapsto (a, b + w a)` with w > 1, and LayerNorm
projects onto the circle. The first token goes to (0, 1) or (0, -1). Given :math:`x_1 = (0, 1)` the second moves by
:math:`x_2 \mapsto (a, 1 + b + w a) / \|\cdot\|`, unless it is (0, -1), which becomes zero; this has three fixed points.
The construction is ours and shows the picture of arXiv:2405.18781, figure 1, whose matrices are not known to us.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Bool, Float

from consilience.ground.errors import InvalidInput
from consilience.methods.rank_collapse.averaging import uniform_attention
from consilience.methods.rank_collapse.layers import Averaging
from consilience.methods.rank_collapse.masks import Causal

__all__ = ["Point", "Shear"]

Point = Literal["together", "apart", "watershed"]
"""Fixed points of the second token: at the first token, stable away from it, and unstable between the two."""


@dataclass(frozen=True)
class Shear:
    """The system for one strength of the shear.

    Parameters
    ----------
    strength
        w, above 1.

    Examples
    --------
    >>> shear = Shear(2.0)
    >>> round(shear.multiplier("apart"), 6), round(shear.basin, 6)
    (0.133975, 0.416667)
    """

    strength: float

    def __post_init__(self) -> None:
        """Refuse shears under which no fixed point apart from the first token attracts from both sides."""
        if not self.strength > 1:
            raise InvalidInput(f"`strength` must be above 1, or nothing keeps tokens apart; got {self.strength!r}.")

    @property
    def layer(self) -> Averaging:
        """Uniform causal attention with the shear as value matrix; `Sphere` follows it."""
        return Averaging(uniform_attention(Causal().array(2)), np.array([[1.0, self.strength], [0.0, 1.0]]))

    @property
    def height(self) -> float:
        """Second coordinate of the watershed, the root of 1 - 1 / w squared."""
        return math.sqrt(1 - 1 / self.strength**2)

    def fixed_point(self, which: Point) -> Float[np.ndarray, "token=2 feature=2"]:
        """Return both tokens, the first at (0, 1), which the layer maps to themselves."""
        second = {
            "together": (0.0, 1.0),
            "apart": (-1 / self.strength, -self.height),
            "watershed": (-1 / self.strength, self.height),
        }[which]
        return np.array([(0.0, 1.0), second])

    def multiplier(self, which: Point) -> float:
        """Return the factor by which a small turn of the second token away from a fixed point grows in a layer."""
        return {"together": 0.5, "apart": 1 - self.height, "watershed": 1 + self.height}[which]

    @property
    def basin(self) -> float:
        """Share of the circle from which the second token ends apart: from the watershed down to (0, -1)."""
        return (math.pi - math.asin(1 / self.strength)) / (2 * math.pi)

    def ends_apart(self, second: Float[np.ndarray, "*start 2"]) -> Bool[np.ndarray, "*start"]:
        """Say of starts of the second token whether it ends apart from the first: left of it, below the watershed."""
        steepness = self.strength * self.height
        apart: Bool[np.ndarray, "*start"] = (second[..., 0] < 0) & (second[..., 1] < -steepness * second[..., 0])
        return apart
