r"""What is fitted, how, and what came of it: samples with their gates, settings that are resolved, and a fit.

Features are centred and divided by one number, their root mean square distance from the centre, and a constant column
of `BIAS` is appended: the fit does not change when all features are scaled together or moved. For the ridge penalty
the gates share one unit of scale and the always-active gate has another, so that the penalty means the same for ten
gates and for a thousand.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from jaxtyping import Bool, Float

from consilience.ground.errors import InvalidInput
from consilience.methods.convex_networks.admm import ADMM_SAMPLES
from consilience.methods.convex_networks.arrays import Array, on_device
from consilience.methods.convex_networks.canonical import CanonicalSamples, is_sparse
from consilience.methods.convex_networks.certificate import Certificate
from consilience.methods.convex_networks.gates import GIB, Gates, GateSource, PointCloud, draw_gates
from consilience.methods.convex_networks.network import GatedNetwork, ReluNetwork
from consilience.methods.convex_networks.operator import DenseFeatures, GatedOperator, SparseFeatures

__all__ = ["Fit", "Problem", "Settings", "check_memory", "prepare"]

Activation = Literal["gated", "relu"]
PenaltyName = Literal["auto", "ridge", "group", "columns", "nuclear"]
LossName = Literal["auto", "squared", "cross_entropy"]
SolverName = Literal["auto", "kernel", "cg", "admm", "fista"]

BIAS = 0.3
"""The constant feature, in units of the root mean square feature norm."""
KERNEL_SAMPLES = 4000
"""Distinct samples up to which "auto" takes the closed form."""


@dataclass(frozen=True, kw_only=True)
class Settings:
    """How to fit: the estimators' parameters, resolved and checked."""

    gates: GateSource = "datum"
    n_gates: int = 200
    rank: int | None = None
    activation: Activation = "gated"
    penalty: PenaltyName = "auto"
    loss: LossName = "auto"
    alpha: float | None = None
    alpha_ratio: float = 0.03
    solver: SolverName = "auto"
    tolerance: float = 1e-4
    max_iterations: int = 2000
    dtype: Literal["auto", "float32", "float64"] = "auto"
    device: str | None = None
    memory_limit_gib: float = 4.0

    @property
    def penalty_name(self) -> PenaltyName:
        """The penalty that "auto" stands for."""
        if self.penalty != "auto":
            return self.penalty
        return "columns" if self.activation == "relu" else "ridge"

    def loss_name(self, *, classifies: bool) -> LossName:
        """Return the loss that "auto" stands for."""
        if self.loss != "auto":
            return self.loss
        norm = self.activation == "gated" and self.penalty_name != "ridge"
        return "cross_entropy" if classifies and norm else "squared"

    def solver_name(self, samples: int, *, classifies: bool) -> SolverName:
        """Return the solver that "auto" stands for.

        Raises
        ------
        InvalidInput
            If solver, penalty and loss do not go together; the message names what does.
        """
        squared = self.loss_name(classifies=classifies) == "squared"
        ridge = self.penalty_name == "ridge"
        if ridge and not squared:
            raise InvalidInput("penalty='ridge' takes loss='squared'; use penalty='group' with cross-entropy.")
        fitting: tuple[SolverName, ...] = ("kernel", "cg") if ridge else ("admm", "fista")
        if self.solver == "auto":
            limit = KERNEL_SAMPLES if ridge else ADMM_SAMPLES
            return fitting[0] if samples <= limit else fitting[-1]
        if self.solver not in fitting:
            raise InvalidInput(
                f"solver must be one of {('auto', *fitting)} with penalty={self.penalty_name!r} and "
                f"loss={self.loss_name(classifies=classifies)!r}; got {self.solver!r}."
            )
        return self.solver


