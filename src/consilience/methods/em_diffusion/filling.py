"""Hidden pixels filled in without learning: by a constant, by the mean image, by a smooth surface.

The trivial baselines that every table prints. What was measured stays as it is.
"""

from __future__ import annotations

import math

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from consilience.ground.errors import InvalidInput, MissingDependency
from consilience.methods.em_diffusion.observation import Observations

__all__ = ["fill_biharmonic", "fill_with_constant", "fill_with_mean_image", "visible_pixels"]

Images = Float[Tensor, "image channel row column"]


def visible_pixels(observations: Observations) -> Bool[Tensor, "image channel row column"]:
    """Return which pixels are measured, where the corruption is a mask.

    Raises
    ------
    InvalidInput
        When it is anything else: when measurements are not pixels, or are not those of the image.
    """
    y, measured, shape = observations.y, observations.measured, observations.image_shape
    if tuple(y.shape[1:]) == shape:
        probe = torch.linspace(1.0, 2.0, math.prod(shape), dtype=y.dtype, device=y.device).reshape(1, *shape)
        if torch.equal(
            observations.physics.A(probe.expand_as(y)), torch.where(measured, probe, torch.zeros_like(probe))
        ):
            return measured
    raise InvalidInput(
        f"this is for masked images; {observations.physics} does more than to hide pixels: use another method for it."
    )


def fill_with_constant(observations: Observations, value: float | None = None) -> Images:
    """Give hidden pixels one value: the mean of the image's visible pixels, unless a value is given."""
    visible, y = visible_pixels(observations), observations.y
    if value is not None:
        return torch.where(visible, y, torch.full_like(y, value))
    count = visible.sum(dim=(1, 2, 3), keepdim=True).clamp(min=1)
    return torch.where(visible, y, y.sum(dim=(1, 2, 3), keepdim=True) / count)


def fill_with_mean_image(observations: Observations, images: Float[Tensor, "clean channel row column"]) -> Images:
    """Give hidden pixels the mean that clean images have there."""
    visible, y = visible_pixels(observations), observations.y
    if tuple(images.shape[1:]) != observations.image_shape:
        raise InvalidInput(
            f"clean images must be of the shape of the masked ones, {observations.image_shape}; "
            f"got {tuple(images.shape[1:])}: crop or convert them."
        )
    return torch.where(visible, y, images.to(y).mean(dim=0, keepdim=True))


def fill_biharmonic(observations: Observations) -> Images:
    """Give hidden pixels the surface of least bending through the visible ones, by scikit-image.

    Raises
    ------
    MissingDependency
        When scikit-image is not installed.
    """
    try:
        from skimage.restoration import inpaint_biharmonic  # noqa: PLC0415 - an optional package
    except ImportError as error:
        raise MissingDependency("biharmonic inpainting needs scikit-image; install consilience[em]") from error
    visible, y = visible_pixels(observations), observations.y
    filled = [
        torch.as_tensor(inpaint_biharmonic(channel, hidden))
        for channel, hidden in zip(y.flatten(0, 1).cpu().numpy(), ~visible.flatten(0, 1).cpu().numpy(), strict=True)
    ]
    return torch.where(visible, y, torch.stack(filled).to(y).reshape(y.shape))
