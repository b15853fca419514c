"""Planning: what a run will take, told before anybody is asked anything."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from consilience.dialogue.command.forecast import Pace, Span, row, short
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
    model = job.order.model_name if job.order.base_url is None else f"compatible:{job.order.model}"
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
    say(json.dumps(facts, indent=2) if as_json else "\n".join(_lines(facts, found)))
    return 0


def _facts(job: Job, found: Plan, means: Means) -> dict[str, Any]:
    at_once = means.concurrency
    seconds = found.seconds if at_once is None else found.seconds_with(at_once)
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
        "input_tokens": found.input_tokens._asdict(),
        "output_tokens": found.output_tokens._asdict(),
        "usd": None if found.usd is None else found.usd._asdict(),
        "turns": found.turns._asdict(),
        "seconds": seconds._asdict(),
        "one_after_the_other_s": found.work_s._asdict(),
        "at_once": at_once,
        "largest_prompt_tokens": found.largest_prompt,
        "critical_path": list(found.critical_path),
        "short": _short(found, means, seconds),
    }


def _short(found: Plan, means: Means, seconds: Span) -> list[str]:
    """Return the caps of the budget that may not suffice."""
    tokens = found.input_tokens.most + found.output_tokens.most
    needs = {
        "budget_calls": found.calls.most,
        "budget_tokens": tokens,
        "budget_usd": None if found.usd is None else found.usd.most,
        "budget_wall_s": seconds.most,
    }
    return short(needs, means)


def _lines(facts: dict[str, Any], found: Plan) -> Iterator[str]:
    if facts["notice"]:
        yield facts["notice"]
    yield f"{facts['network']}, {facts['agents']:,} agents; {facts['model']}; nothing was asked yet"
    yield f"{'':<16}{'at least':>14}{'at most':>14}"
    yield row("calls", found.calls)
    yield row("  critics", found.critics)
    yield row("  actors", found.actors)
    yield row("  drafts", Span(found.drafts, found.drafts))
    yield row("  merges", Span(found.merges, found.merges))
    yield row("input tokens", found.input_tokens)
    yield row("output tokens", found.output_tokens)
    yield f"{'usd':<16}{'no price known':>28}" if found.usd is None else row("usd", found.usd, ",.4g")
    yield row("turns in a row", found.turns)
    yield row("seconds", Span(**facts["seconds"]), ",.0f")
    yield row("  one by one", found.work_s, ",.0f")
    yield f"longest prompt {facts['largest_prompt_tokens']:,} tokens, whatever the number of agents"
    path = facts["critical_path"]
    dots = f" ... {len(path) - _SHOWN:,} more ... " if len(path) > _SHOWN else " "
    shown = path if len(path) <= _SHOWN else [*path[: _SHOWN // 2], *path[-_SHOWN // 2 :]]
    half = len(shown) // 2 if len(path) > _SHOWN else len(shown)
    yield f"critical path  {' '.join(shown[:half])}{dots}{' '.join(shown[half:])}".rstrip()
    yield from facts["short"]
    if facts["notice"]:
        yield facts["notice"]
