"""Settings of the convex networks laboratory; `Config()` is a valid smoke run."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field
from pydantic.dataclasses import dataclass

from consilience.ground import STRICT, Count

ClaimId = Literal[
    "convex.cross",
    "convex.sketch",
    "convex.theorem",
    "convex.spiral",
    "convex.optimal",
    "convex.digits",
    "convex.solver",
    "convex.tabular",
    "convex.text",
    "convex.gates",
    "convex.contract",
    "convex.scale",
]
"""The claims of this room."""

Fits = Annotated[int, Field(ge=2, description="at least two, so that there is a spread")]


@dataclass(frozen=True, kw_only=True, config=STRICT)
class Config:
    """What a run measures, and how much of it."""

    recipe: str = "smoke"
    """Name of the recipe that the settings started from."""
    seed: Annotated[int, Field(ge=0)] = 0
    """Root of all randomness; settings were tuned on seeds 100 and up, never on those reported."""
    claims: tuple[ClaimId, ...] = ("convex.sketch", "convex.theorem", "convex.spiral", "convex.digits")
    """Claims to measure; the others are reported as not measured by this recipe."""

    n_gates: Count = 200
    """Gates of the estimators under comparison."""

    cross_dimensions: tuple[Annotated[int, Field(ge=3)], ...] = (8, 32, 64)
    """Dimensions in which cross products are computed."""
    cross_repeats: Count = 5
    """Timed repetitions of every cross product; medians are reported."""
    sketch_draws: Annotated[int, Field(ge=1000)] = 10_000
    """Independent sketches of every volume."""

    theorem_problems: Annotated[int, Field(ge=2)] = 4
    """Random problems on which the l1 program is held against the cone program over all cells."""
    spiral_points: Annotated[int, Field(ge=8, multiple_of=2)] = 160
    """Points on the two spirals."""
    optimal_problems: Count = 2
    """Random problems a program on which solvers are held against cvxpy."""

    digits_splits: Fits = 2
    """Train and test splits of the digits."""
    tabular_splits: Fits = 2
    """Train and test splits of every table."""
    text_splits: Fits = 2
    """Train and test splits of the docstrings."""
    text_samples: Annotated[int, Field(ge=100)] = 600
    """Most docstrings embedded."""
    gates_splits: Fits = 2
    """Train and test splits on which kinds of gates are compared."""
    solver_repeats: Count = 3
    """Timed repetitions of every solver; medians are reported."""
    scale_samples: tuple[Annotated[int, Field(ge=1000)], ...] = (5_000, 10_000)
    """Sample sizes of the scaling study, increasing."""
    scale_repeats: Count = 1
    """Timed repetitions at every sample size; medians are reported."""
    contract_rows: Annotated[int, Field(ge=10)] = 1_000
    """Rows on which exports are compared, half of them on boundaries of gates."""
