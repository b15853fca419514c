"""The room's own verbs: learn a prior from corrupted images, and restore images with it.

``consilience em-diffusion train | restore``
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any, Literal

from consilience.ground.late import late_module
from consilience.methods.em_diffusion.own_images.request import (
    Corrupting,
    Kind,
    Padding,
    Phase,
    Restoration,
    Source,
    Start,
    Training,
)


def train(
    *,
    out: Path,
    images: Path | None = None,
    observations: Path | None = None,
    clean: str = "0",
    corruption: Kind | None = None,
    mask: Path | None = None,
    keep: float | None = None,
    box_size: int | None = None,
    noise_std: float | None = None,
    blur_std: float | None = None,
    motion_length: float | None = None,
    motion_angle: float | None = None,
    factor: int | None = None,
    padding: Padding | None = None,
    init: Path | None = None,
    start: Start = "auto",
    rounds: int = 8,
    steps: int | None = None,
    first_steps: int = 1000,
    samples: int = 1,
    phase: Phase = "warm",
    patience: int | None = None,
    clean_share: float | None = None,
    batch_size: int = 64,
    learning_rate: float = 5e-4,
    flips: bool = False,
    sampling_steps: int = 20,
    corrections: int = 1,
    width: int | None = None,
    levels: int | None = None,
    limit: int | None = None,
    channels: int | None = None,
    value_range: tuple[float, float] | None = None,
    device: str = "auto",
    seed: int = 0,
    quiet: bool = False,
) -> int:
    """Learn a prior of clean images from corrupted ones; the same command goes on where an earlier one stopped.

    Parameters
    ----------
    out
        Folder for the prior, as diffusers saves pipelines. What an unfinished run needs lies in OUT.state beside it.
    images
        To try the method: clean images, corrupted once on the spot. A folder of PNG, JPEG or TIFF files, a .npy array
        or an IDX file.
    observations
        Your own corrupted images; no clean version of them is needed. Pixels of a .npy array that are NaN are hidden.
    clean
        How many of --images stay clean, or the folder or file of clean images. With none, the first samples come from
        a Gaussian prior.
    corruption
        What happened, or is to happen, to the images: pixels hidden at random, a box hidden, noise, Gaussian blur,
        motion blur, or blocks averaged.
    mask
        Which pixels were observed (white) and which are hidden (black): one file for all images, a .npy array or a
        folder with one for each, named as the images are but for one beginning and one end.
    keep
        For inpaint: probability that a pixel is kept, 0.4 unless given.
    box_size
        For box: its side in pixels, 4 unless given.
    noise_std
        Standard deviation of the noise where pixels run from -1 to 1, so that 0.2 is 25.5 of 255 grey levels.
    blur_std
        For blur: standard deviation of the Gaussian in pixels, 1 unless given.
    motion_length
        For motion: length of the path in pixels, 5 unless given.
    motion_angle
        For motion: its direction in degrees, counter-clockwise from the rows, 0 unless given.
    factor
        For downsample: side of the averaged blocks in pixels, 2 unless given.
    padding
        For blurs: whether the world outside the frame is black, or the image again; zero unless given.
    init
        A prior to start from: a folder of train, or any unconditional DDPM pipeline of diffusers with safetensors.
    start
        Whether the first samples come from a network trained on the clean images or from a Gaussian prior; auto takes
        the first where there are clean images.
    rounds
        Rounds of EM: samples for all observations, then training on them.
    steps
        Gradient steps a round; forty passes through the images unless given, at least 100 and at most 1000. Small sets
        are remembered when there are more.
    first_steps
        Gradient steps on the clean images before the first round.
    samples
        Posterior samples an observation.
    phase
        Whether a round trains on from the last weights, from new ones, or from new ones once the first no longer helps.
    patience
        Stop once so many rounds have not improved the prediction of hidden measurements.
    clean_share
        Share of clean images in a batch; by their number unless given, and at least 0.2 where the corruption alone
        cannot tell what clean images are like.
    batch_size
        Images a gradient step.
    learning_rate
        Of Adam.
    flips
        Mirror images left to right at random.
    sampling_steps
        Noise levels of a sample.
    corrections
        Langevin corrections a level; more are slower and better.
    width
        Channels of the U-Net's first level, a multiple of 8; 32 unless given.
    levels
        Resolutions of the U-Net; as many as fit the images unless given.
    limit
        Take the first so many images.
    channels
        Channels of an array, where there are neither 1 nor 3.
    value_range
        For real numbers: the values that become -1 and 1; those of --init, or the smallest and largest visible ones
        unless given.
    device
        auto, cpu, cuda, cuda:1, ...
    seed
        Root of all randomness.
    quiet
        Report nothing.
    """
    flags = dict(locals())
    request = Training(
        out=out,
        images=images,
        observations=observations,
        clean=clean,
        init=init,
        corrupting=_corrupting(flags),
        source=Source(limit=limit, channels=channels, value_range=value_range),
        start=start,
        phase=phase,
        rounds=rounds,
        steps=steps,
        first_steps=first_steps,
        samples=samples,
        patience=patience,
        clean_share=clean_share,
        batch_size=batch_size,
        learning_rate=learning_rate,
        flips=flips,
        sampling_steps=sampling_steps,
        corrections=corrections,
        width=width,
        levels=levels,
        device=device,
        seed=seed,
        quiet=quiet,
    )
    training = _heavy("training")
    from consilience.neural.processes import part  # noqa: PLC0415 - loads torch

    status: int = training.train(request)
    # An interrupted one does not wait: each is told by itself.
    if status == 0:
        part()
    return status


def restore(
    *,
    prior: Path,
    out: Path,
    images: Path | None = None,
    truth: Path | None = None,
    corruption: Kind | None = None,
    mask: Path | None = None,
    keep: float | None = None,
    box_size: int | None = None,
    noise_std: float | None = None,
    blur_std: float | None = None,
    motion_length: float | None = None,
    motion_angle: float | None = None,
    factor: int | None = None,
    padding: Padding | None = None,
    samples: int = 8,
    sampling_steps: int = 30,
    corrections: int = 3,
    limit: int | None = None,
    channels: int | None = None,
    value_range: tuple[float, float] | None = None,
    device: str = "auto",
    seed: int = 0,
    quiet: bool = False,
) -> int:
    """Restore corrupted images with a prior: samples, mean and standard deviation as PNG and .npy, and a grid.

    Parameters
    ----------
    prior
        Folder of train, or any unconditional DDPM pipeline of diffusers with safetensors.
    out
        Folder for what comes out; an earlier restoration there is replaced, anything else refused.
    images
        Corrupted images. Hidden pixels may be anything; pixels of a .npy array that are NaN are hidden.
    truth
        Clean images: beside --images to compare with, named as these are but for one beginning and one end; alone to
        be corrupted on the spot.
    corruption
        What happened to the images, or is to happen to --truth.
    mask
        Which pixels were observed (white) and which are hidden (black): one file for all images, a .npy array or a
        folder with one for each, named as the images are but for one beginning and one end.
    keep
        For inpaint of --truth: probability that a pixel is kept, 0.4 unless given.
    box_size
        For box of --truth: its side in pixels, 4 unless given.
    noise_std
        Standard deviation of the noise where pixels run from -1 to 1, so that 0.2 is 25.5 of 255 grey levels.
    blur_std
        For blur: standard deviation of the Gaussian in pixels, 1 unless given.
    motion_length
        For motion: length of the path in pixels, 5 unless given.
    motion_angle
        For motion: its direction in degrees, counter-clockwise from the rows, 0 unless given.
    factor
        For downsample: side of the averaged blocks in pixels, 2 unless given.
    padding
        For blurs: whether the world outside the frame is black, or the image again; zero unless given.
    samples
        Posterior samples an image; a standard deviation takes two.
    sampling_steps
        Noise levels of a sample.
    corrections
        Langevin corrections a level; more are slower and better.
    limit
        Take the first so many images.
    channels
        Channels of an array, where there are neither 1 nor 3.
    value_range
        For real numbers and a prior from elsewhere: the values that become -1 and 1; a prior of train brings its own.
    device
        auto, cpu, cuda, cuda:1, ...
    seed
        Root of all randomness.
    quiet
        Report nothing.
    """
    flags = dict(locals())
    request = Restoration(
        prior=prior,
        images=images,
        truth=truth,
        out=out,
        corrupting=_corrupting(flags),
        source=Source(limit=limit, channels=channels, value_range=value_range),
        samples=samples,
        sampling_steps=sampling_steps,
        corrections=corrections,
        device=device,
        seed=seed,
        quiet=quiet,
    )
    status: int = _heavy("restoring").restore(request)
    return status


VERBS: Mapping[str, Callable[..., int]] = {"train": train, "restore": restore}
"""What ``consilience em-diffusion`` can do."""


def _corrupting(flags: Mapping[str, Any]) -> Corrupting:
    """Take together, of all flags of a verb, those that say what happened to images."""
    named = {item.name: flags[item.name] for item in fields(Corrupting) if item.name != "kind"}
    return Corrupting(kind=flags["corruption"], **named)


def _heavy(name: Literal["training", "restoring"]) -> Any:
    return late_module(
        f"consilience.methods.em_diffusion.own_images.{name}",
        "priors of images need {missing}; install consilience[em]",
        usually="torch and diffusers",
    )
