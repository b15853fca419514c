"""Settings of the laboratory for tokens that draw together; `Config()` is a valid smoke run."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field
from pydantic.dataclasses import dataclass

from consilience.ground import STRICT, Count

ClaimId = Literal[
    "rank.graphs",
    "rank.bounds",
    "rank.local",
    "rank.equilibria",
    "rank.layernorm",
    "rank.numerics",
    "rank.overhead",
]
"""The claims of this room."""


@dataclass(frozen=True, kw_only=True, config=STRICT)
class Config:
    """What a run measures, and how much of it."""

    recipe: str = "smoke"
    """Name of the recipe that the settings started from."""
    seed: Annotated[int, Field(ge=0)] = 0
    """Root of all randomness."""
    claims: tuple[ClaimId, ...] = ("rank.graphs", "rank.bounds", "rank.equilibria", "rank.layernorm", "rank.numerics")
    """Claims to measure; the others are reported as not measured by this recipe."""

    graphs_tokens: Annotated[int, Field(ge=24)] = 32
    """Tokens of the named masks; the digraphs that brute force looks at have four nodes."""

    bounds_trials: Count = 30
    """Random starts for each mask and bound; every one is checked at every layer."""
    bounds_layers: Count = 60
    """Layers at which bounds are checked, one check each."""

    local_tokens: Annotated[int, Field(ge=24)] = 32
    """Tokens under the masks whose collapse is timed in layers."""
    local_starts: Count = 2
    """Random starts of these tokens, with 16 features each."""
    temperature_stacks: Count = 2
    """Stacks of random softmax layers for each temperature and mask."""
    trained_seeds: tuple[Annotated[int, Field(ge=0)], ...] = (0,)
    """Seeds of the small language models that are trained under each mask."""
    trained_steps: Annotated[int, Field(ge=2)] = 20
    """Gradient steps of each."""

    equilibria_starts: Count = 1000
    """Random starts of the star, each of 12 tokens; every token has to end where the closed form says."""
    circle_starts: Annotated[int, Field(ge=100)] = 20_001
    """Starts of the second token on the circle, evenly spread, by which basins are measured."""

    layernorm_starts: Count = 200
    """Random starts of the star, with LayerNorm and without."""
    gaussian_stacks: Count = 1
    """Stacks of random Gaussian layers for each mask and kind of layer."""

    numerics_trials: Count = 5
    """Random sets of tokens at each distance from consensus, compared with exact arithmetic."""
    spectra_trials: Count = 2
    """Random batches of each kind whose sampled singular value is compared with that of an SVD."""

    overhead_rounds: Annotated[int, Field(ge=3)] = 5
    """Rounds of paired forward passes, with a probe and without, that the median is taken over."""
    overhead_layers: Count = 8
    """Layers of the model that carries the probe."""
    overhead_width: Annotated[int, Field(ge=8, multiple_of=8)] = 256
    """Its features a token."""
    overhead_tokens: Annotated[int, Field(ge=2)] = 256
    """Tokens of each of four sequences."""
