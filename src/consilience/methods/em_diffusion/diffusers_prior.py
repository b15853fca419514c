r"""Priors that are diffusers models: a pretrained one starts EM, and a trained one is a pipeline anyone can load.

diffusers writes noise in variance-preserving form over a table of times,
:math:`x_t=\sqrt{\bar\alpha_t}\,x_0+\sqrt{1-\bar\alpha_t}\,\varepsilon`; this room writes
:math:`x_\sigma=x_0+\sigma\varepsilon`. They meet at :math:`\sigma_t=\sqrt{(1-\bar\alpha_t)/\bar\alpha_t}` and
:math:`x_t=x_\sigma/\sqrt{1+\sigma^2}`. Between the entries of the table, time is linear in :math:`\ln\sigma`.
"""

from __future__ import annotations

import json
import math
import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from consilience.ground.errors import InvalidInput, MissingDependency
from consilience.ground.folder import replace_folder
from consilience.methods.em_diffusion.images import Scale
from consilience.neural.generators import seeded

try:
    import diffusers
    from diffusers import DDPMPipeline, DDPMScheduler, SchedulerMixin, UNet2DModel
    from safetensors import SafetensorError
except ImportError as error:
    raise MissingDependency("priors of diffusers need diffusers; install consilience[em]") from error

RECORD = "consilience.json"
"""What lies in the folder beside the pipeline: size, value range, noise levels and how it was trained."""

PARTS = frozenset({"unet", "scheduler", "model_index.json", RECORD})
"""All that the folder of a prior holds; it is replaced as a whole."""
_GROUPS = 8
_NOTHING: Mapping[str, Any] = MappingProxyType({})


