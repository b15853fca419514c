"""The outcome of a sitting, as a run folder keeps it: the artifact, what waits, numbers and a page; and a summary."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any, cast

from consilience.dialogue import graph_page
from consilience.dialogue.command.bill import spent_facts, spent_told
from consilience.dialogue.journal import Journal
from consilience.dialogue.transcript import Event
from consilience.dialogue.work.artifact import Artifact, Scorer
from consilience.ground.errors import ConsilienceError
from consilience.ground.wording import many
from consilience.methods.agent_networks.account import Account
from consilience.methods.agent_networks.failure import END
from consilience.methods.agent_networks.job import Job
from consilience.methods.agent_networks.plan import plan
from consilience.methods.agent_networks.result import Result

__all__ = ["keep", "numbers", "summary", "write_page"]


def keep(
    job: Job, journal: Journal, events: list[Event], result: Result | None, *, trouble: str = "", seconds: float = 0.0
) -> dict[str, Any]:
    """Write down what came of a sitting, and return the numbers.

    Parameters
    ----------
    job
        The run.
    journal
        What was said in it.
    events
        What happened in it.
    result
        What came of it; None where it was stopped.
    trouble
        What stopped it.
    seconds
        How long the sitting took.
    """
    waiting = {} if result is None else {name: job.desk.waiting[name] for name in result.pending}
    account = Account(job.blueprint.network, job.kind, journal, events, group=job.order.group, pending=waiting)
    facts = numbers(job, account, result, trouble=trouble, seconds=seconds)
    facts["pending"] = {element: str(place) for element, place in job.folder.keep_pending(waiting).items()}
    if result is not None and result.artifact is not None:
        facts["artifact"] = str(job.folder.keep_artifact(result.artifact, job.order.kind))
        facts["score"] = _score(job, result.artifact)
    job.folder.keep_result(facts)
    write_page(job, account, facts)
    return facts


def numbers(
    job: Job, account: Account, result: Result | None, *, trouble: str = "", seconds: float = 0.0
) -> dict[str, Any]:
    """Return what can be said of a run in numbers and a few words, as JSON takes it."""
    artifact = None if result is None else result.artifact
    network, order = job.blueprint.network, job.order
    merges = plan(network, rounds=order.rounds, group=order.group).merges + (len(network.sinks) > 1)
    return {
        "run": job.record.run,
        "outcome": "stopped" if result is None else result.outcome,
        "trouble": trouble,
        "notice": account.notice,
        "model": job.model_name,
        "network": job.title,
        "nodes": len(network),
        "agents": network.agents,
        "merges": merges,
        "states": dict(Counter(state for name, state in account.states.items() if name != END)),
        "digest": None if artifact is None else artifact.digest,
        "artifact": None,
        "fault": "" if artifact is None else artifact.fault,
        "score": None,
        "ancestry": [] if result is None else list(result.ancestry),
        "pending": {},
        **spent_facts(
            account.bill,
            replayed=0 if result is None else result.spent.replayed,
            seconds=seconds,
            critical=account.critical_path,
        ),
        "page": str(job.folder.page),
    }


def write_page(job: Job, account: Account, facts: Mapping[str, Any]) -> None:
    """Write the page of a run."""
    task = job.order.task.strip().splitlines()[0]
    shown = {
        "outcome": f"{facts['outcome']}: {facts['trouble']}" if facts["trouble"] else facts["outcome"],
        "network": f"{facts['network']}, {facts['agents']:,} agents",
        "kind": job.order.kind,
        "model": facts["model"],
        "seed": str(job.order.seed),
        "rounds": f"up to {job.order.rounds}",
        "in the artifact": f"the work of {len(facts['ancestry']):,} of {facts['nodes']:,} nodes",
        "hash": facts["digest"] or "none yet",
    }
    if facts["score"] is not None:
        shown["score"] = _unscored(facts["score"]) or f"{facts['score']['value']:.3g}"
    graph_page.write(
        job.folder.page,
        title=task,
        notice=account.notice,
        nodes=account.nodes,
        edges=account.edges,
        turns=account.turns,
        facts=shown,
        critical=account.critical_path,
    )


def summary(facts: Mapping[str, Any], *, resume: str = "") -> Iterator[str]:
    """Say in a few lines how a run stands.

    Parameters
    ----------
    facts
        As `keep` returns them.
    resume
        The command that goes on with it.
    """
    states = ", ".join(f"{count:,} {state}" for state, count in facts["states"].items())
    spent, time = spent_told(facts)
    yield f"{facts['run']}: {facts['outcome']}"
    if facts["trouble"]:
        yield f"  trouble        {facts['trouble']}"
    yield f"  network        {facts['network']}, {facts['agents']:,} agents; {states}{_merges(facts)}"
    yield f"  model          {facts['model']}"
    yield f"  spent          {spent}"
    yield f"  time           {time}"
    if facts["digest"]:
        yield f"  artifact       {facts['artifact']}, hash {facts['digest']}"
        yield f"                 with the work of {len(facts['ancestry']):,} of {facts['nodes']:,} nodes"
    if facts["fault"]:
        yield f"  fault          {facts['fault']}"
    if facts["score"] is not None:
        yield f"  score          {_scored(facts['score'])}"
    for element, place in facts["pending"].items():
        yield f"  waits for you  {element}: {place}"
    if facts["pending"]:
        yield f"  go on with     {resume} --accept ELEMENT, --reject ELEMENT=REASON or --edit ELEMENT=FILE"
    yield f"  page           {facts['page']}"


def _merges(facts: Mapping[str, Any]) -> str:
    """Say what the progress counts beside agents; numbers of an earlier version do not have it."""
    merges = facts.get("merges", 0)
    if not merges:
        return ""
    return f"; with {many(merges, 'merge')} {facts['agents'] + merges:,} steps"


def _scored(score: Mapping[str, Any]) -> str:
    return _unscored(score) or ", ".join(f"{name} {value:.3g}" for name, value in score.items())


def _unscored(score: Mapping[str, Any]) -> str:
    """Say why there is no score, where that is so; an earlier version wrote 0 for its value then."""
    return f"not scored: {score['error']}" if "error" in score else ""


def _score(job: Job, artifact: Artifact) -> dict[str, Any] | None:
    if not job.order.scored:
        return None
    try:
        score = asyncio.run(cast("Scorer", job.kind).score(artifact))
    except ConsilienceError as error:
        return {"value": None, "error": str(error)}
    return {"value": score.value, **score.facts}
