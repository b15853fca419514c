"""Away: teams that walk through their chains in other processes, and come to where they meet by messages.

A post is where some teams walk, with a share of the budget and of the limits. What crosses are works that are brought
to a meeting, with what their team did until then, and what came of it. A post keeps nothing that would be missed: a
team whose post is lost begins again at another, and the journal answers what it had asked; a meeting that it came to it
does not come to twice.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, replace
from itertools import count
from typing import Protocol, runtime_checkable

from consilience.dialogue.asking import Asks
from consilience.dialogue.budget import Budget
from consilience.dialogue.connecting import connect
from consilience.dialogue.journal import Journal
from consilience.dialogue.opening import Opening
from consilience.dialogue.ray_cluster import WorkerLost
from consilience.dialogue.relay import Relay
from consilience.dialogue.session import Session
from consilience.dialogue.transcript import Event, Transcript
from consilience.dialogue.work.artifact import Artifact, Kind
from consilience.ground.errors import ConsilienceError
from consilience.methods.cross_team.aggregation import Outcome
from consilience.methods.cross_team.chain import Desk, Keeper, Meets, Walk, Walked
from consilience.methods.cross_team.prompts import Prompts
from consilience.methods.cross_team.rating import Rater, rater_for
from consilience.methods.cross_team.spec import Plan, Team
from consilience.methods.cross_team.stand_ins import PLAYERS
from consilience.methods.cross_team.turns import Turns

__all__ = ["Came", "Ended", "Envoy", "Failed", "Happened", "News", "Post", "SharedTeams", "Worker"]

_PAUSE_S = 0.1


@dataclass(frozen=True, kw_only=True)
class SharedTeams:
    """A run whose teams walk elsewhere; see `consilience.methods.cross_team.collaborate` for what is not told here."""

    plan: Plan
    task: str
    opening: Opening
    kind: Kind
    posts: int
    """How many places there are."""
    tests: str = ""
    """Visible tests."""
    stdin: str = ""
    """What is typed while programs are tried."""
    concepts: tuple[str, ...] = ()
    """Words that a story has to use."""
    models: tuple[str, ...] = ()
    """Who else is asked, beside the model of the opening."""
    reasks: int = 2
    width: int = 1000
    tells: bool = False
    """Whether somebody wants to hear of events."""

    def post_of(self, team: str) -> int:
        """Return at which post a team walks."""
        return [one.name for one in self.plan.teams].index(team) % self.posts

    def rater(self) -> Rater:
        """Return who tells how good a work is."""
        return rater_for(self.kind, tests=self.tests, stdin=self.stdin, concepts=self.concepts)

    def part(self, teams: int) -> tuple[int, int]:
        """Return the share of so many teams, or with 1 of all merges: a share a team, and one where any are merged."""
        return teams, len(self.plan.teams) + self.plan.merges


@dataclass(frozen=True, slots=True)
class Happened:
    """An event of a team."""

    event: Event


@dataclass(frozen=True, slots=True)
class Came:
    """A team came to a meeting, and waits for what comes of it."""

    number: int
    key: str
    artifact: Artifact
    after: tuple[str, ...]
    element: str
    so_far: Walked
    """What it did until then: of a team that is not waited for any longer, nothing more is heard."""


@dataclass(frozen=True, slots=True)
class Failed:
    """A walk stopped, for a reason that is no team's own."""

    error: ConsilienceError


@dataclass(frozen=True, slots=True)
class Ended:
    """A team came to its end."""

    walked: Walked


News = Happened | Came | Failed | Ended
"""What a post has to say of a team."""


@runtime_checkable
class Worker(Protocol):
    """Where teams walk: it may be lost."""

    def walk(self, team: str, after: tuple[str, ...]) -> AsyncIterator[list[News]]:
        """Have a team walk; raises `WorkerLost` when the place is gone."""

    async def give(self, team: str, number: int, outcome: Outcome | ConsilienceError) -> None:
        """Tell a team what came of a meeting."""

    async def stop(self, team: str) -> None:
        """Have a team stop where it is."""

    def end(self) -> None:
        """Let go of the place."""


class _Errand:
    """What is to be said of one team, in order."""

    def __init__(self) -> None:
        self.news: list[News] = []
        self.bell = asyncio.Event()
        self.waiting: dict[int, asyncio.Future[Outcome]] = {}
        self.numbers = count()
        self.task: asyncio.Task[None] | None = None

    def say(self, news: News) -> None:
        self.news.append(news)
        self.bell.set()

    def happened(self, event: Event) -> None:
        """Note an event; events alone ring no bell."""
        self.news.append(Happened(event))


