"""The Ray engine: teams placed on processes of one machine or many, over one journal in a PostgreSQL database.

Teams walk in Ray actors; where they meet, what is merged and what is chosen is this process's. The result is that of a
run in one process. A worker that is killed is begun again in its place, and the journal answers what it had asked.

Workers get the environment that Ray gives them: keys are read there and are sent nowhere.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, suppress
from typing import Any

from consilience.dialogue.asking import Asks
from consilience.dialogue.connecting import connect
from consilience.dialogue.journal import Journal
from consilience.dialogue.opening import Opening
from consilience.dialogue.ray_cluster import cluster, ended, require_shareable, streamed
from consilience.dialogue.transcript import Transcript
from consilience.dialogue.work.artifact import Kind
from consilience.ground.errors import ConsilienceError
from consilience.methods.cross_team.aggregation import Outcome, Vote
from consilience.methods.cross_team.away import Envoy, News, Post, SharedTeams
from consilience.methods.cross_team.collaboration import Pick, collaborate
from consilience.methods.cross_team.result import Result
from consilience.methods.cross_team.spec import Plan
from consilience.methods.cross_team.stand_ins import PLAYERS
from consilience.methods.cross_team.turns import AGGREGATE

__all__ = ["collaborate_on_ray"]


async def collaborate_on_ray(
    plan: Plan,
    task: str,
    opening: Opening,
    *,
    kind: Kind,
    tests: str = "",
    stdin: str = "",
    concepts: tuple[str, ...] = (),
    models: tuple[str, ...] = (),
    transcript: Transcript | None = None,
    reasks: int = 2,
    width: int = 1000,
    vote: Vote | None = None,
    pick: Pick | None = None,
    parts: int | None = None,
    address: str | None = None,
    restarts: int = 3,
) -> Result:
    """Let teams work apart in several processes, and meet in this one; see `collaborate` for what is not told here.

    A cluster that runs already is used: one that this program is connected to, or the one at `address`. Else one is
    started on this machine for the length of the run; see `consilience.dialogue.ray_cluster`.

    Parameters
    ----------
    plan, task
        Who works, how, and on what.
    opening
        How each process opens its session. Budget and limits are shared out: an equal part for each team, and one for
        all merges.
    tests, stdin, concepts
        As `consilience.methods.cross_team.rating.rater_for` takes them: each process rates for itself.
    models
        Who else is asked, beside the model of the opening, by the names that the plan has.
    vote, pick
        Who decides, asked in this process.
    parts
        How many processes; one for each processor if None, and never more than there are teams, or calls that
        `Limits.concurrency` lets through at once beside one for merges.
    address
        Of a Ray cluster, such as ``"auto"`` or ``"10.0.0.1:6379"``; the house must be installed on its machines.
    restarts
        How often a team begins again when its process is lost.

    Returns
    -------
    Result
        The same as that of a run in one process.

    Raises
    ------
    MissingDependency
        Without Ray.
    InvalidInput
        As `collaborate` does; and for a journal that is no database, or a number of parts below 1.
    WorkerLost
        When a process was lost more often than that, or once where there is a budget, of which the lost one may have
        spent some. What was answered is in the journal.
    """
    require_shareable(opening.journal, parts)
    with cluster(address, parts) as (ray, processors):
        at_once = opening.limits.concurrency
        wanted = min(parts or processors, len(plan.teams), len(plan.teams) if at_once is None else max(1, at_once - 1))
        job = SharedTeams(
            plan=plan,
            task=task,
            opening=opening,
            kind=kind,
            posts=wanted,
            tests=tests,
            stdin=stdin,
            concepts=concepts,
            models=models,
            reasks=reasks,
            width=width,
            tells=transcript is not None,
        )
        shared = ray.put(job)
        envoy = Envoy(job, lambda number: _Actor(ray, shared, number), transcript=transcript, restarts=restarts)
        try:
            return await _collaborate(job, envoy, transcript, vote, pick)
        finally:
            envoy.end()


async def _collaborate(
    job: SharedTeams, envoy: Envoy, transcript: Transcript | None, vote: Vote | None, pick: Pick | None
) -> Result:
    opening = job.opening
    async with AsyncExitStack() as stack:
        journal = stack.enter_context(Journal.open(opening.journal, opening.run))
        opened = opening.session(journal, transcript, job.part(1), players=PLAYERS)
        session = await stack.enter_async_context(opened)
        asks: dict[str, Asks] = {"": session, AGGREGATE: session, opening.model: session}
        for name in job.models:
            model = connect(name, base_url=opening.base_url, players=PLAYERS, timeout_s=opening.timeout_s)
            stack.push_async_callback(model.close)
            asks[name] = session.with_model(model)
        return await collaborate(
            job.plan,
            job.task,
            asks,
            kind=job.kind,
            scorer=job.rater(),
            journal=journal,
            transcript=transcript,
            reasks=job.reasks,
            width=job.width,
            vote=vote,
            pick=pick,
            walks=envoy.walks,
        )


class _Actor:
    """A post in a process of its own."""

    def __init__(self, ray: Any, job: Any, number: int) -> None:
        self._ray = ray
        self._number = number
        # Teams wait for replies most of the time: were a processor set aside for each post, some might never begin.
        actor = ray.remote(Post).options(num_cpus=0, max_restarts=0, scheduling_strategy="SPREAD")
        self._actor = actor.remote(job, number)

    def walk(self, team: str, after: tuple[str, ...]) -> AsyncIterator[list[News]]:
        lost = f"the process in which team {team} worked was lost"
        return streamed(self._ray, self._actor.walk, team, after, lost=lost)

    async def give(self, team: str, number: int, outcome: Outcome | ConsilienceError) -> None:
        self._actor.give.remote(team, number, outcome)  # if the worker is lost, the next one is given it

    async def stop(self, team: str) -> None:
        with suppress(self._ray.exceptions.RayError):
            self._actor.stop.remote(team)

    def end(self) -> None:
        ended(self._ray, self._actor)
