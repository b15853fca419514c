"""Planning: what a run will take, told before anybody is asked anything."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from consilience.dialogue.command.forecast import Pace, Span, counted, lacking, row, rows
from consilience.dialogue.command.manner import Assumptions
from consilience.dialogue.command.means import Means
from consilience.dialogue.command.telling import say
from consilience.dialogue.estimate import prompt_tokens
from consilience.dialogue.messages import Message, Usage
from consilience.dialogue.prices import price
from consilience.dialogue.rehearsal import notice_for
from consilience.methods.agent_networks.job import Job, prepared
from consilience.methods.agent_networks.order import Order
from consilience.methods.agent_networks.plan import Lengths, Plan, plan

__all__ = ["run"]

_SHOWN = 12
"""Elements of the critical path that are written out."""


def run(
    order: Order, means: Means, assumptions: Assumptions, *, resume: Path | None = None, as_json: bool = False
) -> int:
    """Print what a run will take, and return the exit status.

    Parameters
    ----------
    order, means, resume
        As `prepared` takes them.
    assumptions
        How long texts are taken to be, and how fast a model.
    as_json
        Print JSON instead of words.
    """
    job = prepared(order, means, resume=resume)
    model = job.journal_name
    lengths = Lengths(
        task=prompt_tokens((Message("user", (job.order.task,)),)),
        artifact=min(assumptions.artifact_tokens, job.order.max_tokens or assumptions.artifact_tokens),
        comment=min(assumptions.comment_tokens, job.order.max_tokens or assumptions.comment_tokens),
    )
    found = plan(
        job.blueprint.network,
        rounds=job.order.rounds,
        group=job.order.group,
        lengths=lengths,
        pace=Pace(first_s=assumptions.first_s, tokens_per_s=assumptions.tokens_per_s),
        price=lambda usage: price(model, None, Usage(usage.input_tokens, usage.output_tokens)),
    )
    facts = _facts(job, found, means)
    say(json.dumps(facts, indent=2) if as_json else "\n".join(_lines(facts, found, means)))
    return 0


def _facts(job: Job, found: Plan, means: Means) -> dict[str, Any]:
    return {
        "network": job.title,
        "agents": found.agents,
        "model": job.model_name,
        "notice": notice_for([job.order.model_name]),
        "calls": found.calls._asdict(),
        "drafts": found.drafts,
        "critics": found.critics._asdict(),
        "actors": found.actors._asdict(),
        "merges": found.merges,
        **counted(found, means),
        "critical_path": list(found.critical_path),
        "short": lacking(found, means),
    }


def _lines(facts: dict[str, Any], found: Plan, means: Means) -> Iterator[str]:
    if facts["notice"]:
        yield facts["notice"]
    yield f"{facts['network']}, {facts['agents']:,} agents; {facts['model']}; nothing was asked yet"
    yield f"{'':<16}{'at least':>14}{'at most':>14}"
    yield row("calls", found.calls)
    yield row("  critics", found.critics)
    yield row("  actors", found.actors)
    yield row("  drafts", Span(found.drafts, found.drafts))
    yield row("  merges", Span(found.merges, found.merges))
    yield from rows(found, means)
    yield f"longest prompt {facts['largest_prompt_tokens']:,} tokens, whatever the number of agents"
    path = facts["critical_path"]
    dots = f" ... {len(path) - _SHOWN:,} more ... " if len(path) > _SHOWN else " "
    shown = path if len(path) <= _SHOWN else [*path[: _SHOWN // 2], *path[-_SHOWN // 2 :]]
    half = len(shown) // 2 if len(path) > _SHOWN else len(shown)
    yield f"critical path  {' '.join(shown[:half])}{dots}{' '.join(shown[half:])}".rstrip()
    yield from facts["short"]
    if facts["notice"]:
        yield facts["notice"]
