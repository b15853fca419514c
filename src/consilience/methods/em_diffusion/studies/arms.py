"""The arms of the comparison on digits: one split, one corruption, one network, as many gradient steps and evaluations.

An arm is a way to a prior (the few clean images, EM, all images clean, Ambient) or straight to restorations (Gaussian
EM, total variation, Noise2Self, filling in). All see the same observations. What an arm finishes is kept in the run
folder, so that several claims share it and an interrupted run goes on.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from pydantic import TypeAdapter
from pydantic.dataclasses import dataclass as record
from sklearn.datasets import load_digits
from torch import Tensor

from consilience.ground import InvalidInput, RunFolder
from consilience.ground.config import as_plain
from consilience.ground.folder import write_whole
from consilience.ground.laboratory import source_digest
from consilience.methods.em_diffusion.ambient import fit_ambient
from consilience.methods.em_diffusion.config import Config
from consilience.methods.em_diffusion.corruption import Blur, Corruption, Denoising, Inpainting
from consilience.methods.em_diffusion.em import EM, Round, Rounds
from consilience.methods.em_diffusion.filling import fill_biharmonic, fill_with_constant, fill_with_mean_image
from consilience.methods.em_diffusion.gaussian import GaussianPrior
from consilience.methods.em_diffusion.gaussian_em import fit_gaussian_em
from consilience.methods.em_diffusion.network import ResidualPerceptron
from consilience.methods.em_diffusion.noise2self import fit_noise2self
from consilience.methods.em_diffusion.observation import Observations
from consilience.methods.em_diffusion.pictures import DEVIATION
from consilience.methods.em_diffusion.prior import Denoiser, NetworkPrior
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
from consilience.methods.em_diffusion.total_variation import restore_tv
from consilience.methods.em_diffusion.training import Training, fit_prior
from consilience.neural.sharing import shared
from consilience.neural.weights import initialised

__all__ = ["EMBEDDING", "INPAINT", "QUANTITIES", "Arms", "Score", "arms", "kept_at"]

SHAPE = (1, 8, 8)
VALUE_RANGE = (-1.0, 1.0)
PIXEL_STD, PIXEL_MEAN = 0.75, -0.39
TRAINED = 1500
"""Images that are not tested on: the few clean ones and, corrupted, the others."""
INPAINT = "inpaint"
EMBEDDING = "64-d layer of a CNN trained on digits"

FEW, LEARNED, CLEAN, LINEAR = "prior of the few clean images", "EM", "prior of all images, clean", "Gaussian EM"
AMBIENT, AMBIENT_ONCE = "Ambient, guided", "Ambient, one evaluation"
TELEVISION, BIHARMONIC, MEAN_IMAGE, BACKGROUND = "total variation", "biharmonic", "mean of the few", "background"
SELF = "Noise2Self"

SOURCE = source_digest("em_diffusion")
"""Of the code that was loaded: arms that other code measured are not taken up."""

COLUMNS = ("observation", "few clean: mean", "EM: sample", "EM: mean", DEVIATION, "truth")
"""Of the picture."""

QUANTITIES: tuple[tuple[str, str, int], ...] = (
    ("PSNR of the mean, dB", "psnr", 2),
    ("PSNR of a sample, dB", "psnr_sample", 2),
    ("Frechet, %", "frechet", 2),
    ("Frechet on pixels, %", "frechet_pixels", 2),
    ("residual / noise", "residual", 2),
    ("spread / error", "spread", 2),
    ("nearest of the few", "nearest", 2),
)
"""Columns of a table of arms: heading, field of `Score`, digits."""

TRAINING = Training(learning_rate=2e-3)
FEW_TRAINING = Training(learning_rate=1e-3)
"""The few images are learned by heart in no time: a lower rate forgets less of what lies between them."""

TV_WEIGHTS = {INPAINT: 0.00316, "denoise": 0.316, "blur .01": 0.001, "blur .1": 0.01}
"""Tuned on the validation split of seed 0."""


def corruption(task: str, images: int, seed: int) -> Corruption:
    """Return the corruption of a task."""
    makers: dict[str, Callable[[], Corruption]] = {
        INPAINT: lambda: Inpainting.random(images, SHAPE, 0.4, seed=seed, noise_std=0.01),
        "denoise": lambda: Denoising(noise_std=0.5),
        "blur .01": lambda: Blur.gaussian(1.0, 3, noise_std=0.01),
        "blur .1": lambda: Blur.gaussian(1.0, 3, noise_std=0.1),
    }
    if task not in makers:
        raise InvalidInput(f"the task must be one of {sorted(makers)}; got {task!r}.")
    return makers[task]()


def sampling(task: str) -> Sampling:
    """Return how posteriors are sampled in a task, by EM and in the comparison alike."""
    # With little noise a blur's system has small eigenvalues: two steps of conjugate gradients leave too much unsolved.
    iterations = 5 if task == "blur .01" else 2
    # Where noise covers every pixel the posterior is smooth, and corrections bring nothing.
    corrections = 0 if task == "denoise" else 3
    return Sampling(sampler="ancestral", iterations=iterations, corrections=corrections, value_range=VALUE_RANGE)


@record(frozen=True, kw_only=True)
class Score:
    """How well one arm did on one split."""

    psnr: float
    """Of the restorations (the mean of the posterior samples), in dB, mean over test images."""
    psnr_sample: float | None = None
    """Of single posterior samples."""
    frechet: float | None = None
    """Frechet distance of generated images in the embedding, in percent of the reference's variance."""
    frechet_pixels: float | None = None
    """The same on raw pixels."""
    residual: float | None = None
    """Root mean square of the data residual over the noise."""
    spread: float | None = None
    """Variance of samples over the squared error of their mean: 1 for an exact posterior."""
    nearest: float | None = None
    """Mean distance of a generated image to the nearest of the few clean ones."""
    seconds: float = 0.0
    """Processor time, training and sampling."""


