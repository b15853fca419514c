"""A prior learned from a user's images, in a folder that diffusers loads; what is unfinished lies beside it.

::

    OUT/           the pipeline, as of the last finished round: never anything else
    OUT.state/     what a run needs to go on, until it is finished
"""

from __future__ import annotations

import errno
import hashlib
import json
import shutil
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any, cast

import torch
from rich.console import Console
from torch import Tensor

from consilience.ground.errors import InvalidInput
from consilience.ground.folder import state_folder
from consilience.methods.em_diffusion.corruption import Corruption, unidentifiable_because
from consilience.methods.em_diffusion.diffusers_prior import PARTS, RECORD, DiffusersPrior
from consilience.methods.em_diffusion.em import EM, SAVE_EVERY_S, Progress, Round, Rounds
from consilience.methods.em_diffusion.held_out import MOST_IMAGES
from consilience.methods.em_diffusion.images import Scale
from consilience.methods.em_diffusion.observation import Observations
from consilience.methods.em_diffusion.own_images import request as asked
from consilience.methods.em_diffusion.own_images.observing import Given, corrupt_on_the_spot, observe, read_clean
from consilience.methods.em_diffusion.own_images.watching import Watch, watched
from consilience.methods.em_diffusion.sampling import Sampling
from consilience.methods.em_diffusion.state import read_state, write_state
from consilience.methods.em_diffusion.training import Learner, Pool, Training, cosine
from consilience.methods.em_diffusion.workers import Workers

__all__ = ["chosen_device", "clean_range", "image_chunk", "on_device", "one_line_for_a_full_disk", "train"]

INTERRUPTED = 130

UNIDENTIFIABLE_SHARE = 0.2
"""Least share of clean images in a batch where only they tell what the corruption hides."""
PASSES, FEWEST_STEPS, MOST_STEPS = 40, 100, 1000
"""Passes through the observations that a round's gradient steps amount to, within bounds. On 350 digits (one seed) six
rounds of 40 passes restored fresh images half a decibel better than eight of 90, which remembered theirs."""
MEMORY_STEPS = 500.0
WIDE_RANGE = (-2.0, 2.0)
"""Of clean pixels where the scale was measured on corrupted ones, beyond which clean ones may lie."""
LEAST_SIDE = 4
MOST_LEVELS = 4
JUDGES, JUDGED_SHARE = 64, 10
"""At most so many observations, and one of so many, are never trained on: after every round some of their measurements
are hidden and predicted. Those of observations that were trained on would be remembered, not predicted."""
PIXELS_AT_ONCE = 2**22
"""Pixels times width of the network that are sampled together: about one gigabyte with what gradients need."""

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EACCES, errno.EPERM, errno.EIO}


def train(request: asked.Training) -> int:
    """Learn a prior as it was asked for; return the exit status, 130 where ctrl-C came.

    Raises
    ------
    InvalidInput
        When the images, the corruption or the folders do not allow it; finished rounds stay.
    """
    workers = Workers.launched()
    quiet = request.quiet or not workers.leads
    out, state = request.out, state_folder(request.out)
    with one_line_for_a_full_disk(f"what was finished is kept in {out} and {state}"):
        run = _Run(request, workers)
        if not run.is_needed():
            return 0
        try:
            with Watch("em-diffusion", quiet=quiet) as watch:
                run.go(watch)
        except KeyboardInterrupt:
            print(  # noqa: T201 - the last word of a run that goes on later
                f"consilience: interrupted; the same command goes on from where it stopped ({state}), "
                f"{'the prior of the last finished round is ' + str(out) if out.exists() else 'no round is finished'}",
                file=sys.stderr,
            )
            return INTERRUPTED
    return 0


