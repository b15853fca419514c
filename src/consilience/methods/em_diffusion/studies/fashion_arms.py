"""The arms of claim em.fashion: priors and restorations of one split of clothes, each kept as soon as it is there."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import NoReturn

import torch
from jaxtyping import Float
from pydantic import TypeAdapter
from torch import Tensor, nn

from consilience.ground import InvalidInput, RunFolder, Streams
from consilience.ground.folder import write_whole
from consilience.ground.sharing import beside
from consilience.methods.em_diffusion.ambient import fit_ambient
from consilience.methods.em_diffusion.config import Config
from consilience.methods.em_diffusion.diffusers_prior import DiffusersPrior
from consilience.methods.em_diffusion.em import EM, Round, Rounds
from consilience.methods.em_diffusion.filling import fill_with_constant, fill_with_mean_image
from consilience.methods.em_diffusion.gaussian_em import fit_gaussian_em
from consilience.methods.em_diffusion.prior import Denoiser
from consilience.methods.em_diffusion.quality import (
    LabelEmbedding,
    PixelEmbedding,
    data_residual,
    frechet_percent,
    nearest_distance,
    psnr,
)
from consilience.methods.em_diffusion.sampler import ImageNoise
from consilience.methods.em_diffusion.sampling import Sampling
from consilience.methods.em_diffusion.state import read_state, write_state
from consilience.methods.em_diffusion.studies.arms import (
    AMBIENT,
    AMBIENT_ONCE,
    BACKGROUND,
    CLEAN,
    FEW,
    LEARNED,
    LINEAR,
    MEAN_IMAGE,
    TELEVISION,
    Score,
)
from consilience.methods.em_diffusion.studies.clothes import Clothes
from consilience.methods.em_diffusion.total_variation import restore_tv, tune_tv
from consilience.methods.em_diffusion.training import Training, fit_prior

__all__ = ["Arm", "Study", "fitted_beside"]

VALUE_RANGE = (-1.0, 1.0)
SHOWN = 8
CHUNK = 1024
"""Images sampled at a time: their graphs fit in the memory of one graphics processor."""
LINEAR_ROUNDS = 60
"""Of Gaussian EM, at most."""

Images = Float[Tensor, "image channel row column"]


@dataclass(frozen=True, kw_only=True)
class Arm:
    """What is kept of an arm."""

    score: Score
    each: Float[Tensor, " image"]
    """PSNR of every test image."""
    shown: dict[str, Tensor] = field(default_factory=dict)
    """The first images, by kind: mean, sample, deviation, generated."""


class Study:
    """Trains and scores the arms."""

    def __init__(self, config: Config, streams: Streams, folder: RunFolder, place: Path, clothes: Clothes) -> None:
        self.config, self.streams, self.folder, self.place, self.clothes = config, streams, folder, place, clothes
        self.given = clothes.observe(clothes.test, config, streams, "test images")
        self.sampling = Sampling(
            sampler="ancestral", steps=config.fashion_noise_levels, value_range=VALUE_RANGE, chunk=CHUNK
        )
        self.embedding = LabelEmbedding.fit(
            clothes.reference,
            clothes.labels,
            seed=streams.integer("embedding"),
            steps=config.fashion_embedding_steps,
            trained_on=config.fashion_name,
        )
        self.floor = frechet_percent(clothes.test, clothes.reference, self.embedding)
        self.rounds: list[Score] = []

    @property
    def total_steps(self) -> int:
        """Gradient steps of EM, its start included."""
        config = self.config
        return (
            config.fashion_start_steps
            + config.fashion_rounds * config.fashion_round_steps
            + config.fashion_polish_steps
        )

    def arms(self, linear: Callable[[], None]) -> dict[str, Arm]:
        """Return all arms; `linear` returns when Gaussian EM, computed beside, is done."""
        clothes, config = self.clothes, self.config
        arms = {FEW: self._kept(FEW, lambda: self._of_clean(FEW, clothes.clean, config.fashion_start_steps))}
        arms[LEARNED] = self._kept(LEARNED, self._learn)
        arms[CLEAN] = self._kept(CLEAN, lambda: self._of_clean(CLEAN, clothes.reference, self.total_steps))
        once = self._kept_file(AMBIENT_ONCE)
        arms[AMBIENT] = self._kept(AMBIENT, lambda: self._ambient(once))
        arms[AMBIENT_ONCE] = _read_arm(once) or self._fail(once)
        arms[TELEVISION] = self._kept(TELEVISION, self._television)
        arms[MEAN_IMAGE] = self._kept(
            MEAN_IMAGE, lambda: self._restored(fill_with_mean_image(self.given, clothes.clean), 0.0)
        )
        arms[BACKGROUND] = self._kept(
            BACKGROUND, lambda: self._restored(fill_with_constant(self.given, VALUE_RANGE[0]), 0.0)
        )
        linear()
        arms[LINEAR] = self._kept(LINEAR, self._linear)
        self.rounds = _read_rounds(self.place)
        return arms

    def blank(self, channels: int | None = None) -> DiffusersPrior:
        """Return an untrained U-Net."""
        config, (own, rows, columns) = self.config, self.clothes.shape
        return DiffusersPrior.create(
            own if channels is None else channels,
            (rows, columns),
            width=config.fashion_width,
            levels=config.fashion_resolutions,
            layers=config.fashion_blocks,
            seed=self.streams.integer("weights"),
        ).to(self.given.y.device)

    def _of_clean(self, name: str, images: Images, steps: int) -> Arm:
        start = time.perf_counter()
        prior = fit_prior(
            self.blank(), images.cpu(), self._training(), steps=steps, seed=self.streams.integer(f"training of {name}")
        )
        trained = time.perf_counter() - start
        arm = self._prior(prior, trained)
        # The arm is written after its prior: whoever finds the arm finds the prior that EM starts from.
        write_state(self._prior_file(name), prior.state_dict(), {})
        return arm

    def _learn(self) -> Arm:
        """Run EM, scored after every round."""
        config, start, spent = self.config, time.perf_counter(), 0.0
        few = self.blank()
        kept = read_state(self._prior_file(FEW))
        few.load_state_dict(self._fail(self._prior_file(FEW)) if kept is None else kept[0])
        em = EM(
            few,
            self.clothes.observe(self.clothes.hidden, config, self.streams, "hidden images"),
            self.clothes.clean,
            rounds=Rounds(
                rounds=config.fashion_rounds,
                refreshes=config.fashion_refreshes,
                steps=config.fashion_round_steps,
                polish=config.fashion_polish_steps,
                samples=1,
                seed=self.streams.integer("rounds"),
            ),
            training=self._training(),
            sampling=self.sampling,
            folder=self.place / "em",
        )
        scored = _read_rounds(self.place)

        def after(finished: Round) -> None:
            nonlocal spent
            begun = time.perf_counter()
            score = replace(self._prior(em.prior, 0.0).score, seconds=begun - start - spent)
            scored[finished.number - 1 :] = [score]
            write_whole(_rounds_file(self.place), TypeAdapter(list[Score]).dump_json(scored))
            for name, value in (("psnr", score.psnr), ("frechet", score.frechet), ("held_out", finished.held_out)):
                self.folder.metric(f"fashion {name}", float("nan") if value is None else value, round=finished.number)
            spent += time.perf_counter() - begun

        prior = em.run(after)
        return self._prior(prior, time.perf_counter() - start - spent)

    def _ambient(self, once: Path) -> Arm:
        """Train Ambient Diffusion with the same network and score it in both ways of restoring."""
        start, config = time.perf_counter(), self.config
        channels = self.clothes.shape[0]
        prior = fit_ambient(
            self.clothes.observe(self.clothes.hidden, config, self.streams, "hidden images"),
            self.clothes.clean,
            seed=self.streams.integer("ambient"),
            steps=self.total_steps,
            learning_rate=config.fashion_learning_rate,
            network=_Masked(self.blank(channels + 1).unet, channels, 2 ** (config.fashion_resolutions - 1)),
        )
        trained = time.perf_counter() - start
        _write_arm(once, self._restored(prior.restore(self.given), trained))
        counts = range(0, config.fashion_generated, CHUNK)
        generated = torch.cat(
            [
                prior.generate(
                    min(CHUNK, config.fashion_generated - first),
                    self.clothes.shape,
                    seed=self.streams.integer("generated"),
                    levels=self.sampling.levels,
                    first=first,
                )
                for first in counts
            ]
        )
        return self._sampled(prior, generated, start)

    def _television(self) -> Arm:
        start = time.perf_counter()
        tuned = tune_tv(
            self.clothes.observe(self.clothes.tune, self.config, self.streams, "tuning images"), self.clothes.tune
        )
        return self._restored(restore_tv(self.given, tuned.weight), time.perf_counter() - start)

    def _linear(self) -> Arm:
        kept = read_state(_linear_file(self.place))
        if kept is None:
            self._fail(_linear_file(self.place))
        tensors, cursor = kept
        arm = self._restored(tensors["restored"].to(self.given.y), float(cursor["seconds"]))
        return self._with_generated(arm, tensors["generated"].to(self.given.y))

    def _prior(self, prior: Denoiser, trained: float) -> Arm:
        """Score a prior by its posterior samples and by what it generates."""
        start = time.perf_counter() - trained
        generated = self.sampling.generate(
            prior,
            self.config.fashion_generated,
            self.clothes.shape,
            seed=self.streams.integer("generated"),
            like=self.given.y,
        )
        return self._sampled(prior, generated, start)

    def _sampled(self, prior: Denoiser, generated: Images, start: float) -> Arm:
        count, truth = self.config.fashion_samples, self.clothes.test
        drawn = self.sampling.restore(prior, self.given, samples=count, seed=self.streams.integer("posterior samples"))
        mean = drawn.mean(dim=1)
        arm = self._restored(mean, time.perf_counter() - start)
        error = (mean - truth).square().sum() * count / (count + 1)
        singles = [psnr(drawn[:, index], truth, value_range=VALUE_RANGE).mean() for index in range(count)]
        score = replace(
            arm.score,
            psnr_sample=float(torch.stack(singles).mean()),
            residual=float(data_residual(drawn[:, 0], self.given).square().mean().sqrt()),
            spread=float(drawn.var(dim=1).sum() / error),
        )
        shown = {"sample": drawn[:SHOWN, 0], "deviation": drawn[:SHOWN].std(dim=1)}
        return self._with_generated(replace(arm, score=score, shown=arm.shown | shown), generated)

    def _restored(self, restored: Images, seconds: float) -> Arm:
        each = psnr(restored, self.clothes.test, value_range=VALUE_RANGE)
        score = Score(
            psnr=float(each.mean()),
            residual=float(data_residual(restored, self.given).square().mean().sqrt()),
            seconds=seconds,
        )
        return Arm(score=score, each=each.cpu(), shown={"mean": restored[:SHOWN]})

    def _with_generated(self, arm: Arm, generated: Images) -> Arm:
        """Add what generated images are worth."""
        reference, clean = self.clothes.reference, self.clothes.clean
        score = replace(
            arm.score,
            frechet=frechet_percent(generated, reference, self.embedding),
            frechet_pixels=frechet_percent(generated.cpu(), reference.cpu(), PixelEmbedding()),
            nearest=float(nearest_distance(generated, clean).mean()),
        )
        return replace(arm, score=score, shown=arm.shown | {"generated": generated[:SHOWN]})

    def _training(self) -> Training:
        return Training(learning_rate=self.config.fashion_learning_rate, batch_size=self.config.fashion_batch)

    def _kept(self, name: str, compute: Callable[[], Arm]) -> Arm:
        """Return an arm as it was kept, or compute and keep it."""
        file = self._kept_file(name)
        arm = _read_arm(file)
        if arm is None:
            start = time.perf_counter()
            arm = compute()
            _write_arm(file, arm)
            self.folder.record("arm ends", arm=name, psnr=arm.score.psnr, seconds=time.perf_counter() - start)
        return arm

    def _kept_file(self, name: str) -> Path:
        return self.place / f"arm-{_slug(name)}.safetensors"

    def _prior_file(self, name: str) -> Path:
        return self.place / f"prior-{_slug(name)}.safetensors"

    def _fail(self, file: Path) -> NoReturn:
        raise InvalidInput(f"{file} belongs to this run and is gone; remove {self.place} to begin anew.")


class _Masked(nn.Module):
    """A U-Net that sees images with their masks, as Ambient Diffusion calls its network."""

    def __init__(self, unet: nn.Module, channels: int, factor: int) -> None:
        super().__init__()
        self.unet = unet
        self.channels = channels
        self.factor = factor

    def forward(
        self, seen: Float[Tensor, "image channel_and_mask row column"], label: Float[Tensor, " image"]
    ) -> Images:
        """Return images of unit scale."""
        rows, columns = seen.shape[-2:]
        padded = nn.functional.pad(seen, (0, -columns % self.factor, 0, -rows % self.factor))
        # A quarter of the logarithm of the level lies between -1.2 and 0.8; times of diffusers between 0 and 1000.
        output: Tensor = self.unet(padded, 600.0 + 400.0 * label).sample
        return output[:, : self.channels, :rows, :columns]


@contextmanager
def fitted_beside(config: Config, streams: Streams, place: Path) -> Iterator[Callable[[], None]]:
    """Fit Gaussian EM in a process beside, where there may be one: it needs processors and no graphics processor."""
    if config.processes == 1 or _linear_file(place).is_file():
        yield lambda: _fit_linear(config, streams, place)
        return
    with beside(partial(_fit_linear, config, streams, place), begin=_begin) as fitted:
        yield fitted


def _begin() -> None:
    torch.set_num_threads(max(1, (os.cpu_count() or 1) // 2))


def _fit_linear(config: Config, streams: Streams, place: Path) -> None:
    """Fit Gaussian EM in closed form; keep its restorations and what it generates."""
    file = _linear_file(place)
    if file.is_file():
        return
    clothes = Clothes.draw(config, streams)
    start = time.perf_counter()
    observed = clothes.observe(clothes.hidden, config, streams, "hidden images")
    some = observed.take(range(min(config.fashion_linear_images, len(observed))))
    prior = fit_gaussian_em(some, clean=clothes.clean, iterations=LINEAR_ROUNDS)
    given = clothes.observe(clothes.test, config, streams, "test images")
    restored = prior.posterior(given.physics, given.y).mean.float()
    names = [(index,) for index in range(config.fashion_generated)]
    generated = prior.sample(ImageNoise(streams.integer("generated"), names, clothes.shape)).float()
    write_state(file, {"restored": restored, "generated": generated}, {"seconds": time.perf_counter() - start})


def _linear_file(place: Path) -> Path:
    return place / "gaussian-em.safetensors"


def _rounds_file(place: Path) -> Path:
    return place / "rounds.json"


def _read_rounds(place: Path) -> list[Score]:
    file = _rounds_file(place)
    return TypeAdapter(list[Score]).validate_json(file.read_bytes()) if file.is_file() else []


def _write_arm(file: Path, arm: Arm) -> None:
    tensors = {"each": arm.each} | {f"shown/{name}": images for name, images in arm.shown.items()}
    write_state(file, tensors, {"score": TypeAdapter(Score).dump_python(arm.score, mode="json")})


def _read_arm(file: Path) -> Arm | None:
    kept = read_state(file)
    if kept is None:
        return None
    tensors, cursor = kept
    shown = {name.removeprefix("shown/"): tensor for name, tensor in tensors.items() if name.startswith("shown/")}
    return Arm(score=TypeAdapter(Score).validate_python(cursor["score"]), each=tensors["each"], shown=shown)


def _slug(name: str) -> str:
    return name.replace(" ", "-").replace(",", "").lower()