@record(frozen=True, kw_only=True)
class Arms:
    """All arms on one split under one corruption."""

    task: str
    seed: int
    scores: dict[str, Score]
    """By arm."""
    rounds: tuple[Score, ...]
    """EM before its first round and after each, by more generated images than `scores`."""
    held_out: tuple[float, ...]
    """Its held-out error after each, which needs no ground truth."""
    evaluations: int
    """Network evaluations a posterior sample."""
    floor: float
    """Frechet distance of the test images themselves."""


@dataclass(frozen=True, kw_only=True)
class _Split:
    """The images of one seed."""

    seed: int
    test: Float[Tensor, "test channel row column"]
    clean: Float[Tensor, "few channel row column"]
    hidden: Float[Tensor, "corrupted channel row column"]
    """Images that are seen corrupted only."""
    labels: Tensor
    """Of `clean` and `hidden`, for the embedding."""

    @classmethod
    def draw(cls, config: Config, seed: int) -> _Split:
        digits = load_digits()
        order = torch.from_numpy(np.random.default_rng([seed, 0]).permutation(len(digits.data)))
        images = torch.from_numpy(digits.data / 8.0 - 1.0).float().reshape(-1, *SHAPE)[order]
        few = config.clean_images
        return cls(
            seed=seed,
            test=images[TRAINED:][: config.test_images],
            clean=images[:few],
            hidden=images[few:TRAINED][: config.corrupted_images],
            labels=torch.from_numpy(digits.target)[order][:TRAINED][: few + config.corrupted_images],
        )

    @property
    def reference(self) -> Float[Tensor, "image channel row column"]:
        """The clean images that generated ones are held against."""
        return torch.cat([self.clean, self.hidden])


def arms(config: Config, folder: RunFolder, tasks: tuple[str, ...]) -> list[Arms]:
    """Return all arms of some tasks, on every seed of the configuration; what is kept is not computed again."""
    place = kept_at(config, folder)
    seeds = tuple(seed + 100 * config.seed for seed in config.seeds)
    shared(partial(_prepare, config, place), [(seed, "") for seed in seeds], config.processes)
    # Whatever other claims of this run will ask for is done at the same time: no process waits for the last of a few.
    wanted = dict.fromkeys((*tasks, *_tasks(config)))
    shared(partial(_measure, config, place), [(seed, task) for task in wanted for seed in seeds], config.processes)
    found = [_kept(place, seed, task) for task in tasks for seed in seeds]
    return [result for result in found if result is not None]


