r"""Images out of focus or in motion: convolution with a known kernel.

.. math:: (A x)_{r,c} = \sum_{i,j} k_{i,j}\, x_{r-i,\,c-j},

the kernel's middle at the origin. Outside the frame the image is zero, or goes on at the opposite edge ("circular").
"""

from __future__ import annotations

import math
from typing import Any, Literal, TypeAlias, final

import torch
from jaxtyping import Complex, Float
from torch import Tensor
from torch.nn import functional

from consilience.ground.errors import InvalidInput
from consilience.methods.em_diffusion.physics import Corruption, checked_image_shape

Padding: TypeAlias = Literal["zero", "circular"]
"""What lies outside the frame: nothing, or the image again."""

LOST_RESPONSE = 1e-2
"""A frequency of which less than this share of the strongest passes counts as lost for identifying a prior."""
FREQUENCIES = 192
"""Side of the grid on which the response of a kernel is looked at; thirds are on it, where a box of three vanishes."""
KERNELS_LOOKED_AT = 128
"""How many kernels, evenly spread over the images, are looked at."""


@final
class Blur(Corruption):
    """Convolution of each channel with a kernel; the measurement has the size of the image.

    Parameters
    ----------
    kernel
        (row, column), or (image or 1, channel or 1, row, column), sides odd so that it has a middle. Used as it is;
        `gaussian` and `motion` sum to one.
    padding
        "zero": the world outside the frame is zero. "circular": it repeats; then there is a pseudo-inverse.
    noise_std
        Noise level.

    Examples
    --------
    >>> physics = Blur.gaussian(std=1.0, size=3, padding="circular")
    >>> flat = torch.ones(1, 1, 4, 4)
    >>> bool(torch.allclose(physics.A(flat), flat))
    True
    """

    kernel: Float[Tensor, "#image #channel height width"]

    def __init__(self, kernel: Tensor, *, padding: Padding = "zero", noise_std: float | Tensor = 0.0) -> None:
        super().__init__(noise_std=noise_std)
        if padding not in ("zero", "circular"):
            raise InvalidInput(f"`padding` must be 'zero' or 'circular'; got {padding!r}.")
        self.kernel = _checked_kernel(kernel)
        self.padding = padding

    @classmethod
    def gaussian(
        cls,
        std: float | Tensor,
        size: int | None = None,
        *,
        padding: Padding = "zero",
        noise_std: float | Tensor = 0.0,
    ) -> Blur:
        """Blur by a Gaussian cut to a square.

        Parameters
        ----------
        std
            Standard deviation of the Gaussian in pixels, above 0: one number or one per image.
        size
            Side of the kernel in pixels, odd; six standard deviations of the widest if left out.
        padding, noise_std
            As for the class.
        """
        widths = _per_image_numbers("std", std)
        if not bool((widths > 0).all()):
            raise InvalidInput(f"`std` must be above 0 pixels; got {std}.")
        side = 2 * math.ceil(3 * float(widths.max())) + 1 if size is None else _odd(size)
        offsets = torch.arange(side, dtype=torch.float64) - side // 2
        profile = torch.softmax(-0.5 * (offsets / widths[:, None]) ** 2, dim=1)
        return cls((profile[:, :, None] * profile[:, None, :])[:, None], padding=padding, noise_std=noise_std)

    @classmethod
    def motion(
        cls,
        length: float,
        angle_deg: float | Tensor,
        *,
        padding: Padding = "zero",
        noise_std: float | Tensor = 0.0,
    ) -> Blur:
        """Blur by a straight, even motion during the exposure.

        Parameters
        ----------
        length
            Length of the path in pixels, at least 1, which is no motion.
        angle_deg
            Direction in degrees, counter-clockwise from a motion along the rows' columns: one number or one per image.
        padding, noise_std
            As for the class.
        """
        if not 1 <= length < math.inf:
            raise InvalidInput(f"`length` must be at least 1 pixel; got {length}.")
        angles = _per_image_numbers("angle_deg", angle_deg)
        kernels = torch.stack([_path(length, math.radians(float(angle))) for angle in angles])
        return cls(kernels[:, None], padding=padding, noise_std=noise_std)

    def A(  # noqa: N802 - deepinv's word
        self, x: Float[Tensor, "image channel row column"]
    ) -> Float[Tensor, "image channel row column"]:
        """Convolve with the kernel."""
        self._check(x)
        if self.padding == "circular":
            return _filtered(x, self._response(x))
        return _correlated(x, self.kernel.to(x).flip(2, 3))

    def A_adjoint(  # noqa: N802 - deepinv's word
        self, y: Float[Tensor, "image channel row column"]
    ) -> Float[Tensor, "image channel row column"]:
        """Correlate with the kernel, which is the exact transpose under either padding."""
        self._check(y)
        if self.padding == "circular":
            return _filtered(y, self._response(y).conj())
        return _correlated(y, self.kernel.to(y))

    def A_dagger(  # noqa: N802 - deepinv's word
        self, y: Float[Tensor, "image channel row column"]
    ) -> Float[Tensor, "image channel row column"]:
        """Divide by the frequency response where it is not zero to rounding; under circular padding only.

        Raises
        ------
        InvalidInput
            When the padding is "zero".
        """
        if not self.has_dagger:
            return super().A_dagger(y)
        self._check(y)
        response = self._response(y)
        strength = response.abs()
        floor = strength.amax(dim=(2, 3), keepdim=True) * max(y.shape[2:]) * torch.finfo(y.dtype).eps
        passed = strength > floor
        inverse = torch.where(passed, response, torch.ones_like(response)).reciprocal()
        return _filtered(y, torch.where(passed, inverse, torch.zeros_like(inverse)))

    @property
    def has_dagger(self) -> bool:
        """Whether the padding is circular, which makes the operator diagonal in frequency."""
        return self.padding == "circular"

    def shape_of_measurement(self, image_shape: tuple[int, ...]) -> tuple[int, ...]:
        """Return the image shape itself."""
        channels, rows, columns = checked_image_shape(image_shape)
        _, channels_here, height, width = self.kernel.shape
        if channels_here not in (1, channels):
            raise InvalidInput(
                f"the kernel must have 1 channel or those of the images, {channels}; got {channels_here}."
            )
        if self.padding == "circular" and (height > rows or width > columns):
            raise InvalidInput(
                f"a circular kernel must not be larger than the images, {rows}x{columns} pixels; got {height}x{width}."
            )
        return image_shape

    def unidentifiable_because(self) -> str | None:
        """Look for frequencies that no image's kernel lets through."""
        lost = self.lost_frequencies()
        return f"the blur removes {max(lost, 1e-4):.2%} of the frequencies from every image" if lost else None

    def lost_frequencies(self) -> float:
        """Return the share of frequencies of which next to nothing passes in any image, 0 to 1."""
        side = max(FREQUENCIES, *self.kernel.shape[2:])
        some = self.kernel[:: -(-len(self.kernel) // KERNELS_LOOKED_AT)].double()
        strength = torch.fft.fft2(some, s=(side, side)).abs()
        relative = strength / strength.amax(dim=(2, 3), keepdim=True)
        return float((relative.amax(dim=(0, 1)) < LOST_RESPONSE).double().mean())

    def parameters(self) -> dict[str, Tensor]:
        """Return the kernel."""
        return {"kernel": self.kernel}

    def settings(self) -> dict[str, Any]:
        """Return the padding."""
        return {"padding": self.padding}

    def _check(self, x: Tensor) -> None:
        self.shape_of_measurement(tuple(x.shape[1:]))
        self._check_images(x)

    def _response(
        self, like: Float[Tensor, "image channel row column"]
    ) -> Complex[Tensor, "#image #channel row half_column"]:
        """Return the frequency response for images of this size, the kernel's middle at the origin."""
        height, width = self.kernel.shape[2:]
        rows, columns = like.shape[2:]
        padded = functional.pad(self.kernel.to(like), (0, columns - width, 0, rows - height))
        response: Tensor = torch.fft.rfft2(padded.roll((-(height // 2), -(width // 2)), dims=(2, 3)))
        return response

    def __repr__(self) -> str:
        return f"Blur({self.kernel.shape[2]}x{self.kernel.shape[3]}, {self.padding} padding)"


def _filtered(x: Tensor, response: Tensor) -> Tensor:
    filtered: Tensor = torch.fft.irfft2(torch.fft.rfft2(x) * response, s=x.shape[2:])
    return filtered


def _correlated(
    x: Float[Tensor, "image channel row column"], kernel: Float[Tensor, "#image #channel height width"]
) -> Float[Tensor, "image channel row column"]:
    """Slide the kernel over each channel of each image, zeros outside."""
    images, channels, rows, columns = x.shape
    height, width = kernel.shape[2:]
    padding = (height // 2, width // 2)
    if kernel.shape[:2] == (1, 1):
        return functional.conv2d(x.reshape(-1, 1, rows, columns), kernel, padding=padding).reshape(x.shape)
    each = kernel.expand(images, channels, height, width).reshape(-1, 1, height, width)
    planes = x.reshape(1, -1, rows, columns)
    return functional.conv2d(planes, each, padding=padding, groups=planes.shape[1]).reshape(x.shape)


def _path(length: float, angle: float) -> Float[Tensor, "side side"]:
    """Draw a segment through the middle of a square, each point's weight shared by its four nearest pixels."""
    half = (length - 1) / 2
    reach = math.ceil(half)
    along = torch.linspace(-half, half, 16 * (2 * reach + 1), dtype=torch.float64)
    pixel = torch.arange(-reach, reach + 1, dtype=torch.float64)

    def share(position: Tensor) -> Tensor:
        return (1 - (position[:, None] - pixel).abs()).clamp(min=0)

    # Rows run downwards, angles counter-clockwise.
    drawn = share(-along * math.sin(angle)).T @ share(along * math.cos(angle))
    return drawn / drawn.sum()


def _per_image_numbers(name: str, value: float | Tensor) -> Float[Tensor, " image"]:
    numbers = torch.as_tensor(value, dtype=torch.float64)
    if numbers.ndim > 1 or numbers.numel() == 0 or not bool(torch.isfinite(numbers).all()):
        raise InvalidInput(f"`{name}` must be one finite number or one per image; got {value}.")
    return numbers.reshape(-1)


def _odd(size: int) -> int:
    if size < 1 or size % 2 == 0:
        raise InvalidInput(
            f"a kernel must have an odd side, so that it has a middle; got {size}: use {max(size, 0) + 1}."
        )
    return size


def _checked_kernel(kernel: Tensor) -> Float[Tensor, "#image #channel height width"]:
    if kernel.ndim not in (2, 4) or kernel.numel() == 0 or not kernel.is_floating_point():
        raise InvalidInput(
            "a kernel must be floating-point with the axes (row, column) or (image or 1, channel or 1, row, column); "
            f"got {tuple(kernel.shape)} of {kernel.dtype}."
        )
    for side in kernel.shape[-2:]:
        _odd(side)
    if not bool(torch.isfinite(kernel).all()) or not bool(kernel.flatten(-2).any(dim=-1).all()):
        raise InvalidInput("a kernel must be finite and not all zero; it is neither for some image: mend it.")
    return kernel.reshape(1, 1, *kernel.shape) if kernel.ndim == 2 else kernel  # noqa: PLR2004 - rows, columns