class DiffusersPrior(nn.Module):
    r"""A denoiser made of a diffusers U-Net and the noise table of its scheduler.

    With :math:`F` the network's output at :math:`x_\sigma/\sqrt{1+\sigma^2}` and the time of :math:`\sigma`,

    .. math:: D(x,\sigma)=\begin{cases}x-\sigma F & \text{epsilon}\\
              x/(1+\sigma^2)-\sigma F/\sqrt{1+\sigma^2} & \text{v_prediction}\\ F & \text{sample}\end{cases}

    The second line is EDM's preconditioning with :math:`\sigma_d=1`. Beyond the ends of the table, time stands still
    and the true :math:`\sigma` stays in the formula: as it falls to 0, D(x, σ) becomes x for the first two. Nothing is
    clipped, whatever the scheduler says of it, so that D keeps its derivatives. An image that the levels of the
    network do not divide is padded by its border and cropped again.

    Parameters
    ----------
    unet
        Unconditional network; a second half of its output channels, which some train to predict variances, is dropped.
    scheduler
        Any scheduler with a table `alphas_cumprod`; its `prediction_type` says what the network predicts.
    size
        Rows and columns of the images, where they are smaller than the network's own; `None` takes the network's.
    scale
        How the pixels of the training images became what the network sees; kept for whoever loads the prior.
    training
        What is worth keeping of the training, plain enough for JSON.

    Raises
    ------
    InvalidInput
        When the network is conditional or has other channels coming out than going in, or the scheduler has no table.
    """

    log_sigmas: Tensor

    def __init__(
        self,
        unet: UNet2DModel,
        scheduler: SchedulerMixin,
        *,
        size: tuple[int, int] | None = None,
        scale: Scale | None = None,
        training: Mapping[str, Any] = _NOTHING,
    ) -> None:
        super().__init__()
        _refuse_other_networks(unet)
        self.prediction_type = _prediction_type(scheduler)
        self.unet = unet
        self.scheduler = scheduler
        self.size = size or _own_size(unet)
        self.scale = scale
        self.training_record = dict(training)
        self.register_buffer("log_sigmas", _log_sigmas(scheduler), persistent=False)

    @classmethod
    def create(
        cls,
        channels: int,
        size: int | tuple[int, int],
        *,
        width: int = 32,
        levels: int = 3,
        layers: int = 1,
        attention: bool = True,
        dropout: float = 0.0,
        seed: int = 0,
        scale: Scale | None = None,
    ) -> DiffusersPrior:
        r"""Make an untrained prior: a U-Net that predicts velocities over the usual linear table of 1000 times.

        Its last layer starts at zero, so that a new prior is the exact one of images of independent standard normal
        pixels, :math:`D=x/(1+\sigma^2)`. The pipeline it is saved as takes "trailing" times and does not clip.

        Parameters
        ----------
        channels
            Channels of the images.
        size
            Rows and columns. Where :math:`2^{\text{levels}-1}` does not divide them, images are padded, and a
            pipeline made of the prior samples the padded size.
        width
            Channels of the first level, a multiple of 8; the others have twice as many.
        levels
            Resolutions, each half the one before.
        layers
            Residual blocks a level.
        attention
            Whether pixels of the last level attend to one another.
        dropout
            Share of units that training leaves out.
        seed
            Root of the first weights; no global generator is touched.
        scale
            How pixels become what the network sees.
        """
        height, columns = (size, size) if isinstance(size, int) else size
        for name, value in (
            ("channels", channels),
            ("size", min(height, columns)),
            ("levels", levels),
            ("layers", layers),
        ):
            if value < 1:
                raise InvalidInput(f"`{name}` must be at least 1; got {value}")
        if width < _GROUPS or width % _GROUPS:
            raise InvalidInput(f"`width` must be a multiple of {_GROUPS}; got {width}")
        factor = 2 ** (levels - 1)
        with seeded(seed):
            unet = UNet2DModel(
                sample_size=(math.ceil(height / factor) * factor, math.ceil(columns / factor) * factor),
                in_channels=channels,
                out_channels=channels,
                block_out_channels=(width,) + (2 * width,) * (levels - 1),
                layers_per_block=layers,
                down_block_types=("DownBlock2D",) * (levels - 1) + ("AttnDownBlock2D" if attention else "DownBlock2D",),
                up_block_types=("AttnUpBlock2D" if attention else "UpBlock2D",) + ("UpBlock2D",) * (levels - 1),
                add_attention=attention,
                norm_num_groups=_GROUPS,
                dropout=dropout,
            )
        nn.init.zeros_(unet.conv_out.weight)
        nn.init.zeros_(unet.conv_out.bias)
        scheduler = DDPMScheduler(prediction_type="v_prediction", clip_sample=False, timestep_spacing="trailing")
        return cls(unet, scheduler, size=(height, columns), scale=scale)

    @property
    def channels(self) -> int:
        """Channels of the images."""
        return int(self.unet.config["in_channels"])

    @property
    def sigma_min(self) -> float:
        """The least noise the network was made for; below it, time stands still."""
        return float(self.log_sigmas[0].exp())

    @property
    def sigma_max(self) -> float:
        """The most noise the network was made for; above it, time stands still."""
        return float(self.log_sigmas[-1].exp())

    def time(self, sigma: Float[Tensor, " image"]) -> Float[Tensor, " image"]:
        """Return the scheduler's times of noise levels, real numbers in double precision, linear in the log between."""
        levels = sigma.double().log().clamp(self.log_sigmas[0], self.log_sigmas[-1])
        above = torch.searchsorted(self.log_sigmas, levels).clamp(1, len(self.log_sigmas) - 1)
        low, high = self.log_sigmas[above - 1], self.log_sigmas[above]
        return above - 1 + (levels - low) / (high - low)

    def forward(
        self, noisy: Float[Tensor, "image channel row column"], sigma: Float[Tensor, " image"]
    ) -> Float[Tensor, "image channel row column"]:
        """Return the expected clean images; differentiable in `noisy`, in whose precision they come.

        Raises
        ------
        InvalidInput
            When the images have other channels or another size than the prior.
        """
        self.expect(noisy.shape)
        level = sigma.to(noisy.dtype).reshape(-1, 1, 1, 1)
        root = torch.sqrt(1 + level**2)
        output = self._output(noisy / root, self.time(sigma))
        if self.prediction_type == "epsilon":
            return noisy - level * output
        if self.prediction_type == "v_prediction":
            return noisy / root**2 - level / root * output
        return output

    def loss(
        self,
        clean: Float[Tensor, "image channel row column"],
        noise: Float[Tensor, "image channel row column"],
        sigma: Float[Tensor, " image"],
    ) -> Float[Tensor, " image"]:
        """Return each image's mean squared error in what the network predicts: noise, velocity or clean image."""
        level = sigma.to(clean.dtype).reshape(-1, 1, 1, 1)
        error: Tensor = self(clean + level * noise, sigma) - clean
        weight = {"epsilon": 1 / level**2, "v_prediction": 1 + 1 / level**2, "sample": torch.ones_like(level)}
        return (weight[self.prediction_type] * error**2).mean(dim=(1, 2, 3))

    def expect(self, shape: Sequence[int]) -> None:
        """Refuse images of a shape (image, channel, row, column) that the prior is not for.

        Raises
        ------
        InvalidInput
            When channels or size differ.
        """
        channels, size = shape[-3], tuple(shape[-2:])
        if channels != self.channels or (self.size is not None and size != self.size):
            own = "any size" if self.size is None else _times(self.size)
            raise InvalidInput(
                f"the prior is of {self.channels} channel(s), {own}; the images have {channels}, {_times(size)}: "
                "give images like those it was trained on, or another prior"
            )

    def save(self, folder: Path | str) -> Path:
        """Write a folder that `diffusers.DDPMPipeline.from_pretrained` loads, whole or not at all.

        Parameters
        ----------
        folder
            A prior that is there already is replaced.

        Returns
        -------
        Path
            The folder.

        Raises
        ------
        InvalidInput
            When the folder holds something else, or the disk does not take the files: an earlier prior stays whole.
        """
        target = Path(os.path.abspath(folder))  # noqa: PTH100 - a link is followed by nobody: its name is what is replaced
        _refuse_other_content(target)
        record = self._record()
        aside = target.with_name(f".{target.name}.{os.getpid()}.part")
        try:
            aside.mkdir(parents=True)
            DDPMPipeline(unet=self.unet, scheduler=self.scheduler).save_pretrained(aside, safe_serialization=True)
            (aside / RECORD).write_text(record, encoding="utf-8")
            replace_folder(aside, target)
        except (OSError, SafetensorError) as error:
            raise InvalidInput(
                f"cannot write the prior {target}: {error}; make room or choose another folder"
            ) from error
        finally:
            shutil.rmtree(aside, ignore_errors=True)
        return target

    @classmethod
    def load(cls, folder: Path | str) -> DiffusersPrior:
        """Read a folder that `save` wrote, or any unconditional pipeline of diffusers, for evaluation.

        Parameters
        ----------
        folder
            A folder on this machine: nothing is ever fetched, and weights are read from safetensors alone.

        Raises
        ------
        InvalidInput
            When there is no such folder, when it holds another model, or when it cannot be read.
        """
        source = Path(folder)
        if not source.is_dir():
            raise InvalidInput(
                f"a prior must be a folder on this machine; there is none at {source}: fetch models yourself first"
            )
        index = _read_json(source / "model_index.json")
        unet = _load_network(source, index)
        scheduler = _load_scheduler(source, index)
        if not (source / RECORD).is_file():
            return cls(unet, scheduler).eval()
        record = _read_json(source / RECORD)
        try:
            size = (int(record["size"][0]), int(record["size"][1])) if record["size"] else None
            scale = Scale(**record["scale"]) if record["scale"] else None
            prior = cls(unet, scheduler, size=size, scale=scale, training=record["training"])
            same = np.allclose(prior.log_sigmas.exp(), record["sigmas"], rtol=1e-5)
        except (KeyError, TypeError, ValueError) as error:
            raise InvalidInput(f"cannot read {source / RECORD}: {error}; save the prior again") from error
        if not same:
            raise InvalidInput(
                f"the scheduler in {source} has other noise levels than the prior was trained with: put it back"
            )
        return prior.eval()

    def _output(
        self, scaled: Float[Tensor, "image channel row column"], time: Float[Tensor, " image"]
    ) -> Float[Tensor, "image channel row column"]:
        """Run the network in its own precision, on a size that its levels divide."""
        if self.unet.config["time_embedding_type"] == "learned":
            time = time.round().long()
        height, width = scaled.shape[-2:]
        factor = 2 ** (len(self.unet.config["block_out_channels"]) - 1)
        top, bottom = _margins(height, factor)
        left, right = _margins(width, factor)
        seen = scaled.to(self.unet.dtype)
        if top + bottom + left + right:
            seen = nn.functional.pad(seen, (left, right, top, bottom), mode="replicate")
        output: Tensor = self.unet(seen, time).sample
        return output[:, : self.channels, top : top + height, left : left + width].to(scaled.dtype)

    def _record(self) -> str:
        record = {
            "size": self.size,
            "scale": None if self.scale is None else asdict(self.scale),
            "sigmas": self.log_sigmas.exp().tolist(),
            "training": self.training_record,
        }
        try:
            return json.dumps(record, indent=2, allow_nan=False) + "\n"
        except (TypeError, ValueError) as error:
            raise InvalidInput(
                f"the record of a training must be plain JSON; {error}: leave such values out"
            ) from error

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> DiffusersPrior:  # noqa: FBT001, FBT002 - torch's signature
        """Move to a device or a precision; the table stays in double precision."""
        table = self.log_sigmas
        super()._apply(fn, recurse)  # type: ignore[no-untyped-call]
        self.log_sigmas = table.to(self.log_sigmas.device)
        return self