def _tasks(config: Config) -> tuple[str, ...]:
    """Return the tasks that the claims of a run compare arms on."""
    masks = {"em.closure", "em.frechet", "em.baselines", "em.rounds"} & set(config.claims)
    return ((INPAINT,) if masks else ()) + (config.tasks if "em.other" in config.claims else ())


def examples(config: Config, folder: RunFolder, task: str) -> dict[str, Tensor]:
    """Return restorations of the first seed, by column of the picture."""
    seed = config.seeds[0] + 100 * config.seed
    kept = read_state(_examples_file(kept_at(config, folder), seed, task))
    if kept is None:
        raise InvalidInput(f"the arms of {task!r} have not been measured in {folder.path}.")
    # A file of tensors has an order of its own.
    return {name: kept[0][name] for name in COLUMNS}


def kept_at(config: Config, folder: RunFolder, prefix: str = "") -> Path:
    """Return where arms are kept: under the configuration and the code that decide them."""
    settings = {key: value for key, value in as_plain(config).items() if key not in ("claims", "processes")}
    identity = json.dumps([settings, SOURCE], sort_keys=True)
    return folder.path / "work" / f"{prefix}{hashlib.sha256(identity.encode()).hexdigest()[:16]}"


def _prepare(config: Config, place: Path, job: tuple[int, str]) -> None:
    """Train the two priors that all tasks of a seed compare with."""
    seed, _ = job
    split = _Split.draw(config, seed)
    total = config.start_steps + config.rounds * config.round_steps + config.polish_steps
    for name, images, steps, training in (
        (FEW, split.clean, config.start_steps, FEW_TRAINING),
        (CLEAN, split.reference, total, TRAINING),
    ):
        file = place / f"seed-{seed}" / f"{_slug(name)}.safetensors"
        if not file.is_file():
            start = time.process_time()
            prior = fit_prior(_blank(seed), images, training, steps=steps, seed=seed)
            write_state(file, prior.state_dict(), {"seconds": time.process_time() - start})


def _prior(place: Path, seed: int, name: str) -> tuple[NetworkPrior, float]:
    kept = read_state(place / f"seed-{seed}" / f"{_slug(name)}.safetensors")
    if kept is None:
        raise InvalidInput(f"the {name} of seed {seed} has not been trained in {place}.")
    prior = _blank(seed)
    prior.load_state_dict(kept[0])
    return prior.eval(), float(kept[1]["seconds"])


def _blank(seed: int) -> NetworkPrior:
    network = initialised(seed, lambda: ResidualPerceptron(*SHAPE))
    return NetworkPrior(network, sigma_data=PIXEL_STD, mean=PIXEL_MEAN)


