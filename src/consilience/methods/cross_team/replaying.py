"""Replaying: a run of teams done again from its journal, without asking anybody, and compared with what came of it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

from consilience.dialogue.asking import Asks
from consilience.dialogue.command.means import Means
from consilience.dialogue.command.recorded import lost_in, recorded
from consilience.dialogue.command.replayed import tell_replayed
from consilience.dialogue.journal import Journal
from consilience.dialogue.messages import Question, Reply
from consilience.dialogue.session import NotInJournal
from consilience.ground.errors import ConsilienceError
from consilience.methods.cross_team.account import Account
from consilience.methods.cross_team.chain import RunStopped
from consilience.methods.cross_team.collaboration import FINAL, STOPPER, collaborate
from consilience.methods.cross_team.grid import place_of
from consilience.methods.cross_team.job import Job, found
from consilience.methods.cross_team.outcome import accounted
from consilience.methods.cross_team.result import Result
from consilience.methods.cross_team.turns import AGGREGATE

__all__ = ["run"]


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
    events = job.folder.events()
    before = job.folder.result()
    with job.journal(replay_only=True) as kept:
        account = accounted(job, kept, events)
        stopped = _stopped(before, kept)
        try:
            result = asyncio.run(_collaborate(job, kept, lost_in(events), stopped))
        except ConsilienceError as error:
            facts = {"same": False, "trouble": str(error)}
        else:
            facts = _compared(account, result, before, stopped)
    return tell_replayed({**facts, "notice": account.notice}, works="works", as_json=as_json)


class _Until:
    """Answers as was answered; a team that was stopped, as others had come to their ends, stops where it did then."""

    def __init__(self, asks: Asks, stopped: frozenset[str]) -> None:
        self._asks = asks
        self._stopped = stopped

    async def ask(self, question: Question, *, priority: float = 0.0, caused_by: tuple[str, ...] = ()) -> Reply:
        """Return the reply that was given."""
        try:
            return await self._asks.ask(question, priority=priority, caused_by=caused_by)
        except NotInJournal as error:
            if place_of(question.element).row in self._stopped:
                raise RunStopped("it was stopped here before") from error
            raise

    def last_event(self, element: str) -> tuple[str, ...]:
        """Return the id of the last event of an element."""
        return self._asks.last_event(element)


def _stopped(before: Mapping[str, Any], journal: Journal) -> frozenset[str]:
    """Return the teams that nobody waited for: how far they came was chance.

    Where a team that passed every test ended the run, they are all the others, those too that were at their end.
    """
    teams = before.get("teams", {})
    stopper = journal.artifact(STOPPER)
    if stopper is not None:
        return frozenset(name for name in teams if name != stopper.text)
    return frozenset(name for name, team in teams.items() if team["state"] == "stopped")


async def _collaborate(job: Job, journal: Journal, lost: frozenset[str], stopped: frozenset[str]) -> Result:
    """Do it again with whoever was asked, by the names that the journal knows."""
    async with AsyncExitStack() as stack:
        asks: dict[str, Asks] = {}
        for name in job.models:
            session: Asks = await stack.enter_async_context(recorded(job.journal_name(name), journal, lost))
            session = _Until(session, stopped)
            asks.setdefault("", session)
            asks.setdefault(AGGREGATE, session)
            asks[name] = session
        return await collaborate(
            job.plan,
            job.order.task,
            asks,
            kind=job.kind,
            scorer=job.rater(),
            journal=journal,
            stop_when_passed=job.order.stop_when_passed,
        )


def _compared(account: Account, result: Result, before: dict[str, Any], stopped: frozenset[str]) -> dict[str, Any]:
    """Compare what came out with what the journal and the result hold."""
    kept = account.digests()
    digests = {one.element: one.artifact.digest for one in result.made if one.element in kept}
    if result.artifact is not None:
        digests[FINAL] = result.artifact.digest
    differing = [name for name, digest in digests.items() if digest != kept.get(name, digest)]
    missing = sorted(name for name in set(kept) - set(digests) - _refused(result) if place_of(name).row not in stopped)
    digest = None if result.artifact is None else result.artifact.digest
    recorded_digest = before.get("digest")
    lineage = None if result.artifact is None else result.lineage.digest
    return {
        "same": not differing
        and not missing
        and recorded_digest in (None, digest)
        and (bool(stopped) or before.get("lineage_digest") in (None, lineage)),
        "outcome": result.outcome,
        "digest": digest,
        "recorded": recorded_digest,
        "lineage_digest": lineage,
        "calls": result.spent.replayed,  # and not what was asked in vain
        "compared": len(digests),
        "differing": differing,
        "missing": missing,
    }


def _refused(result: Result) -> set[str]:
    """Return merges that nobody went on with: a journal may have them, and a result has not."""
    return {merge.element for meeting in result.meetings for merge in meeting.merges if merge.gives != merge.element}
