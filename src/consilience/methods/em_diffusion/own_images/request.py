"""What was asked for on the command line, checked as far as words alone can be. Nothing here loads torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeAlias

from consilience.ground.errors import InvalidInput
from consilience.ground.folder import named_folder, state_folder

__all__ = ["DEFAULTS", "Corrupting", "Kind", "Padding", "Phase", "Restoration", "Start", "Training"]

Kind: TypeAlias = Literal["inpaint", "box", "denoise", "blur", "motion", "downsample"]
"""Pixels or a box hidden, noise alone, out of focus, in motion, blocks averaged."""
Padding: TypeAlias = Literal["zero", "circular"]
Phase: TypeAlias = Literal["warm", "reset", "auto"]
Start: TypeAlias = Literal["auto", "clean", "gaussian"]

DEFAULTS: dict[str, tuple[Kind, float | int | str]] = {
    "keep": ("inpaint", 0.4),
    "box_size": ("box", 4),
    "blur_std": ("blur", 1.0),
    "motion_length": ("motion", 5.0),
    "motion_angle": ("motion", 0.0),
    "factor": ("downsample", 2),
}
"""The parameters that belong to one corruption, and what they are unless given."""


@dataclass(frozen=True, kw_only=True)
class Corrupting:
    """How images were corrupted, or are to be."""

    kind: Kind | None = None
    """Which corruption; None where a mask, or pixels that are NaN, say it."""
    mask: Path | None = None
    """Which pixels were observed: a file, or a folder of one file an image."""
    noise_std: float | None = None
    """Noise level of the measurements, where pixels run from -1 to 1."""
    keep: float | None = None
    """Probability that a pixel is kept."""
    box_size: int | None = None
    """Side of the hidden box, in pixels."""
    blur_std: float | None = None
    """Standard deviation of the Gaussian blur, in pixels."""
    motion_length: float | None = None
    """Length of the path of a motion, in pixels."""
    motion_angle: float | None = None
    """Its direction in degrees, counter-clockwise from the rows."""
    factor: int | None = None
    """Side of the blocks that are averaged, in pixels."""
    padding: Padding | None = None
    """What lies outside the frame of a blur."""

    def __post_init__(self) -> None:
        """Refuse parameters of another corruption, and noise that cannot be."""
        told = "a mask" if self.kind is None else f"--corruption {self.kind}"
        for name, (kind, _) in DEFAULTS.items():
            if getattr(self, name) is not None and self.kind != kind:
                raise InvalidInput(f"--{name.replace('_', '-')} belongs to --corruption {kind}; got {told}")
        if self.padding is not None and self.kind not in {"blur", "motion"}:
            raise InvalidInput(f"--padding belongs to --corruption blur or motion; got {told}")
        if self.mask is not None and self.kind not in {None, "inpaint"}:
            raise InvalidInput(f"--mask says which pixels are hidden, as --corruption inpaint; got {told}")
        if self.mask is not None and self.keep is not None:
            raise InvalidInput("give --mask or --keep: a mask already says which pixels are kept")
        if self.noise_std is not None and not 0 <= self.noise_std < float("inf"):
            raise InvalidInput(f"--noise-std must be a finite number of at least 0; got {self.noise_std}")
        if self.kind == "denoise" and not self.noise_std:
            raise InvalidInput(
                "--corruption denoise needs --noise-std above 0, where pixels run from -1 to 1: without noise there "
                "is nothing to remove"
            )

    def value(self, name: str) -> Any:
        """Return a parameter that belongs to this corruption: as given, or its default."""
        given = getattr(self, name)
        return DEFAULTS[name][1] if given is None else given


@dataclass(frozen=True, kw_only=True)
class Source:
    """Where images come from, and how their pixels are to be read."""

    limit: int | None = None
    """No more images than this: the first ones."""
    channels: int | None = None
    """Channels of an array, where that is not plain."""
    value_range: tuple[float, float] | None = None
    """For real numbers, the values that become -1 and 1."""

    def __post_init__(self) -> None:
        """Refuse to read no image at all."""
        if self.limit is not None and self.limit < 1:
            raise InvalidInput(f"--limit must be at least 1; got {self.limit}")


@dataclass(frozen=True, kw_only=True)
class Training:
    """What `train` was asked."""

    out: Path
    """Folder of the prior."""
    images: Path | None
    """Clean images, to be corrupted on the spot."""
    observations: Path | None
    """Corrupted images."""
    clean: str
    """How many of `images` stay clean, or where clean images are."""
    init: Path | None
    """A prior to start from."""
    corrupting: Corrupting
    source: Source
    start: Start
    phase: Phase
    rounds: int
    steps: int | None
    """Gradient steps a round; None goes by the number of observations."""
    first_steps: int
    samples: int
    patience: int | None
    clean_share: float | None
    batch_size: int
    learning_rate: float
    flips: bool
    sampling_steps: int
    corrections: int
    width: int | None
    levels: int | None
    device: str
    seed: int
    quiet: bool

    def __post_init__(self) -> None:
        """Refuse what contradicts itself, before anything is read."""
        object.__setattr__(self, "out", named_folder(self.out))
        if (self.images is None) == (self.observations is None):
            raise InvalidInput(
                "give either --images (clean, corrupted on the spot to try the method) or --observations (corrupted, "
                "your own)"
            )
        if self.observations is not None and self.clean.isdigit() and self.clean != "0":
            raise InvalidInput(
                f"--clean {self.clean} counts clean ones among --images; beside --observations give the folder or "
                "file where clean images are"
            )
        for name in ("rounds", "steps", "first_steps", "samples", "batch_size"):
            given = getattr(self, name)
            if given is not None and given < 1:
                raise InvalidInput(f"--{name.replace('_', '-')} must be at least 1; got {given}")
        if not self.learning_rate > 0:
            raise InvalidInput(f"--learning-rate must be above 0; got {self.learning_rate}")
        if self.patience is not None and self.patience < 1:
            raise InvalidInput(f"--patience must be at least 1; got {self.patience}")
        if self.clean_share is not None and not 0 <= self.clean_share <= 1:
            raise InvalidInput(f"--clean-share must be from 0 to 1; got {self.clean_share}")
        _check_sampling(self.sampling_steps, self.corrections)
        _check_seed(self.seed)
        if self.init is not None and (self.width, self.levels) != (None, None):
            raise InvalidInput("--width and --levels are of a new network; --init brings its own: leave one out")
        clean = None if self.clean.isdigit() else Path(self.clean)
        inputs = {"images": self.images, "observations": self.observations, "clean": clean, "init": self.init}
        _refuse_inputs_within(self.out, inputs | {"mask": self.corrupting.mask})


@dataclass(frozen=True, kw_only=True)
class Restoration:
    """What `restore` was asked."""

    prior: Path
    """Folder of the prior."""
    images: Path | None
    """Corrupted images."""
    truth: Path | None
    """Clean images, to compare with, or to corrupt on the spot."""
    out: Path
    """Folder for what comes out."""
    corrupting: Corrupting
    source: Source
    samples: int
    sampling_steps: int
    corrections: int
    device: str
    seed: int
    quiet: bool

    def __post_init__(self) -> None:
        """Refuse what contradicts itself, before anything is read."""
        object.__setattr__(self, "out", named_folder(self.out))
        if self.images is None and self.truth is None:
            raise InvalidInput("give --images (corrupted), or --truth (clean, corrupted on the spot to try a prior)")
        if self.samples < 1:
            raise InvalidInput(f"--samples must be at least 1; got {self.samples}")
        _check_sampling(self.sampling_steps, self.corrections)
        _check_seed(self.seed)
        inputs = {"images": self.images, "truth": self.truth, "mask": self.corrupting.mask, "prior": self.prior}
        _refuse_inputs_within(self.out, inputs)


def _refuse_inputs_within(out: Path, inputs: Mapping[str, Path | None]) -> None:
    """Refuse to read from a folder that is replaced in the end, or from the one that is removed then."""
    for name, path in inputs.items():
        for folder in (out, state_folder(out)):
            if path is not None and path.resolve().is_relative_to(folder.resolve()):
                raise InvalidInput(
                    f"--{name} must lie outside {folder}, which is replaced or removed; got {path}: choose another "
                    "--out"
                )


def _check_sampling(steps: int, corrections: int) -> None:
    if steps < 2:  # noqa: PLR2004 - a first and a last level
        raise InvalidInput(f"--sampling-steps must be at least 2; got {steps}")
    if corrections < 0:
        raise InvalidInput(f"--corrections must be at least 0; got {corrections}")


def _check_seed(seed: int) -> None:
    if seed < 0:
        raise InvalidInput(f"--seed must be at least 0; got {seed}")
