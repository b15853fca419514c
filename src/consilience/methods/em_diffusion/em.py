r"""The EM loop: posterior samples of all observations, a prior fitted to them, and again.

The E-step draws :math:`x\sim p_\theta(x\mid y)` for every observation (alg. 1 of arXiv:2407.01014, with a posterior of
choice); the M-step fits the prior to the samples, and to the clean images there are. M-steps begin from the weights of
the last (``warm``), from new ones (``reset``), or from the last ones until the held-out error no longer falls and then
from new ones (``auto``, the paper's two phases; its own criterion, a guidance below one, has no portable unit).

Nothing is lost when a run is cut off: reconstructions are kept part by part, and training every few seconds. A run that
goes on ends with the same bits as one that was never interrupted.
"""

from __future__ import annotations

import copy
import hashlib
import json
import shutil
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal

import torch
from jaxtyping import Float
from pydantic import Field, NonNegativeInt, PositiveInt
from pydantic import dataclasses as strict
from torch import Tensor, nn

from consilience.ground.config import STRICT
from consilience.ground.errors import InvalidInput
from consilience.ground.folder import write_whole
from consilience.methods.em_diffusion.gaussian import GaussianPrior
from consilience.methods.em_diffusion.gaussian_em import fit_gaussian_em
from consilience.methods.em_diffusion.held_out import HeldOut
from consilience.methods.em_diffusion.observation import Observations
from consilience.methods.em_diffusion.quality import data_residual
from consilience.methods.em_diffusion.sampler import ImageNoise
from consilience.methods.em_diffusion.sampling import Sampling
from consilience.methods.em_diffusion.state import read_state, write_state
from consilience.methods.em_diffusion.training import Learner, Pool, Training
from consilience.methods.em_diffusion.workers import Workers

__all__ = ["EM", "Progress", "Round", "Rounds"]

SAVE_EVERY_S = 20.0
"""Seconds of training between two saves."""
PART_IMAGES = 1024
"""Posterior samples between two saves."""
_LEARNER = "learner.safetensors"
_IDENTITY = "run.json"

Share = Annotated[float, Field(ge=0, le=1)]


@strict.dataclass(frozen=True, kw_only=True, config=STRICT)
class Rounds:
    """How EM alternates."""

    rounds: PositiveInt = 8
    """Rounds, the first from the initial prior; at most, where `patience` is given."""
    refreshes: PositiveInt = 1
    """Times that samples are drawn anew within a round, the gradient steps shared among them."""
    steps: PositiveInt = 500
    """Gradient steps a round."""
    polish: NonNegativeInt = 0
    """Gradient steps after the last round, the rate falling to zero, on samples drawn anew."""
    samples: PositiveInt = 2
    """Posterior samples an observation."""
    subset: Annotated[float, Field(gt=0, le=1)] = 1.0
    """Share of the observations that an E-step restores, others each time."""
    clean_share: Share | None = None
    """Share of clean images in a batch; None gives every clean image the weight of one observation."""
    start: Literal["prior", "gaussian"] = "prior"
    """Whether the first E-step takes the initial prior or a Gaussian one, fitted by EM in closed form."""
    phase: Literal["warm", "reset", "auto"] = "warm"
    """Whether an M-step goes on from the last weights, begins anew, or does so once the first way no longer helps."""
    patience: PositiveInt | None = None
    """Rounds without a better held-out error after which EM stops, or a phase ends; None goes through all rounds."""
    gain: Share = 0.005
    """Share by which the held-out error must fall to count as better."""
    seed: NonNegativeInt = 0
    """Of every random stream of the run."""


@dataclass(frozen=True, kw_only=True)
class Round:
    """What is known of a finished round without any ground truth."""

    number: int
    """One for the first."""
    phase: str
    """Whether the M-step began from the last weights or anew."""
    residual: float
    """Root mean squared residual of the posterior samples over the measurement noise, about 1 at best."""
    held_out: float
    """Root mean squared error on measurements that were hidden from the posterior, after the round."""


