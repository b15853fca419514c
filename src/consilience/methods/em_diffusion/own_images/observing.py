"""A user's images as observations: corrupted ones as they are, or clean ones corrupted once on the spot."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Bool, Float, Shaped
from torch import Tensor

from consilience.ground.errors import InvalidInput
from consilience.ground.seeds import Streams
from consilience.methods.em_diffusion.corruption import Blur, Corruption, Denoising, Downsampling, Inpainting
from consilience.methods.em_diffusion.images import Scale, read_mask
from consilience.methods.em_diffusion.observation import Observations
from consilience.methods.em_diffusion.own_images.pairing import partners
from consilience.methods.em_diffusion.own_images.request import Corrupting, Source
from consilience.methods.em_diffusion.pixel_files import image_files, read_pixels
from consilience.methods.em_diffusion.posterior import LEAST_NOISE

__all__ = ["Given", "corrupt_on_the_spot", "observe", "read_clean", "read_truth"]

Pixels = Shaped[np.ndarray, "image channel row column"]
LEAST_SPAN = 0.02
"""Share of the range from -1 to 1 that pixels are expected to fill."""


@dataclass(frozen=True, kw_only=True)
class Given:
    """Observations, and what is known beside them."""

    observations: Observations
    """In the units of priors, where pixels run from -1 to 1."""
    scale: Scale
    """The map between those units and the user's."""
    measured_range: bool
    """Whether the scale was measured on the images themselves, so that clean pixels may well lie outside [-1, 1]."""
    names: tuple[str, ...]
    """One an image."""
    clean: Float[Tensor, "clean channel row column"] | None = None
    """Clean images, none of them behind an observation."""
    truth: Float[Tensor, "image channel row column"] | None = None
    """The images behind the observations, where they are known."""
    notes: tuple[str, ...] = ()
    """What the user should know."""


def observe(
    path: Path,
    corrupting: Corrupting,
    source: Source,
    *,
    clean: Path | None = None,
    scale: Scale | None = None,
) -> Given:
    """Read corrupted images and say how they were corrupted; no truth is needed anywhere.

    Parameters
    ----------
    path
        A folder or file of images; real numbers may be NaN where nothing was measured.
    corrupting
        What is known of the corruption.
    source
        How to read.
    clean
        Where clean images are, in the same units.
    scale
        That of a prior, whose units are then taken; otherwise that of the pixel type, the range stated, or the one
        measured on visible and clean pixels.

    Raises
    ------
    InvalidInput
        When images cannot be read, differ in size, are broken or constant where nothing is hidden, do not fit the mask
        or the prior's pixels, or when nothing says which pixels are hidden.
    """
    values, names = _found(path, source)
    visible = _visible(values, names, corrupting)
    values, names = values[: source.limit], names[: source.limit]
    visible = None if visible is None else visible[: source.limit]
    _refuse_flaws(values, names, visible)
    beside = None if clean is None else _found(clean, Source(channels=source.channels))[0]
    units, measured = _scale(values, path, source, scale, visible=visible, beside=beside)
    filled = values if visible is None else np.where(visible, values, np.asarray(units.centre, values.dtype))
    physics, notes = _with_noise(corrupting, lambda noise_std: _known(corrupting, visible, noise_std))
    y = units.inward(filled)
    whole = tuple(physics.A_adjoint(y[:1] if physics.images is None else y).shape[1:])
    # Corrupted as the user's pixels were, whose zero is not the zero of [-1, 1]: it tells at the border of a blur.
    flat = physics.A(torch.ones(physics.images or 1, *whole))
    y = y + units.centre / units.half_width * (1.0 - flat)
    observations = Observations(y, physics)
    return Given(
        observations=observations,
        scale=units,
        measured_range=measured,
        names=names,
        clean=None if clean is None else read_clean(clean, source, units, observations.image_shape),
        notes=_narrow(values, units, visible) + notes,
    )


