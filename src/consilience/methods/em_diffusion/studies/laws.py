"""Whether every operator has its adjoint, and whether a restoration depends on what else is restored."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import torch
from jaxtyping import Float
from sklearn.datasets import load_digits
from torch import Tensor

from consilience.ground import Evidence, InvalidInput, Measurement, RunFolder, Streams, Table
from consilience.methods.em_diffusion.config import Config
from consilience.methods.em_diffusion.corruption import (
    Blur,
    Composition,
    Corruption,
    Denoising,
    Downsampling,
    Inpainting,
    Physics,
    RandomProjection,
)
from consilience.methods.em_diffusion.network import ResidualPerceptron
from consilience.methods.em_diffusion.observation import Observations
from consilience.methods.em_diffusion.prior import NetworkPrior
from consilience.methods.em_diffusion.sampling import Sampling
from consilience.methods.em_diffusion.training import Training, fit_prior
from consilience.neural.generators import seeded
from consilience.neural.sharing import one_thread

__all__ = ["laws"]

IMAGES, SHAPE = 64, (1, 8, 8)
ALONE = (0, 21, 41, 63)
"""Images that are restored by themselves too; where fewer are asked for, the last ones, whose number is not zero."""
BAR = 1e-5
TRAINING_STEPS = 200
"""Of the prior."""

QUICK = Sampling(steps=6, corrections=1)
POSTERIORS = {
    "MMPS": QUICK,
    "MMPS by GMRES": replace(QUICK, solver="gmres"),
    "PGDM": replace(QUICK, posterior="pgdm"),
    "DPS": replace(QUICK, posterior="dps", strength=0.1),
}
SAMPLERS = ("ancestral", "heun")
"""Beside the multistep sampler, which all corruptions are looked at with."""

_NOISE = torch.linspace(0.05, 0.5, IMAGES)

CORRUPTIONS: dict[str, Callable[[int], Corruption]] = {
    "noise, a level an image": lambda _seed: Denoising(noise_std=_NOISE),
    "random masks": lambda seed: Inpainting.random(IMAGES, SHAPE, 0.4, seed=seed, noise_std=_NOISE),
    "boxes": lambda seed: Inpainting.box(IMAGES, SHAPE, 4, seed=seed, noise_std=0.1),
    "one mask": lambda _seed: Inpainting(torch.arange(64).reshape(8, 8) % 3 > 0, noise_std=0.1),
    "Gaussian blur": lambda _seed: Blur.gaussian(1.0, 3, noise_std=0.1),
    "Gaussian blur, a width an image": lambda _seed: Blur.gaussian(0.5 + _NOISE, 5, padding="circular", noise_std=0.1),
    "motion blur": lambda _seed: Blur.motion(3.0, 30.0, noise_std=0.1),
    "motion blur, an angle an image": lambda _seed: Blur.motion(3.0, 360 * _NOISE, padding="circular", noise_std=0.1),
    "blocks of 2x2 pixels": lambda _seed: Downsampling(2, noise_std=0.1),
    "one random projection": lambda seed: RandomProjection.random(1, SHAPE, 24, seed=seed, noise_std=0.1),
    "a random projection an image": lambda seed: RandomProjection.random(IMAGES, SHAPE, 24, seed=seed, noise_std=0.1),
    "blur, then blocks": lambda _seed: Composition(Downsampling(2, noise_std=0.1), Blur.gaussian(1.0, 3)),
    "blur, then masks": lambda seed: Composition(
        Inpainting.random(IMAGES, SHAPE, 0.5, seed=seed), Blur.gaussian(1.0, 3), noise_std=0.1
    ),
}


@dataclass(frozen=True)
class _Row:
    """What was found of one corruption."""

    corruption: str
    sampler: str
    adjointness: float
    alone: dict[str, float]
    """Largest difference of a pixel between an image restored by itself and with all others, by posterior."""
    alone_double: dict[str, float]
    """The same in double precision, in which rounding does not stand in for the batch."""


def laws(config: Config, streams: Streams, folder: RunFolder) -> Evidence:
    r"""Measure the claim ``em.laws``.

    For every corruption, :math:`|\langle Ax,y\rangle-\langle x,A^Ty\rangle| / (\|Ax\|\|y\|)` in single precision, the
    largest over images; and an E-step of digits with each posterior, in which images are restored together and alone
    from the same noise.

    Parameters
    ----------
    config : Config
        How many images are restored alone is read; the rest has one size, at which the laws hold or not at all.
    streams : Streams
    folder : RunFolder

    Returns
    -------
    Evidence
    """
    rows: list[_Row] = []
    # Images are few and small: threads would wait for each other longer than they compute.
    with one_thread():
        for row in _rows(streams, ALONE[-config.alone_images :]):
            folder.record("laws", corruption=row.corruption, sampler=row.sampler)
            rows.append(row)
    together = [row for row in rows if row.sampler == QUICK.sampler]
    posterior, worst = max(
        ((name, max(row.alone[name] for row in rows)) for name in POSTERIORS), key=lambda found: found[1]
    )
    worst_double = max(max(row.alone_double.values()) for row in rows)
    return Evidence(
        measurements=(
            Measurement(
                name="largest error of an adjoint",
                value=max(row.adjointness for row in together),
                at_most=BAR,
                note=f"{len(together)} corruptions, {IMAGES} images each, single precision, relative to |Ax| |y|",
            ),
            Measurement(
                name=f"largest difference of a pixel, restored alone or with {IMAGES - 1} others",
                value=worst_double,
                at_most=BAR,
                note=f"pixels between -1 and 1, double precision; {len(POSTERIORS)} posteriors, {1 + len(SAMPLERS)} "
                "samplers",
            ),
            Measurement(
                name="the same in single precision",
                value=worst,
                note=f"the largest is that of {posterior}: products of other sizes round differently, and each step of "
                "a sampler and of its solver amplifies that",
            ),
        ),
        tables=(_table(rows),),
    )


def _rows(streams: Streams, lone: tuple[int, ...]) -> Iterator[_Row]:
    images = torch.from_numpy(load_digits().images[:IMAGES] / 8.0 - 1.0).float()[:, None]
    prior = _prior(streams)
    double = copy.deepcopy(prior).double()
    for name, corruption in CORRUPTIONS.items():
        own = streams.child(name)
        given = Observations.corrupt(images, corruption(own.integer("operator")), own.integer("noise"))
        given_double = Observations(given.y.double(), _doubled(given.physics))
        error = _adjointness(given, own)
        for sampler in (QUICK.sampler, *(SAMPLERS if name == "random masks" else ())):
            alone = {
                posterior: _difference(prior, given, replace(how, sampler=sampler), own.integer("samples"), lone)
                for posterior, how in POSTERIORS.items()
            }
            alone_double = {
                posterior: _difference(
                    double, given_double, replace(how, sampler=sampler), own.integer("samples"), lone
                )
                for posterior, how in POSTERIORS.items()
            }
            yield _Row(corruption=name, sampler=sampler, adjointness=error, alone=alone, alone_double=alone_double)


def _prior(streams: Streams) -> NetworkPrior:
    """Train a small network briefly: the Jacobian of an untrained one makes any solver amplify rounding."""
    with seeded(streams.integer("weights")):
        network = ResidualPerceptron(*SHAPE, width=64, blocks=2)
    images = torch.from_numpy(load_digits().images[IMAGES:] / 8.0 - 1.0).float()[:, None]
    prior = NetworkPrior(network, sigma_data=0.75, mean=-0.4)
    return fit_prior(prior, images, Training(batch_size=64), steps=TRAINING_STEPS, seed=streams.integer("training"))


def _doubled(physics: Physics) -> Physics:
    """Return the corruption in double precision."""
    if not isinstance(physics, Corruption):
        raise InvalidInput(f"expected a corruption of this room; got {type(physics).__name__}.")
    return physics.mapped(lambda tensor: tensor.double() if tensor.is_floating_point() else tensor)


def _adjointness(given: Observations, streams: Streams) -> float:
    """Return the largest error over images; sums are taken in double precision, which is not what is judged."""
    generator = torch.Generator().manual_seed(streams.integer("probes"))
    x = torch.randn((len(given), *given.image_shape), generator=generator)
    y = torch.randn(given.y.shape, generator=generator)
    measured, pulled = given.physics.A(x), given.physics.A_adjoint(y)
    gap = _inner(measured, y) - _inner(x, pulled)
    return float((gap.abs() / (_inner(measured, measured) * _inner(y, y)).sqrt()).max())


def _inner(left: Tensor, right: Tensor) -> Float[Tensor, " image"]:
    return (left.double() * right.double()).flatten(1).sum(dim=1)


def _difference(prior: NetworkPrior, given: Observations, how: Sampling, seed: int, lone: tuple[int, ...]) -> float:
    together = how.restore(prior, given, samples=1, seed=seed)
    alone = [how.restore(prior, given.take([row]), samples=1, seed=seed, names=[row]) for row in lone]
    return float((torch.cat(alone) - together[list(lone)]).abs().max())


def _table(rows: list[_Row]) -> Table:
    return Table(
        title="Errors of adjoints, and differences between images restored alone and together",
        columns=("corruption", "sampler", "adjoint", *POSTERIORS),
        rows=tuple(
            (
                row.corruption,
                row.sampler,
                float(f"{row.adjointness:.1e}"),
                *(float(f"{row.alone[name]:.1e}") for name in POSTERIORS),
            )
            for row in rows
        ),
        note=f"A network trained for {TRAINING_STEPS} steps; {QUICK.steps} noise levels. Zero is equal bits.",
    )
