"""A user's images restored: samples of the posterior, their mean and standard deviation, pictures and numbers.

::

    OUT/mean/NAME.png, .npy          the mean of the samples
    OUT/std/NAME.png, .npy           their standard deviation; black is 0, white the number in the JSON file
    OUT/samples/NAME-1.png, .npy     each sample
    OUT/grid.png                     the first images side by side
    OUT/restoration.json             residuals, seeds, evaluations, scale
    OUT.state/                       what an unfinished restoration needs to go on

Values in .npy are real numbers in the user's own units, neither rounded nor clipped; a PNG shows the prior's range.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from jaxtyping import Float
from rich.console import Console
from torch import Tensor

from consilience.ground.errors import InvalidInput
from consilience.ground.folder import replace_folder, state_folder, write_whole
from consilience.ground.wording import many
from consilience.methods.em_diffusion.diffusers_prior import DiffusersPrior
from consilience.methods.em_diffusion.images import Scale, write_npy, write_png
from consilience.methods.em_diffusion.observation import Observations
from consilience.methods.em_diffusion.own_images import request as asked
from consilience.methods.em_diffusion.own_images.observing import Given, corrupt_on_the_spot, observe, read_truth
from consilience.methods.em_diffusion.own_images.training import (
    INTERRUPTED,
    chosen_device,
    clean_range,
    image_chunk,
    on_device,
    one_line_for_a_full_disk,
)
from consilience.methods.em_diffusion.own_images.watching import Watch, watched
from consilience.methods.em_diffusion.pictures import DEVIATION, image_grid
from consilience.methods.em_diffusion.quality import data_residual, psnr
from consilience.methods.em_diffusion.sampling import Sampling
from consilience.methods.em_diffusion.state import read_state, write_state

__all__ = ["restore"]

SUMMARY = "restoration.json"
_OURS = {"mean", "std", "samples", "grid.png", SUMMARY}
_DRAWABLE = {1, 3}

Samples = Float[Tensor, "image sample channel row column"]


def restore(request: asked.Restoration) -> int:
    """Restore images as it was asked for; return the exit status, 130 where ctrl-C came.

    Raises
    ------
    InvalidInput
        When the prior, the images, the corruption or the folder do not allow it; nothing half-written stays.
    """
    out, state = request.out, state_folder(request.out)
    _refuse_other_content(out)
    device = chosen_device(request.device)
    prior = DiffusersPrior.load(request.prior).to(device)
    given = _read(request, prior)
    prior.expect((len(given.observations), *given.observations.image_shape))
    sampling = _sampling(request, prior, given)
    console = Console(soft_wrap=True, quiet=request.quiet, highlight=False)
    for note in given.notes:
        console.print(note, markup=False)
    with one_line_for_a_full_disk(f"samples so far are kept in {state}"):
        try:
            with Watch("em-diffusion restore", quiet=request.quiet) as watch:
                samples = _draw(request, prior, given.observations, sampling, watch)
        except KeyboardInterrupt:
            # What all fits into one portion is done in one, and nothing of it is kept before.
            goes_on = f"goes on from where it stopped ({state})" if state.exists() else "begins anew"
            print(f"consilience: interrupted; the same command {goes_on}", file=sys.stderr)  # noqa: T201 - the last word
            return INTERRUPTED
        told = _Restored(request, given, samples, sampling)
        told.write(out)
        shutil.rmtree(state, ignore_errors=True)
    console.print(told.sentence(), markup=False)
    return 0


class _Restored:
    """Samples, and what follows from them."""

    def __init__(self, request: asked.Restoration, given: Given, samples: Samples, sampling: Sampling) -> None:
        self.request, self.given, self.samples, self.sampling = request, given, samples, sampling
        self.mean = samples.mean(dim=1)
        self.deviation = samples.std(dim=1) if samples.shape[1] > 1 else None
        self.residual = data_residual(self.mean, given.observations)
        drawn = [data_residual(samples[:, place], given.observations) for place in range(samples.shape[1])]
        self.sample_residual = torch.stack(drawn).mean(dim=0)
        self.psnr = None if given.truth is None else psnr(self.mean, given.truth, value_range=(-1.0, 1.0))
        self.widest = 0.0 if self.deviation is None else float(self.deviation.max())
        self.drawable = samples.shape[2] in _DRAWABLE

    def sentence(self) -> str:
        """Say what came out, in one line."""
        count = len(self.mean)
        quality = "" if self.psnr is None else f", PSNR of the mean {float(self.psnr.mean()):.2f} dB"
        return (
            f"{many(count, 'image')} restored in {self.request.out}: residual of the samples "
            f"{float(self.sample_residual.mean()):.3g} of the noise (1 is right){quality}"
        )

    def write(self, out: Path) -> None:
        """Write everything aside, then rename it into place: whole or not at all."""
        aside = out.with_name(f".{out.name}.{os.getpid()}.part")
        try:
            self._write_images(aside)
            self._write_grid(aside)
            write_whole(aside / SUMMARY, json.dumps(self._summary(), indent=2, allow_nan=False) + "\n")
            replace_folder(aside, out)
        finally:
            shutil.rmtree(aside, ignore_errors=True)

    def _write_images(self, folder: Path) -> None:
        scale = self.given.scale
        for place, name in enumerate(_file_names(self.given.names)):
            _write_both(folder / "mean", name, self.mean[place], scale)
            for number, sample in enumerate(self.samples[place], start=1):
                _write_both(folder / "samples", f"{name}-{number}", sample, scale)
            if self.deviation is None:
                continue
            _write_values(folder / "std" / f"{name}.npy", scale.spread(self.deviation[place]))
            if self.drawable and self.widest > 0:
                write_png(folder / "std" / f"{name}.png", self.deviation[place], value_range=(0.0, self.widest))

    def _write_grid(self, folder: Path) -> None:
        y = self.given.observations.y
        if not self.drawable or y.ndim != 4:  # noqa: PLR2004 - image, channel, row, column
            return
        columns = {"observation": y, "one sample": self.samples[:, 0], "mean": self.mean}
        if self.deviation is not None:
            columns[DEVIATION] = self.deviation
        if self.given.truth is not None:
            columns["truth"] = self.given.truth
        image_grid(columns).savefig(folder / "grid.png", format="png", dpi=160)

    def _summary(self) -> dict[str, Any]:
        given, scale = self.given, self.given.scale
        noise_std = float(torch.as_tensor(given.observations.noise_std).double().mean())
        return {
            "prior": str(self.request.prior),
            "corruption": str(given.observations.physics),
            "noise_std": {"from -1 to 1": noise_std, "your units": noise_std * scale.half_width},
            "scale": asdict(scale),
            "png": {
                "mean and samples": {"black": scale.low, "white": scale.high},
                "std": None if self.deviation is None else {"black": 0.0, "white": self.widest * scale.half_width},
            }
            if self.drawable
            else None,
            "seed": self.request.seed,
            "samples": self.samples.shape[1],
            "network_evaluations_per_sample": self.sampling.evaluations,
            "sampling": asdict(self.sampling),
            "residuals": "root mean square of y - A x over measured pixels, in units of the noise; 1 is right",
            "images": [self._row(place, name) for place, name in enumerate(given.names)],
        }

    def _row(self, place: int, name: str) -> dict[str, Any]:
        row = {
            "name": name,
            "residual_of_samples": float(self.sample_residual[place]),
            "residual_of_mean": float(self.residual[place]),
        }
        if self.deviation is not None:
            row["mean_std"] = float(self.deviation[place].mean()) * self.given.scale.half_width
        if self.psnr is not None:
            row["psnr_of_mean_db"] = float(self.psnr[place])
        return row


def _read(request: asked.Restoration, prior: DiffusersPrior) -> Given:
    """Read observations, or corrupt clean images on the spot, in the units of the prior."""
    source = request.source
    channels = prior.channels if source.channels is None and prior.channels not in _DRAWABLE else source.channels
    source = asked.Source(limit=source.limit, channels=channels, value_range=source.value_range)
    if request.images is None:
        truth = cast("Path", request.truth)
        return corrupt_on_the_spot(truth, request.corrupting, source, seed=request.seed, scale=prior.scale)
    given = observe(request.images, request.corrupting, source, scale=prior.scale)
    if request.truth is None:
        return given
    truth_images = read_truth(request.truth, request.images, source, given)
    return Given(**{**vars(given), "truth": truth_images})


def _sampling(request: asked.Restoration, prior: DiffusersPrior, given: Given) -> Sampling:
    return Sampling(
        steps=request.sampling_steps,
        corrections=request.corrections,
        value_range=clean_range(prior, given),
        chunk=image_chunk(prior, given.observations.image_shape),
    )


def _draw(
    request: asked.Restoration, prior: DiffusersPrior, observations: Observations, sampling: Sampling, watch: Watch
) -> Samples:
    """Draw the samples, part by part, each kept until all are written."""
    count, state = len(observations), state_folder(request.out)
    key = _key(request, prior, observations, sampling)
    portion = max(1, sampling.chunk // request.samples)
    whole = float(count * request.samples * sampling.evaluations)
    watch.plan({"evaluations": whole})

    def notice(images: int, partly: bool) -> None:  # noqa: ARG001, FBT001 - nothing is hidden here
        watch.advance("samples", "evaluations", images, whole)

    counted, elsewhere = watched(sampling, notice), on_device(observations, next(prior.parameters()).device)
    parts = []
    for number, first in enumerate(range(0, count, portion)):
        rows, place = list(range(first, min(first + portion, count))), state / f"part-{number:05d}.safetensors"
        kept = read_state(place)
        if kept is not None and kept[1]["key"] == key:
            parts.append(kept[0]["samples"])
            continue
        drawn = counted.restore(
            prior, elsewhere.take(rows), samples=request.samples, seed=request.seed, names=rows
        ).cpu()
        if portion < count:
            write_state(place, {"samples": drawn}, {"key": key})
        parts.append(drawn)
    return torch.cat(parts)


def _key(request: asked.Restoration, prior: DiffusersPrior, observations: Observations, sampling: Sampling) -> str:
    """Digest what decides the samples."""
    digest = hashlib.sha256(
        json.dumps([asdict(sampling), request.samples, request.seed, observations.digest], sort_keys=True).encode()
    )
    for name, tensor in sorted(prior.state_dict().items()):
        digest.update(name.encode() + tensor.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()


def _write_both(folder: Path, name: str, image: Float[Tensor, "channel row column"], scale: Scale) -> None:
    _write_values(folder / f"{name}.npy", scale.outward(image))
    if len(image) in _DRAWABLE:
        write_png(folder / f"{name}.png", image)


def _write_values(path: Path, values: Float[np.ndarray, "channel row column"]) -> None:
    """Write an image with its axes as image programs have them: (row, column), or (row, column, channel)."""
    write_npy(path, values[0] if len(values) == 1 else np.moveaxis(values, 0, -1))


def _file_names(names: tuple[str, ...]) -> list[str]:
    """Name files after images: ``eye.png`` becomes ``eye``, ``x.npy[3]`` becomes ``x-00003``; whole where two agree."""
    stems = [_stem(name) for name in names]
    return stems if len(set(stems)) == len(stems) else [name.replace(".", "-") for name in names]


def _stem(name: str) -> str:
    if name.endswith("]"):
        file, _, place = name[:-1].rpartition("[")
        return f"{file.partition('.')[0]}-{int(place):05d}"
    return Path(name).stem


def _refuse_other_content(out: Path) -> None:
    """Refuse an `out` that holds anything but an earlier restoration, which is replaced."""
    if out.exists() and not out.is_dir():
        raise InvalidInput(f"--out must name a folder; {out} is a file")
    found = {entry.name for entry in out.iterdir()} if out.is_dir() else set()
    if found and SUMMARY not in found:
        # Names are no proof: a folder called samples may hold whatever a user measured.
        raise InvalidInput(
            f"--out must be a folder of its own; {out} holds {min(found)} and no {SUMMARY}: choose another one"
        )
    if found - _OURS:
        raise InvalidInput(f"--out must be a folder of its own; {out} holds {min(found - _OURS)}: choose another one")
