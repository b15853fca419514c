"""Running: a network at work on a task, in a folder that keeps all of it, so that it can stop anywhere and go on."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Mapping
from pathlib import Path

from consilience.dialogue.budget import BudgetExhausted
from consilience.dialogue.command.means import Means
from consilience.dialogue.command.telling import say
from consilience.dialogue.journal import Journal
from consilience.dialogue.live import Live
from consilience.dialogue.models import ChatModel, Denied, ModelError
from consilience.dialogue.opening import Opening
from consilience.dialogue.rehearsal import notice_for
from consilience.dialogue.session import Session
from consilience.dialogue.transcript import Transcript, read_events
from consilience.methods.agent_networks.approval import Decision
from consilience.methods.agent_networks.engine_ray import WorkerLost, traverse_on_ray
from consilience.methods.agent_networks.failure import ElementFailed
from consilience.methods.agent_networks.job import Job, prepared
from consilience.methods.agent_networks.order import Order
from consilience.methods.agent_networks.outcome import keep, summary
from consilience.methods.agent_networks.plan import plan, priorities
from consilience.methods.agent_networks.result import Result
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
        return None, f"{str(error).partition('. ')[0]}; raise --budget-{error.cap.replace('_', '-')}", _STOPPED
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
    if means.engine == "ray":
        opening = Opening(
            model=order.model_name,
            base_url=order.base_url,
            journal=str(job.folder.journal(means)),
            run=job.record.run,
            timeout_s=means.timeout_s,
            budget=means.left(journal.facts),
            limits=means.limits,
            retry=means.retry,
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
        budget=means.purse(journal.facts),
        limits=means.limits,
        retry=means.retry,
        transcript=transcript,
    )
    async with session:
        return await traverse(network, task, session, journal=journal, transcript=transcript, **job.settings)
