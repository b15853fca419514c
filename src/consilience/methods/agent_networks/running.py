"""Running: a network at work on a task, in a folder that keeps all of it, so that it can stop anywhere and go on."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from consilience.dialogue.budget import Budget, BudgetExhausted, Purse
from consilience.dialogue.journal import Journal, RunFacts
from consilience.dialogue.limits import Limits
from consilience.dialogue.live import Live
from consilience.dialogue.messages import Usage
from consilience.dialogue.models import ChatModel, Denied, ModelError
from consilience.dialogue.prices import price
from consilience.dialogue.retrying import Retry
from consilience.dialogue.session import Session
from consilience.dialogue.transcript import Transcript, read_events
from consilience.ground.errors import InvalidInput
from consilience.methods.agent_networks.account import notice_for
from consilience.methods.agent_networks.approval import Decision
from consilience.methods.agent_networks.engine_ray import Opening, WorkerLost, traverse_on_ray
from consilience.methods.agent_networks.failure import ElementFailed
from consilience.methods.agent_networks.job import Job, prepared
from consilience.methods.agent_networks.order import Means, Order
from consilience.methods.agent_networks.outcome import keep, summary
from consilience.methods.agent_networks.plan import plan, priorities
from consilience.methods.agent_networks.result import Result
from consilience.methods.agent_networks.telling import say
from consilience.methods.agent_networks.traversal import traverse

__all__ = ["run"]

THE_RUN = "the run"
"""Who failed where no element did."""

_STOPPED, _MISTAKEN, _INTERRUPTED = 1, 2, 130


def run(
    order: Order,
    means: Means,
    *,
    resume: Path | None = None,
    out: Path | None = None,
    decisions: Mapping[str, Decision] | None = None,
    quiet: bool = False,
    as_json: bool = False,
) -> int:
    """Have a network work on a task, and return the exit status.

    Parameters
    ----------
    order, means, resume, out, decisions
        As `prepared` takes them.
    quiet
        Report no progress.
    as_json
        Print numbers as JSON instead of words.

    Returns
    -------
    int
        0 when there is an artifact; 1 when the run was stopped or waits for somebody's word, and can go on; 2 when the
        key or the name of the model is wrong; 130 after an interruption.
    """
    job = prepared(order, means, resume=resume, out=out, decisions=decisions)
    model = job.model()
    if job.record.means.budget_usd is not None and price(model.name, None, Usage()) is None:
        raise InvalidInput(
            f"--budget-usd needs the price of {job.model_name}, which is not known; give --budget-tokens or "
            "--budget-calls"
        )
    notice = notice_for([model.name])
    if notice:
        say(notice, aside=as_json)
    begun = time.monotonic()
    with job.journal() as journal:
        job.folder.begin(job.record, job.blueprint)
        result, trouble, status = _sitting(job, model, journal, quiet=quiet)
        events = read_events(job.folder.transcript)
        facts = keep(job, journal, events, result, trouble=trouble, seconds=time.monotonic() - begun)
    if result is None and status != _INTERRUPTED:
        say(f"consilience: {trouble}; {facts['calls']:,} answers are kept, go on with: {job.resume}", aside=True)
    if as_json:
        say(json.dumps(facts, indent=2))
    elif result is not None:
        say("\n".join(summary(facts, resume=job.resume)))
    if notice or facts["notice"]:
        say(notice or facts["notice"], aside=as_json)
    return status


def _sitting(job: Job, model: ChatModel, journal: Journal, *, quiet: bool) -> tuple[Result | None, str, int]:
    """Work until the end, or until something stands in the way; say what that is, and which exit status it gives."""
    try:
        with Transcript(job.folder.transcript) as transcript, _live(job, quiet=quiet) as live:
            live.follow(transcript)
            result = asyncio.run(_traverse(job, model, journal, transcript))
    except KeyboardInterrupt:
        if quiet:  # then the display said nothing
            say(f"consilience: interrupted; go on with: {job.resume}", aside=True)
        return None, "interrupted", _INTERRUPTED
    except ElementFailed as error:
        who = error.element if error.element == THE_RUN else f"element {error.element}"
        return None, f"{who} failed: {error.reason}", _STOPPED
    except BudgetExhausted as error:
        failed = f"; the attempt before failed: {error.__cause__}" if error.__cause__ else ""
        told = f"{str(error).partition('. ')[0]}{failed}; raise --budget-{error.cap.replace('_', '-')}"
        return None, told, _STOPPED
    except (ModelError, WorkerLost) as error:
        return None, str(error), _MISTAKEN if isinstance(error, Denied) else _STOPPED
    return result, "", 0 if result.outcome == "done" else _STOPPED


def _live(job: Job, *, quiet: bool) -> Live:
    network, order = job.blueprint.network, job.order
    ahead = priorities(network, rounds=order.rounds, group=order.group)
    remaining = dict(zip((*network.nodes, *network.edge_names), (*ahead.nodes, *ahead.edges), strict=True))
    merges = plan(network, rounds=order.rounds, group=order.group).merges
    elements = network.agents + merges + (len(network.sinks) > 1)
    return Live(job.title, elements, remaining=remaining, resume=job.resume, quiet=quiet)


async def _traverse(job: Job, model: ChatModel, journal: Journal, transcript: Transcript) -> Result:
    means, order = job.record.means, job.order
    network, task = job.blueprint.network, order.task
    limits = Limits(
        requests_per_minute=means.requests_per_minute,
        tokens_per_minute=means.tokens_per_minute,
        concurrency=means.concurrency,
    )
    budget, spent = _budget(means), _spent(journal)
    retry = Retry(attempts=means.attempts)
    if means.engine == "ray":
        opening = Opening(
            model=order.model_name,
            base_url=order.base_url,
            journal=str(job.folder.journal(means)),
            run=job.record.run,
            timeout_s=means.timeout_s,
            budget=_left(budget, spent),
            limits=limits,
            retry=retry,
        )
        return await traverse_on_ray(
            network,
            task,
            opening,
            transcript=transcript,
            parts=means.parts,
            address=means.ray_address,
            **job.settings,
        )
    session = Session(
        model,
        journal=journal,
        budget=_purse(budget, spent),
        limits=limits,
        retry=retry,
        transcript=transcript,
    )
    async with session:
        return await traverse(network, task, session, journal=journal, transcript=transcript, **job.settings)


def _budget(means: Means) -> Budget:
    return Budget(
        calls=means.budget_calls, tokens=means.budget_tokens, usd=means.budget_usd, wall_s=means.budget_wall_s
    )


def _spent(journal: Journal) -> RunFacts | None:
    """Return what earlier sittings spent."""
    return next((facts for facts in journal.runs() if facts.name == journal.run), None)


def _purse(budget: Budget, spent: RunFacts | None) -> Purse:
    """Return a purse from which is taken what was spent."""
    purse = Purse(budget)
    if spent is not None and spent.calls and purse.capped:
        with suppress(BudgetExhausted):  # the first question that would have to be sent says so
            purse.reserve(0).settle(Usage(spent.input_tokens, spent.output_tokens, spent.usd))
            for _ in range(spent.calls - 1):
                purse.reserve(0).settle(Usage())
    return purse


def _left(budget: Budget, spent: RunFacts | None) -> Budget:
    """Return what is left of a budget, to be shared out."""
    if spent is None:
        return budget
    gone = {"calls": spent.calls, "tokens": spent.input_tokens + spent.output_tokens, "usd": spent.usd}
    caps = {name: getattr(budget, name) for name in gone}
    return replace(budget, **{name: max(0, cap - gone[name]) for name, cap in caps.items() if cap is not None})
