r"""Total variation: the image of least variation that fits its measurements, for any linear corruption.

.. math:: \min_x\ \tfrac12\|Ax-y\|^2+w\sum_i\|(Dx)_i\|_2

with forward differences :math:`D`, every channel by itself; for :math:`A=I` it is what scikit-image's
``denoise_tv_chambolle`` minimises. Solved for all images at once by the primal-dual method of Condat
(doi:10.1007/s10957-012-0245-9) and Vu, whose steps are products with :math:`A, A^T, D, D^T` and a projection.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from consilience.ground.errors import InvalidInput
from consilience.methods.em_diffusion.observation import Observations

__all__ = ["TunedWeight", "restore_tv", "tune_tv"]

SQUARED_NORM_OF_DIFFERENCES = 8.0

WEIGHTS = tuple(round(10 ** (-3 + place / 4), 6) for place in range(13))
"""Tried by `tune_tv`: four a decade, from 0.001 to 1, in units of pixels."""

Images = Float[Tensor, "image channel row column"]
Field = Float[Tensor, "axis image channel row column"]


@torch.no_grad()
def restore_tv(observations: Observations, weight: float, *, iterations: int = 300) -> Images:
    """Restore images by total variation.

    Parameters
    ----------
    observations : Observations
        Measurements of any linear corruption; they must be finite, and are taken in their own units.
    weight : float
        Of the variation, positive, in units of pixels: noise asks for about its standard deviation.
    iterations : int
        Two products with the corruption each. The default leaves an objective within 0.1% of the least, but for weights
        below some 1% of the pixels' scale: there, hidden pixels are still on their way from zero, which is a smoothing
        of its own and on digits scores up to half a decibel above the minimum. A tuned weight profits from it.

    Returns
    -------
    tensor, shape (image, channel, row, column)
        An image does not depend on those it is restored with.
    """
    if not weight > 0 or iterations < 1:
        raise InvalidInput(f"`weight` must be positive and `iterations` at least 1; got {weight} and {iterations}.")
    physics, y = observations.physics, observations.y
    image = physics.A_adjoint(y)
    smoothness = _squared_norms(observations, like=image)
    scale = image.flatten(1).std(dim=1).reshape(-1, 1, 1, 1).clamp(min=torch.finfo(y.dtype).eps)
    # The dual variable is at most as large as the weight, and not much larger than the image, which has its scale.
    ascent = (weight / scale).clamp(max=1.0) / SQUARED_NORM_OF_DIFFERENCES**0.5
    # Half the smoothness would do; a power iteration stays below it.
    descent = 1.0 / (0.6 * smoothness + SQUARED_NORM_OF_DIFFERENCES * ascent)
    dual = torch.zeros(2, *image.shape, dtype=image.dtype, device=image.device)
    for _ in range(iterations):
        gradient = physics.A_adjoint(physics.A(image) - y) + _differences_adjoint(dual)
        renewed = image - descent * gradient
        dual = _within(dual + ascent * _differences(2.0 * renewed - image), weight)
        image = renewed
    return image


@dataclass(frozen=True, kw_only=True)
class TunedWeight:
    """What `tune_tv` found."""

    weight: float
    """The weight of the highest mean PSNR."""
    mean_squared_errors: dict[float, float]
    """Every weight tried and the geometric mean over images of their mean squared errors."""

    @property
    def at_the_edge(self) -> bool:
        """Whether the best weight is the first or last of those tried: then others should be."""
        return self.weight in (min(self.mean_squared_errors), max(self.mean_squared_errors))


def tune_tv(
    observations: Observations, truth: Images, *, weights: Sequence[float] = WEIGHTS, iterations: int = 300
) -> TunedWeight:
    """Pick the weight by mean PSNR on images of which the truth is known: others than those reported on.

    Parameters
    ----------
    observations, truth
        A validation split and its clean images.
    weights : sequence of float
    iterations : int
        As in `restore_tv`.
    """
    if len(truth) != len(observations) or not weights:
        raise InvalidInput(
            f"expected at least one weight, and a clean image for each of {len(observations)} observations; "
            f"got {len(weights)} weights and {len(truth)} images."
        )
    errors = {}
    for weight in weights:
        difference = (restore_tv(observations, weight, iterations=iterations) - truth).double()
        # Mean PSNR is the logarithm of this, whatever the range of the pixels.
        errors[weight] = float((difference**2).mean(dim=(1, 2, 3)).log().mean().exp())
    return TunedWeight(weight=min(errors, key=errors.__getitem__), mean_squared_errors=errors)


def _differences(image: Images) -> Field:
    """Return forward differences along rows and columns, zero where an image ends."""
    field = torch.zeros(2, *image.shape, dtype=image.dtype, device=image.device)
    field[0, :, :, :-1] = image[:, :, 1:] - image[:, :, :-1]
    field[1, :, :, :, :-1] = image[:, :, :, 1:] - image[:, :, :, :-1]
    return field


def _differences_adjoint(field: Field) -> Images:
    image = torch.zeros_like(field[0])
    image[:, :, 1:] += field[0, :, :, :-1]
    image[:, :, :-1] -= field[0, :, :, :-1]
    image[:, :, :, 1:] += field[1, :, :, :, :-1]
    image[:, :, :, :-1] -= field[1, :, :, :, :-1]
    return image


def _within(field: Field, radius: float) -> Field:
    """Return the field with every vector cut to the radius."""
    cut: Tensor = field / (field.norm(dim=0, keepdim=True) / radius).clamp(min=1.0)
    return cut


def _squared_norms(observations: Observations, *, like: Images, iterations: int = 30) -> Float[Tensor, "image 1 1 1"]:
    r"""Return every image's :math:`\|A\|^2` by power iteration."""
    generator = torch.Generator().manual_seed(0)
    vector = torch.randn(like.shape[1:], generator=generator).to(like).expand_as(like)
    size = torch.ones_like(like[:, :1, :1, :1])
    for _ in range(iterations):
        vector = observations.physics.A_adjoint(observations.physics.A(vector))
        size = vector.flatten(1).norm(dim=1).reshape(-1, 1, 1, 1).clamp(min=torch.finfo(like.dtype).eps)
        vector = vector / size
    return size
