"""Running: teams at work on a task, in a folder that keeps all of it, so that they can stop anywhere and go on."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

from consilience.dialogue.asking import Asks
from consilience.dialogue.budget import Budget
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
from consilience.methods.cross_team.collaboration import collaborate
from consilience.methods.cross_team.engine_ray import collaborate_on_ray
from consilience.methods.cross_team.grid import Grid, place_of
from consilience.methods.cross_team.job import Job, prepared
from consilience.methods.cross_team.order import Order
from consilience.methods.cross_team.outcome import keep, summary
from consilience.methods.cross_team.result import Result
from consilience.methods.cross_team.turns import AGGREGATE

__all__ = ["run", "sessions"]


def run(
    order: Order,
    means: Means,
    *,
    resume: Path | None = None,
    out: Path | None = None,
    quiet: bool = False,
    as_json: bool = False,
) -> int:
    """Have teams work on a task, and return the exit status.

    Parameters
    ----------
    order, means, resume, out
        As `prepared` takes them.
    quiet
        Report no progress.
    as_json
        Print numbers as JSON instead of words.

    Returns
    -------
    int
        0 when a team came to its end and there is a work; 1 when the run was stopped and can go on, or only the best so
        far is kept; 2 when the key or the name of the model is wrong; 130 after an interruption.
    """
    job = prepared(order, means, resume=resume, out=out)
    models = {name: job.connected(name) for name in job.models}
    for name, model in models.items():
        job.record.means.require_price(model.name, job.called(name))
    notice = notice_for([model.name for model in models.values()])
    for line in filter(None, (notice, *job.notes)):
        say(line, aside=as_json)
    begun = time.monotonic()
    with job.journal() as journal:
        job.folder.begin(job.record, job.plan)
        sitting = _sitting(job, models, journal, quiet=quiet)
        result, trouble = sitting.outcome, sitting.trouble
        events = read_events(job.folder.transcript)
        facts = keep(job, journal, events, result, trouble=trouble, seconds=time.monotonic() - begun)
    if result is None and sitting.status != INTERRUPTED:
        say(f"consilience: {trouble}; {facts['calls']:,} answers are kept, go on with: {job.resume}", aside=True)
    if as_json:
        say(json.dumps(facts, indent=2))
    elif result is not None:
        say("\n".join(summary(facts)))
    if result is not None and result.outcome == "kept":
        say(f"consilience: {result.why}; go on with: {job.resume}", aside=True)
    if notice or facts["notice"]:
        say(notice or facts["notice"], aside=as_json)
    return STOPPED if result is not None and result.outcome == "kept" else sitting.status


def _sitting(job: Job, models: Mapping[str, ChatModel], journal: Journal, *, quiet: bool) -> Sat[Result]:
    """Work until the end, or until something stands in the way."""

    def work() -> Result:
        grid = Grid(job.plan)
        with Transcript(job.folder.transcript) as transcript, _live(job, grid, quiet=quiet) as live:
            transcript.listen(grid)
            live.follow(transcript)
            return asyncio.run(_collaborate(job, models, journal, transcript))

    return sat(work, resume=job.resume, quiet=quiet)


def _live(job: Job, grid: Grid, *, quiet: bool) -> Live:
    """Return the display: how many phases of all teams are done, and beneath that teams and phases."""
    cells = len(grid.rows) * len(grid.columns)
    return Live(
        job.title,
        cells,
        resume=job.resume,
        quiet=quiet,
        beneath=grid.table,
        counted=lambda: (*grid.counted, "phases"),
    )


async def _collaborate(job: Job, models: Mapping[str, ChatModel], journal: Journal, transcript: Transcript) -> Result:
    means, order = job.record.means, job.order
    if means.engine == "ray":
        opening = Opening.under(
            means,
            model=order.model_name,
            base_url=order.base_url,
            journal=str(job.folder.journal(means)),
            run=job.record.run,
            spent=journal.facts,
        )
        return await collaborate_on_ray(
            job.plan,
            order.task,
            opening,
            kind=job.kind,
            tests=order.tests,
            stdin=order.stdin,
            concepts=order.words,
            models=job.models[1:],
            transcript=transcript,
            parts=means.parts,
            address=means.ray_address,
        )
    async with sessions(job, models, journal, transcript) as asks:
        return await collaborate(
            job.plan,
            job.order.task,
            asks,
            kind=job.kind,
            scorer=job.rater(),
            journal=journal,
            transcript=transcript,
            stop_when_passed=job.order.stop_when_passed,
        )


@asynccontextmanager
async def sessions(
    job: Job, models: Mapping[str, ChatModel], journal: Journal, transcript: Transcript | None
) -> AsyncIterator[dict[str, Asks]]:
    """Give whom each team asks, and aggregators, at one pace and from one purse.

    A budget is shared out: each team may spend an equal part, and so may all merges together, where there are any, so
    that no team takes what another needs. What earlier sittings spent is gone: from a part, what was answered; from the
    whole, attempts that left no reply too, of which the journal does not say whose they were.

    Parameters
    ----------
    job
        The run.
    models
        Who answers, by name; the first for all who have none of their own.
    journal
        Where replies are kept.
    transcript
        Where events are taken down.
    """
    means = job.record.means
    async with AsyncExitStack() as stack:
        first, *others = models
        session = await stack.enter_async_context(
            Session(
                models[first],
                journal=journal,
                budget=means.purse(journal.facts),
                limits=means.limits,
                retry=means.retry,
                transcript=transcript,
            )
        )
        for name in others:
            stack.push_async_callback(models[name].close)
        parts = _parts(job, journal)
        asks: dict[str, Asks] = {}
        for row in (*(team.name for team in job.plan.teams), AGGREGATE):
            own = session.with_purse(parts[row]) if row in parts else session
            asks[row] = asks[f"{row}/{first}"] = own
            for name in others:
                asks[f"{row}/{name}"] = own.with_model(models[name])
        for team in job.plan.teams:
            if team.model is not None and team.model != first:
                asks[team.name] = asks[f"{team.name}/{team.model}"]
        yield asks


def _parts(job: Job, journal: Journal) -> dict[str, Budget]:
    """Return what each team may still spend, and aggregators; nothing where no budget is set."""
    budget = job.record.means.budget
    if budget.calls is None and budget.tokens is None and budget.usd is None:
        return {}
    rows = [*(team.name for team in job.plan.teams), *([AGGREGATE] if job.plan.merges else [])]
    spent = {row: [0, 0, 0.0] for row in rows}
    for call in journal.calls():
        usage, row = call.reply.usage, spent[place_of(call.question.element).row]
        row[0] += 1
        row[1] += usage.input_tokens + usage.output_tokens
        row[2] += usage.usd
    share = len(rows)
    return {
        row: Budget(
            calls=None if budget.calls is None else max(0, int(budget.calls // share - calls)),
            tokens=None if budget.tokens is None else max(0, int(budget.tokens // share - tokens)),
            usd=None if budget.usd is None else max(0.0, budget.usd / share - usd),
        )
        for row, (calls, tokens, usd) in spent.items()
    }
