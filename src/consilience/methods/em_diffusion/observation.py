"""Corrupted images as they were observed, once: measurements, corruption, noise level and seed, on disk or in memory.

::

    observations.json           class and settings of the corruption, noise level, seed, digest of the tensors
    observations.safetensors    y and the parameters of the corruption

There is no place for clean images in here. Noise is never drawn anew, so that rounds of training all see the same data.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, Final, Literal, final

import numpy as np
import torch
from jaxtyping import Bool, Float
from pydantic import TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass
from safetensors import SafetensorError
from safetensors.torch import load as read_tensors
from safetensors.torch import save as tensor_bytes
from torch import Tensor

from consilience.ground.config import STRICT
from consilience.ground.errors import ConsilienceError, InvalidInput
from consilience.ground.folder import write_whole
from consilience.ground.seeds import Streams
from consilience.methods.em_diffusion.corruption import (
    Corruption,
    Physics,
    Rows,
    measured_entries,
    noise_std_of,
    per_image,
    restored,
    take_images,
)

FORMAT: Final = "consilience observations"
VERSION: Final = 1
"""Raised whenever an older reader could misunderstand a newer folder."""

NAMED: Final = 5
"""How many unusable images a message names."""

_HEADER, _TENSORS = "observations.json", "observations.safetensors"


@dataclass(frozen=True, kw_only=True, config=STRICT)
class Header:
    """What ``observations.json`` holds."""

    format: Literal["consilience observations"] = FORMAT
    version: Literal[1] = VERSION
    corruption: str
    """Name of the class of the corruption."""
    settings: dict[str, Any] | None
    """Its plain settings; None for a corruption from elsewhere, which has to be given again when loading."""
    noise_std: float | None
    """Noise level; None where there is one per image, among the tensors."""
    seed: int | None
    """Root of the noise; None where the observations came from elsewhere."""
    tensors_sha256: str
    """Digest of ``observations.safetensors``."""


@final
class Observations:
    """Measurements and the corruption that made them.

    Parameters
    ----------
    y
        Measurements with the image axis first, or one tensor an image. Where the corruption hides an entry, what stands
        there is ignored and becomes zero, so a picture with holes painted over can be given as it is.
    physics
        The corruption, for these very images: one of the room's, or a linear physics of deepinv.
    seed
        Root of the noise, where it is known.

    Raises
    ------
    InvalidInput
        When measurements differ in size, do not fit the corruption, are not finite where measured, or are constant.

    Examples
    --------
    >>> from consilience.methods.em_diffusion.corruption import Denoising
    >>> observations = Observations.corrupt(torch.zeros(3, 1, 4, 4), Denoising(noise_std=0.5), seed=0)
    >>> len(observations), observations.image_shape, observations.noise_std
    (3, (1, 4, 4), 0.5)
    """

    y: Float[Tensor, "image ..."]
    physics: Physics
    seed: int | None

    def __init__(self, y: Tensor | Sequence[Tensor], physics: Physics, *, seed: int | None = None) -> None:
        given = _stacked(y).detach()
        if given.ndim < 2 or len(given) == 0 or not given.is_floating_point():  # noqa: PLR2004 - images of something
            raise InvalidInput(
                "observations must be floating-point numbers with the image axis first, at least one image; "
                f"got {tuple(given.shape)} of {given.dtype}."
            )
        self.image_shape = _image_shape(given, physics)
        seen = measured_entries(physics, given)
        _refuse_unusable(given, seen)
        self.y = torch.where(seen, given, torch.zeros_like(given))
        self.physics = physics
        self.seed = seed

    @classmethod
    def corrupt(
        cls,
        images: Float[Tensor, "image channel row column"],
        physics: Physics,
        seed: int,
        *,
        indices: Sequence[int] | None = None,
    ) -> Observations:
        """Corrupt clean images once.

        The noise of an image is a stream of its own, named by its index, so that corrupting some of the images gives
        the same measurements as taking some of all observations.

        Parameters
        ----------
        images
            Clean images, which are not kept.
        physics
            The corruption. Of one from elsewhere the operator and the noise level are used.
        seed
            Root of the noise.
        indices
            What each image counts as; 0, 1, 2, ... if left out.
        """
        if not bool(torch.isfinite(images).all()):
            raise InvalidInput(
                f"clean images must hold finite numbers; {_listed(~torch.isfinite(images))}; mend or drop them."
            )
        names = range(len(images)) if indices is None else indices
        if len(names) != len(images):
            raise InvalidInput(f"`indices` must name each of {len(images)} images; got {len(names)}.")
        with torch.no_grad():
            clean = physics.A(images)
        noise = _noise(seed, names, tuple(clean.shape[1:])).to(clean)
        if isinstance(physics, Corruption):
            return cls(physics.with_noise(clean, noise), physics, seed=seed)
        return cls(clean + per_image(noise_std_of(physics), clean) * noise, physics, seed=seed)

    @property
    def noise_std(self) -> float | Float[Tensor, " image"]:
        """Noise level of the measurements, one number or one per image."""
        return noise_std_of(self.physics)

    @property
    def measured(self) -> Bool[Tensor, "image ..."]:
        """Which entries of `y` were measured."""
        return measured_entries(self.physics, self.y)

    def __len__(self) -> int:
        return len(self.y)

    def __repr__(self) -> str:
        return f"Observations({len(self)} of shape {tuple(self.y.shape[1:])}, {self.physics})"

    def take(self, rows: Rows) -> Observations:
        """Return some of the observations with their corruption; a row may be taken several times."""
        index = rows if isinstance(rows, slice) else torch.as_tensor(rows, device=self.y.device)
        return Observations(self.y[index], take_images(self.physics, rows, len(self)), seed=self.seed)

    @cached_property
    def digest(self) -> str:
        """SHA-256 of measurements, corruption, noise level and seed: equal exactly where the content is."""
        header, _ = self._described()
        return hashlib.sha256(TypeAdapter(Header).dump_json(header)).hexdigest()

    def save(self, folder: Path | str) -> None:
        """Write two files into `folder`, each whole; the header comes last and vouches for the tensors."""
        header, content = self._described()
        write_whole(Path(folder) / _TENSORS, content)
        write_whole(Path(folder) / _HEADER, TypeAdapter(Header).dump_json(header, indent=2))

    @classmethod
    def load(cls, folder: Path | str, physics: Physics | None = None) -> Observations:
        """Read what `save` wrote.

        Parameters
        ----------
        folder
            Where it lies.
        physics
            The corruption, where it is one from elsewhere; its parameters must be those it had when saving.

        Raises
        ------
        InvalidInput
            When there are no observations, when the files do not belong together, or when the corruption is missing
            or another one.
        """
        folder = Path(folder)
        try:
            text, content = (folder / _HEADER).read_bytes(), (folder / _TENSORS).read_bytes()
        except OSError as error:
            raise InvalidInput(f"{folder} must be a folder of saved observations; {error.strerror}.") from error
        header = _parsed(folder, text)
        if hashlib.sha256(content).hexdigest() != header.tensors_sha256:
            raise InvalidInput(
                f"{folder}: {_TENSORS} is not the file that {_HEADER} was written with; save them again."
            )
        try:
            tensors = read_tensors(content)
            y = tensors.pop("y")
            level = tensors.pop("noise_std") if header.noise_std is None else header.noise_std
            if header.settings is not None:
                return cls(y, restored(header.corruption, tensors, header.settings, level), seed=header.seed)
        except (SafetensorError, KeyError, TypeError) as error:
            raise InvalidInput(f"{folder}: what is stored does not make a corruption ({error}); save again.") from error
        return cls._with_physics_from_elsewhere(folder, header, y, physics)

    @classmethod
    def _with_physics_from_elsewhere(
        cls, folder: Path, header: Header, y: Tensor, physics: Physics | None
    ) -> Observations:
        if physics is None:
            raise InvalidInput(
                f"{folder}: the corruption is a {header.corruption} from elsewhere; load with `physics`."
            )
        observations = cls(y, physics, seed=header.seed)
        found, _ = observations._described()
        if found != header:
            raise InvalidInput(
                f"{folder}: the corruption must be the {header.corruption} that it was saved with; "
                f"got a {found.corruption} of other parameters or noise: set it up as it was."
            )
        return observations

    def _described(self) -> tuple[Header, bytes]:
        """Return the header and the bytes of the tensors."""
        own, level = self.physics if isinstance(self.physics, Corruption) else None, self.noise_std
        tensors = {"y": self.y} | (_state(self.physics) if own is None else own.parameters())
        if isinstance(level, Tensor):
            tensors["noise_std"] = level
        # Cloned: tensors that share memory with another are refused.
        content = tensor_bytes({name: t.detach().cpu().contiguous().clone() for name, t in tensors.items()})
        header = Header(
            corruption=type(self.physics).__name__,
            settings=None if own is None else own.settings(),
            noise_std=None if isinstance(level, Tensor) else level,
            seed=self.seed,
            tensors_sha256=hashlib.sha256(content).hexdigest(),
        )
        return header, content


def _state(physics: Physics) -> dict[str, Tensor]:
    """Return the parameters of a physics that is a torch module; nothing of any other."""
    state = physics.state_dict() if isinstance(physics, torch.nn.Module) else {}
    return {f"physics.{name}": tensor for name, tensor in state.items() if isinstance(tensor, Tensor)}


def _noise(seed: int, names: Sequence[int], shape: tuple[int, ...]) -> Float[Tensor, "image ..."]:
    streams = Streams(seed).child("noise")
    return torch.from_numpy(np.stack([streams.generator(f"image {name}").standard_normal(shape) for name in names]))


def _stacked(y: Tensor | Sequence[Tensor]) -> Tensor:
    if isinstance(y, Tensor):
        return y
    if not y:
        raise InvalidInput("there must be at least one observation; got none.")
    for index, one in enumerate(y):
        if one.shape != y[0].shape:
            raise InvalidInput(
                f"observations must be of one size; number 0 is {tuple(y[0].shape)}, number {index} is "
                f"{tuple(one.shape)}: crop or resize them."
            )
    return torch.stack(list(y))


def _image_shape(y: Tensor, physics: Physics) -> tuple[int, int, int]:
    """Return (channel, row, column) of the images behind the measurements, after checking that both fit."""
    if isinstance(physics, Corruption) and physics.images not in (None, len(y)):
        raise InvalidInput(
            f"{physics} is for {physics.images} images; got {len(y)} observations: cut it with take(rows)."
        )
    try:
        one = take_images(physics, [0], len(y)).A_adjoint(y[:1])
    except ConsilienceError:
        raise
    except (RuntimeError, ValueError) as error:
        raise InvalidInput(
            f"observations of shape {tuple(y.shape[1:])} do not fit {type(physics).__name__}: {error}"
        ) from error
    shape = tuple(one.shape[1:])
    if isinstance(physics, Corruption) and physics.shape_of_measurement(shape) != tuple(y.shape[1:]):
        raise InvalidInput(f"observations of shape {tuple(y.shape[1:])} do not fit {physics}.")
    if len(shape) != 3:  # noqa: PLR2004 - channel, row, column
        raise InvalidInput(f"images must have the axes (channel, row, column); {physics} makes them {shape}.")
    return shape


def _refuse_unusable(y: Tensor, seen: Tensor) -> None:
    """Refuse what is not finite where measured, images of one value with nothing hidden, and inverted masks."""
    broken = ~torch.isfinite(y) & seen
    if bool(broken.any()):
        raise InvalidInput(
            f"observations must hold finite numbers; {_listed(broken)}; mend them, or hide such pixels with "
            "Inpainting(y.isfinite())."
        )
    flat, whole = y.flatten(1), seen.flatten(1).all(dim=1)
    if flat.shape[1] > 1:
        constant = whole & (flat == flat[:, :1]).all(dim=1)
        if bool(constant.any()):
            raise InvalidInput(f"an observation must vary; {_listed(constant)}, being of one value; drop such images.")
    visible, hidden = y[seen], torch.nan_to_num(y[~seen])
    if _varies(hidden) and not _varies(visible):
        raise InvalidInput("observations vary only where the mask hides them; 1 means visible: is the mask inverted?")


def _varies(values: Tensor) -> bool:
    return bool(values.numel()) and bool((values != values[0]).any())


def _listed(bad: Tensor) -> str:
    """Name the first images of which anything is bad, and how many there are."""
    indices = bad.flatten(1).any(dim=1) if bad.ndim > 1 else bad
    found = [int(index) for index in torch.nonzero(indices)[:, 0]]
    if len(found) == 1:
        return f"number {found[0]} of {len(bad)} does not"
    more = ", ..." if len(found) > NAMED else ""
    return f"{len(found)} of {len(bad)} do not: numbers {', '.join(map(str, found[:NAMED]))}{more}"


def _parsed(folder: Path, text: bytes) -> Header:
    try:
        return TypeAdapter(Header).validate_json(text)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"]) or "the file"
        raise InvalidInput(
            f"{folder}: {_HEADER} must be of format {FORMAT!r}, version {VERSION}; {place}: {first['msg']}. Save again."
        ) from error
