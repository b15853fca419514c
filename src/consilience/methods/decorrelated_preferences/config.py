"""Settings of the laboratory for preferences learned with decorrelated features; `Config()` is a valid smoke run."""

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
    processes: Count = 1
    """Processes that arms and seeds of claim decpo.effect are shared among, one thread each."""

    parity_steps: Count = 5
    """Steps over which trainers must agree to the bit."""
    gradient_steps: Count = 10
    """Steps after which hooks are counted."""
    identity_draws: Count = 20
    """Random matrices on which identities are tried."""
    overhead_steps: Pair = 6
    """Steps of each trainer that are timed, one of each in turn."""

    seeds: tuple[Annotated[int, Field(ge=0)], ...] = (1, 2)
    """Digits, first policies and wrong labels of claim decpo.effect; settings were tuned on seed 0 alone."""
    first_steps: Count = 60
    """Gradient steps of the policy that all arms start from, of 64 answers each."""
    preference_steps: Count = 10
    """Steps of every arm, of 16 pairs each."""
    look_every: Count = 5
    """Steps between two looks at a policy."""
    train_pairs: Pair = 64
    """Pairs that arms are trained on."""
    validation_pairs: Pair = 32
    """Pairs by which DPO is stopped early, with as many wrong labels."""
    test_pairs: Pair = 64
    """Pairs without wrong labels that nothing is trained or stopped on."""
    wrong_labels: Annotated[float, Field(ge=0, lt=0.5)] = 0.15
    """Share of pairs trained on whose label is wrong, 0 to 0.5."""
