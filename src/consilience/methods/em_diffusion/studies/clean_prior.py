"""A prior of clean digits, for studies of how to sample from posteriors and not of how to train priors."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import torch
from jaxtyping import Float
from sklearn.datasets import load_digits
from torch import Tensor

from consilience.ground import Streams
from consilience.ground.errors import InvalidInput
from consilience.methods.em_diffusion.network import ResidualPerceptron
from consilience.methods.em_diffusion.prior import NetworkPrior
from consilience.methods.em_diffusion.training import Training, fit_prior
from consilience.neural.weights import initialised

__all__ = ["SHAPE", "VALUE_RANGE", "CleanPrior", "clean_prior"]

SHAPE = (1, 8, 8)
VALUE_RANGE = (-1.0, 1.0)
PIXEL_STD, PIXEL_MEAN = 0.75, -0.39
APART = 200
"""Images in each of the two sets that the prior never sees."""


@dataclass(frozen=True)
class CleanPrior:
    """A prior with two sets of images that it was not trained on."""

    prior: NetworkPrior
    for_tuning: Float[Tensor, "image channel row column"]
    for_scoring: Float[Tensor, "image channel row column"]

    def tuning(self, count: int) -> Float[Tensor, "image channel row column"]:
        """Return images that settings may be chosen on."""
        return self.for_tuning[: _refuse_more(count)]

    def scoring(self, count: int) -> Float[Tensor, "image channel row column"]:
        """Return images that nothing was chosen on."""
        return self.for_scoring[: _refuse_more(count)]


@lru_cache(maxsize=1)
def clean_prior(seed: int, steps: int) -> CleanPrior:
    """Split the digits and train a prior on most of them; the same for every study of a run, and trained once.

    Parameters
    ----------
    seed : int
        Of the run.
    steps : int
        Of training.
    """
    streams = Streams(seed).child("clean prior")
    digits = torch.from_numpy(load_digits().data / 8.0 - 1.0).float().reshape(-1, *SHAPE)
    digits = digits[torch.from_numpy(streams.generator("split").permutation(len(digits)))]
    network = initialised(streams.integer("weights"), lambda: ResidualPerceptron(*SHAPE))
    blank = NetworkPrior(network, sigma_data=PIXEL_STD, mean=PIXEL_MEAN)
    prior = fit_prior(blank, digits[2 * APART :], Training(), steps=steps, seed=streams.integer("training"))
    return CleanPrior(prior, digits[:APART], digits[APART : 2 * APART])


def _refuse_more(count: int) -> int:
    if not 2 <= count <= APART:  # noqa: PLR2004 - a standard error
        raise InvalidInput(f"between 2 and {APART} images can be restored in this study; got {count}.")
    return count
