"""Settings of the laboratory for social agents; `Config()` is a valid smoke run."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field
from pydantic.dataclasses import dataclass

from consilience.ground import STRICT

ClaimId = Literal[
    "iagents.lookup",
    "iagents.recall",
    "iagents.turns",
    "iagents.success",
    "iagents.ablation",
    "iagents.leaks",
    "iagents.audit",
    "iagents.scale",
    "iagents.ingest",
    "iagents.import",
    "iagents.auth",
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
    claims: tuple[ClaimId, ...] = ("iagents.success", "iagents.ablation", "iagents.audit", "iagents.auth")
    """Claims to measure; the others are reported as not measured by this recipe."""

    # iagents.success
    success_tasks: Count = 6
    """Tasks of each set."""
    success_noisy_tasks: Count = 20
    """Tasks with noisy neighbours, half joins and half needles of two hops."""

    # iagents.ablation
    ablation_tasks: Annotated[int, Field(ge=2)] = 8
    """Tasks of each subset, every one run with the part and without it."""

    # iagents.leaks
    leaks_texts: Count = 300
    """Texts that have to go out at least, of honest and leaky neighbours together."""
    leaks_pairs: Count = 5
    """Tasks run twice, with two secrets of one length, over whose bytes the two runs are compared."""
    leaks_allowed: Count = 100
    """Facts that their owners allow to be told, said in several ways."""

    # iagents.audit
    audit_tasks: Count = 6
    """Tasks whose disclosures are laid beside the log."""
    audit_entries: Count = 8
    """Entries of the log of which every byte is edited, and which are taken out and changed about."""

    # iagents.scale
    scale_people: Annotated[int, Field(ge=4)] = 24
    """People of the town; 140 in the published one."""
    scale_contacts: Count = 60
    """Relationships, with a task each; 588 in the published one."""
    scale_messages: Count = 2_000
    """Rows of conversations; 65,800 in the published one."""
    scale_recursive: Annotated[int, Field(ge=0)] = 8
    """Tasks that need a third person."""
    scale_kills: Count = 1
    """Random turns at which a run of tasks is killed with signal 9, each in a run of its own."""

    # iagents.auth
    auth_replies: Count = 200
    """Malformed replies of models that agents are given."""
