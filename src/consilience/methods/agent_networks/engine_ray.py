"""The Ray engine: a run shared among processes on one machine or many, over one journal in a PostgreSQL database.

Each part of the network is worked on by a Ray actor: it has a session of its own, and asks, reads, refines and merges
as a run in one process does. Only artifacts pass between them. Artifact, journal and events are those of a run in one
process. A worker that is killed is begun again in its place, and the journal answers what it had asked.

Workers get the environment that Ray gives them: keys are read there and are sent nowhere.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Any

from consilience.dialogue.opening import Opening
from consilience.dialogue.ray_cluster import cluster, ended, require_shareable, streamed
from consilience.dialogue.transcript import Transcript
from consilience.dialogue.work.artifact import Kind
from consilience.methods.agent_networks.approval import Approvals, Decision
from consilience.methods.agent_networks.blueprint import Blueprint, as_noted
from consilience.methods.agent_networks.failure import Failure
from consilience.methods.agent_networks.graph import Network
from consilience.methods.agent_networks.hub import Hub
from consilience.methods.agent_networks.parts import News, Part, SharedRun, Stood, divide
from consilience.methods.agent_networks.profiles import Profiles
from consilience.methods.agent_networks.result import Result
from consilience.methods.agent_networks.traversal import check_settings

__all__ = ["traverse_on_ray"]


async def traverse_on_ray(
    network: Network | Blueprint,
    task: str,
    opening: Opening,
    *,
    kind: Kind,
    rounds: int = 3,
    group: int = 2,
    profiles: Profiles | None = None,
    temperature: tuple[float, float] = (1.0, 0.0),
    max_tokens: int | None = None,
    failure: Failure = Failure(),  # noqa: B008  frozen
    approvals: Approvals | None = None,
    transcript: Transcript | None = None,
    seed: int = 0,
    reasks: int = 2,
    width: int = 1000,
    parts: int | None = None,
    address: str | None = None,
    restarts: int = 3,
) -> Result:
    """Let the agents of a network work on a task in several processes; see `traverse` for what is not told here.

    A cluster that runs already is used: one that this program is connected to, or the one at `address`. Else one is
    started on this machine for the length of the run; see `consilience.dialogue.ray_cluster`,
    whose `cluster` is to be opened around several runs at once, so that they share one.

    Parameters
    ----------
    network, task
        Who works, and on what.
    opening
        How each process opens its session. Budget and limits are shared out by the calls that the parts may take.
    approvals
        Who looks at artifacts, asked in this process.
    transcript
        Where the events of all parts are taken down.
    width
        Elements at work at once, in each part.
    parts
        How many processes; one for each processor if None, and never more than there are nodes, or calls that
        `Limits.concurrency` lets through at once.
    address
        Of a Ray cluster, such as ``"auto"`` or ``"10.0.0.1:6379"``; the house must be installed on its machines.
    restarts
        How often each part is begun again when its worker is lost.

    Returns
    -------
    Result
        The same as that of a run in one process.

    Raises
    ------
    MissingDependency
        Without Ray.
    InvalidInput
        As `traverse` does; and for a journal that is no database, or a number of parts below 1.
    WorkerLost
        When a part was lost more often than that, or once where there is a budget, of which the lost one may have
        spent some. What was answered is in the journal.
    ConsilienceError
        Whatever a run in one process raises.
    """
    network, profiles, failure, approvals = as_noted(network, profiles, failure, approvals)
    check_settings(task, rounds, temperature, reasks, width)
    failure.check(network)
    require_shareable(opening.journal, parts)
    with cluster(address, parts) as (ray, processors):
        wanted = min(parts or processors, opening.limits.concurrency or len(network))
        job = SharedRun(
            network=network,
            task=task,
            opening=opening,
            kind=kind,
            parts=divide(network, wanted, rounds=rounds, group=group),
            rounds=rounds,
            group=group,
            profiles=profiles,
            temperature=temperature,
            max_tokens=max_tokens,
            failure=failure,
            seed=seed,
            reasks=reasks,
            width=width,
            has_approvals=approvals is not None,
            tells=transcript is not None,
        )
        shared = ray.put(job)
        hub = Hub(
            job,
            lambda number: _Actor(ray, shared, number),
            approvals=approvals,
            transcript=transcript,
            restarts=restarts,
        )
        return await hub.run()


class _Actor:
    """A part in a process of its own."""

    def __init__(self, ray: Any, job: Any, number: int) -> None:
        self._ray = ray
        self._number = number
        # A part waits for others most of the time: were a processor set aside for each, some might never begin.
        actor = ray.remote(Part).options(num_cpus=0, max_restarts=0, scheduling_strategy="SPREAD")
        self._actor = actor.remote(job, number)

    def run(self, given: Sequence[Stood]) -> AsyncIterator[list[News]]:
        lost = f"the process that worked on part {self._number} of the network was lost"
        return streamed(self._ray, self._actor.run, list(given), lost=lost)

    async def take(self, stood: Stood) -> None:
        self._actor.take.remote(stood)  # if the worker is lost, the next one is given it

    async def decide(self, number: int, decision: Decision) -> None:
        self._actor.decide.remote(number, decision)

    async def stop(self) -> None:
        self._actor.stop.remote()

    def end(self) -> None:
        ended(self._ray, self._actor)
