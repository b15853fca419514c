"""Planning: what a run of teams will take, told before anybody is asked anything."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from consilience.dialogue.command.forecast import Pace, counted, lacking, row, rows
from consilience.dialogue.command.manner import Assumptions
from consilience.dialogue.command.means import Means
from consilience.dialogue.command.telling import say
from consilience.dialogue.estimate import prompt_tokens
from consilience.dialogue.messages import Message
from consilience.dialogue.prices import price
from consilience.dialogue.rehearsal import notice_for
from consilience.methods.cross_team.job import Job, prepared
from consilience.methods.cross_team.order import Order
from consilience.methods.cross_team.reckoning import Lengths, Reckoning, Segment, reckon

__all__ = ["run"]


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
    most = job.order.max_tokens
    found = reckon(
        job.plan,
        lengths=Lengths(
            task=prompt_tokens((Message("user", (job.order.task,)),)),
            artifact=min(assumptions.artifact_tokens, most or assumptions.artifact_tokens),
            note=min(assumptions.comment_tokens, most or assumptions.comment_tokens),
        ),
        pace=Pace(first_s=assumptions.first_s, tokens_per_s=assumptions.tokens_per_s),
        price=lambda model, usage: price(job.journal_name(model or job.order.model_name), None, usage),
    )
    facts = _facts(job, found, means)
    say(json.dumps(facts, indent=2) if as_json else "\n".join(_lines(job, facts, found, means)))
    return 0


def _facts(job: Job, found: Reckoning, means: Means) -> dict[str, Any]:
    return {
        "run": job.title,
        "model": job.model_name,
        "notice": notice_for(job.models),
        "notes": list(job.notes),
        "calls": found.calls._asdict(),
        "teams": {name: calls._asdict() for name, calls in found.teams.items()},
        "merges": found.merges._asdict(),
        **counted(found, means),
        "critical_path": [segment._asdict() for segment in found.critical_path],
        "short": [*lacking(found, means), *_too_long(job, found)],
    }


def _too_long(job: Job, found: Reckoning) -> list[str]:
    most = job.plan.context_tokens
    if most is None or found.largest_prompt <= most:
        return []
    longest = f"the longest prompt has {found.largest_prompt:,}, and works that do not fit one are not merged"
    return [f"--context-tokens {most:,} may not suffice: {longest}"]


def _lines(job: Job, facts: dict[str, Any], found: Reckoning, means: Means) -> Iterator[str]:
    if facts["notice"]:
        yield facts["notice"]
    yield from facts["notes"]
    keys = ", ".join(key.name for key in job.plan.chain.keys) or "none"
    yield f"{facts['run']}, key phases: {keys}; {facts['model']}; nothing was asked yet"
    yield f"{'':<16}{'at least':>14}{'at most':>14}"
    yield row("calls", found.calls)
    for name, calls in found.teams.items():
        yield row(f"  team {name}", calls)
    yield row("  merges", found.merges)
    yield from rows(found, means)
    yield f"longest prompt {facts['largest_prompt_tokens']:,} tokens"
    yield f"critical path  {' | '.join(map(_stretch, found.critical_path))}"
    yield from facts["short"]
    if facts["notice"]:
        yield facts["notice"]


def _stretch(segment: Segment) -> str:
    steps = " ".join(f"{segment.slowest}/{step}" for step in segment.steps)
    if not segment.levels:
        return steps
    times = f" x{segment.levels}" if segment.levels > 1 else ""
    return f"{steps} {segment.key}+{times}".strip()