class Post:
    """A place where teams walk.

    Parameters
    ----------
    job
        The run.
    number
        Which of its posts.
    """

    def __init__(self, job: SharedTeams, number: int) -> None:
        self._job = job
        self._teams = [team.name for team in job.plan.teams if job.post_of(team.name) == number]
        self._errands: dict[str, _Errand] = {}
        self._stack: AsyncExitStack | None = None
        self._journal: Journal | None = None
        self._session: Session | None = None
        self._opened = asyncio.Lock()
        self._rater = job.rater()

    async def walk(self, team: str, after: tuple[str, ...]) -> AsyncIterator[list[News]]:
        """Have a team walk, and say what happens in batches; the last of the news is `Ended` or `Failed`.

        Parameters
        ----------
        team
            Its name.
        after
            Events of the run that come before its first.
        """
        errand = self._errands[team] = _Errand()
        task = errand.task = asyncio.create_task(self._walk(team, after, errand))
        task.add_done_callback(lambda _: errand.bell.set())
        try:
            while not task.done() or errand.news:
                with suppress(TimeoutError):
                    async with asyncio.timeout(_PAUSE_S):
                        await errand.bell.wait()
                errand.bell.clear()
                if errand.news:
                    news, errand.news = errand.news, []
                    yield news
        finally:
            task.cancel()
        if not task.cancelled():
            task.result()

    async def give(self, team: str, number: int, outcome: Outcome | ConsilienceError) -> None:
        """Tell a team what came of a meeting."""
        waiting = self._errands[team].waiting.pop(number, None)
        if waiting is None or waiting.done():
            return
        if isinstance(outcome, ConsilienceError):
            waiting.set_exception(outcome)
        else:
            waiting.set_result(outcome)

    async def stop(self, team: str) -> None:
        """Have a team stop where it is."""
        task = self._errands[team].task if team in self._errands else None
        if task is not None:
            task.cancel()

    async def close(self) -> None:
        """Let go of the journal and the connections."""
        if self._stack is not None:
            await self._stack.aclose()

    async def _walk(self, name: str, after: tuple[str, ...], errand: _Errand) -> None:
        job = self._job
        relay = Relay(errand.happened, prefix=f"{name}:") if job.tells else None
        team = next(team for team in job.plan.teams if team.name == name)

        def so_far() -> Walked:
            return walk.account()

        try:
            journal, asks = await self._asks(relay)
            keeper = Keeper(journal, job.kind.name)
            desk = Desk(
                plan=job.plan,
                kind=job.kind,
                asks=asks,
                prompts=Prompts(job.plan.chain, job.task, job.kind),
                turns=Turns(width=job.width, reasks=job.reasks, transcript=relay, proceed=lambda: None),
                rater=self._rater,
                keeper=keeper,
                meet=_coming(errand, so_far),
                transcript=relay,
            )
            walk = Walk(team, desk)
            with keeper.to_the_end():
                walked = await walk.walk(after)
        except ConsilienceError as error:
            errand.say(Failed(error))
        else:
            errand.say(Ended(walked))

    async def _asks(self, relay: Relay | None) -> tuple[Journal, dict[str, Asks]]:
        """Return the journal and whom a team asks: a session of its own, at the pace and from the purse of all."""
        job = self._job
        async with self._opened:
            if self._stack is None:
                stack = AsyncExitStack()
                self._journal = stack.enter_context(Journal.open(job.opening.journal, job.opening.run))
                opened = job.opening.session(self._journal, None, job.part(len(self._teams)), players=PLAYERS)
                self._session = await stack.enter_async_context(opened)
                self._stack = stack
        session, journal, stack = self._session, self._journal, self._stack
        assert session is not None  # noqa: S101  for the type checker; it was opened above
        assert journal is not None  # noqa: S101  likewise
        own = Session(
            session.model,
            journal=journal,
            budget=session.purse.child(_share(job.opening.budget, job.part(1))),
            limits=session.throttle,
            retry=job.opening.retry,
            transcript=relay,
        )
        asks: dict[str, Asks] = {"": own, job.opening.model: own}
        for name in job.models:
            model = connect(name, base_url=job.opening.base_url, players=PLAYERS, timeout_s=job.opening.timeout_s)
            stack.push_async_callback(model.close)
            asks[name] = own.with_model(model)
        return journal, asks


def _coming(errand: _Errand, so_far: Callable[[], Walked]) -> Meets:
    """Return what takes a team to a meeting that is elsewhere."""

    async def come(key: str, team: str, artifact: Artifact, after: tuple[str, ...], element: str) -> Outcome:
        del team  # whose errand it is says that
        number = next(errand.numbers)
        waiting: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        errand.waiting[number] = waiting
        errand.say(Came(number, key, artifact, after, element, so_far()))
        return await waiting

    return come


