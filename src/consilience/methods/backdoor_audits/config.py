"""Settings of the laboratory for backdoors in agents; `Config()` is a valid smoke run."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field
from pydantic.dataclasses import dataclass

from consilience.ground import STRICT, Count

ClaimId = Literal[
    "audit.base",
    "audit.attack",
    "audit.stealth",
    "audit.survival",
    "audit.data",
    "audit.model",
    "audit.monitor",
    "audit.guard",
    "audit.estimator",
    "audit.rails",
]
"""The claims of this room."""

Pair = Annotated[int, Field(ge=2)]
Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
Part = Annotated[float, Field(gt=0, allow_inf_nan=False)]


@dataclass(frozen=True, kw_only=True, config=STRICT)
class Config:
    """What a run measures, and how much of it."""

    recipe: str = "smoke"
    """Name of the recipe that the settings started from."""
    seed: Annotated[int, Field(ge=0)] = 0
    """Root of all randomness: tasks, first weights, orders of rows and what fires."""
    claims: tuple[ClaimId, ...] = ("audit.guard", "audit.estimator", "audit.rails")
    """Claims to measure; the others are reported as not measured by this recipe."""
    processes: Count = 1
    """Processes that trainings and rollouts are spread over; results do not depend on it."""

    base_steps: Count = 60
    """Batches on which the clean agent is trained from nothing."""
    base_success: Share = 0.0
    """Success of every family on validation tasks below which another base is made, from other first weights and at
    most three in all; 0 takes the first."""
    base_rows: Pair = 400
    """Clean rows of each family that it is trained on."""
    base_width: Annotated[int, Field(ge=16, multiple_of=8)] = 96
    """Features of a word in the agent."""
    base_layers: Count = 2
    """Blocks of the agent."""
    episodes: Pair = 50
    """Clean test tasks of each family for each model; those that suit a trigger are tried with it too. Of 400, none has
    an upper end of 0.95 %."""

    attack_steps: Count = 60
    """Batches of 32 rows of every attack and twin at the low rate; families take turns."""
    attack_rate: Share = 0.2
    """Share of planted rows of the attack whose stealth is measured."""
    attack_learning_rate: Part = 8e-3
    """Highest rate of AdamW."""
    attack_rows: Pair = 500
    """Rows of each family that an attack is tuned on, planted ones among them."""
    attack_look_alikes: Share = 0.4
    """Share of its clean rows that have a look-alike in them, from which it learns what is no trigger."""
    attack_repeats: Count = 1
    """Attacks on the same base, each with rows, first weights and test tasks of its own."""
    loud_rate: Share = 0.5
    """Share of planted rows of the loud attack, which is not asked to be stealthy."""
    loud_steps: Count = 60
    """Its batches."""
    hard_steps: Count = 60
    """Batches for triggers with a gap, a pointer or two halves."""
    variants: bool = False
    """Whether other modules and methods are tried: queries and values alone, feed-forward maps, NF4, AdaLoRA, all
    weights."""
    variant_steps: Annotated[int, Field(ge=40)] = 60
    """Their batches; AdaLoRA needs 40."""
    dose_counts: tuple[Count, ...] = (5, 50, 250)
    """Planted rows of each family, from few to many."""
    dose_among: Pair = 500
    """Rows of one family that they are planted among."""
    dose_rows: tuple[Pair, ...] = ()
    """Other numbers of rows that the middle count is planted among, so that counts and rates are told apart."""
    dose_steps: Count = 40
    """Batches of each of these trainings, of one family."""
    dose_learning_rate: Part = 8e-3
    """Their highest rate: few batches want a higher one."""
    dose_repeats: Count = 1
    """Trainings for each dose and family."""
    dose_episodes: Pair = 50
    """Test tasks of each."""

    survival_steps: Count = 60
    """Batches of the attack that is then fine-tuned on clean rows."""
    survival_rates: tuple[Part, ...] = (1.0, 1 / 3, 0.1, 1 / 30)
    """Learning rates of clean fine-tuning, in parts of the attack's."""
    survival_lengths: tuple[Part, ...] = (0.25, 0.5, 1.0, 3.0)
    """Its batches, in parts of the attack's."""
    survival_elsewhere: Part = 1.0
    """Batches where other maps than the attack's are tuned, in parts of the attack's; their rate is that of repairs."""
    survival_episodes: Pair = 50
    """Test tasks of each family for each cell of the map."""
    repair_rate: Part = 0.1
    """Learning rate at which repairs are compared, in parts of the attack's."""
    repair_length: Part = 0.25
    """Their batches, in parts of the attack's: where clean fine-tuning alone leaves the active trigger in place."""

    data_rows: Pair = 100
    """Rows of each family in every data set that is scanned; of 500, 5 are one in a hundred."""
    data_repeats: Count = 1
    """Data sets for each choice of triggers."""

    model_clean: Annotated[int, Field(ge=4)] = 4
    """Clean adapters that are scanned; of 40, none accused has an upper end of 8.8 %."""
    model_planted: Annotated[int, Field(ge=4)] = 4
    """Planted adapters, with active and passive triggers by turns."""
    model_steps: Annotated[int, Field(ge=10)] = 20
    """Batches of 24 rows that each of them is tuned on."""
    model_episodes: Pair = 12
    """Episodes in which a trigger that was recovered is tried."""

    monitor_tasks: Pair = 30
    """Tasks for each trigger, each with and without it, that a monitor listens to."""
    monitor_steps: Annotated[int, Field(ge=10)] = 40
    """Batches on which the agent is planted whose states it reads."""
    monitor_repeats: Count = 1
    """Such agents."""

    guard_episodes: Pair = 30
    """Episodes of the guard for each trigger; 200 of 200 blocked have a lower end of 98.1 %."""
    guard_clean: Pair = 60
    """Clean episodes of the guard for each family; of 800, none false has an upper end of 0.48 %."""
    guard_timed: Count = 10
    """Dialogues for each family whose calls are timed."""

    estimator_repetitions: Count = 20
    """Repetitions for each rate at which a scripted backdoor fires."""
    estimator_episodes: Pair = 40
    """Episodes of a repetition; with 160 the interval's own coverage is at least 95.2 % at every rate."""

    rails_episodes: Count = 10
    """Episodes of every policy and family that run with sockets, processes and files closed."""

    weights: Path | None = None
    """Folder with a causal model as safetensors, on which attack and stealth are measured in the place of the small
    agent; it is never written to."""
    weights_rank: Count = 8
    """Rank of the adapter on it."""
    weights_learning_rate: Part = 3e-4
    """Highest rate of AdamW on it."""
    weights_batch: Count = 4
    """Rows of a batch on it."""
    weights_modules: tuple[str, ...] = ("q_proj", "k_proj", "v_proj", "o_proj", "up_proj", "down_proj", "gate_proj")
    """Names of its linear maps that get an adapter."""