class _Run:
    """One training, with everything that decides it."""

    def __init__(self, request: asked.Training, workers: Workers) -> None:
        self.request, self.workers = request, workers
        self.out, self.state = request.out, state_folder(request.out)
        self.console = Console(soft_wrap=True, quiet=request.quiet or not workers.leads, highlight=False)
        _refuse_other_content(self.out)
        self.device = chosen_device(request.device)
        init = None if request.init is None else DiffusersPrior.load(request.init)
        self.given = _read(request, init)
        self.observations, self.judges = _with_judges(self.given.observations)
        self.clean = self.given.clean
        shape = self.observations.image_shape
        if init is not None:
            init.expect((len(self.observations), *shape))
        self.blind = unidentifiable_because(self.given.observations.physics)
        if self.blind is not None and self.clean is None and init is None:
            raise InvalidInput(
                f"such images alone cannot tell what clean ones are like: {self.blind}. Give some clean images with "
                "--clean, or a prior that knows with --init"
            )
        self.prior = self._new(request.seed) if init is None else init
        self.prior.scale = self.given.scale
        gaussian = request.start == "gaussian" or (request.start == "auto" and self.clean is None and init is None)
        if request.start == "clean" and self.clean is None:
            raise InvalidInput("--start clean trains a first prior on clean images; there are none: give --clean")
        self.starts_clean = not gaussian and init is None
        passing = PASSES * len(self.observations) // request.batch_size
        steps = request.steps or min(max(passing, FEWEST_STEPS), MOST_STEPS)
        self.rounds = Rounds(
            rounds=request.rounds,
            steps=steps,
            polish=steps,
            samples=request.samples,
            clean_share=self._clean_share(),
            start="gaussian" if gaussian else "prior",
            phase=request.phase,
            patience=request.patience,
            seed=request.seed,
        )
        self.training = Training(
            batch_size=request.batch_size,
            learning_rate=request.learning_rate,
            memory_steps=MEMORY_STEPS,
            flips=request.flips,
        )
        self.sampling = Sampling(
            steps=request.sampling_steps,
            corrections=request.corrections,
            value_range=clean_range(self.prior, self.given),
            chunk=image_chunk(self.prior, shape),
        )
        self.key = self._key()

    def is_needed(self) -> bool:
        """Say what will be done, and whether anything is left to do."""
        kept = _training_of(self.out)
        if kept is not None and kept.get("key") != self.key:
            raise InvalidInput(
                f"{self.out} holds a prior of other images or settings; choose another --out, remove it, or start "
                "from it with --init"
            )
        if kept is not None and kept.get("finished"):
            self.console.print(
                f"{self.out} is finished: {len(kept['rounds'])} rounds of these very images and settings", markup=False
            )
            if self.workers.leads:
                shutil.rmtree(self.state, ignore_errors=True)
            return False
        _refuse_strangers(self.out)
        for line in self._introduction():
            self.console.print(line, markup=False)
        return True

    def go(self, watch: Watch) -> None:
        """Train, from wherever an earlier call stopped."""
        started = time.monotonic()
        ledger = _Ledger(self, watch)
        prior = self._first_prior(watch) if self.starts_clean else self.prior
        em = EM(
            prior.to(self.device),
            on_device(self.observations, self.device),
            self.clean,
            rounds=self.rounds,
            training=self.training,
            sampling=watched(self.sampling, ledger.evaluated),
            folder=self.state / "em",
            anew=self._new,
            workers=self.workers,
            report=ledger.told,
            judges=None if self.judges is None else on_device(self.judges, self.device),
        )
        ledger.begin(em)
        em.run(after=ledger.finished)
        self.keep(em, finished=True)
        self.workers.wait()
        if self.workers.leads:
            shutil.rmtree(self.state)
        last = em.history[-1]
        self.console.print(
            f"{self.out}: a prior of {len(em.history)} rounds, error {last.held_out:.3g} on held-out measurements, "
            f"{(time.monotonic() - started) / 60:.1f} min; use it with `consilience em-diffusion restore --prior "
            f"{self.out} ...` or `diffusers.DDPMPipeline.from_pretrained`",
            markup=False,
        )

    def keep(self, em: EM, *, finished: bool) -> None:
        """Write the prior as it stands."""
        if not self.workers.leads:
            return
        prior = cast("DiffusersPrior", em.prior)
        prior.scale = self.given.scale
        prior.training_record = self._record(em.history, finished=finished)
        prior.save(self.out)

    def _first_prior(self, watch: Watch) -> DiffusersPrior:
        """Train on the clean images alone; an earlier call's progress is gone on with."""
        clean = cast("Tensor", self.clean)
        place, steps = self.state / "first.safetensors", self.request.first_steps
        learner = Learner(self.prior.to(self.device), self.training, seed=self.request.seed, workers=self.workers)
        kept = read_state(place)
        if kept is not None:
            if kept[1]["key"] != self.key:
                raise InvalidInput(f"{self.state} is of other images or settings: choose another --out, or remove it")
            learner.restore(kept[0])
        pool, saved = Pool.of(clean), time.monotonic()
        if learner.steps < steps:
            watch.say(f"first prior, from {len(clean)} clean images")
        while learner.steps < steps:
            loss = learner.step(pool, cosine(learner.steps / steps))
            watch.advance("first prior", "steps", 1, steps, f"loss {loss:.3g}")
            due = time.monotonic() - saved >= SAVE_EVERY_S or learner.steps == steps
            if due and self.workers.leads:
                write_state(place, learner.state(), {"key": self.key})
                saved = time.monotonic()
        return cast("DiffusersPrior", learner.average)

    def _new(self, seed: int) -> DiffusersPrior:
        channels, height, width = self.observations.image_shape
        if self.request.init is not None:
            raise InvalidInput(
                "--phase reset and auto begin with a new network; --init brings its own: use --phase warm"
            )
        fitting = max(1, min(min(height, width) // LEAST_SIDE, 2 ** (MOST_LEVELS - 1)).bit_length())
        return DiffusersPrior.create(
            channels,
            (height, width),
            width=self.request.width or 32,
            levels=self.request.levels or fitting,
            seed=seed,
            scale=self.given.scale,
        )

    def _clean_share(self) -> float | None:
        """Give clean images more weight than their number where nothing else tells what is hidden."""
        if self.request.clean_share is not None or self.clean is None or self.blind is None:
            return self.request.clean_share
        return max(UNIDENTIFIABLE_SHARE, len(self.clean) / (len(self.clean) + len(self.observations)))

    def _introduction(self) -> Iterator[str]:
        channels, height, width = self.observations.image_shape
        clean = 0 if self.clean is None else len(self.clean)
        where = "corrupted on the spot" if self.request.observations is None else "as observed"
        yield (
            f"{len(self.given.observations)} images of {channels} x {height} x {width} {where} "
            f"({self.given.observations.physics}), {clean} clean ones"
        )
        if self.judges is not None:
            yield f"{len(self.judges)} of them only judge: a part of each is hidden and predicted after every round"
        yield _noise_in_words(self.observations, self.given.scale)
        yield from self.given.notes
        if self.blind is not None:
            told = f"clean images are {self._clean_share():.0%} of every batch" if clean else "the initial prior knows"
            yield f"the corruption alone cannot tell what clean images are like ({self.blind}): {told}"
        if self.rounds.start == "gaussian":
            yield "the first samples come from a Gaussian prior, fitted to the corrupted images by EM in closed form"
        weights = sum(parameter.numel() for parameter in self.prior.parameters())
        work = f"{self.rounds.rounds} rounds of {self.rounds.steps} steps"
        yield f"a U-Net of {weights:,} weights on {self.device}, {work}"

    def _record(self, history: list[Round], *, finished: bool) -> dict[str, Any]:
        return {
            "key": self.key,
            "finished": finished,
            "rounds": [asdict(past) for past in history],
            "corruption": str(self.observations.physics),
            "noise_std": _number(self.observations.noise_std),
            "observations": len(self.given.observations),
            "judges": 0 if self.judges is None else len(self.judges),
            "clean": 0 if self.clean is None else len(self.clean),
            "seed": self.request.seed,
            "value_range": self.sampling.value_range,
        }

    def _key(self) -> str:
        """Digest what decides the result."""
        weights = hashlib.sha256()
        for name, tensor in sorted(self.prior.state_dict().items()):
            weights.update(name.encode() + tensor.detach().cpu().contiguous().numpy().tobytes())
        clean = b"" if self.clean is None else self.clean.contiguous().numpy().tobytes()
        described = [
            asdict(self.rounds),
            asdict(self.training),
            asdict(self.sampling),
            self.given.observations.digest,
            hashlib.sha256(clean).hexdigest(),
            weights.hexdigest(),
            self.request.first_steps if self.starts_clean else 0,
        ]
        return hashlib.sha256(json.dumps(described, sort_keys=True).encode()).hexdigest()


class _Ledger:
    """Translates what EM tells into what a `Watch` shows, and keeps the prior after every round."""

    def __init__(self, run: _Run, watch: Watch) -> None:
        self._run, self._watch = run, watch
        self._round, self._loss = 1, float("nan")
        rows = max(1, round(run.rounds.subset * len(run.observations)))
        self._restoring = float(rows * run.rounds.samples * run.sampling.evaluations)
        judges = run.observations if run.judges is None else run.judges
        self._checking = float(min(MOST_IMAGES, len(judges)) * 4 * run.sampling.evaluations)
        self._plan(run.rounds.rounds, first=run.request.first_steps if run.starts_clean else 0)

    def begin(self, em: EM) -> None:
        """Take up a run that may have rounds behind it."""
        self._em = em
        self._round = len(em.history) + 1
        self._plan(self._run.rounds.rounds - len(em.history), first=0)
        if em.history:
            self._watch.say(f"going on after round {len(em.history)}")

    def evaluated(self, images: int, partly: bool) -> None:  # noqa: FBT001 - called by position alone
        """Count evaluations of a posterior, in the E-step or in the check after a round."""
        if partly:
            self._watch.advance(self._named("check"), "evaluations", images, self._checking)
        else:
            self._watch.advance(self._named("E-step"), "evaluations", images, self._restoring)

    def told(self, progress: Progress) -> None:
        """Count gradient steps."""
        self._round = progress.round
        if progress.stage == "M":
            self._loss = progress.figure
            self._watch.advance(self._named("M-step"), "steps", 1, progress.total, f"loss {progress.figure:.3g}")
        else:
            self._watch.advance(
                self._named("E-step"), "evaluations", 0, self._restoring, f"residual {progress.figure:.3g}"
            )

    def finished(self, done: Round) -> None:
        """Keep the prior of a round and say what it is like."""
        self._run.keep(self._em, finished=False)
        self._plan(self._run.rounds.rounds - done.number, first=0)
        left = self._watch.time_left()
        self._watch.say(
            f"round {done.number}/{self._run.rounds.rounds}: residual {done.residual:.3g} of the noise, error "
            f"{done.held_out:.4g} on held-out measurements, loss {self._loss:.3g}{'; ' + left if left else ''}"
        )
        self._round = done.number + 1

    def _named(self, step: str) -> str:
        rounds = self._run.rounds.rounds
        return f"round {self._round}/{rounds}, {step}" if self._round <= rounds else f"last touches, {step}"

    def _plan(self, rounds: int, *, first: int) -> None:
        gaussian = self._run.rounds.start == "gaussian" and rounds == self._run.rounds.rounds
        polishes = self._run.rounds.polish > 0
        self._watch.plan(
            {
                "evaluations": rounds * (self._restoring + self._checking) + (polishes - gaussian) * self._restoring,
                "steps": float(first + rounds * self._run.rounds.steps + self._run.rounds.polish),
            }
        )


@contextmanager
def one_line_for_a_full_disk(kept: str) -> Iterator[None]:
    """Turn a disk that takes no more into a user's mistake, and say what is kept."""
    try:
        yield
    except OSError as error:
        if error.errno not in _FULL:
            raise
        raise InvalidInput(
            f"cannot write {error.filename or 'a file'}: {error.strerror}; make room or choose another --out; {kept}"
        ) from error


def chosen_device(name: str) -> torch.device:
    """Return the device of that name; "auto" is the GPU where there is one.

    Raises
    ------
    InvalidInput
        When torch knows no such device, or cannot use it here.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.zeros(1, device=device)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        told = " ".join(str(error).split()).split(". ")[0]
        raise InvalidInput(
            f"--device must be auto, cpu, cuda or the like; {name!r} does not work here: {told}"
        ) from error
    return device


def on_device(observations: Observations, device: torch.device) -> Observations:
    """Return the same observations elsewhere."""
    if device.type == "cpu" or not isinstance(observations.physics, Corruption):
        return observations
    return Observations(observations.y.to(device), observations.physics.to(device), seed=observations.seed)


def clean_range(prior: DiffusersPrior, given: Given) -> tuple[float, float]:
    """Return the range of clean pixels: that of a prior's training, or a wide one where the scale was measured."""
    if given.measured_range:
        return WIDE_RANGE
    low, high = prior.training_record.get("value_range") or (-1.0, 1.0)
    return float(low), float(high)


def image_chunk(prior: DiffusersPrior, shape: tuple[int, int, int]) -> int:
    """Return how many images fit into memory together, gradients and all."""
    widest = int(prior.unet.config["block_out_channels"][0])
    return max(1, min(4096, PIXELS_AT_ONCE // (widest * shape[1] * shape[2])))


def _read(request: asked.Training, init: DiffusersPrior | None) -> Given:
    scale = None if init is None else init.scale
    counted = request.clean.isdigit()
    if request.observations is not None:
        clean = None if counted else Path(request.clean)
        return observe(request.observations, request.corrupting, request.source, clean=clean, scale=scale)
    given = corrupt_on_the_spot(
        cast("Path", request.images),
        request.corrupting,
        request.source,
        keep_clean=int(request.clean) if counted else 0,
        seed=request.seed,
        scale=scale,
    )
    if counted:
        return given
    clean_images = read_clean(Path(request.clean), request.source, given.scale, given.observations.image_shape)
    return Given(**{**vars(given), "clean": clean_images})


def _with_judges(observations: Observations) -> tuple[Observations, Observations | None]:
    """Split off the observations that judge, evenly spaced; none where there are too few to spare any."""
    count = min(JUDGES, len(observations) // JUDGED_SHARE)
    if count == 0:
        return observations, None
    judging = sorted({(2 * place + 1) * len(observations) // (2 * count) for place in range(count)})
    return observations.take([row for row in range(len(observations)) if row not in judging]), observations.take(
        judging
    )


def _refuse_other_content(out: Path) -> None:
    """Refuse, before hours of work, an `out` that the prior could not be written to."""
    if out.exists() and not out.is_dir():
        raise InvalidInput(f"--out must name a folder; {out} is a file")
    if out.is_dir() and any(out.iterdir()) and not (out / RECORD).is_file():
        raise InvalidInput(f"--out must be a folder of its own; {out} holds something else: choose another one")


def _refuse_strangers(out: Path) -> None:
    """Refuse, before hours of work too, a prior beside which somebody laid a file: it could not be replaced."""
    strange = sorted({entry.name for entry in out.iterdir()} - PARTS) if out.is_dir() else []
    if strange:
        raise InvalidInput(
            f"--out must be a folder of its own; {out} holds {strange[0]} beside the prior: move it elsewhere"
        )


def _training_of(out: Path) -> Mapping[str, Any] | None:
    """Return what the prior in `out` says of its training, if there is one."""
    if not (out / RECORD).is_file():
        return None
    try:
        training = json.loads((out / RECORD).read_text(encoding="utf-8"))["training"]
    except (ValueError, KeyError, TypeError) as error:
        raise InvalidInput(f"cannot read {out / RECORD}: {error}; choose another --out") from error
    return training if isinstance(training, Mapping) else {}


def _noise_in_words(observations: Observations, scale: Scale) -> str:
    level = _number(observations.noise_std)
    own = "" if level is None else f", which is {level * scale.half_width:.4g} in the units of your images"
    return f"noise of standard deviation {level} where pixels run from -1 to 1{own} ({scale.low:g} to {scale.high:g})"


def _number(noise_std: float | Tensor) -> float | None:
    return float(noise_std) if isinstance(noise_std, float | int) else None
