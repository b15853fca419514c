"""Settings of the laboratory for agent networks; `Config()` is a valid smoke run."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field
from pydantic.dataclasses import dataclass

from consilience.ground import STRICT, Count

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
    dataflow_networks: Count = 60
    """Random networks that are run."""
    dataflow_nodes: Annotated[int, Field(ge=2)] = 100
    """Nodes of the largest of them."""

    # macnet.makespan
    makespan_mean_s: Annotated[float, Field(gt=0)] = 0.1
    """Mean of the lognormal latency, in seconds."""
    makespan_rounds: Count = 1
    """Deals of latencies; every network runs under each, and medians are reported."""
    peers_python: str = ""
    """A Python that has LangGraph and AutoGen, to run them beside this engine; empty where there is none."""
    peers_rounds: Count = 5
    """Rounds in which every system has its turn; medians are reported."""

    # macnet.overhead
    overhead_rounds: Count = 1
    """Rounds in which every network has its turn bare and with journal and events; medians are reported."""

    # macnet.scale
    scale_rounds: Count = 1
    """Times that each size is run, in a process of its own; medians are reported."""
    scale_prompts: tuple[Literal["chain", "star", "tree", "mesh", "layer", "random"], ...] = ("star", "tree")
    """Networks of 16 and of 1,024 nodes whose longest prompts are compared; a mesh of 1,024 takes half a minute."""

    # macnet.http
    http_in_flight: Count = 1000
    """Calls in flight at once; 64 are measured beside them."""
    http_calls: Count = 2000
    """Calls of the lean clients over which processor time is averaged; a tenth of them for slow clients."""
    http_rounds: Count = 1
    """Rounds in which every client has its turn; medians are reported."""

    # macnet.durable
    durable_nodes: Annotated[int, Field(ge=3)] = 12
    """Nodes of the mesh that is killed; one of 64 has 2,080 agents."""
    durable_kills: Count = 3
    """Random points at which a run is killed, each in a run of its own."""
    durable_permutations: Annotated[int, Field(ge=2)] = 10
    """Ways to deal out latencies."""

    # macnet.limits
    limits_s: Annotated[float, Field(gt=0)] = 4.0
    """Seconds over which calls that are let through are counted, after as long a warm-up, but 5 at most."""
    limits_budgets: Count = 30
    """Random budgets that are spent to the end, for each kind of cap."""

    # macnet.sandbox
    sandbox_rounds: Count = 1
    """How often each attack is tried."""

    # macnet.law
    law_doublings: Annotated[int, Field(ge=6, le=10)] = 6
    """Networks have 1, 2, 4 and so on actors, up to 2 to this power."""
    law_batches: Annotated[int, Field(ge=2)] = 4
    """Draws of networks, profiles and chance, over which the spread is taken."""
    law_tasks: Count = 8
    """Workshops that are solved under each of these."""
    law_resamples: Annotated[int, Field(ge=20)] = 50
    """Times that batches and tasks are drawn anew for intervals."""
    law_runs: Count = 1
    """Tasks for each small network that are run from prompt to artifact, and executed, beside the simulation."""
