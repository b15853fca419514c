r"""What a corruption is: a linear operator, an adjoint, a noise level, in the words of deepinv.

.. math:: y = A x + s\, n, \qquad n \sim \mathcal N(0, I).

`Physics` is what the rest of the room asks for; a ``LinearPhysics`` of deepinv meets it unchanged. `Corruption` is what
the room's own corruptions share: parameters that may differ per image, selection of images, noise. The functions below
read a noise level, a set of measured entries or some images' corruption from either.
"""

from __future__ import annotations

import copy
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Any, Protocol, TypeAlias, TypeVar, runtime_checkable

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from consilience.ground.errors import InvalidInput

Rows: TypeAlias = Int[Tensor, " row"] | Sequence[int] | slice
"""Which images: indices (repeats allowed, which is how several samples an observation are drawn) or a slice."""

_C = TypeVar("_C", bound="Corruption")

_BATCHED_IN_DEEPINV = ("mask", "filter")
"""Parameters of a deepinv physics that carry one entry an image when its generators draw them."""


@runtime_checkable
class Physics(Protocol):
    """A linear corruption with an adjoint; deepinv's ``LinearPhysics`` is one."""

    def __call__(self, x: Tensor, /) -> Tensor:
        """Corrupt clean images: the operator, then noise."""

    def A(self, x: Tensor, /) -> Tensor:  # noqa: N802 - deepinv's word
        """Apply the operator alone."""

    def A_adjoint(self, y: Tensor, /) -> Tensor:  # noqa: N802 - deepinv's word
        """Apply the transposed operator to measurements."""