def _refuse_other_networks(unet: UNet2DModel) -> None:
    config = unet.config
    if config["class_embed_type"] is not None or config["num_class_embeds"] is not None:
        raise InvalidInput("a prior must be unconditional; this network asks for a class: give one without")
    if config["time_embedding_type"] == "fourier":
        raise InvalidInput(
            "a prior's network must know times of a table; this one has Fourier features of the noise level"
        )
    if config["out_channels"] not in {config["in_channels"], 2 * config["in_channels"]}:
        raise InvalidInput(
            f"a prior must return as many channels as it takes; the network takes {config['in_channels']} and returns "
            f"{config['out_channels']}"
        )


def _prediction_type(scheduler: SchedulerMixin) -> str:
    if not hasattr(scheduler, "alphas_cumprod"):
        raise InvalidInput(
            f"a prior's scheduler must have a table alphas_cumprod, as DDPMScheduler; got a {type(scheduler).__name__}"
        )
    prediction_type = str(scheduler.config.get("prediction_type", "epsilon"))
    if prediction_type not in {"epsilon", "v_prediction", "sample"}:
        raise InvalidInput(f"a prior must predict epsilon, v_prediction or sample; got {prediction_type!r}")
    return prediction_type


def _log_sigmas(scheduler: SchedulerMixin) -> Float[Tensor, " time"]:
    """The noise levels of the table; one without any signal, which some put at its end, has none."""
    kept = torch.as_tensor(scheduler.alphas_cumprod).double().cpu()
    kept = kept[kept > 0]
    return ((1 - kept) / kept).log() / 2