def corrupt_on_the_spot(
    path: Path, corrupting: Corrupting, source: Source, *, keep_clean: int = 0, seed: int, scale: Scale | None = None
) -> Given:
    """Read clean images and corrupt them once, some of them left as they are.

    Parameters
    ----------
    path
        A folder or file of clean images.
    corrupting
        How; random masks unless something else is said, and the least noise that posteriors can take.
    source
        How to read.
    keep_clean
        How many images, drawn at random, are not corrupted and have no observation.
    seed
        Of masks, noise, and the choice of clean images.
    scale
        That of a prior.
    """
    if corrupting.noise_std is None:
        corrupting = replace(corrupting, noise_std=LEAST_NOISE)
    values, names = _found(path, source)
    masks = None
    if corrupting.mask is not None:
        masks = _masks(corrupting.mask, values.shape, names).expand(len(values), -1, -1, -1)
    values, names = values[: source.limit], names[: source.limit]
    _refuse_flaws(values, names, None)
    if keep_clean >= len(values):
        raise InvalidInput(f"--clean {keep_clean} leaves no image to corrupt of {len(values)}: give fewer, or a path")
    units, measured = _scale(values, path, source, scale)
    images = units.inward(values)
    order = Streams(seed).generator("clean images").permutation(len(images))
    kept, rest = sorted(order[:keep_clean].tolist()), sorted(order[keep_clean:].tolist())
    hidden = images[rest]
    shape = (int(images.shape[1]), int(images.shape[2]), int(images.shape[3]))

    def build(noise_std: float) -> Corruption:
        if masks is not None:
            return Inpainting(masks[rest], noise_std=noise_std)
        return _drawn(corrupting, len(rest), shape, seed, noise_std)

    physics, notes = _with_noise(corrupting, build)
    made = Observations.corrupt(hidden, build(corrupting.noise_std or 0.0), seed)
    return Given(
        observations=Observations(made.y, physics, seed=seed),
        scale=units,
        measured_range=measured,
        names=tuple(names[row] for row in rest),
        clean=images[kept] if kept else None,
        truth=hidden,
        notes=_narrow(values, units) + notes,
    )


def read_clean(
    path: Path, source: Source, scale: Scale, shape: tuple[int, int, int]
) -> Float[Tensor, "clean channel row column"]:
    """Read clean images on a scale that is known.

    Raises
    ------
    InvalidInput
        When they are of another size, number of channels or type of pixels than the observations.
    """
    return _clean(path, source, scale, shape)[0]


def read_truth(path: Path, images: Path, source: Source, given: Given) -> Float[Tensor, "image channel row column"]:
    """Read the images behind observations, each beside what was seen of it.

    Parameters
    ----------
    path
        Where they are: one for each observation, or for each there was before the first ones were taken.
    images
        Where the observations were read.
    source
        How to read both.
    given
        The observations.

    Raises
    ------
    InvalidInput
        When there are more or fewer, when names do not tell which belongs to which, or as for `read_clean`.
    """
    truth, names = _clean(path, source, given.scale, given.observations.image_shape)
    seen = list(given.names)
    if source.limit is not None and len(names) > len(seen):
        if images.is_dir():
            seen = [file.name for file in image_files(images)]
        else:
            seen = [f"{images.name}[{row}]" for row in range(len(names))]
    if len(names) != len(seen):
        raise InvalidInput(f"--truth must hold one image for each of {len(seen)}; got {len(names)}")
    return truth[partners(seen, names, "--truth")[: len(given.names)]]


def _clean(
    path: Path, source: Source, scale: Scale, shape: tuple[int, int, int]
) -> tuple[Float[Tensor, "clean channel row column"], tuple[str, ...]]:
    values, names = _found(path, Source(channels=source.channels))
    _refuse_flaws(values, names, None)
    if values.shape[1:] != shape:
        raise InvalidInput(
            f"clean images must be like those behind the observations, {_times(shape)}; {names[0]} is "
            f"{_times(values.shape[1:])}: crop or resize one of them"
        )
    return _scale(values, path, source, scale)[0].inward(values), names