class _Judge:
    """Scores arms on the test images of a split."""

    def __init__(self, config: Config, split: _Split, task: str) -> None:
        self.config, self.split, self.task = config, split, task
        self.sampling = sampling(task)
        seed = split.seed
        self.given = Observations.corrupt(split.test, corruption(task, len(split.test), 1000 + seed), 1000 + seed)
        self.embedding = LabelEmbedding.fit(split.reference, split.labels, seed=seed, steps=config.embedding_steps)

    def prior(self, prior: Denoiser, seconds: float, *, images: int | None = None) -> tuple[Score, Tensor]:
        """Score a prior by its posterior samples and by some images it generates; return the samples too."""
        start = time.process_time()
        drawn = self.sampling.restore(
            prior, self.given, samples=self.config.restored_samples, seed=2000 + self.split.seed
        )
        generated = self.sampling.generate(
            prior, images or self.config.generated_images, SHAPE, seed=3000 + self.split.seed
        )
        score = self.samples(drawn, seconds + time.process_time() - start)
        return self.with_generated(score, generated), drawn

    def samples(self, drawn: Float[Tensor, "observation sample channel row column"], seconds: float) -> Score:
        """Score posterior samples."""
        truth, mean, count = self.split.test, drawn.mean(dim=1), drawn.shape[1]
        error = (mean - truth).square().sum() * count / (count + 1)
        singles = [psnr(drawn[:, index], truth, value_range=VALUE_RANGE).mean() for index in range(count)]
        return Score(
            psnr=self.restored(mean, 0.0).psnr,
            psnr_sample=float(torch.stack(singles).mean()),
            residual=float(data_residual(drawn[:, 0], self.given).square().mean().sqrt()),
            spread=float(drawn.var(dim=1).sum() / error),
            seconds=seconds,
        )

    def restored(self, restored: Float[Tensor, "image channel row column"], seconds: float) -> Score:
        """Score restorations."""
        return Score(
            psnr=float(psnr(restored, self.split.test, value_range=VALUE_RANGE).mean()),
            residual=float(data_residual(restored, self.given).square().mean().sqrt()),
            seconds=seconds,
        )

    def with_generated(self, score: Score, generated: Float[Tensor, "image channel row column"]) -> Score:
        """Add what generated images are worth."""
        return replace(
            score,
            frechet=frechet_percent(generated, self.split.reference, self.embedding),
            frechet_pixels=frechet_percent(generated, self.split.reference, PixelEmbedding()),
            nearest=float(nearest_distance(generated, self.split.clean).mean()),
        )


def _measure(config: Config, place: Path, job: tuple[int, str]) -> None:
    """Measure all arms of one seed and task, unless they are kept."""
    seed, task = job
    if _kept(place, seed, task) is not None:
        return
    split = _Split.draw(config, seed)
    judge = _Judge(config, split, task)
    observed = Observations.corrupt(split.hidden, corruption(task, len(split.hidden), seed), seed)
    scores: dict[str, Score] = {}
    few, seconds = _prior(place, seed, FEW)
    scores[FEW], few_drawn = judge.prior(few, seconds)
    learned, rounds, held_out, drawn = _learn(place, judge, observed, few)
    scores[LEARNED] = learned
    scores[CLEAN], _ = judge.prior(*_prior(place, seed, CLEAN))
    scores |= _others(judge, observed)
    shown = (
        judge.given.y,
        few_drawn.mean(dim=1),
        drawn[:, 0],
        drawn.mean(dim=1),
        drawn.std(dim=1),
        split.test,
    )
    write_state(_examples_file(place, seed, task), dict(zip(COLUMNS, shown, strict=True)), {})
    result = Arms(
        task=task,
        seed=seed,
        scores=scores,
        rounds=tuple(rounds),
        held_out=tuple(held_out),
        evaluations=judge.sampling.evaluations,
        floor=frechet_percent(split.test, split.reference, judge.embedding),
    )
    write_whole(_arms_file(place, seed, task), TypeAdapter(Arms).dump_json(result))