def _own_size(unet: UNet2DModel) -> tuple[int, int] | None:
    size = unet.config["sample_size"]
    if size is None:
        return None
    return (size, size) if isinstance(size, int) else (int(size[0]), int(size[1]))


def _times(size: Sequence[int]) -> str:
    return f"{size[0]} x {size[1]}"


def _margins(length: int, factor: int) -> tuple[int, int]:
    """How many pixels to add before and after, for `factor` to divide the length."""
    missing = -length % factor
    return missing // 2, missing - missing // 2


def _refuse_other_content(target: Path) -> None:
    """Refuse to replace anything but an earlier prior."""
    if not target.exists():
        return
    if not target.is_dir():
        raise InvalidInput(f"a prior is saved as a folder; {target} is a file: choose another name")
    others = sorted({entry.name for entry in target.iterdir()} - PARTS)
    if others:
        raise InvalidInput(f"a prior needs a folder of its own; {target} holds {others[0]}: choose another one")


def _read_json(file: Path) -> dict[str, Any]:
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise InvalidInput(f"expected a pipeline as diffusers saves it; {file.parent} has no {file.name}") from error
    except (OSError, ValueError) as error:
        raise InvalidInput(f"cannot read {file}: {error}; save or fetch the prior again") from error
    if not isinstance(content, dict):
        raise InvalidInput(f"expected settings by name in {file}; got a {type(content).__name__}")
    return content


def _part(source: Path, name: str) -> Path:
    """Where a part of a pipeline lies: in a folder of its name, or loose, as pipelines of old."""
    return source / name if (source / name).is_dir() else source


def _load_network(source: Path, index: Mapping[str, Any]) -> UNet2DModel:
    if index.get("unet") != ["diffusers", "UNet2DModel"]:
        raise InvalidInput(
            f"a prior must be an unconditional UNet2DModel of diffusers; {source} has {index.get('unet')}"
        )
    part = _part(source, "unet")
    if not any(part.glob("*.safetensors")):
        if any(part.glob("*.bin")):
            raise InvalidInput(
                f"weights must be safetensors; {part} has a pickle, which could run code: convert it first"
            )
        raise InvalidInput(f"weights must be safetensors; there are none in {part}: fetch the model again")
    try:
        unet, loading = UNet2DModel.from_pretrained(
            part, use_safetensors=True, local_files_only=True, output_loading_info=True
        )
    except (OSError, ValueError, RuntimeError, TypeError, SafetensorError) as error:
        raise InvalidInput(f"cannot read the network in {part}: {_sentence(error)}; save or fetch it again") from error
    lost = [*loading["missing_keys"], *loading["unexpected_keys"]]
    if lost:
        raise InvalidInput(f"the weights in {part} are of another network, as {lost[0]} shows: fetch the model again")
    unet.register_to_config(_name_or_path="")  # or every later save would carry this machine's path
    return unet


def _load_scheduler(source: Path, index: Mapping[str, Any]) -> SchedulerMixin:
    library, name = index.get("scheduler") or (None, None)
    kind: Any = getattr(diffusers, str(name), None) if library == "diffusers" else None
    if SchedulerMixin not in getattr(kind, "__mro__", ()):
        raise InvalidInput(f"a prior's scheduler must be one of diffusers; {source} has {index.get('scheduler')}")
    part = _part(source, "scheduler")
    try:
        return kind.from_pretrained(part, local_files_only=True)
    except (OSError, ValueError, TypeError) as error:
        raise InvalidInput(
            f"cannot read the scheduler in {part}: {_sentence(error)}; save or fetch it again"
        ) from error


def _sentence(error: Exception) -> str:
    """The first sentence of a foreign error, on one line: the others tell how to get round it."""
    return " ".join(str(error).split()).split(". ")[0].rstrip(".")