class Corruption(ABC):
    """What the room's corruptions share; each of them is a final class that says what its operator does.

    Every parameter tensor leads with an image axis, of length 1 where all images share it. So does the noise level.

    Parameters
    ----------
    noise_std
        Standard deviation of the measurement noise, in units of the image: one number, or one per image.

    Notes
    -----
    The constructor of a corruption takes what `parameters` and `settings` return, which is how it is stored, moved and
    cut to some of its images. Nothing is ever changed in place.
    """

    noise_std: float | Float[Tensor, " image"]

    def __init__(self, *, noise_std: float | Tensor = 0.0) -> None:
        self.noise_std = _noise_level(noise_std)

    def __call__(
        self, x: Float[Tensor, "image channel row column"], generator: torch.Generator | None = None
    ) -> Float[Tensor, "image ..."]:
        """Corrupt clean images: the operator, then Gaussian noise on what is measured.

        Parameters
        ----------
        x
            Clean images.
        generator
            Where the noise is drawn from; torch's own generator if left out.
        """
        y = self.A(x)
        device = y.device if generator is None else generator.device
        noise = torch.randn(y.shape, generator=generator, dtype=y.dtype, device=device)
        return self.with_noise(y, noise)

    def with_noise(
        self, y: Float[Tensor, "image ..."], noise: Float[Tensor, "image ..."]
    ) -> Float[Tensor, "image ..."]:
        """Add standard normal `noise`, scaled to this corruption's level, where something is measured."""
        added = per_image(self.noise_std, y) * noise.to(y)
        return y + torch.where(self.measured(y), added, torch.zeros_like(added))

    @abstractmethod
    def A(  # noqa: N802 - deepinv's word
        self, x: Float[Tensor, "image channel row column"]
    ) -> Float[Tensor, "image ..."]:
        """Apply the operator alone."""

    @abstractmethod
    def A_adjoint(  # noqa: N802 - deepinv's word
        self, y: Float[Tensor, "image ..."]
    ) -> Float[Tensor, "image channel row column"]:
        """Apply the transposed operator to measurements."""

    def A_dagger(  # noqa: N802 - deepinv's word
        self, y: Float[Tensor, "image ..."]
    ) -> Float[Tensor, "image channel row column"]:
        """Apply the exact pseudo-inverse; `has_dagger` says whether there is one.

        Raises
        ------
        InvalidInput
            When this corruption has none in closed form.
        """
        raise InvalidInput(
            f"{self} has no pseudo-inverse in closed form (got {tuple(y.shape)} measurements); "
            "use A_adjoint, or solve A x = y by iteration."
        )

    @property
    def has_dagger(self) -> bool:
        """Whether `A_dagger` exists in closed form."""
        return type(self).A_dagger is not Corruption.A_dagger

    @abstractmethod
    def shape_of_measurement(self, image_shape: tuple[int, ...]) -> tuple[int, ...]:
        """Return the shape of one measurement for images of one shape, both without the image axis.

        Raises
        ------
        InvalidInput
            When such images cannot be corrupted in this way.
        """

    def measured(self, y: Float[Tensor, "image ..."]) -> Bool[Tensor, "image ..."]:
        """Tell which entries of `y` were measured; the others are zero and carry nothing."""
        return torch.ones_like(y, dtype=torch.bool)

    def unidentifiable_because(self) -> str | None:
        """Say why such data alone cannot identify the distribution of clean images; None where they can."""
        return None

    def parameters(self) -> dict[str, Tensor]:
        """Return the tensors that describe the operator, each with its image axis first."""
        return {}

    def settings(self) -> dict[str, Any]:
        """Return the plain values that describe the operator, fit for JSON."""
        return {}

    @property
    def images(self) -> int | None:
        """How many images the parameters belong to; None where all images share them."""
        counts = {name: len(tensor) for name, tensor in self._per_image().items() if len(tensor) > 1}
        if len(set(counts.values())) > 1:
            listed = ", ".join(f"{name} for {count}" for name, count in counts.items())
            raise InvalidInput(f"parameters must be for one number of images; got {listed}: give one each, or share.")
        return next(iter(counts.values()), None)

    def take(self: _C, rows: Rows) -> _C:
        """Return the corruption of some of the images; what all images share stays shared."""
        return self.mapped(lambda tensor: tensor[_index(rows, tensor.device)] if len(tensor) > 1 else tensor)

    def to(self: _C, device: torch.device | str) -> _C:
        """Return the same corruption with its parameters on another device."""
        return self.mapped(lambda tensor: tensor.to(device))

    def mapped(self: _C, change: Callable[[Tensor], Tensor]) -> _C:
        """Return the same kind of corruption with its tensors, noise levels included, put through `change`."""
        level = change(self.noise_std) if isinstance(self.noise_std, Tensor) else self.noise_std
        changed = {name: change(tensor) for name, tensor in self.parameters().items()}
        return type(self)(**changed, **self.settings(), noise_std=level)

    def _per_image(self) -> dict[str, Tensor]:
        level = {"noise_std": self.noise_std} if isinstance(self.noise_std, Tensor) else {}
        return self.parameters() | level

    def _check_images(self, x: Tensor) -> None:
        """Refuse images or measurements of another number than the parameters."""
        if self.images not in (None, len(x)):
            raise InvalidInput(
                f"{self} has parameters for {self.images} images; got {len(x)}: cut it with take(rows) first."
            )

    def __repr__(self) -> str:
        return type(self).__name__


def noise_std_of(physics: Physics) -> float | Float[Tensor, " image"]:
    """Read the noise level of a corruption: its own word, deepinv's, or 0 where it has no noise.

    Parameters
    ----------
    physics
        Whose ``noise_std``, or else ``noise_model.sigma``, is read.

    Returns
    -------
    float or Tensor
        One number, or one per image.

    Raises
    ------
    InvalidInput
        When the noise is of a kind that has no single standard deviation, such as Poisson noise.
    """
    if hasattr(physics, "noise_std"):
        return _noise_level(physics.noise_std)
    model = getattr(physics, "noise_model", None)
    if model is None or type(model).__name__ in ("ZeroNoise", "NoiseModel"):
        return 0.0
    if not hasattr(model, "sigma") or hasattr(model, "gain"):
        raise InvalidInput(
            f"the noise must be Gaussian with a known `sigma`; got {type(model).__name__}: give the physics an "
            "attribute `noise_std` with the standard deviation that comes nearest."
        )
    return _noise_level(model.sigma)


