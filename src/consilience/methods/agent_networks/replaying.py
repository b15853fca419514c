"""Replaying: a run done again from its journal, without asking anybody, and compared with what came out before."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

from consilience.dialogue.command.means import Means
from consilience.dialogue.command.telling import say
from consilience.dialogue.journal import Journal
from consilience.dialogue.messages import Question, Reply
from consilience.dialogue.models import Unreachable
from consilience.dialogue.session import NotInJournal, Session
from consilience.dialogue.transcript import read_events
from consilience.ground.errors import ConsilienceError
from consilience.methods.agent_networks.account import Account
from consilience.methods.agent_networks.job import Job, found
from consilience.methods.agent_networks.result import Result
from consilience.methods.agent_networks.traversal import traverse

__all__ = ["run"]

_NAMED = 5
"""Elements that are named where a replay differs."""


def run(folder: Path, *, journal: str | None = None, as_json: bool = False) -> int:
    """Replay a run and print whether the same came out; return 0 if it did, else 1.

    Parameters
    ----------
    folder
        Of the run.
    journal
        Where the journal is now.
    as_json
        Print JSON instead of words.
    """
    job = found(folder, Means(journal=journal))
    events = read_events(job.folder.transcript) if job.folder.transcript.exists() else []
    before = job.folder.result()
    lost = {event.element for event in events if event.kind == "failed" and event.element}
    with job.journal(replay_only=True) as kept:
        account = Account(job.blueprint.network, job.kind, kept, events, group=job.order.group)
        try:
            result = asyncio.run(_traverse(job, kept, lost))
        except ConsilienceError as error:
            return _tell({"same": False, "trouble": str(error), "notice": account.notice}, as_json=as_json)
        facts = _compared(account, result, before)
    return _tell({**facts, "notice": account.notice}, as_json=as_json)


class _Recorded:
    """A session on a journal in which an element that failed then fails again.

    Failures are in no journal: they passed, and a resumed run asks again. In a replay what is missing at such an
    element is its failure.
    """

    def __init__(self, session: Session, lost: set[str]) -> None:
        self._session = session
        self._lost = lost

    async def ask(self, question: Question, *, priority: float = 0.0, caused_by: tuple[str, ...] = ()) -> Reply:
        """Return the reply that was given."""
        try:
            return await self._session.ask(question, priority=priority, caused_by=caused_by)
        except NotInJournal as error:
            if question.element in self._lost:
                raise Unreachable(f"{question.element} got no reply when it was asked") from error
            raise

    def last_event(self, element: str) -> tuple[str, ...]:
        """Return the id of the last event of an element."""
        return self._session.last_event(element)


class _Nobody:
    """Stands where a model would, and is never asked."""

    def __init__(self, name: str) -> None:
        self.name = name

    async def reply(self, question: Question) -> Reply:
        """Refuse."""
        raise Unreachable(f"a replay asks nobody; {question.element} wanted to")

    async def close(self) -> None:
        """Nothing is open."""


async def _traverse(job: Job, journal: Journal, lost: set[str]) -> Result:
    name = job.order.model_name if job.order.base_url is None else f"compatible:{job.order.model}"
    async with Session(_Nobody(name), journal=journal, offline=True) as session:
        return await traverse(
            job.blueprint.network, job.order.task, _Recorded(session, lost), journal=journal, **job.settings
        )


def _compared(account: Account, result: Result, before: dict[str, Any]) -> dict[str, Any]:
    """Compare what came out with what the journal and the result hold."""
    kept = account.digests()
    digests = {name: facts.digest for name, facts in result.elements.items() if facts.digest and name in kept}
    differing = [name for name, digest in digests.items() if digest != kept[name]]
    missing = sorted(set(kept) - set(digests))
    digest = None if result.artifact is None else result.artifact.digest
    recorded = before.get("digest")
    return {
        "same": not differing and not missing and recorded in (None, digest),
        "outcome": result.outcome,
        "digest": digest,
        "recorded": recorded,
        "calls": result.spent.calls,
        "compared": len(digests),
        "differing": differing,
        "missing": missing,
    }


def _tell(facts: dict[str, Any], *, as_json: bool) -> int:
    if as_json:
        say(json.dumps(facts, indent=2))
    elif "trouble" in facts:
        say(f"not replayed: {facts['trouble']}")
    elif facts["same"]:
        say(
            f"the same: {facts['calls']:,} replies from the journal, {facts['compared']:,} artifacts alike, "
            f"hash {facts['digest'] or 'none yet'}"
        )
    else:
        where = [*facts["differing"], *facts["missing"]]
        dots = ", ..." if len(where) > _NAMED else ""
        say(
            f"not the same: hash {facts['digest']} and before {facts['recorded']}; "
            f"{len(where):,} artifacts differ: {', '.join(where[:_NAMED])}{dots}"
        )
    if facts["notice"]:
        say(facts["notice"], aside=as_json)
    return 0 if facts["same"] else 1
