"""Settings of the laboratory for preferences learned with features that do not move as one; `Config()` is a valid smoke run."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field
from pydantic.dataclasses import dataclass

from consilience.ground import STRICT

ClaimId = Literal[
    "decpo.parity",
    "decpo.overhead",
    "decpo.gradient",
    "decpo.identities",
    "decpo.effect",
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
    claims: tuple[ClaimId, ...] = ("decpo.identities", "decpo.gradient")
    """Claims to measure; the others are reported as not measured by this recipe."""