def _learn(
    place: Path, judge: _Judge, observed: Observations, few: NetworkPrior
) -> tuple[Score, list[Score], list[float], Tensor]:
    """Run EM, scored after every round."""
    config, task, seed = judge.config, judge.task, judge.split.seed
    state = place / f"seed-{seed}" / f"{_slug(task)}-em"
    start, spent = time.process_time(), 0.0
    # Masks show pixels as they are, and any prior will do. Noise and blur do not: what fifty images have taught a
    # network is stronger than what they say, so that EM begins from a Gaussian and with new weights.
    masks = task == INPAINT
    em = EM(
        few if masks else _blank(seed),
        observed,
        judge.split.clean,
        rounds=Rounds(
            rounds=config.rounds,
            refreshes=config.refreshes if masks else 1,
            steps=config.round_steps + (0 if masks else config.start_steps // config.rounds),
            polish=config.polish_steps,
            samples=1,
            start="prior" if masks else "gaussian",
            seed=seed,
        ),
        training=TRAINING,
        sampling=judge.sampling,
        folder=state,
    )
    file = state / "scores.json"
    scored: list[Score] = TypeAdapter(list[Score]).validate_json(file.read_bytes()) if file.is_file() else []

    def score_round(number: int) -> None:
        nonlocal spent
        begun = time.process_time()
        del scored[number:]
        # Rounds are compared in claim em.rounds, which is about masks.
        if task == INPAINT:
            scored.append(judge.prior(em.prior, 0.0, images=config.curve_images)[0])
            write_whole(file, TypeAdapter(list[Score]).dump_json(scored))
        spent += time.process_time() - begun

    def after(finished: Round) -> None:
        score_round(finished.number)

    if not em.history:
        score_round(0)
    prior = em.run(after)
    score, drawn = judge.prior(prior, time.process_time() - start - spent)
    return score, scored, [past.held_out for past in em.history], drawn


def _others(judge: _Judge, observed: Observations) -> dict[str, Score]:
    """Score the opponents that a task has."""
    task = judge.task
    scores = {LINEAR: _linear(judge, observed)}
    scores[TELEVISION] = _timed(judge, lambda: restore_tv(judge.given, TV_WEIGHTS[task]))
    if task == INPAINT:
        scores |= _ambient(judge, observed)
        scores[BIHARMONIC] = _timed(judge, lambda: fill_biharmonic(judge.given))
        scores[MEAN_IMAGE] = _timed(judge, lambda: fill_with_mean_image(judge.given, judge.split.clean))
        scores[BACKGROUND] = _timed(judge, lambda: fill_with_constant(judge.given, VALUE_RANGE[0]))
    if task == "denoise":
        scores[SELF] = _timed(judge, lambda: fit_noise2self(observed, seed=judge.split.seed).restore(judge.given))
    return scores


def _timed(judge: _Judge, restore: Callable[[], Tensor]) -> Score:
    start = time.process_time()
    restored = restore()
    return judge.restored(restored, time.process_time() - start)


def _linear(judge: _Judge, observed: Observations) -> Score:
    """Score closed-form Gaussian EM: its exact posterior mean, and what it generates."""
    start = time.process_time()
    prior: GaussianPrior = fit_gaussian_em(observed, clean=judge.split.clean)
    restored = prior.posterior(judge.given.physics, judge.given.y).mean
    score = judge.restored(restored.to(judge.given.y), time.process_time() - start)
    names = [(place,) for place in range(judge.config.generated_images)]
    return judge.with_generated(score, prior.sample(ImageNoise(3000 + judge.split.seed, names, SHAPE)).float())


def _ambient(judge: _Judge, observed: Observations) -> dict[str, Score]:
    """Score Ambient Diffusion: guided samples, and one evaluation with the data put back."""
    start = time.process_time()
    prior = fit_ambient(observed, judge.split.clean, seed=judge.split.seed, steps=judge.config.ambient_steps)
    trained = time.process_time() - start
    once = judge.restored(prior.restore(judge.given), trained)
    generated = prior.generate(judge.config.generated_images, SHAPE, seed=3000 + judge.split.seed)
    drawn = judge.sampling.restore(
        prior, judge.given, samples=judge.config.restored_samples, seed=2000 + judge.split.seed
    )
    guided = judge.samples(drawn, time.process_time() - start)
    return {AMBIENT: judge.with_generated(guided, generated), AMBIENT_ONCE: once}


def _kept(place: Path, seed: int, task: str) -> Arms | None:
    file = _arms_file(place, seed, task)
    return TypeAdapter(Arms).validate_json(file.read_bytes()) if file.is_file() else None


def _arms_file(place: Path, seed: int, task: str) -> Path:
    return place / f"seed-{seed}" / f"{_slug(task)}.json"


def _examples_file(place: Path, seed: int, task: str) -> Path:
    return place / f"seed-{seed}" / f"{_slug(task)}-examples.safetensors"


def _slug(name: str) -> str:
    return name.replace(" ", "-").replace(".", "")
