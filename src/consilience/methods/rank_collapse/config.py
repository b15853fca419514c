"""Settings of the laboratory for tokens that draw together; `Config()` is a valid smoke run."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field
from pydantic.dataclasses import dataclass

from consilience.ground import STRICT

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

Count = Annotated[int, Field(ge=1)]


@dataclass(frozen=True, kw_only=True, config=STRICT)
class Config:
    """What a run measures, and how much of it."""

    recipe: str = "smoke"
    """Name of the recipe that the settings started from."""
    seed: Annotated[int, Field(ge=0)] = 0
    """Root of all randomness."""
    claims: tuple[ClaimId, ...] = ("rank.graphs", "rank.numerics")
    """Claims to measure; the others are reported as not measured by this recipe."""
