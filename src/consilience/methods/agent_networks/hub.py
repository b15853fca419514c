"""The hub: hands round what came of the nodes of a run that is shared among parts, and puts the result together.

It has parts begun, tells each what the others gave that it builds on, asks whoever has to approve, takes down the
events of all in one transcript, and has a part begun again whose worker was lost.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from itertools import chain
from typing import Protocol

from consilience.dialogue.ray_cluster import WorkerLost
from consilience.dialogue.transcript import Event, Fact, Transcript
from consilience.dialogue.work.artifact import Artifact
from consilience.dialogue.work.merging import merge_calls
from consilience.methods.agent_networks.approval import Approvals, Decision, Pending, Submission
from consilience.methods.agent_networks.graph import Network
from consilience.methods.agent_networks.parts import (
    BEGUN,
    Ended,
    Failed,
    Happened,
    News,
    SharedRun,
    Stood,
    Submitted,
    came_from,
)
from consilience.methods.agent_networks.result import ElementFacts, Outcome, Result
from consilience.methods.agent_networks.traversal import ancestry

__all__ = ["Hub", "Worker"]


class Worker(Protocol):
    """Where a part is worked on: it may be lost."""

    def run(self, given: Sequence[Stood]) -> AsyncIterator[list[News]]:
        """Have the part work; raises `WorkerLost` when it is gone."""

    async def take(self, stood: Stood) -> None:
        """Tell it what came of another's node."""

    async def decide(self, number: int, decision: Decision) -> None:
        """Tell it what somebody says of an artifact."""

    async def stop(self) -> None:
        """Have it begin nothing new."""

    def end(self) -> None:
        """Let go of it."""


