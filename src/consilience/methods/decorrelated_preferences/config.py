"""Settings of the laboratory for preferences learned with decorrelated features; `Config()` is a valid smoke run."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field
from pydantic.dataclasses import dataclass

from consilience.ground import STRICT, Count

ClaimId = Literal[
    "decpo.parity",
    "decpo.overhead",
    "decpo.gradient",
    "decpo.identities",
    "decpo.effect",
    "decpo.policy",
]
"""The claims of this room."""

Pair = Annotated[int, Field(ge=2, description="at least two, so that there is a spread")]
Weight = Annotated[float, Field(gt=0)]
Block = int | Literal["middle"]


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

    policy: str = ""
    """Pretrained policy of claim decpo.policy: a folder, or a name that from_pretrained knows; nothing is downloaded
    unless a name is given with preferences."""
    policy_pairs: str = ""
    """File of preferences for it: JSON lines in TRL's preference format, with prompt, chosen and rejected."""
    policy_seeds: Annotated[tuple[Annotated[int, Field(ge=0)], ...], Field(min_length=1)] = (1,)
    """Splits of these pairs, each with its own adapters and order; 100 times `seed` is added to every one."""
    policy_held_out: Annotated[float, Field(gt=0, lt=1)] = 0.1
    """Share of the pairs that policies are judged on and not trained on."""
    policy_layer: Block = "middle"
    """Block whose features are regularised: a number from 0, a negative one from the end, or middle."""
    policy_other_layer: Block = -1
    """Block that is measured beside it, and that nothing regularises."""
    policy_module: str = "auto"
    """Module within a block whose output are the features, such as mlp.up_proj; auto finds it in the usual families."""
    policy_cosine: Weight = 1.0
    """Weight of the cosine form."""
    policy_literal: Weight = 1e-4
    """Weight of the paper's form taken literally."""
    policy_l1: Weight = 1e-4
    """Weight of the L1 norm of features."""
    policy_lora: Annotated[int, Field(ge=0)] = 8
    """Rank of adapters; 0 trains all weights."""
    policy_lora_alpha: Count = 16
    """Numerator of the scale of adapters, whose denominator is their rank."""
    policy_lora_dropout: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """Share of the inputs of adapters that is dropped in training."""
    policy_lora_modules: tuple[str, ...] = ()
    """Modules that are adapted, such as q_proj; all linear maps of blocks where none is named."""
    policy_lora_until: Annotated[int, Field(ge=-1)] = -1
    """Last block that is adapted, counted from 0, where modules are named; -1 adapts all blocks."""
    policy_epochs: Weight = 1.0
    """Passes through the pairs."""
    policy_steps: Annotated[int, Field(ge=0)] = 0
    """Optimiser steps, in the place of epochs; 0 leaves it to these."""
    policy_batch: Pair = 8
    """Pairs a forward pass, whose features are compared with one another."""
    policy_accumulate: Count = 1
    """Forward passes a step."""
    policy_learning_rate: Weight = 1e-5
    """Of AdamW."""
    policy_schedule: Literal["constant", "linear", "cosine"] = "linear"
    """What becomes of the learning rate."""
    policy_beta: Weight = 0.1
    """Of DPO."""
    policy_max_length: Pair = 512
    """Tokens of a prompt with its answer; more are cut off."""
    policy_save_every: Count = 200
    """Steps between two checkpoints, from which an interrupted run goes on."""
    device: str = "cpu"
    """Torch device of claim decpo.policy; "auto" is the best one there is."""


def policy_reason(config: Config) -> str | None:
    """Return why claim decpo.policy cannot be measured, if what it takes is not there; needs no torch."""
    absent = [f"{name}=..." for name in ("policy", "policy_pairs") if not getattr(config, name)]
    if absent:
        return f"needs a pretrained policy and preferences of one's own: set {' and '.join(absent)}"
    if not Path(config.policy_pairs).is_file():
        return f"needs the file that policy_pairs names, {config.policy_pairs}"
    return None
