"""Replaying: a run done again from its journal, without asking anybody, and compared with what came out before."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from consilience.dialogue.command.means import Means
from consilience.dialogue.command.recorded import lost_in, recorded
from consilience.dialogue.command.replayed import tell_replayed
from consilience.dialogue.journal import Journal
from consilience.ground.errors import ConsilienceError
from consilience.methods.agent_networks.account import Account
from consilience.methods.agent_networks.job import Job, found
from consilience.methods.agent_networks.result import Result
from consilience.methods.agent_networks.traversal import traverse

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
        account = Account(job.blueprint.network, job.kind, kept, events, group=job.order.group)
        try:
            result = asyncio.run(_traverse(job, kept, lost_in(events)))
        except ConsilienceError as error:
            facts = {"same": False, "trouble": str(error)}
        else:
            facts = _compared(account, result, before)
    return tell_replayed({**facts, "notice": account.notice}, works="artifacts", as_json=as_json)


async def _traverse(job: Job, journal: Journal, lost: frozenset[str]) -> Result:
    async with recorded(job.journal_name, journal, lost) as session:
        return await traverse(job.blueprint.network, job.order.task, session, journal=journal, **job.settings)


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
        "calls": result.spent.replayed,  # and not what was asked in vain
        "compared": len(digests),
        "differing": differing,
        "missing": missing,
    }
