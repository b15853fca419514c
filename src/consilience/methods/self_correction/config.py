"""Settings of the laboratory for answers improved by self-examination; `Config()` is a valid smoke run."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field
from pydantic.dataclasses import dataclass

from consilience.ground import STRICT, Count

ClaimId = Literal[
    "correct.construction",
    "correct.losses",
    "correct.published",
    "correct.baselines",
    "correct.consistency",
    "correct.ablation",
    "correct.rounds",
    "correct.loop",
    "correct.models",
]
"""The claims of this room."""

Pair = Annotated[int, Field(ge=2, description="at least two, so that there is a spread")]


@dataclass(frozen=True, kw_only=True, config=STRICT)
class Config:
    """What a run measures, and how much of it."""

    recipe: str = "smoke"
    """Name of the recipe that the settings started from."""
    seed: Annotated[int, Field(ge=0)] = 0
    """Root of all randomness."""
    claims: tuple[ClaimId, ...] = ("correct.construction", "correct.losses", "correct.rounds", "correct.models")
    """Claims to measure; the others are reported as not measured by this recipe."""

    processes: Count = 1
    """Processes that trainings are shared among, one thread each."""
    device: str = "cpu"
    """Where the transformers of claim correct.baselines are trained: "cpu", "cuda", "mps", or "auto" for the best."""
    construction_sequences: Count = 4
    """Contexts of each size that the exact transformers answer."""
    losses_repeats: Count = 5
    """Times that each way to compute a loss is timed."""
    published_sequences: Pair = 200
    """Contexts that gradient descent and the exact minimum are compared on."""
    baselines_sequences: Pair = 200
    """Contexts that everything is compared on, at every share of noise."""
    baselines_steps: Count = 40
    """Training steps of either transformer."""
    baselines_batch: Count = 64
    """Sequences a step."""
    baselines_learning_rate: Annotated[float, Field(gt=0)] = 2e-3
    """The highest of a cycle."""
    baselines_width: Annotated[int, Field(ge=3, multiple_of=3)] = 48
    """Features a token has, in three heads."""
    baselines_depth: Count = 4
    """Blocks of either transformer."""
    consistency_sequences: Pair = 16
    """Contexts of each length."""
    ablation_seeds: tuple[Annotated[int, Field(ge=0)], ...] = (1,)
    """First weights and training contexts; every variant is trained on each."""
    ablation_steps: Count = 20
    """Training steps of each transformer."""
    ablation_sequences: Pair = 200
    """Contexts that all transformers answer."""
    rounds_settings: Count = 24
    """Scripted models that go through the loop, four of them at the edges of the formula."""
    rounds_items: Pair = 150
    """Questions that each of them is asked."""
    rounds_rounds: Count = 3
    """Rounds of correction."""
    rounds_tables: Count = 5
    """Tables of each kind that the estimator is asked about."""
    loop_runs: Count = 300
    """Fuzzed runs whose calls are counted against their budgets."""
    loop_kills: Count = 1
    """Times that a run is killed before it may come to its end."""
    loop_items: Pair = 60
    """Questions in the comparison of strategies, and in runs that are killed."""
    loop_repeats: Count = 3
    """Times that the machinery is timed; the median counts."""
    models_requests: Annotated[int, Field(ge=2, le=1200)] = 20
    """Unsafe requests that the template bot is asked under every strategy; each has a benign twin. Up to 1200."""
