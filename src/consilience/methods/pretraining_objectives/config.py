"""Settings of the laboratory for what a text model is pretrained to predict; `Config()` is a valid smoke run."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field
from pydantic.dataclasses import dataclass

from consilience.ground import STRICT

ClaimId = Literal[
    "pretrain.spectrum",
    "pretrain.classify",
    "pretrain.generate",
    "pretrain.arms",
    "pretrain.speed",
    "pretrain.exact",
]
"""The claims of this room."""

Count = Annotated[int, Field(ge=1)]
Pair = Annotated[int, Field(ge=2, description="at least two, so that there is a spread")]


@dataclass(frozen=True, kw_only=True, config=STRICT)
class Config:
    """What a run measures, and how much of it."""

    recipe: str = "smoke"
    """Name of the recipe that the settings started from."""
    seed: Annotated[int, Field(ge=0)] = 0
    """Root of all randomness."""
    claims: tuple[ClaimId, ...] = ("pretrain.spectrum", "pretrain.exact")
    """Claims to measure; the others are reported as not measured by this recipe."""

    spectrum_joints: Count = 200
    """Random joint distributions on which the factorisation and the bound are checked."""
    spectrum_draws: Count = 3
    """Graphs of classes for each number of targets."""

    classify_vocabulary: Annotated[int, Field(ge=3)] = 1024
    """Words that are told apart in the docstrings."""
    classify_rank: Count = 64
    """Features of a word."""

    arms_seeds: Annotated[tuple[Annotated[int, Field(ge=0)], ...], Field(min_length=2)] = (4, 5)
    """Seeds of the models of each arm; settings were chosen on seeds below 4 and on 10."""
    arms_steps: Count = 20
    """Gradient steps of each."""
    plateau_steps: Count = 10
    """Gradient steps of the models on real text, which show why the others are on a made-up language."""
    processes: Count = 1
    """Processes that train models at the same time, one thread each."""

    speed_rounds: Annotated[int, Field(ge=7)] = 7
    """Rounds of timing; medians are over them."""
    speed_shapes: Annotated[int, Field(ge=1, le=3)] = 1
    """Sizes of models whose training steps are timed."""