class Envoy:
    """Lets teams walk at posts, takes them to meetings here, and takes down what happens to them.

    Parameters
    ----------
    job
        The run.
    start
        Begins the post of a number.
    transcript
        Where events are taken down.
    restarts
        How often a team begins again when its post is lost. With a budget never: nobody knows what the lost one had
        spent.
    """

    def __init__(
        self,
        job: SharedTeams,
        start: Callable[[int], Worker],
        *,
        transcript: Transcript | None = None,
        restarts: int = 3,
    ) -> None:
        self._job = job
        self._start = start
        self._transcript = transcript
        self._restarts = restarts
        self._workers: dict[int, Worker] = {}
        self._meetings: dict[tuple[str, str], asyncio.Task[Outcome]] = {}
        self._under_way: set[asyncio.Task[None]] = set()
        self.lost = 0
        """Posts lost so far."""

    async def walks(self, team: Team, desk: Desk, after: tuple[str, ...]) -> Walked:
        """Let a team walk elsewhere, and return how that ended; see `collaboration.Walks`.

        Raises
        ------
        WorkerLost
            When its post is lost once too often.
        ConsilienceError
            What is no failure of this team alone.
        """
        number, lives = self._job.post_of(team.name), 0
        while True:
            worker = self._workers.get(number) or self._workers.setdefault(number, self._start(number))
            lives += 1
            try:
                return await self._follow(worker, team.name, desk, after)
            except WorkerLost as error:
                if self._workers.get(number) is worker:
                    self.lost += 1
                    del self._workers[number]
                    worker.end()
                if self._budgeted or lives > self._restarts:
                    raise self._told(error) from error

    def end(self) -> None:
        """Let go of all posts."""
        for task in self._under_way:
            task.cancel()
        for worker in self._workers.values():
            worker.end()

    async def _follow(self, worker: Worker, team: str, desk: Desk, after: tuple[str, ...]) -> Walked:
        events: dict[str, str] = {}
        ended = False
        try:
            async for batch in worker.walk(team, after):
                for news in batch:
                    match news:
                        case Happened(event):
                            events[event.id] = self._take_down(event, events)
                        case Came():
                            known = _known(news.after, events)
                            so_far = replace(news.so_far, after=known)
                            self._take_along(worker, team, desk, replace(news, after=known, so_far=so_far))
                        case Failed(error):
                            ended = True
                            raise error
                        case Ended(walked):
                            ended = True
                            return replace(walked, after=_known(walked.after, events))
        finally:
            if not ended:
                with suppress(WorkerLost):
                    await worker.stop(team)
        raise WorkerLost(f"the process in which team {team} worked said nothing more")

    def _take_along(self, worker: Worker, team: str, desk: Desk, came: Came) -> None:
        """Take a team to a meeting; one that came before, and was lost since, is told what came of it then."""
        place = team, came.key
        desk.heard(came.so_far)
        if place not in self._meetings:
            met = desk.meet(came.key, team, came.artifact, came.after, came.element)
            self._meetings[place] = asyncio.ensure_future(met)

        async def tell() -> None:
            outcome: Outcome | ConsilienceError
            try:
                outcome = await asyncio.shield(self._meetings[place])
                after = outcome.after or came.after
                desk.heard(replace(came.so_far, artifact=outcome.artifact, element=outcome.element, after=after))
            except ConsilienceError as error:
                outcome = error
            with suppress(WorkerLost):
                await worker.give(team, came.number, outcome)

        task = asyncio.create_task(tell())
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)

    def _take_down(self, event: Event, events: Mapping[str, str]) -> str:
        if self._transcript is None:
            return ""
        return self._transcript.add(event.kind, event.element, after=_known(event.after, events), **event.facts)

    @property
    def _budgeted(self) -> bool:
        budget = self._job.opening.budget
        return any(cap is not None for cap in (budget.calls, budget.tokens, budget.usd))

    def _told(self, error: WorkerLost) -> WorkerLost:
        kept = "What was answered is in the journal: resume to go on from there"
        if self._budgeted:
            return WorkerLost(f"{error}; nobody knows what it had spent of the budget. {kept}")
        return WorkerLost(f"{error}, {self._restarts + 1} times in all. {kept}")


def _known(after: tuple[str, ...], events: Mapping[str, str]) -> tuple[str, ...]:
    """Return events as the run calls them: those of a team have names of its own."""
    return tuple(filter(None, (events.get(name, name) for name in after)))


def _share(budget: Budget, part: tuple[int, int]) -> Budget:
    mine, whole = part
    return Budget(
        calls=None if budget.calls is None else budget.calls * mine // whole,
        tokens=None if budget.tokens is None else budget.tokens * mine // whole,
        usd=None if budget.usd is None else budget.usd * mine / whole,
    )