@dataclass(frozen=True, kw_only=True)
class Fit:
    """What was fitted, and what is known about it."""

    network: GatedNetwork | ReluNetwork
    gates: Gates
    certificate: Certificate
    alpha: float
    alpha_max: float | None
    iterations: int
    n_active_gates: int
    blocks: Array | None = None
    """Coefficients in the problem's own features, for a warm start."""
    left_out: Float[np.ndarray, "n c"] | None = None
    """Predictions of samples without them, and not a number for the others: in closed form where the kernel is
    factorised, of a held-out part where classifiers are fitted iteratively."""
    global_certificate: Certificate | None = None
    """For ReLU networks: a bound with respect to all networks, not only the sampled cells."""


@dataclass(frozen=True, kw_only=True)
class Problem:
    """Samples, gates and features, ready for a solver."""

    samples: CanonicalSamples
    cloud: PointCloud
    gates: Gates
    patterns: Bool[np.ndarray, "n g"]
    scale: float
    """Root mean square distance of the samples from their centre."""

    def features(self, dtype: str) -> Float[np.ndarray, "n p"]:
        """Return the centred, scaled features with the bias column, dense."""
        matrix = self.samples.features
        dense: np.ndarray = matrix.toarray() if is_sparse(matrix) else matrix
        array = np.empty((dense.shape[0], dense.shape[1] + 1), dtype=dtype)
        np.subtract(dense, self.cloud.centre, out=array[:, :-1], casting="same_kind")
        array[:, :-1] /= self.scale
        array[:, -1] = BIAS
        return array

    def operator(self, *, ridge: bool, dtype: str, device: str | None) -> GatedOperator:
        """Return the gated operator, sparse where the samples are."""
        count = self.patterns.shape[1] - 1
        # The always-active gate comes first; the drawn ones share one unit of squared scale.
        scales = np.full(count + 1, 1.0 / np.sqrt(max(count, 1)))
        scales[0] = 1.0
        matrix = self.samples.features
        if is_sparse(matrix) and device is None:
            features: DenseFeatures | SparseFeatures = SparseFeatures(
                matrix.astype(dtype), self.cloud.centre.astype(dtype), self.scale, BIAS
            )
        else:
            features = DenseFeatures(on_device(self.features(dtype), device))
        patterns = on_device(self.patterns, device)
        return GatedOperator(features, patterns, scales if ridge else None)

    def network(self, blocks: Float[np.ndarray, "g p c"], intercept: Float[np.ndarray, " c"]) -> GatedNetwork:
        """Write coefficients of the problem's features as a network of the original ones."""
        weights = blocks[:, :-1, :] / self.scale
        biases = BIAS * blocks[:, -1, :] - np.einsum("d,gdc->gc", self.cloud.centre, weights)
        return GatedNetwork(
            gate_vectors=self.gates.vectors,
            gate_offsets=self.gates.offsets,
            weights=weights,
            biases=biases,
            intercept=intercept,
        )


def prepare(
    samples: CanonicalSamples,
    settings: Settings,
    generator: np.random.Generator,
    *,
    gates: Gates | None = None,
) -> Problem:
    """Draw gates for samples, unless they are given, and fix the scale of the features."""
    cloud = PointCloud(samples.features, samples.weights, memory_limit_gib=settings.memory_limit_gib)
    check_memory(settings, samples, "the gate patterns", samples.features.shape[0] * settings.n_gates * 9.0)
    if gates is None:
        gates, patterns = draw_gates(settings.gates, cloud, settings.n_gates, generator, rank=settings.rank)
    else:
        patterns = gates.patterns(samples.features)
    scale = float(np.sqrt(cloud.squared_distances @ cloud.probabilities)) or 1.0
    return Problem(samples=samples, cloud=cloud, gates=gates, patterns=patterns, scale=scale)


def check_memory(settings: Settings, samples: CanonicalSamples, what: str, need: float) -> None:
    """Refuse what needs more memory than the settings allow, and say how many gates would fit."""
    if need > settings.memory_limit_gib * GIB:
        fits = int(settings.n_gates * settings.memory_limit_gib * GIB / need)
        raise InvalidInput(
            f"{what} of {settings.n_gates} gates over {samples.features.shape[0]} samples need {need / GIB:.3g} GiB, "
            f"more than memory_limit_gib={settings.memory_limit_gib:g}; {fits} gates would fit."
        )
