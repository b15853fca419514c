"""Running: a network at work on a task, in a folder that keeps all of it, so that it can stop anywhere and go on."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Mapping
from pathlib import Path

from consilience.dialogue.command.means import Means
from consilience.dialogue.command.sitting import INTERRUPTED, STOPPED, Sat, sat
from consilience.dialogue.command.telling import say
from consilience.dialogue.journal import Journal
from consilience.dialogue.live import Live
from consilience.dialogue.models import ChatModel
from consilience.dialogue.opening import Opening
from consilience.dialogue.rehearsal import notice_for
from consilience.dialogue.session import Session
from consilience.dialogue.transcript import Transcript, read_events
from consilience.ground.errors import ConsilienceError
from consilience.methods.agent_networks.approval import Decision, reopened
from consilience.methods.agent_networks.engine_ray import traverse_on_ray
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
    job.record.means.require_price(model.name, job.model_name)
    notice = notice_for([model.name])
    if notice:
        say(notice, aside=as_json)
    begun = time.monotonic()
    with job.journal() as journal:
        job.folder.begin(job.record, job.blueprint)
        reopened(job.desk.decisions, journal)
        sitting = _sitting(job, model, journal, quiet=quiet)
        result, trouble, status = sitting.outcome, sitting.trouble, sitting.status
        events = read_events(job.folder.transcript)
        facts = keep(job, journal, events, result, trouble=trouble, seconds=time.monotonic() - begun)
    if result is None and status != INTERRUPTED:
        say(f"consilience: {trouble}; {facts['calls']:,} answers are kept, go on with: {job.resume}", aside=True)
    if as_json:
        say(json.dumps(facts, indent=2))
    elif result is not None:
        say("\n".join(summary(facts, resume=job.resume)))
    if notice or facts["notice"]:
        say(notice or facts["notice"], aside=as_json)
    return STOPPED if result is not None and result.outcome != "done" else status


def _sitting(job: Job, model: ChatModel, journal: Journal, *, quiet: bool) -> Sat[Result]:
    """Work until the end, or until something stands in the way."""

    def work() -> Result:
        with Transcript(job.folder.transcript) as transcript, _live(job, quiet=quiet) as live:
            live.follow(transcript)
            return asyncio.run(_traverse(job, model, journal, transcript))

    return sat(work, resume=job.resume, quiet=quiet, told=_told)


def _told(error: ConsilienceError) -> str:
    if not isinstance(error, ElementFailed):
        return ""
    who = error.element if error.element == THE_RUN else f"element {error.element}"
    return f"{who} failed: {error.reason}"


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
        opening = Opening.under(
            means,
            model=order.model_name,
            base_url=order.base_url,
            journal=str(job.folder.journal(means)),
            run=job.record.run,
            spent=journal.facts,
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
