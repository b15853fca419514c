"""Settings of the laboratory for teams that work apart; `Config()` is a valid smoke run."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field
from pydantic.dataclasses import dataclass

from consilience.ground import STRICT, Count

ClaimId = Literal[
    "ctc.makespan",
    "ctc.overhead",
    "ctc.guard",
    "ctc.prune",
    "ctc.quality",
    "ctc.faults",
    "ctc.merges",
    "ctc.lineage",
]
"""The claims of this room."""


@dataclass(frozen=True, kw_only=True, config=STRICT)
class Config:
    """What a run measures, and how much of it."""

    recipe: str = "smoke"
    """Name of the recipe that the settings started from."""
    seed: Annotated[int, Field(ge=0)] = 0
    """Root of all randomness."""
    claims: tuple[ClaimId, ...] = ("ctc.guard", "ctc.merges", "ctc.lineage")
    """Claims to measure; the others are reported as not measured by this recipe."""
    processes: Count = 1
    """Processes that independent simulations are shared among, one thread each."""
    peers_python: str = ""
    """A Python that has LangGraph, to run it beside this engine; empty where there is none."""
    peers_rounds: Count = 5
    """Rounds in which every system has its turn; medians are reported."""

    # ctc.makespan
    makespan_mean_s: Annotated[float, Field(gt=0)] = 0.1
    """Mean of the lognormal latency, in seconds."""
    makespan_rounds: Count = 1
    """Deals of latencies; medians are reported."""
    makespan_teams: tuple[Count, ...] = (1, 8, 64)
    """Numbers of teams whose speed-up over teams one after another is measured."""

    # ctc.overhead
    overhead_rounds: Count = 1
    """Rounds in which every way of running has its turn; medians are reported."""
    overhead_teams: Annotated[int, Field(ge=2)] = 256
    """Teams that are run."""

    # ctc.guard
    guard_tasks: Count = 1
    """Toolboxes on which every attack is tried."""

    # ctc.faults
    faults_mean_s: Annotated[float, Field(gt=0)] = 0.1
    """Mean of the lognormal latency, in seconds."""
    faults_rounds: Count = 1
    """Deals of latencies and of who is ill; medians are reported."""
    faults_kills: Count = 3
    """Points at which a run is killed, each in a run of its own."""

    # ctc.merges
    merges_partitions: Count = 2_000
    """Random partitions whose properties are checked."""
    merges_latencies: Annotated[int, Field(ge=2)] = 5
    """Ways to deal out latencies, over which the lineage must not differ."""

    # ctc.prune
    prune_programs: Annotated[int, Field(ge=20)] = 60
    """Programs that are told apart, half of them with a defect."""
    prune_fuzzed: Count = 20
    """Programs with characters taken out or put in at random, which must crash no rater."""

    # ctc.lineage
    lineage_histories: Count = 20
    """Histories of teams and merges that are drawn with who wrote what."""
    lineage_runs: Count = 1
    """Runs of teams on a toolbox, every part of whose final programs is looked up."""

    # ctc.quality
    quality_tasks: Count = 4
    """Toolboxes on which every way of spending the same calls is run and executed."""
    quality_resamples: Annotated[int, Field(ge=20)] = 200
    """Times that tasks are drawn anew for intervals."""
    phases_tasks: Annotated[int, Field(ge=2)] = 50
    """Simulated toolboxes behind each cell of the phase diagram."""
    humaneval: str = ""
    """Path of HumanEval.jsonl or HumanEval.jsonl.gz; empty to leave mutants of its solutions out."""
    humaneval_problems: Count = 164
    """Problems of that file, from the first."""
