"""The meeting at a key phase: teams bring their work, copies and the worse half stay out, the rest is merged.

Latency decides nothing here. Only where a key phase has a deadline or a quorum, or where somebody votes, does a meeting
depend on when something happened: then who took part is written to the journal before anything is merged, and a run
that is resumed holds to it.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Literal, NamedTuple, TypeVar

from consilience.dialogue.clock import now
from consilience.dialogue.journal import Journal
from consilience.dialogue.transcript import Fact, Transcript
from consilience.dialogue.work.artifact import Artifact, Kind
from consilience.ground.errors import InvalidInput, UnknownName
from consilience.methods.cross_team.barrier import Barrier
from consilience.methods.cross_team.guard import Candidate, MergeFacts, Merges, best_of
from consilience.methods.cross_team.merge_tree import Aggregator, fail, together
from consilience.methods.cross_team.pruning import pruned
from consilience.methods.cross_team.rating import Rater
from consilience.methods.cross_team.spec import Key, Plan

Value = TypeVar("Value")

__all__ = ["Ballot", "Meeting", "MeetingFacts", "Outcome", "Vote", "conclude"]


@dataclass(frozen=True, slots=True)
class Ballot:
    """What somebody votes on at a meeting."""

    key: str
    """The key phase."""
    candidates: tuple[Candidate, ...]
    """All that teams brought, in the order of the teams."""
    proposed: tuple[str, ...]
    """Names of those that are merged unless the vote says otherwise."""


Vote = Callable[[Ballot], Awaitable[Collection[str] | None]]
"""Says whose works are merged, one or more of the candidates; None for those that are proposed."""


class Outcome(NamedTuple):
    """What a team goes on with after a key phase."""

    artifact: Artifact
    """The work."""
    after: tuple[str, ...]
    """The events by which it came to stand."""
    name: str
    """Whose it is: a team, or a merge such as ``coding+1.0``."""
    element: str
    """The element under which the journal has it, such as ``A/coding`` or ``coding+1.0``."""
    state: Literal["met", "late", "took", "dropped"]
    """It met the others; it came late and keeps its work, took the best of what they made, or stops here."""


@dataclass(frozen=True, kw_only=True)
class MeetingFacts:
    """What happened at a key phase."""

    key: str
    """Its name; empty for the final merge."""
    members: tuple[str, ...]
    """Teams that met, in the order of the teams."""
    late: tuple[str, ...]
    """Teams that came when the others had met."""
    absent: tuple[str, ...]
    """Teams that withdrew or did not come."""
    dropped: Mapping[str, str]
    """Members whose work was not merged, and merges that fitted no prompt with others, each with the reason."""
    merges: tuple[MergeFacts, ...]
    """Each after those that it builds on."""
    gave: Mapping[str, str]
    """What each member went on with: the name of a team or a merge."""
    waited_s: Mapping[str, float]
    """Seconds that each member waited, from its arrival until it could go on."""


class Meeting:
    """One key phase of one run.

    Parameters
    ----------
    key
        Its name, quorum, deadline, and what becomes of late teams.
    plan
        The teams and how they merge.
    kind
        What the work is.
    rater
        How good it is.
    merge
        Who is asked for merges.
    journal
        Where merges are kept, and who took part where that depends on time or on a vote.
    transcript
        Where events are taken down.
    vote
        Who decides what is merged; the rule of the plan if None.
    """

    def __init__(
        self,
        key: Key,
        plan: Plan,
        *,
        kind: Kind,
        rater: Rater,
        merge: Merges,
        journal: Journal | None = None,
        transcript: Transcript | None = None,
        vote: Vote | None = None,
    ) -> None:
        self._key = key
        self._plan = plan
        self._rater = rater
        self._journal = journal
        self._transcript = transcript
        self._vote = vote
        self._names = tuple(team.name for team in plan.teams)
        self._record = _recorded(journal, key.name, self._names)
        self._barrier: Barrier[Candidate] = (
            Barrier(self._names, quorum=key.quorum, deadline_s=key.deadline_s)
            if self._record is None
            else Barrier(self._record.members)
        )
        self._aggregator = Aggregator(
            key.name, plan, kind=kind, rater=rater, merge=merge, journal=journal, transcript=transcript
        )
        self._results: dict[str, asyncio.Future[Candidate]] = {}
        self._work: asyncio.Task[None] | None = None
        self._waiting = 0
        self._members: tuple[str, ...] = ()
        self._late: set[str] = set()
        self._dropped: dict[str, str] = {}
        self._gave: dict[str, str] = {}
        self._waited: dict[str, float] = {}

    async def meet(self, team: str, artifact: Artifact, after: tuple[str, ...] = (), element: str = "") -> Outcome:
        """Bring work to the meeting, wait for the others, and return what to go on with.

        Whoever is cancelled has still come: its work is merged. When all who wait are cancelled, so is the meeting.

        Parameters
        ----------
        team
            Who comes.
        artifact
            Its work.
        after
            Events by which it came to stand.
        element
            The element under which the journal has it, such as ``A/coding``; the team's name if empty.

        Raises
        ------
        ConsilienceError
            What stopped the merging and is no failure of one question: it is raised for all who wait.
        """
        candidate = Candidate(team, artifact, await self._rater.rate(artifact), after, element or team)
        came_at = now()
        if not self._arrive(candidate):
            return await self._come_late(candidate)
        given = await self._wait(self._results[team])
        self._waited[team] = now() - came_at
        self._gave[team] = given.name
        return _outcome(given, "met")

    def withdraw(self, team: str) -> None:
        """Say that a team will not come: it is dead, or stopped. Of one that came it changes nothing."""
        if self._record is None or team in self._record.members:
            self._barrier.withdraw(team)

    @property
    def facts(self) -> MeetingFacts:
        """What happened so far."""
        came = {*self._members, *self._late}
        return MeetingFacts(
            key=self._key.name,
            members=self._members,
            late=tuple(name for name in self._names if name in self._late),
            absent=tuple(name for name in self._names if name not in came),
            dropped={**self._dropped, **self._aggregator.unmerged},
            merges=self._aggregator.merges,
            gave=_ordered(self._gave, self._names),
            waited_s=_ordered(self._waited, self._names),
        )

    # --- arrivals --------------------------------------------------------------------------------------------------

    def _arrive(self, candidate: Candidate) -> bool:
        name = candidate.name
        if name not in self._names:
            raise UnknownName("team", name, self._names)
        if self._record is not None and name not in self._record.members:
            return False
        loop = asyncio.get_running_loop()
        if not self._barrier.arrive(name, candidate):
            return False
        self._results[name] = loop.create_future()
        return True

    async def _come_late(self, candidate: Candidate) -> Outcome:
        self._late.add(candidate.name)
        late = self._key.late
        self._tell("late", candidate.after, team=candidate.name, then=late)
        if late == "join":
            return _outcome(candidate, "late")
        if late == "drop":
            return _outcome(candidate, "dropped")
        await self._wait(self._worked())
        given = [self._results[name].result() for name in self._members]
        return _outcome(best_of(given), "took") if given else _outcome(candidate, "late")

    async def _wait(self, result: asyncio.Future[Value]) -> Value:
        work = self._worked()
        self._waiting += 1
        try:
            return await asyncio.shield(result)
        finally:
            self._waiting -= 1
            if not self._waiting and not all(result.done() for result in self._results.values()):  # for nobody
                self._work = None
                work.cancel()
                await asyncio.wait([work])

    def _worked(self) -> asyncio.Task[None]:
        if self._work is None:
            self._work = asyncio.create_task(self._conduct())
            self._work.add_done_callback(lambda work: work.cancelled() or work.exception())  # raised for who waits
        return self._work

    # --- the meeting itself ----------------------------------------------------------------------------------------

    async def _conduct(self) -> None:
        """Wait until the barrier is met, and give each member what it goes on with."""
        try:
            brought = [candidate for _, candidate in await self._barrier.met()]
            self._members = tuple(candidate.name for candidate in brought)
            if not brought:
                return
            kept = await self._chosen(brought)
            await self._write(kept)
            met = self._told(brought, kept)
            kept = [candidate._replace(after=met or candidate.after) for candidate in kept]
            if self._plan.shared:
                self._give(self._members, await self._aggregator.unite(kept))
            else:
                await together(self._give_own(name, kept) for name in self._members)
        except Exception as error:
            for result in self._results.values():
                if not result.done():
                    fail(result, error)
            raise

    async def _give_own(self, name: str, kept: Sequence[Candidate]) -> None:
        self._give((name,), await self._aggregator.unite(kept, name))

    def _give(self, names: Sequence[str], given: Candidate) -> None:
        for name in names:
            if not self._results[name].done():
                self._results[name].set_result(given)

    async def _chosen(self, brought: Sequence[Candidate]) -> list[Candidate]:
        """Return whose works are merged: as the journal has it, as the vote says, or as the rule is."""
        proposed = pruned(brought, self._plan.prune_above if self._plan.prune else None)
        names = {candidate.name for candidate in proposed.kept}
        self._dropped.update(proposed.dropped)
        chosen: Collection[str] | None = None if self._record is None else self._record.voted
        if chosen is None and self._vote is not None:
            ballot = Ballot(self._key.name, tuple(brought), tuple(candidate.name for candidate in proposed.kept))
            chosen = await self._vote(ballot)
            _check_vote(chosen, [candidate.name for candidate in brought])
        if chosen is not None:
            names = set(chosen) & {candidate.name for candidate in brought} or names
            self._dropped = {name: "the vote left it out" for name in self._members if name not in names}
        return [candidate for candidate in brought if candidate.name in names]

    async def _write(self, kept: Sequence[Candidate]) -> None:
        """Keep who took part, where that depended on time or on a vote."""
        journal, key = self._journal, self._key
        timed = key.deadline_s is not None or key.quorum is not None
        if journal is None or journal.replay_only or self._record is not None or not (timed or self._vote):
            return
        voted = None if self._vote is None else [candidate.name for candidate in kept]
        record = json.dumps({"members": self._members, "voted": voted})
        await journal.put_artifact(f"{key.name}+", record, kind="meeting")

    def _told(self, brought: Sequence[Candidate], kept: Sequence[Candidate]) -> tuple[str, ...]:
        after = tuple(dict.fromkeys(chain.from_iterable(candidate.after for candidate in brought)))
        facts: dict[str, Fact] = {"members": len(brought), "merged": len(kept), "names": " ".join(self._members)}
        met = self._tell("met", after, **facts)
        for name, reason in self._dropped.items():
            self._tell("pruned", met, team=name, reason=reason)
        return met

    def _tell(self, kind: str, after: tuple[str, ...], **facts: Fact) -> tuple[str, ...]:
        if self._transcript is None:
            return ()
        return (self._transcript.add(kind, f"{self._key.name}+", after=after, **facts),)


async def conclude(
    plan: Plan, candidates: Sequence[Candidate], aggregator: Aggregator
) -> tuple[Candidate, MeetingFacts]:
    """Merge the last works of teams once more, pruned as at a meeting, and return the result and what happened.

    Parameters
    ----------
    plan
        Whether to prune.
    candidates
        The works, one or more, in the order of the teams.
    aggregator
        Of the empty name.
    """
    kept, dropped = pruned(candidates, plan.prune_above if plan.prune else None)
    given = await aggregator.unite(kept)
    members = tuple(candidate.name for candidate in candidates)
    return given, MeetingFacts(
        key=aggregator.name,
        members=members,
        late=(),
        absent=tuple(team.name for team in plan.teams if team.name not in members),
        dropped={**dropped, **aggregator.unmerged},
        merges=aggregator.merges,
        gave=dict.fromkeys(members, given.name),
        waited_s={},
    )


@dataclass(frozen=True, slots=True)
class _Record:
    """What the journal knows of a meeting."""

    members: tuple[str, ...]
    voted: tuple[str, ...] | None


def _recorded(journal: Journal | None, key: str, names: Collection[str]) -> _Record | None:
    kept = None if journal is None else journal.artifact(f"{key}+")
    if kept is None:
        return None
    told = json.loads(kept.text)
    members = tuple(name for name in told["members"] if name in names)
    return _Record(members, told["voted"] and tuple(told["voted"])) if members else None


def _check_vote(chosen: Collection[str] | None, names: Sequence[str]) -> None:
    if chosen is None:
        return
    if not chosen:
        raise InvalidInput("a vote must leave one candidate or more; got none: answer None to agree with the proposal")
    for name in chosen:
        if name not in names:
            raise UnknownName("candidate", name, names)


def _outcome(candidate: Candidate, state: Literal["met", "late", "took", "dropped"]) -> Outcome:
    return Outcome(candidate.artifact, candidate.after, candidate.name, candidate.element or candidate.name, state)


def _ordered(found: Mapping[str, Value], names: Sequence[str]) -> dict[str, Value]:
    return {name: found[name] for name in names if name in found}
