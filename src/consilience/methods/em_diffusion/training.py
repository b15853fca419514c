r"""The M-step: denoising score matching on a pool of images, which can stop and go on at every step.

A learner holds everything that training changes: weights, their running average, the optimiser's moments and the random
generator. Two learners with equal states do the same for ever after, bit for bit.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar, cast

import torch
from jaxtyping import Float
from pydantic import PositiveFloat, PositiveInt
from pydantic import dataclasses as strict
from torch import Tensor, nn

from consilience.ground.config import STRICT
from consilience.ground.errors import InvalidInput
from consilience.methods.em_diffusion.workers import Workers
from consilience.neural.generators import seeded

__all__ = ["Learner", "Pool", "Training", "fit_prior"]

Images = Float[Tensor, "image channel row column"]
_P = TypeVar("_P", bound=nn.Module)

_DROPOUT = (nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.Dropout3d, nn.AlphaDropout, nn.FeatureAlphaDropout)
WARM_UP = 10
"""The running average begins with the current weights and reaches its memory after this many times as many steps."""


@strict.dataclass(frozen=True, kw_only=True, config=STRICT)
class Training:
    """How a prior is trained."""

    batch_size: PositiveInt = 128
    """Images a gradient step, over all processes."""
    learning_rate: PositiveFloat = 3e-3
    """Of Adam."""
    memory_steps: PositiveFloat = 200.0
    """Memory of the running average of the weights, in steps."""
    log_level_mean: float = -0.8
    """Mean of the logarithm of the noise levels trained on, in units of pixels."""
    log_level_std: PositiveFloat = 1.4
    """Their standard deviation."""
    largest_gradient: PositiveFloat = 1.0
    """Longer gradients are shortened to this length."""
    flips: bool = False
    """Whether images are mirrored left to right at random."""


@dataclass(frozen=True, kw_only=True)
class Pool:
    """The images that batches are drawn from.

    Examples
    --------
    >>> pool = Pool(reconstructions=torch.zeros(10, 2, 1, 4, 4), clean=torch.ones(3, 1, 4, 4), clean_share=0.25)
    >>> pool.draw(8, torch.Generator().manual_seed(0)).mean().item()
    0.25
    """

    reconstructions: Float[Tensor, "observation sample channel row column"]
    """Posterior samples."""
    clean: Images | None = None
    """Clean images that are mixed in."""
    clean_share: float = 0.0
    """Share of a batch that is clean; a part of an image is one with that chance, so that the mean is right."""

    @classmethod
    def of(cls, images: Images) -> Pool:
        """Return a pool of images that are all alike."""
        return cls(reconstructions=images[:, None])

    def draw(self, count: int, generator: torch.Generator) -> Images:
        """Draw a batch, the clean images last."""
        clean = 0 if self.clean is None else _whole(self.clean_share * count, generator)
        observations, samples = self.reconstructions.shape[:2]
        rows = torch.randint(observations, (count - clean,), generator=generator)
        which = torch.randint(samples, (count - clean,), generator=generator)
        batch: Tensor = self.reconstructions[rows, which]
        if self.clean is None or clean == 0:
            return batch
        return torch.cat([batch, self.clean[torch.randint(len(self.clean), (clean,), generator=generator)]])


class Learner:
    """A prior in training.

    Parameters
    ----------
    prior : nn.Module
        A denoiser with a ``loss(clean, noise, sigma)`` an image, such as `NetworkPrior` or `DiffusersPrior`.
    training : Training
    seed : int
        Of batches, noise and levels.
    workers : Workers
        The processes that share the batches.
    """

    def __init__(self, prior: nn.Module, training: Training, *, seed: int, workers: Workers = Workers()) -> None:  # noqa: B008 - frozen
        self.training = training
        self.workers = workers
        self.generator = torch.Generator().manual_seed(seed)
        self.restart(prior)

    def restart(self, prior: nn.Module) -> None:
        """Go on with another prior: its weights, no moments, no average; the random stream runs on."""
        self.prior = prior.requires_grad_(requires_grad=True)
        self.average = copy.deepcopy(prior).eval().requires_grad_(requires_grad=False)
        self.optimizer = torch.optim.Adam(prior.parameters(), lr=self.training.learning_rate, fused=True)
        self.steps = 0
        self._drops = any(getattr(module, "p", 0) for module in prior.modules() if isinstance(module, _DROPOUT))

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return next(self.prior.parameters()).device

    def step(self, pool: Pool, rate: float = 1.0) -> float:
        """Take one gradient step and return the loss of the batch (of this process's part).

        Parameters
        ----------
        pool : Pool
        rate : float
            Factor of the learning rate.
        """
        settings = self.training
        clean = pool.draw(settings.batch_size, self.generator)
        if settings.flips:
            mirrored = torch.rand(len(clean), generator=self.generator) < 0.5  # noqa: PLR2004 - one in two
            clean = torch.where(mirrored[:, None, None, None], clean.flip(-1), clean)
        noise = torch.randn(clean.shape, generator=self.generator)
        levels = settings.log_level_mean + settings.log_level_std * torch.randn(len(clean), generator=self.generator)
        part = list(self.workers.rows(len(clean)))
        to = self.device
        self.prior.train()
        self.optimizer.zero_grad(set_to_none=True)
        with self._dropout():
            denoising = cast("Any", self.prior).loss
            losses = denoising(clean[part].to(to), noise[part].to(to), torch.exp(levels[part]).to(to))
            (losses.sum() / len(clean)).backward()
        self.workers.add_gradients(self.prior.parameters())
        nn.utils.clip_grad_norm_(self.prior.parameters(), settings.largest_gradient)
        for group in self.optimizer.param_groups:
            group["lr"] = rate * settings.learning_rate
        self.optimizer.step()
        self.steps += 1
        self._remember()
        return float(losses.detach().mean())

    @contextmanager
    def _dropout(self) -> Iterator[None]:
        """Let dropout, which knows torch's global generator only, draw what the learner's own state decides."""
        if not self._drops:
            yield
            return
        ahead = torch.Generator()
        ahead.set_state(self.generator.get_state())
        seed = int(torch.randint(2**62, (), generator=ahead)) + self.workers.rank
        with seeded(seed, self.device):
            yield

    @torch.no_grad()
    def _remember(self) -> None:
        share = max(1.0 / self.training.memory_steps, WARM_UP / (WARM_UP + self.steps))
        averaged: list[Tensor] = list(self.average.parameters())
        current: list[Tensor] = list(self.prior.parameters())
        torch._foreach_lerp_(averaged, current, share)
        for kept, now in zip(self.average.buffers(), self.prior.buffers(), strict=True):
            kept.copy_(now)

    def state(self) -> dict[str, Tensor]:
        """Return everything that training changes, by name."""
        held = {f"weights/{name}": tensor for name, tensor in self.prior.state_dict().items()}
        held |= {f"average/{name}": tensor for name, tensor in self.average.state_dict().items()}
        for index, moments in self.optimizer.state_dict()["state"].items():
            held |= {f"moments/{index}/{name}": torch.as_tensor(value) for name, value in moments.items()}
        held["generator"] = self.generator.get_state()
        held["steps"] = torch.tensor(self.steps)
        return held

    def restore(self, held: dict[str, Tensor]) -> None:
        """Put back what `state` returned.

        Raises
        ------
        InvalidInput
            If it is the state of another network.
        """
        try:
            self.prior.load_state_dict(dict(_under("weights/", held)))
            self.average.load_state_dict(dict(_under("average/", held)))
        except RuntimeError as error:
            raise InvalidInput("the saved state is of another network; begin anew, or name that network.") from error
        moments: dict[int, dict[str, Tensor]] = {}
        for name, tensor in _under("moments/", held):
            index, _, key = name.partition("/")
            moments.setdefault(int(index), {})[key] = tensor
        state = self.optimizer.state_dict()
        state["state"] = moments
        self.optimizer.load_state_dict(state)
        self.generator.set_state(held["generator"])
        self.steps = int(held["steps"])


def fit_prior(
    prior: _P,
    images: Images,
    training: Training,
    *,
    steps: int,
    seed: int,
    progress: Callable[[int, float], None] | None = None,
) -> _P:
    """Train a prior on clean images, the rate falling to zero along a cosine, and return the averaged one.

    Parameters
    ----------
    prior : nn.Module
        Trained in place.
    images : tensor, shape (image, channel, row, column)
    training : Training
    steps : int
    seed : int
    progress : callable, optional
        Told every step's number and loss.
    """
    learner, pool = Learner(prior, training, seed=seed), Pool.of(images)
    for step in range(steps):
        loss = learner.step(pool, cosine(step / steps))
        if progress is not None:
            progress(step, loss)
    return cast("_P", learner.average)


def cosine(place: float) -> float:
    """Return the rate at a place between 0 and 1 of a fall from one to zero.

    Examples
    --------
    >>> [round(cosine(place), 3) for place in (0.0, 0.5, 1.0)]
    [1.0, 0.5, 0.0]
    """
    return 0.5 * (1.0 + float(torch.cos(torch.tensor(torch.pi * min(max(place, 0.0), 1.0)))))


def _under(prefix: str, held: dict[str, Tensor]) -> Iterator[tuple[str, Tensor]]:
    return ((name.removeprefix(prefix), tensor) for name, tensor in held.items() if name.startswith(prefix))


def _whole(number: float, generator: torch.Generator) -> int:
    """Round up or down at random, right in the mean; whole numbers draw nothing."""
    below = math.floor(number)
    if number == below:
        return below
    return below + int(torch.rand((), generator=generator) < number - below)