def _found(path: Path, source: Source) -> tuple[Pixels, tuple[str, ...]]:
    if not path.exists():
        raise InvalidInput(f"images must be a folder, an image, a .npy or an IDX file; there is nothing at {path}")
    # Broken pixels, which `read_images` refuses, may lie where a mask hides them.
    found = read_pixels(path, source.channels)
    if source.channels is not None and found.values.shape[1] != source.channels:
        raise InvalidInput(
            f"expected images of {source.channels} channel(s); {found.names[0]} has {found.values.shape[1]}"
        )
    return found.values, found.names


def _visible(
    values: Pixels, names: tuple[str, ...], corrupting: Corrupting
) -> Bool[np.ndarray, "image channel row column"] | None:
    """Tell which pixels of corrupted images were measured; None where nothing is hidden."""
    finite: np.ndarray = np.isfinite(values)
    if corrupting.mask is not None:
        mask = _masks(corrupting.mask, values.shape, names).numpy()
        everywhere: np.ndarray = np.array(np.broadcast_to(mask, values.shape))
        return everywhere
    if corrupting.kind in {None, "inpaint", "box"} and not finite.all():
        return np.asarray(finite, bool)
    if corrupting.kind is None:
        raise InvalidInput("say how the images were corrupted: --mask, or --corruption with what belongs to it")
    if corrupting.kind in {"inpaint", "box"}:
        raise InvalidInput(
            f"which pixels are hidden? {names[0]} and the others have no NaN that would tell: give --mask"
        )
    return None


def _masks(path: Path, shape: tuple[int, ...], names: tuple[str, ...]) -> Bool[Tensor, "image_or_one one row column"]:
    """Read one mask for all images, or one for each, in their order."""
    if not path.is_dir():
        masks = read_mask(path, shape)
        rows = [f"{path.name}[{row}]" for row in range(len(masks))]
        return masks if len(masks) == 1 else masks[partners(names, rows, "--mask")]
    files = image_files(path)
    if len(files) != shape[0]:
        raise InvalidInput(f"a folder of masks must hold one for each of {shape[0]} images; {path} has {len(files)}")
    order = partners(names, [file.name for file in files], "--mask")
    return torch.cat([read_mask(files[place], (1, *shape[1:])) for place in order])


def _refuse_flaws(
    values: Pixels, names: tuple[str, ...], visible: Bool[np.ndarray, "image channel row column"] | None
) -> None:
    """Refuse, by name, pixels that are not finite where they count, and images that show nothing."""
    for place, (name, image) in enumerate(zip(names, values, strict=True)):
        seen = image if visible is None else image[visible[place]]
        if seen.size == 0:
            raise InvalidInput(f"an image must show something; every pixel of {name} is hidden: drop it")
        if not np.isfinite(seen).all():
            raise InvalidInput(f"pixels must be finite; {name} holds NaN or infinity: hide them by a mask, or drop it")
        if seen.size == image.size and seen.min() == seen.max():
            raise InvalidInput(f"an image must show something; all pixels of {name} are {seen.flat[0]}: drop it")