@dataclass(frozen=True, kw_only=True)
class Progress:
    """Where a run is."""

    round: int
    """Number of the round, one for the first."""
    stage: Literal["E", "M"]
    """Which step."""
    done: int
    """Observations restored, or gradient steps taken."""
    total: int
    """Of how many."""
    figure: float
    """The last residual over the noise in E, the last loss in M."""


class EM:
    """A clean-image prior from corrupted images.

    Parameters
    ----------
    prior : nn.Module
        The initial prior: trained on a few clean images, or elsewhere, or not at all with ``start="gaussian"``.
    observations : Observations
    clean : tensor, optional
        Clean images, mixed into every M-step. Needed where corrupted images alone cannot tell the prior; see
        `corruption.unidentifiable_because`.
    rounds : Rounds
    training : Training
    sampling : Sampling
    folder : path
        Holds the state of the run; a run is gone on with by making the same one again.
    anew : callable, optional
        Returns an untrained prior for phases that begin anew: ``anew(seed)``.
    workers : Workers
    report : callable, optional
        Told the `Progress` now and then.
    judges : Observations, optional
        What the held-out error of every round is measured on, best such as are not trained on. Without them some of the
        observations judge, whose hidden entries the training has seen: the error then falls by memory too.
    """

    def __init__(
        self,
        prior: nn.Module,
        observations: Observations,
        clean: Float[Tensor, "image channel row column"] | None = None,
        *,
        rounds: Rounds,
        training: Training,
        sampling: Sampling,
        folder: Path | str,
        anew: Callable[[int], nn.Module] | None = None,
        workers: Workers | None = None,
        report: Callable[[Progress], None] | None = None,
        judges: Observations | None = None,
    ) -> None:
        if rounds.phase != "warm" and anew is None:
            raise InvalidInput(f"phase={rounds.phase!r} begins with new weights; expected `anew`, got None.")
        _check_images(observations, clean)
        self.rounds, self.training, self.sampling = rounds, training, sampling
        self.observations, self.clean = observations, clean
        self.folder = Path(folder)
        self.workers = workers or Workers()
        if self._restored < self.workers.count:
            raise InvalidInput(
                f"every process must have an observation to restore; got {self._restored} for {self.workers.count} "
                "processes: start fewer."
            )
        self.anew = anew
        self.report = report
        # A copy: whoever makes the same run again, to go on with it, has the initial prior still.
        self.learner = Learner(copy.deepcopy(prior), training, seed=rounds.seed, workers=self.workers)
        self.judges = observations if judges is None else judges
        self.held_out = HeldOut(self.judges, seed=rounds.seed)
        self.history: list[Round] = []
        self._round = self._refresh = self._taken = 0
        self._resume()

    @property
    def prior(self) -> nn.Module:
        """The prior as it stands: the running average of the weights."""
        return self.learner.average

    def run(self, after: Callable[[Round], None] | None = None) -> nn.Module:
        """Go through the rounds that are left and return the prior.

        Parameters
        ----------
        after : callable, optional
            Told every round that this call finishes.
        """
        while self._round < self.rounds.rounds and not self._is_over():
            self._one_round()
            if after is not None:
                after(self.history[-1])
        if self.rounds.polish and self._refresh >= 0:
            self._alternate(self.rounds.polish, falls=True)
            self._advance(refresh=-1)
        return self.prior

    def _one_round(self) -> None:
        phase = self._phase()
        share, left = divmod(self.rounds.steps, self.rounds.refreshes)
        residual = float("nan")
        for refresh in range(self._refresh, self.rounds.refreshes):
            steps = share + (left if refresh == self.rounds.refreshes - 1 else 0)
            residual = self._alternate(steps, anew=phase == "reset" and refresh == 0)
            if refresh < self.rounds.refreshes - 1:
                self._advance(refresh=refresh + 1)
        held_out = self.held_out.error(self.prior, self.sampling, seed=self.rounds.seed)
        self.history.append(Round(number=self._round + 1, phase=phase, residual=residual, held_out=held_out))
        self._round += 1
        self._advance(refresh=0)

    def _alternate(self, steps: int, *, anew: bool = False, falls: bool = False) -> float:
        """Do one E-step and one M-step; return the residual of the samples."""
        pool, residual = self._expect()
        if anew and self._taken == 0:
            self._begin_anew()
        self._maximise(pool, steps, falls=falls)
        return residual

    def _expect(self) -> tuple[Pool, float]:
        rows, samples = self._rows(), self.rounds.samples
        mine = [rows[place] for place in self.workers.rows(len(rows))]
        portion = max(1, PART_IMAGES // samples)
        parts = []
        for index, first in enumerate(range(0, len(mine), portion)):
            part = self._part(index, mine[first : first + portion])
            parts.append(part)
            given = self.observations.take(mine[first : first + portion])
            self._tell("E", min(first + portion, len(mine)), len(mine), _root_mean_square(part, given))
        whole = self.workers.gather(torch.cat(parts), len(rows))
        clean = None if self.clean is None else self.clean.cpu()
        pool = Pool(reconstructions=whole.cpu(), clean=clean, clean_share=self._clean_share(len(rows)))
        return pool, _root_mean_square(whole, self.observations.take(rows))

    def _part(self, index: int, rows: list[int]) -> Float[Tensor, "observation sample channel row column"]:
        """Return the samples of some observations, from disk where an interrupted run left them."""
        place = self._stage_folder() / f"part-{self.workers.rank:02d}-{index:05d}.safetensors"
        kept = read_state(place)
        if kept is not None and kept[1]["rows"] == rows:
            return kept[0]["samples"].to(self.observations.y)
        given, seed = self.observations.take(rows), self._stage_seed()
        if self._round == 0 and self._refresh == 0 and self.rounds.start == "gaussian":
            drawn = self._from_gaussian(given, rows, seed)
        else:
            drawn = self.sampling.restore(self.prior, given, samples=self.rounds.samples, seed=seed, names=rows)
        write_state(place, {"samples": drawn}, {"rows": rows})
        return drawn

    @cached_property
    def _gaussian(self) -> GaussianPrior:
        return fit_gaussian_em(self.observations, clean=self.clean)

    def _from_gaussian(self, given: Observations, rows: list[int], seed: int) -> Tensor:
        posterior = self._gaussian.posterior(given.physics, given.y)
        drawn = []
        for sample in range(self.rounds.samples):
            noise = ImageNoise(seed, [(row, sample) for row in rows], given.image_shape, like=given.y)
            drawn.append(posterior.sample(noise))
        return torch.stack(drawn, dim=1).to(given.y)

    def _maximise(self, pool: Pool, steps: int, *, falls: bool) -> None:
        saved = time.monotonic()
        while self._taken < steps:
            rate = 1.0 - self._taken / steps if falls else 1.0
            loss = self.learner.step(pool, rate)
            self._taken += 1
            if time.monotonic() - saved >= SAVE_EVERY_S:
                self._save()
                saved = time.monotonic()
            self._tell("M", self._taken, steps, loss)

    def _rows(self) -> list[int]:
        """Return the observations of this E-step: all, or the next share of a shuffled round-robin."""
        count = len(self.observations)
        if self.rounds.subset == 1.0:
            return list(range(count))
        number = self._restored
        order = torch.randperm(count, generator=torch.Generator().manual_seed(self.rounds.seed)).tolist()
        first = number * (self._round * self.rounds.refreshes + self._refresh)
        return sorted(order[(first + place) % count] for place in range(number))

    @property
    def _restored(self) -> int:
        """How many observations an E-step restores."""
        return max(1, round(self.rounds.subset * len(self.observations)))

    def _clean_share(self, rows: int) -> float:
        if self.clean is None:
            return 0.0
        return (
            len(self.clean) / (len(self.clean) + rows) if self.rounds.clean_share is None else self.rounds.clean_share
        )

    def _phase(self) -> Literal["warm", "reset"]:
        if self.rounds.phase != "auto":
            return self.rounds.phase
        return "reset" if self._stalled([past for past in self.history if past.phase == "warm"]) else "warm"

    def _is_over(self) -> bool:
        """Whether the held-out error has not fallen for as many rounds as there is patience."""
        if self.rounds.patience is None:
            return False
        last = [past for past in self.history if past.phase == self._phase()]
        return self._stalled(last) and not (self.rounds.phase == "auto" and self._phase() == "warm")

    def _stalled(self, history: list[Round]) -> bool:
        patience = self.rounds.patience or 3
        if len(history) <= patience:
            return False
        before = min(past.held_out for past in history[:-patience])
        return min(past.held_out for past in history[-patience:]) > (1.0 - self.rounds.gain) * before

    def _begin_anew(self) -> None:
        if self.anew is not None:
            self.learner.restart(self.anew(self.rounds.seed + self._round).to(self.learner.device))

    def _stage_seed(self) -> int:
        return 1_000_003 * self.rounds.seed + 1_009 * self._round + self._refresh + 1

    def _stage_folder(self) -> Path:
        return self.folder / f"round-{self._round + 1:03d}-{self._refresh:03d}"

    def _tell(self, stage: Literal["E", "M"], done: int, total: int, figure: float) -> None:
        if self.report is not None:
            self.report(Progress(round=self._round + 1, stage=stage, done=done, total=total, figure=figure))

    def _advance(self, *, refresh: int) -> None:
        """Write that a stage is done, then forget its samples."""
        done = self.folder
        self._refresh, self._taken = refresh, 0
        self._save()
        self.workers.wait()
        if self.workers.leads:
            for stage in sorted(done.glob("round-*")):
                if stage != self._stage_folder():
                    shutil.rmtree(stage)

    def _save(self) -> None:
        if not self.workers.leads:
            return
        cursor = {
            "round": self._round,
            "refresh": self._refresh,
            "taken": self._taken,
            "history": [asdict(past) for past in self.history],
        }
        write_state(self.folder / _LEARNER, self.learner.state(), cursor)

    def _resume(self) -> None:
        identity = self._identity()
        path = self.folder / _IDENTITY
        if path.is_file():
            if path.read_text(encoding="utf-8") != identity:
                raise InvalidInput(
                    f"{self.folder} holds a run of other settings or observations; "
                    "name another folder, or remove it to begin anew."
                )
        elif self.workers.leads:
            write_whole(path, identity)
        if self.workers.leads:
            for left in self.folder.glob(f".{_LEARNER}.*"):
                left.unlink()  # a run that was killed while it wrote
        kept = read_state(self.folder / _LEARNER)
        if kept is None:
            return
        tensors, cursor = kept
        self._round, self._refresh, self._taken = cursor["round"], cursor["refresh"], cursor["taken"]
        self.history = [Round(**past) for past in cursor["history"]]
        self.learner.restore(tensors)

    def _identity(self) -> str:
        """Describe what decides the run, so that a folder is not gone on with by another."""
        clean = b"" if self.clean is None else self.clean.detach().cpu().contiguous().numpy().tobytes()
        start = hashlib.sha256()
        for name, tensor in sorted(self.learner.prior.state_dict().items()):
            start.update(name.encode() + tensor.detach().cpu().contiguous().numpy().tobytes())
        described: dict[str, Any] = {
            "rounds": asdict(self.rounds),
            "training": asdict(self.training),
            "sampling": asdict(self.sampling),
            "observations": self.observations.digest,
            "judges": self.judges.digest,
            "clean": hashlib.sha256(clean).hexdigest(),
            "start": start.hexdigest(),
            "processes": self.workers.count,
        }
        return json.dumps(described, indent=2, sort_keys=True)


def _root_mean_square(samples: Float[Tensor, "observation sample channel row column"], given: Observations) -> float:
    """Return the residual of the first sample of every observation, in units of the noise."""
    return float(data_residual(samples[:, 0], given).square().mean().sqrt())


def _check_images(observations: Observations, clean: Float[Tensor, "image channel row column"] | None) -> None:
    """Refuse now what would end the first E-step or M-step: clean images of another shape, measurements of nothing."""
    if clean is not None and tuple(clean.shape[1:]) != observations.image_shape:
        raise InvalidInput(
            f"clean images must have the shape of the others, {observations.image_shape}; got {tuple(clean.shape[1:])}."
        )
    if clean is not None and not bool(torch.isfinite(clean).all()):
        raise InvalidInput("clean images must hold finite numbers; got others.")
    data_residual(observations.y.new_zeros(len(observations), *observations.image_shape), observations)
