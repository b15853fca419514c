"""Every way in which the room corrupts images, under deepinv's words, and whether a prior can be found through it.

Masks, blurs and projections live in files of their own and are named here as well, so that ``corruption`` is where to
look. Two more need no file: noise alone, and one corruption after another.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, final

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from consilience.ground.errors import InvalidInput, UnknownName
from consilience.methods.em_diffusion.blur import Blur
from consilience.methods.em_diffusion.mask import Inpainting
from consilience.methods.em_diffusion.physics import (
    Corruption,
    Physics,
    Rows,
    checked_image_shape,
    measured_entries,
    noise_std_of,
    per_image,
    take_images,
)
from consilience.methods.em_diffusion.projection import Downsampling, RandomProjection

__all__ = [
    "Blur",
    "Composition",
    "Corruption",
    "Denoising",
    "Downsampling",
    "Inpainting",
    "Physics",
    "RandomProjection",
    "Rows",
    "is_identifiable",
    "measured_entries",
    "noise_std_of",
    "per_image",
    "restored",
    "take_images",
    "unidentifiable_because",
]


@final
class Denoising(Corruption):
    """Nothing but noise: the operator is the identity.

    Examples
    --------
    >>> Denoising(noise_std=0.5).A(torch.ones(1, 1, 1, 1)).item()
    1.0
    """

    def A(  # noqa: N802 - deepinv's word
        self, x: Float[Tensor, "image channel row column"]
    ) -> Float[Tensor, "image channel row column"]:
        """Return the images."""
        self._check_images(x)
        return x

    def A_adjoint(  # noqa: N802 - deepinv's word
        self, y: Float[Tensor, "image channel row column"]
    ) -> Float[Tensor, "image channel row column"]:
        """Return the measurements."""
        return self.A(y)

    def A_dagger(  # noqa: N802 - deepinv's word
        self, y: Float[Tensor, "image channel row column"]
    ) -> Float[Tensor, "image channel row column"]:
        """Return the measurements."""
        return self.A(y)

    def shape_of_measurement(self, image_shape: tuple[int, ...]) -> tuple[int, ...]:
        """Return the image shape itself."""
        checked_image_shape(image_shape)
        return image_shape


@final
class Composition(Corruption):
    """One corruption after another, noise at the end: ``second.A(first.A(x))``.

    Parameters
    ----------
    second
        Applied to what `first` returns; its noise is the noise of the whole unless `noise_std` is given.
    first
        Applied to the image; without noise, since `second` would colour it.
    noise_std
        Noise level of the whole.

    Notes
    -----
    There is no pseudo-inverse in closed form: that of a product is in general not the product of the two.

    Examples
    --------
    >>> low = Composition(Downsampling(2, noise_std=0.1), Blur.gaussian(1.0, 3))
    >>> low(torch.zeros(2, 1, 8, 8)).shape
    torch.Size([2, 1, 4, 4])
    """

    def __init__(self, second: Corruption, first: Corruption, *, noise_std: float | Tensor | None = None) -> None:
        super().__init__(noise_std=second.noise_std if noise_std is None else noise_std)
        if bool(torch.as_tensor(first.noise_std).any()):
            raise InvalidInput(
                f"the first of two corruptions must be free of noise, which the second would colour; got "
                f"{first.noise_std}: give `noise_std` to the composition."
            )
        self.second, self.first = second, first

    def A(  # noqa: N802 - deepinv's word
        self, x: Float[Tensor, "image channel row column"]
    ) -> Float[Tensor, "image ..."]:
        """Apply the first operator, then the second."""
        self._check_images(x)
        self.shape_of_measurement(tuple(x.shape[1:]))
        return self.second.A(self.first.A(x))

    def A_adjoint(  # noqa: N802 - deepinv's word
        self, y: Float[Tensor, "image ..."]
    ) -> Float[Tensor, "image channel row column"]:
        """Apply the second transpose, then the first."""
        self._check_images(y)
        return self.first.A_adjoint(self.second.A_adjoint(y))

    def shape_of_measurement(self, image_shape: tuple[int, ...]) -> tuple[int, ...]:
        """Return what the second makes of what the first makes of an image."""
        return self.second.shape_of_measurement(self.first.shape_of_measurement(image_shape))

    def measured(self, y: Float[Tensor, "image ..."]) -> Bool[Tensor, "image ..."]:
        """Ask the second corruption."""
        return self.second.measured(y)

    def unidentifiable_because(self) -> str | None:
        """Return the first reason of the two."""
        return self.first.unidentifiable_because() or self.second.unidentifiable_because()

    def parameters(self) -> dict[str, Tensor]:
        """Return the parameters of both, under the names ``first.`` and ``second.``."""
        named = {"first": self.first, "second": self.second}
        return {
            f"{place}.{name}": tensor for place, part in named.items() for name, tensor in part.parameters().items()
        }

    def settings(self) -> dict[str, Any]:
        """Return the class and settings of both."""
        return {
            place: {"class": type(part).__name__, "settings": part.settings()}
            for place, part in {"first": self.first, "second": self.second}.items()
        }

    def mapped(self, change: Callable[[Tensor], Tensor]) -> Composition:
        """Return the composition with the tensors of both parts put through `change`."""
        level = change(self.noise_std) if isinstance(self.noise_std, Tensor) else self.noise_std
        return Composition(self.second.mapped(change), self.first.mapped(change), noise_std=level)

    def __repr__(self) -> str:
        return f"Composition({self.second}, {self.first})"


_KINDS: Mapping[str, type[Corruption]] = {
    kind.__name__: kind for kind in (Blur, Denoising, Downsampling, Inpainting, RandomProjection)
}


def restored(
    kind: str, parameters: Mapping[str, Tensor], settings: Mapping[str, Any], noise_std: float | Tensor
) -> Corruption:
    """Build a corruption from the name of its class and what its `parameters` and `settings` returned.

    Raises
    ------
    UnknownName
        When the room has no such corruption.

    Examples
    --------
    >>> mask = Inpainting(torch.tensor([[1, 0], [0, 1]]))
    >>> restored("Inpainting", mask.parameters(), mask.settings(), 0.1)
    Inpainting(1x1x2x2, visible 50%)
    """
    if kind == Composition.__name__:
        second, first = (
            restored(
                settings[place]["class"],
                {name.removeprefix(f"{place}."): t for name, t in parameters.items() if name.startswith(f"{place}.")},
                settings[place]["settings"],
                0.0,
            )
            for place in ("second", "first")
        )
        return Composition(second, first, noise_std=noise_std)
    if kind not in _KINDS:
        raise UnknownName("corruption", kind, [*_KINDS, Composition.__name__])
    return _KINDS[kind](**parameters, **settings, noise_std=noise_std)


def unidentifiable_because(physics: Physics) -> str | None:
    """Say why data corrupted in this way cannot identify the distribution of clean images; None where they can.

    Where they cannot, a prior needs clean images beside them. Plain noise can be undone in distribution, and so can
    masks that between them show every pair of pixels; detail that no measurement carries stays unknown.

    Parameters
    ----------
    physics
        One of the room's corruptions, or a deepinv physics, of which ``mask``, ``factor`` and ``filter`` are looked at.

    Returns
    -------
    str or None
        A clause without a full stop.

    Examples
    --------
    >>> unidentifiable_because(Downsampling(2))
    'detail within blocks of 2x2 pixels is never measured'
    """
    if isinstance(physics, Corruption):
        return physics.unidentifiable_because()
    mask, factor, kernel = (getattr(physics, name, None) for name in ("mask", "factor", "filter"))
    if isinstance(factor, int) and factor > 1:
        return Downsampling(factor).unidentifiable_because()
    if isinstance(mask, Tensor) and mask.ndim == 4:  # noqa: PLR2004 - image, channel, row, column
        return Inpainting(mask.detach() != 0).unidentifiable_because()
    if isinstance(kernel, Tensor) and kernel.ndim == 4:  # noqa: PLR2004 - image, channel, row, column
        return Blur(kernel.detach()).unidentifiable_because()
    if type(physics).__name__ == Denoising.__name__:
        return None
    return f"nothing is known here about what {type(physics).__name__} measures"


def is_identifiable(physics: Physics) -> bool:
    """Whether corrupted images alone can identify the distribution of clean ones; `unidentifiable_because` says why.

    Examples
    --------
    >>> is_identifiable(Denoising(noise_std=0.5)), is_identifiable(Downsampling(2))
    (True, False)
    """
    return unidentifiable_because(physics) is None