class Hub:
    """Leads one run.

    Parameters
    ----------
    job
        The run.
    start
        Begins a worker on the part of a number.
    approvals
        Who looks at artifacts.
    transcript
        Where events are taken down.
    restarts
        How often the worker of a part is begun again when it is lost. With a budget never: nobody knows what the lost
        one had spent.
    """

    def __init__(
        self,
        job: SharedRun,
        start: Callable[[int], Worker],
        *,
        approvals: Approvals | None = None,
        transcript: Transcript | None = None,
        restarts: int = 3,
    ) -> None:
        self._job = job
        self._start = start
        self._approvals = approvals
        self._transcript = transcript
        self._restarts = restarts
        self._numbers = sorted(set(job.parts))
        self._workers: dict[int, Worker] = {}
        self._stood: dict[int, Stood] = {}
        self._events: dict[str, str] = {}
        self._ended: list[Ended] = []
        self._error: Exception | None = None
        self._asking: set[asyncio.Task[None]] = set()
        self._takers = _takers(job)
        self.lost = 0
        """Workers lost so far."""

    async def run(self) -> Result:
        """Return the result, when all parts have come to their end.

        Raises
        ------
        WorkerLost
            When a part is lost once too often.
        ConsilienceError
            What stopped a part; the others are stopped then, and what they had begun comes to its end first.
        Exception
            Whatever `approvals` raises, likewise.
        """
        network = self._job.network
        merges = sum(merge_calls(len(edges), self._job.group) for edges in _incoming(network) if edges)
        self._events[BEGUN] = self._tell(
            "run.begins", elements=network.agents + merges + (len(network.sinks) > 1), parts=len(self._numbers)
        )
        try:
            async with asyncio.TaskGroup() as parts:
                for number in self._numbers:
                    parts.create_task(self._lead(number))
        except BaseExceptionGroup as group:  # a bug: the rest was cancelled
            raise group.exceptions[0] from None
        finally:
            for asking in self._asking:
                asking.cancel()
            for worker in self._workers.values():
                worker.end()
        if self._error is not None:
            self._tell("run.ends", after=(self._events[BEGUN],), outcome=type(self._error).__name__)
            raise self._error
        return self._result()

    async def _lead(self, number: int) -> None:
        """See one part to its end."""
        lives = 0
        while True:
            lives += 1
            worker = self._workers[number] = self._start(number)
            events: dict[str, str] = {}
            try:
                given = [stood for node, stood in self._stood.items() if number in self._takers[node]]
                async for batch in worker.run(given):
                    for news in batch:
                        await self._hear(number, worker, news, events)
            except WorkerLost as error:
                self.lost += 1
                worker.end()
                if self._error is not None:
                    return
                if self._budgeted or lives > self._restarts:
                    await self._fail(number, self._told(error))
                    return
            else:
                return

    async def _hear(self, number: int, worker: Worker, news: News, events: dict[str, str]) -> None:
        match news:
            case Happened(event):
                events[event.id] = self._take_down(event, events)
            case Stood(node):
                await self._hand_round(node, news, events.get(news.event, ""))
            case Submitted(which, submission):
                asking = asyncio.create_task(self._ask(worker, which, submission))
                self._asking.add(asking)
                asking.add_done_callback(self._asking.discard)
            case Failed(error):
                await self._fail(number, error)
            case Ended():
                self._ended.append(news)

    async def _hand_round(self, node: int, stood: Stood, event: str) -> None:
        if node in self._stood:  # it was said before its worker was lost
            return
        self._stood[node] = stood
        self._events[came_from(node)] = event or self._events[BEGUN]
        for taker in self._takers[node]:
            if taker in self._workers:
                await self._workers[taker].take(stood)

    async def _ask(self, worker: Worker, which: int, submission: Submission) -> None:
        if self._approvals is None:
            return
        try:
            decision = await self._approvals(submission)
        except Exception as error:  # noqa: BLE001  a stranger's code may raise anything, and a part waits for its word
            await self._fail(None, error)
            decision = Pending()  # nothing is built on it
        await worker.decide(which, decision)

    async def _fail(self, number: int | None, error: Exception) -> None:
        """Have all others stop than the part that failed, or all where it was none."""
        if self._error is None:
            self._error = error
            for other, worker in self._workers.items():
                if other != number:
                    await worker.stop()

    def _told(self, error: WorkerLost) -> WorkerLost:
        if self._budgeted:
            return WorkerLost(
                f"{error}; nobody knows what it had spent of the budget. What was answered is in the journal: resume "
                "to go on from there"
            )
        return WorkerLost(
            f"{error}, {self._restarts + 1} times in all. What was answered is in the journal: resume to go on from "
            "there"
        )

    @property
    def _budgeted(self) -> bool:
        budget = self._job.opening.budget
        return any(cap is not None for cap in (budget.calls, budget.tokens, budget.usd))

    def _take_down(self, event: Event, events: dict[str, str]) -> str:
        after = [events.get(name) or self._events[name] for name in event.after]
        return self._tell(event.kind, event.element, after, **event.facts)

    def _tell(self, kind: str, element: str = "", after: Iterable[str] = (), **facts: Fact) -> str:
        return "" if self._transcript is None else self._transcript.add(kind, element, after=after, **facts)

    def _result(self) -> Result:
        network, ended = self._job.network, self._ended
        elements: dict[str, ElementFacts] = dict(chain.from_iterable(part.elements.items() for part in ended))
        ends: dict[str, Artifact] = dict(chain.from_iterable(part.ends.items() for part in ended))
        pending = tuple(name for name, facts in elements.items() if facts.state == "pending")
        final = next((part.final for part in ended if part.final is not None), None)
        used = bytes(map(max, *(part.used for part in ended))) if len(ended) > 1 else ended[0].used
        outcome: Outcome = "pending" if pending else "done"
        self._tell("run.ends", after=(self._events[BEGUN],), outcome=outcome)
        return Result(
            outcome=outcome,
            artifact=final,
            ends={
                network.nodes[sink]: ends[network.nodes[sink]] for sink in network.sinks if network.nodes[sink] in ends
            },
            ancestry=ancestry(network, used) if final else (),
            pending=pending,
            elements=elements,
        )


def _takers(job: SharedRun) -> list[frozenset[int]]:
    """Return which parts build on each node that is another's."""
    network, parts = job.network, job.parts
    at_the_end = parts[network.order[-1]]
    takers = [{parts[head] for head in network.children(node)} for node in range(len(network))]
    for sink in network.sinks:
        takers[sink].add(at_the_end)
    return [frozenset(which - {part}) for which, part in zip(takers, parts, strict=True)]


def _incoming(network: Network) -> list[Sequence[int]]:
    """Return what leads to each node, and to the end."""
    return [*map(network.incoming, range(len(network))), network.sinks]
