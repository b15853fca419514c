"""Settings of the laboratory for agent networks; `Config()` is a valid smoke run."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field
from pydantic.dataclasses import dataclass

from consilience.ground import STRICT

ClaimId = Literal[
    "macnet.dataflow",
    "macnet.makespan",
    "macnet.overhead",
    "macnet.scale",
    "macnet.http",
    "macnet.durable",
    "macnet.limits",
    "macnet.sandbox",
    "macnet.law",
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
    claims: tuple[ClaimId, ...] = ("macnet.dataflow", "macnet.scale", "macnet.durable")
    """Claims to measure; the others are reported as not measured by this recipe."""
    processes: Count = 1
    """Processes that independent simulations are shared among, one thread each."""

    # macnet.dataflow

    # macnet.makespan

    # macnet.overhead

    # macnet.scale

    # macnet.http

    # macnet.durable

    # macnet.limits

    # macnet.sandbox

    # macnet.law