def measured_entries(physics: Physics, y: Float[Tensor, "image ..."]) -> Bool[Tensor, "image ..."]:
    """Tell which entries of `y` were measured, by the corruption's own word or by a mask of deepinv's."""
    own = getattr(physics, "measured", None)
    if callable(own):
        seen: Tensor = own(y)
        return seen
    mask = getattr(physics, "mask", None)
    if isinstance(mask, Tensor) and mask.ndim == y.ndim:
        return (mask.to(y.device) != 0).expand(y.shape)
    return torch.ones_like(y, dtype=torch.bool)


def take_images(physics: Physics, rows: Rows, images: int) -> Physics:
    """Return the corruption of some of `images` images, for a physics of deepinv as well.

    Parameters
    ----------
    physics
        One of the room's corruptions, or anything else with ``take``, or a deepinv physics, whose parameters ``mask``
        and ``filter`` and noise level ``sigma`` are cut on a copy where they have an entry for each image.
    rows
        Indices of images, or a slice.
    images
        How many images the physics belongs to now.
    """
    if hasattr(physics, "take"):
        taken: Physics = physics.take(rows)
        return taken
    batched = _batched(physics, _BATCHED_IN_DEEPINV, images)
    noise = _batched(getattr(physics, "noise_model", None), ("sigma",), images)
    if images == 1 or not (batched or noise):
        return physics
    cut: Any = physics.clone() if hasattr(physics, "clone") else copy.deepcopy(physics)
    cut.update_parameters(**{name: tensor[_index(rows, tensor.device)] for name, tensor in batched.items()})
    if noise:
        cut.noise_model.update_parameters(sigma=noise["sigma"][_index(rows, noise["sigma"].device)])
    return cut  # type: ignore[no-any-return]


def per_image(
    value: float | Float[Tensor, " level"], like: Float[Tensor, "image ..."]
) -> float | Float[Tensor, "#image ..."]:
    """Shape one number per image so that it multiplies `like`, in its precision and on its device.

    Examples
    --------
    >>> per_image(torch.tensor([1.0, 2.0]), torch.zeros(2, 1, 8, 8)).shape
    torch.Size([2, 1, 1, 1])
    """
    if not isinstance(value, Tensor):
        return value
    if len(value) not in (1, len(like)):
        raise InvalidInput(f"one number per image was expected for {len(like)} images; got {len(value)}: use take.")
    return value.to(like).reshape(-1, *(1 for _ in like.shape[1:]))


def checked_image_shape(shape: Sequence[int]) -> tuple[int, int, int]:
    """Return (channel, row, column) after refusing anything else."""
    if len(shape) != 3 or min(shape) < 1:  # noqa: PLR2004 - channel, row, column
        raise InvalidInput(f"an image shape must be (channel, row, column), each at least 1; got {tuple(shape)}.")
    channels, rows, columns = shape
    return channels, rows, columns


def _batched(owner: object, names: Sequence[str], images: int) -> dict[str, Tensor]:
    found = {name: getattr(owner, name, None) for name in names}
    return {name: t for name, t in found.items() if isinstance(t, Tensor) and t.ndim > 0 and len(t) == images}


def _index(rows: Rows, device: torch.device) -> Tensor | slice:
    return rows if isinstance(rows, slice) else torch.as_tensor(rows, device=device)


def _noise_level(noise_std: float | Tensor) -> float | Tensor:
    """Return one number as a float and several as a vector, after refusing what is no standard deviation."""
    levels = torch.as_tensor(noise_std).detach()
    if levels.numel() == 0 or not bool((levels >= 0).all()):
        raise InvalidInput(f"`noise_std` must be at least 0; got {noise_std}.")
    if not bool(torch.isfinite(levels).all()):
        raise InvalidInput(f"`noise_std` must be finite; got {noise_std}.")
    if levels.numel() == 1:
        return float(levels) if isinstance(noise_std, Tensor) else float(noise_std)
    if levels.ndim != 1 and levels.numel() != len(levels):
        raise InvalidInput(f"`noise_std` must be one number or one per image; got shape {tuple(levels.shape)}.")
    return levels.reshape(-1)