def _scale(
    values: Pixels,
    path: Path,
    source: Source,
    scale: Scale | None,
    *,
    visible: Bool[np.ndarray, "image channel row column"] | None = None,
    beside: np.ndarray | None = None,
) -> tuple[Scale, bool]:
    """Return the scale to read by, and whether it was measured on these images."""
    whole = values.dtype in (np.uint8, np.uint16)
    if scale is not None:
        own = (scale.low, scale.high)
        if source.value_range not in {None, own}:
            raise InvalidInput(
                f"--value-range must be that of the prior, {own}; got {source.value_range}: leave it out, and give "
                "pixels in the units of the prior"
            )
        if whole and scale.pixels != values.dtype.name:
            raise InvalidInput(
                f"all pixels must be on one scale, here {scale.pixels} from {scale.low:g} to {scale.high:g}; {path} "
                f"has {values.dtype} pixels: save them as real numbers in those units (.npy)"
            )
        return scale, False
    if whole:
        if source.value_range is not None:
            raise InvalidInput(f"--value-range is for real numbers; {path} has {values.dtype} pixels: leave it out")
        return Scale.of_type("uint8" if values.dtype == np.uint8 else "uint16"), False
    if source.value_range is not None:
        return Scale(low=source.value_range[0], high=source.value_range[1]), False
    seen = [values if visible is None else values[visible]] + ([] if beside is None else [beside[np.isfinite(beside)]])
    return Scale(low=float(min(part.min() for part in seen)), high=float(max(part.max() for part in seen))), True


def _narrow(
    values: Pixels, scale: Scale, visible: Bool[np.ndarray, "image channel row column"] | None = None
) -> tuple[str, ...]:
    """Say so where pixels fill so little of the range they are read by that they may be in other units."""
    seen = values if visible is None else values[visible]
    low, high = float(seen.min()), float(seen.max())
    share = (high - low) / (scale.high - scale.low)
    if share >= LEAST_SPAN:
        return ()
    told = f"pixels run from {low:g} to {high:g}, {share:.1%} of the range from {scale.low:g} to {scale.high:g}"
    return (f"{told} that becomes -1 to 1: are they in the same units?",)


def _with_noise(corrupting: Corrupting, build: Callable[[float], Corruption]) -> tuple[Corruption, tuple[str, ...]]:
    """Return the corruption at its noise level, which posteriors need above a floor."""
    if corrupting.noise_std is not None and corrupting.noise_std >= LEAST_NOISE:
        return build(corrupting.noise_std), ()
    assumed = (
        f"noise level {corrupting.noise_std or 0:g}: {LEAST_NOISE:g} is assumed, half a percent of the pixels' range, "
        "below which the equations of the posterior are ill-conditioned"
    )
    return build(LEAST_NOISE), (assumed,)


def _known(
    corrupting: Corrupting, visible: Bool[np.ndarray, "image channel row column"] | None, noise_std: float
) -> Corruption:
    """Return the corruption that made a user's images."""
    if visible is None:
        return _alike(corrupting, noise_std)
    one, grey = bool((visible == visible[:1]).all()), bool((visible == visible[:, :1]).all())
    return Inpainting(torch.from_numpy(visible[: 1 if one else None, : 1 if grey else None]), noise_std=noise_std)


def _drawn(corrupting: Corrupting, images: int, shape: tuple[int, int, int], seed: int, noise_std: float) -> Corruption:
    """Return a corruption for clean images."""
    if corrupting.kind == "box":
        return Inpainting.box(images, shape, corrupting.value("box_size"), seed=seed, noise_std=noise_std)
    if corrupting.kind in {None, "inpaint"}:
        return Inpainting.random(images, shape, corrupting.value("keep"), seed=seed, noise_std=noise_std)
    return _alike(corrupting, noise_std)


def _alike(corrupting: Corrupting, noise_std: float) -> Corruption:
    """Return a corruption that is the same for all images."""
    if corrupting.kind == "denoise":
        return Denoising(noise_std=noise_std)
    if corrupting.kind == "downsample":
        return Downsampling(corrupting.value("factor"), noise_std=noise_std)
    padding = corrupting.padding or "zero"
    if corrupting.kind == "motion":
        length, angle = corrupting.value("motion_length"), corrupting.value("motion_angle")
        return Blur.motion(length, angle, padding=padding, noise_std=noise_std)
    return Blur.gaussian(corrupting.value("blur_std"), padding=padding, noise_std=noise_std)


def _times(shape: tuple[int, ...]) -> str:
    return " x ".join(map(str, shape))
