"""Settings of the laboratory for social agents; `Config()` is a valid smoke run."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field
from pydantic.dataclasses import dataclass

from consilience.ground import STRICT, Count

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


@dataclass(frozen=True, kw_only=True, config=STRICT)
class Config:
    """What a run measures, and how much of it."""

    recipe: str = "smoke"
    """Name of the recipe that the settings started from."""
    seed: Annotated[int, Field(ge=0)] = 0
    """Root of all randomness."""
    processes: Count = 1
    """Processes that talks in which leaks are looked for are shared among; results do not depend on it."""
    claims: tuple[ClaimId, ...] = (
        "iagents.lookup",
        "iagents.success",
        "iagents.ingest",
        "iagents.import",
        "iagents.audit",
    )
    """Claims to measure; the others are reported as not measured by this recipe."""

    # The place where people live. Bars hold for 65,000 messages and more; with fewer there is no verdict.
    town_messages: Annotated[int, Field(ge=4000)] = 4000
    """Messages of the made-up town of 140 people and 588 relationships, which is where no script is given."""
    script: str = ""
    """Path of a script as a table (sender, receiver, message) in whose world memory is measured; empty for the town."""
    persona_chats: str = ""
    """Path of persona chats, a file or a folder, that fill the script's world up."""
    questions: str = ""
    """Path of FriendsQA's questions over the script's scenes; without them recall is not measured."""

    # iagents.lookup, iagents.recall
    lookup_queries: Count = 60
    """Lookups that are timed."""
    lookup_rounds: Count = 1
    """How often each of them has its turn."""
    original_queries: Annotated[int, Field(ge=0)] = 0
    """Of these, lookups that the original's method does too, on MariaDB; 0 for none."""
    recall_questions: Count = 1000
    """Questions that both answer, at most."""

    # iagents.turns
    turns_talks: Count = 1
    """Talks of thirty turns."""
    turns_latency_s: Annotated[float, Field(ge=0)] = 0.0
    """Seconds that the model really takes for a reply in the last of them; with 0 the duration is reckoned."""

    # iagents.ingest
    ingest_rounds: Count = 1
    """Times that all messages are added to a new file; medians are reported."""
    ingest_forgotten: Count = 600
    """Messages that are forgotten; the bar holds for 10,000 and more."""

    # iagents.success
    success_tasks: Count = 1
    """Tasks of each of seven sets."""
    success_noisy_tasks: Annotated[int, Field(ge=0)] = 0
    """Tasks of each of seven sets with neighbours who misread; with 0 nobody does, and there is no verdict."""

    # iagents.ablation
    ablation_tasks: Annotated[int, Field(ge=2)] = 4
    """Tasks of each subset, every one run with the part and without it."""

    # iagents.leaks
    leaks_texts: Count = 200
    """Texts that have to go out at least, of honest, leaky and smuggling neighbours together."""
    leaks_pairs: Count = 4
    """Tasks run twice, with two secrets of one length, over whose bytes the two runs are compared."""
    leaks_allowed: Count = 100
    """Texts that tell what their owners allow, said in several ways."""
    leaks_places: Count = 1
    """Places in which the application serves everybody, and everybody looks at everything."""

    # iagents.audit
    audit_tasks: Count = 2
    """Tasks of each of two sets whose disclosures are laid beside the log."""
    audit_entries: Annotated[int, Field(ge=2, le=9)] = 3
    """Entries of a log of which every byte is edited, and which are taken out and changed about."""

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
