"""The collaboration: teams work apart on the same task, meet at key phases, and in the end one work is chosen.

The final choice is between the last works of the teams, those of dead teams included, and what their meetings gave: the
best by its rating, of equals the first team. Or those works are merged once more. Either way one sentence says why.

============ ==========================================================================================================
element      what it is
============ ==========================================================================================================
``A/coding`` team A in a phase; in cycle 2 of a loop, ``A/review.2/comment``
``coding+``  what a meeting has in the journal, where it depended on time or a vote; ``coding+0.1`` is one of its merges
``+0.0``     a merge of the last works
``+``        the final work
============ ==========================================================================================================
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

from consilience.dialogue.asking import Asks
from consilience.dialogue.journal import Journal
from consilience.dialogue.sandbox import Snippets
from consilience.dialogue.transcript import Fact, Transcript
from consilience.dialogue.work.artifact import Artifact, Kind
from consilience.ground.errors import ConsilienceError, InvalidInput, UnknownName
from consilience.methods.cross_team.aggregation import Meeting, MeetingFacts, Outcome, Vote, conclude
from consilience.methods.cross_team.barrier import Barrier
from consilience.methods.cross_team.chain import Desk, Keeper, RunStopped, Walk, Walked
from consilience.methods.cross_team.guard import Candidate
from consilience.methods.cross_team.merge_tree import Aggregator
from consilience.methods.cross_team.prompts import Prompts
from consilience.methods.cross_team.rating import Rater, Rating, rater_for
from consilience.methods.cross_team.result import Cell, Made, Result, TeamFacts
from consilience.methods.cross_team.spec import Plan, Team
from consilience.methods.cross_team.turns import AGGREGATE, Aggregating, Asked, Turns, asks_of

__all__ = ["FINAL", "STOPPER", "Collaboration", "Pick", "Walks", "collaborate"]

FINAL = "+"
"""The element of the final work."""
_NAMED = 7
"""More names than this are only counted."""
STOPPER = "+stop"
"""The element under which the journal has the team whose passing every visible test ended the run."""
_ENDED, _PICKED = "+end", "+pick"

Pick = Callable[[Sequence[Candidate]], Awaitable[str | None]]
"""Says whose work is the final one, by name; None for the one that the rule gives."""

Walks = Callable[[Team, Desk, tuple[str, ...]], Awaitable[Walked]]
"""Lets a team walk through its chain, in this process or in another, after the events that are given."""


async def collaborate(
    plan: Plan,
    task: str,
    asks: Asks | Asked,
    *,
    kind: Kind,
    scorer: Rater | None = None,
    journal: Journal | None = None,
    transcript: Transcript | None = None,
    snippets: Snippets | None = None,
    reasks: int = 2,
    width: int = 1000,
    vote: Vote | None = None,
    pick: Pick | None = None,
    stop_when_passed: bool = False,
    walks: Walks | None = None,
) -> Result:
    """Let teams work apart on a task, meet at key phases, and give one work.

    A run that stopped, for whatever reason, is resumed by running it again with sessions on the same journal.

    Parameters
    ----------
    plan
        The chain, the teams, and how works are merged.
    task
        What they work on.
    asks
        Who is asked: one session for all, or several by name, see `consilience.methods.cross_team.turns.asks_of`. A
        session of its own, with a purse of its own, gives a team its own budget.
    kind
        What an answer looks like, and how a reply is read as one.
    scorer
        How good a work is; what fits the kind if None.
    journal
        Where works and decisions are kept: the one of the sessions.
    transcript
        Where events are taken down: the one of the sessions.
    snippets
        Where programs run, if `scorer` is None.
    reasks
        How often a reply is asked for again that parses worse than what is there; after that, what is there stands.
    width
        Questions under way at once.
    vote
        Who decides at each meeting what is merged; the rule of the plan if None.
    pick
        Who makes the final choice; the rule of the plan if None.
    stop_when_passed
        Whether the run ends when the work of one team passes every visible test. Which team that is depends on time;
        the journal remembers it.
    walks
        Who lets a team walk; this process if None.

    Returns
    -------
    Result
        The final work, whose it is and why, and what each team did.

    Raises
    ------
    InvalidInput
        When the task is empty or a setting is out of range.
    ConsilienceError
        What is no failure of one team: a key that is wrong, a journal that cannot be written.

    Examples
    --------
    >>> from consilience.dialogue.rehearsal import rehearse
    >>> from consilience.dialogue.session import Session
    >>> from consilience.dialogue.work.kinds import Text
    >>> from consilience.methods.cross_team.spec import Chain, Key, Phase, teams
    >>> draft = Phase(name="draft", assistant="writer", prompt="{task} Write it.")
    >>> chain = Chain(steps=(draft, Key(name="drafts")), roles={"writer": "You write."})
    >>> async def run():
    ...     async with Session(rehearse("talker")) as session:
    ...         return await collaborate(Plan(chain=chain, teams=teams(4)), "Say it.", session, kind=Text())
    >>> result = asyncio.run(run())
    >>> result.outcome, result.spent.calls, len(result.meetings[0].merges)
    ('done', 7, 3)
    """
    return await Collaboration(
        plan,
        task,
        asks,
        kind=kind,
        scorer=scorer or rater_for(kind, snippets=snippets),
        journal=journal,
        transcript=transcript,
        reasks=reasks,
        width=width,
        vote=vote,
        pick=pick,
        stop_when_passed=stop_when_passed,
        walks=walks,
    ).run()


class Collaboration:
    """One run of teams; see `collaborate`."""

    def __init__(
        self,
        plan: Plan,
        task: str,
        asks: Asks | Asked,
        *,
        kind: Kind,
        scorer: Rater,
        journal: Journal | None,
        transcript: Transcript | None,
        reasks: int,
        width: int,
        vote: Vote | None,
        pick: Pick | None,
        stop_when_passed: bool,
        walks: Walks | None,
    ) -> None:
        _check(task, reasks, width)
        prompts = Prompts(plan.chain, task, kind)
        turns = Turns(width=width, reasks=reasks, transcript=transcript, proceed=self._proceed)
        self._plan = plan
        self._rater = scorer
        self._journal = None if journal is None or journal.replay_only else journal
        self._known = journal
        self._transcript = transcript
        self._pick = pick
        self._merge = Aggregating(turns, prompts, _aggregators(asks), kind.read, plan.seed)
        self._desk = Desk(
            plan=plan,
            kind=kind,
            asks=asks,
            prompts=prompts,
            turns=turns,
            rater=scorer,
            keeper=Keeper(journal, kind.name),
            meet=self._meet,
            transcript=transcript,
            passed=self._passed if stop_when_passed else None,
            heard=self._hear,
        )
        several = len(plan.teams) > 1
        self._meetings: dict[str, Meeting] = {
            key.name: Meeting(
                key,
                plan,
                kind=kind,
                rater=scorer,
                merge=self._merge,
                journal=journal,
                transcript=transcript,
                vote=vote,
            )
            for key in (plan.chain.keys if several else ())
        }
        self._final = Aggregator(
            "", plan, kind=kind, rater=scorer, merge=self._merge, journal=journal, transcript=transcript
        )
        self._walks = walks
        self._local = {team.name: Walk(team, self._desk) for team in plan.teams}  # finds out who is not there to ask
        self._walked: dict[str, Walked] = {}
        self._so_far: dict[str, Walked] = {}
        self._expected = frozenset(self._local)
        self._brought: dict[str, dict[str, str]] = {name: {} for name in self._meetings}
        self._stopper = ""
        self._stop: asyncio.Future[None] | None = None

    async def run(self) -> Result:
        """Let all teams work, choose, and return what came of it."""
        plan = self._plan
        begun = self._tell("run.begins", (), elements=len(plan.teams) * len(plan.chain.columns))
        try:
            with self._desk.keeper.to_the_end():
                counted = await self._all_walk(begun)
                result = await self._conclude(counted)
        except ConsilienceError as error:
            self._tell("run.ends", begun, outcome=type(error).__name__)
            raise
        self._tell("run.ends", begun, outcome=result.outcome)
        return result

    # --- teams -----------------------------------------------------------------------------------------------------

    async def _all_walk(self, begun: tuple[str, ...]) -> frozenset[str]:
        """Let all teams walk to their ends, or enough of them, and return whose works count."""
        self._stop = asyncio.get_running_loop().create_future() if self._desk.passed is not None else None
        end, is_timed = self._end()
        try:
            async with asyncio.TaskGroup() as group:
                tasks = {
                    team.name: group.create_task(self._walk(team, begun, end), name=team.name)
                    for team in self._plan.teams
                }
                arrived = await end.met()
                counted = frozenset(name for name, _ in arrived)
                if is_timed:
                    await self._write(_ENDED, json.dumps(sorted(counted)))
                    for task in tasks.values():
                        task.cancel()
        except BaseExceptionGroup as group:
            raise group.exceptions[0] from None
        return counted if is_timed and counted else frozenset(team.name for team in self._plan.teams)

    def _end(self) -> tuple[Barrier[Walked], bool]:
        """Return where teams arrive that came to their ends, and whether some are not waited for.

        As many are enough as at the last key phase, and others are waited for as long as there.
        """
        names = tuple(team.name for team in self._plan.teams)
        keys = self._plan.chain.keys
        last = keys[-1] if keys else None
        if len(names) == 1 or last is None or (last.quorum is None and last.deadline_s is None):
            return Barrier(names), False
        kept = self._read(_ENDED)
        if kept:  # the same are waited for as before
            names = tuple(name for name in names if name in json.loads(kept)) or names
            self._expected = frozenset(names)
            return Barrier(names), True
        return Barrier(names, quorum=last.quorum, deadline_s=last.deadline_s), True

    async def _walk(self, team: Team, begun: tuple[str, ...], end: Barrier[Walked]) -> None:
        """Let a team walk; whatever becomes of it, nobody waits for it after that."""
        name = team.name
        try:
            if self._walks is None:
                walked = await self._local[name].walk(begun)
            else:
                walked = await self._walks(team, self._desk, begun)
            self._walked[name] = walked
        finally:
            for meeting in self._meetings.values():
                meeting.withdraw(name)
        if name not in self._expected:
            return
        if walked.state == "done":
            end.arrive(name, walked)
        else:
            end.withdraw(name)

    def _hear(self, walked: Walked) -> None:
        """Take note of how far a team is that walks elsewhere."""
        self._so_far[walked.team] = walked

    async def _meet(self, key: str, team: str, artifact: Artifact, after: tuple[str, ...], element: str) -> Outcome:
        self._brought[key][team] = element
        meeting = self._meetings[key].meet(team, artifact, after, element)
        if self._stop is None:
            return await meeting
        task = asyncio.ensure_future(meeting)
        try:
            both: list[asyncio.Future[Any]] = [task, self._stop]
            await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
        finally:
            if not task.done():
                task.cancel()
        if not task.done():
            await asyncio.wait([task])
        self._proceed()
        return task.result()

    def _passed(self, team: str) -> bool:
        """Take down that the work of a team passes every visible test; return whether that ends the run."""
        if self._stopper:
            return False
        remembered = self._read(STOPPER)
        if remembered and remembered != team:
            return False
        self._stopper = team
        if self._stop is not None:
            self._stop.set_result(None)
        return True

    def _proceed(self) -> None:
        if self._stopper:
            raise RunStopped(f"the work of team {self._stopper} passes every visible test")

    # --- the end ---------------------------------------------------------------------------------------------------

    async def _conclude(self, counted: frozenset[str]) -> Result:
        """Choose the final work, keep it, and put together what is to be known."""
        stopper, self._stopper = self._stopper, ""
        if stopper:
            await self._write(STOPPER, stopper)
        walked = [self._account(team) for team in self._plan.teams]
        ratings = {one.team: await self._rater.rate(one.artifact) for one in walked if one.artifact is not None}
        candidates = [
            Candidate(one.team, one.artifact, ratings[one.team], one.after, one.element)
            for one in walked
            if one.artifact is not None and one.team in counted
        ]
        ended = any(one.state == "done" for one in walked)
        meetings = [meeting.facts for meeting in self._meetings.values()]
        choice, why = None, "no team ever had any work"
        if candidates:
            choice, why = await self._choose(candidates, meetings, stopper, ended=ended)
            self._keep_final(choice)
        return Result(
            outcome="done" if ended else "kept",
            artifact=None if choice is None else choice.artifact,
            rating=None if choice is None else choice.rating,
            winner="" if choice is None else choice.name,
            why=why if ended else f"No team came to its end ({_reasons(walked)}): {why}",
            teams={one.team: _facts(one, ratings.get(one.team)) for one in walked},
            matrix={one.team: one.row for one in walked},
            meetings=tuple(meetings),
            made=tuple(self._made(walked, meetings)),
            merges=self._merge.cells,
        )

    async def _choose(
        self, candidates: list[Candidate], meetings: list[MeetingFacts], stopper: str, *, ended: bool
    ) -> tuple[Candidate, str]:
        """Return the final work and why it is; a final merge is added to the meetings."""
        for candidate in candidates:
            if candidate.name == stopper:
                return candidate, f"the work of team {stopper} passes every visible test, and the run stopped there"
        pool = [*candidates, *await self._given(meetings)]
        if self._plan.final == "merge" and ended and len(candidates) > 1:
            merged, facts = await conclude(self._plan, candidates, self._final)
            meetings.append(facts)
            if merged.name not in {candidate.name for candidate in pool}:
                pool.insert(0, merged)
        picked = await self._picked(pool)
        if picked is not None:
            return picked, f"{_called(picked)} was picked by whoever had the choice"
        best = max(pool, key=lambda one: (one.rating.value, one.artifact.grade))  # `max` keeps the first
        return best, _explained(best, pool)

    async def _given(self, meetings: Sequence[MeetingFacts]) -> list[Candidate]:
        """Return the merges that teams went on with, those of the last meeting first."""
        found: dict[str, Candidate] = {}
        for facts in reversed(meetings):
            given = set(facts.gave.values())
            for merge in facts.merges:
                if merge.accepted and merge.gives == merge.element and merge.element in given:
                    rating = await self._rater.rate(merge.artifact)
                    found[merge.element] = Candidate(merge.element, merge.artifact, rating, element=merge.element)
        return list(found.values())

    async def _picked(self, pool: Sequence[Candidate]) -> Candidate | None:
        if self._pick is None:
            return None
        name = self._read(_PICKED) or await self._pick(pool)
        if name is None:
            return None
        by_name = {candidate.name: candidate for candidate in pool}
        if name not in by_name:
            raise UnknownName("candidate", name, by_name)
        await self._write(_PICKED, name)
        return by_name[name]

    def _account(self, team: Team) -> Walked:
        """Return how a team's walk ended, or how far it was when it was not waited for any longer."""
        cut = "enough teams had come to their ends, and it was not waited for"
        walked = self._walked.get(team.name)
        if walked is not None:
            return walked
        if self._walks is None:
            return self._local[team.name].account(cut)
        so_far = self._so_far.get(team.name) or Walk(team, self._desk).account()
        return replace(so_far, state="stopped", reason=cut)

    def _made(self, walked: Sequence[Walked], meetings: Sequence[MeetingFacts]) -> Iterator[Made]:
        """Iterate over all works of teams, and those of merges that passed."""
        last = {one.team: one.element for one in walked}
        for one in walked:
            yield from one.made
        for facts in meetings:
            elements = self._brought.get(facts.key, last)
            for merge in facts.merges:
                if merge.accepted and merge.gives == merge.element:
                    parents = dict.fromkeys(elements.get(parent, parent) for parent in merge.parents)
                    yield Made(merge.element, merge.artifact, tuple(parents))

    def _keep_final(self, choice: Candidate) -> None:
        made = Made(FINAL, choice.artifact, (choice.element or choice.name,))
        self._desk.keeper.keep(made)
        self._tell("committed", choice.after, FINAL, digest=choice.artifact.digest)

    # --- what is kept and told -------------------------------------------------------------------------------------

    def _read(self, element: str) -> str:
        kept = None if self._known is None else self._known.artifact(element)
        return "" if kept is None else kept.text

    async def _write(self, element: str, text: str) -> None:
        if self._journal is not None and not self._read(element):
            await self._journal.put_artifact(element, text, kind="decision")

    def _tell(self, kind: str, after: tuple[str, ...], element: str = "", **facts: Fact) -> tuple[str, ...]:
        if self._transcript is None:
            return ()
        return (self._transcript.add(kind, element, after=after, **facts),)


def _check(task: str, reasks: int, width: int) -> None:
    """Refuse settings of a run that mean nothing, before anybody is asked."""
    if not task.strip():
        raise InvalidInput("the task must say what is to be done; got an empty one")
    for name, value, least in (("reasks", reasks, 0), ("width", width, 1)):
        if value < least:
            raise InvalidInput(f"`{name}` must be at least {least}; got {value!r}")


def _aggregators(asks: Asks | Asked) -> Asks:
    """Return whom aggregators ask: where nobody is named for them, whoever is asked first."""
    if isinstance(asks, Asks) or AGGREGATE in asks:
        return asks_of(asks, AGGREGATE, None)
    if not asks:
        raise InvalidInput("a run must have a session to ask; got an empty mapping")
    return asks[""] if "" in asks else next(iter(asks.values()))


def _facts(walked: Walked, rating: Rating | None) -> TeamFacts:
    cells: Sequence[Cell] = list(walked.row.values())
    return TeamFacts(
        state=walked.state,
        calls=sum(cell.calls for cell in cells),
        tokens=sum(cell.tokens for cell in cells),
        usd=sum(cell.usd for cell in cells),
        seconds=walked.seconds,
        artifact=walked.artifact,
        rating=rating,
        reason=walked.reason,
    )


def _called(candidate: Candidate) -> str:
    return f"the merge {candidate.name}" if "+" in candidate.name else f"the work of team {candidate.name}"


def _explained(best: Candidate, pool: Sequence[Candidate]) -> str:
    value = best.rating.value
    if len(pool) == 1:
        return f"{_called(best)} is the only one; it is rated {value:.3f}"
    equal = [one.name for one in pool if one is not best and one.rating.value == value]
    why = f"{_called(best)} is rated {value:.3f}, the best of {len(pool)}"
    if not equal:
        return why
    named = ", ".join(equal[:_NAMED]) + (f" and {len(equal) - _NAMED} more" if len(equal) > _NAMED else "")
    return f"{why}; {named} {'is' if len(equal) == 1 else 'are'} rated the same, and {best.name} comes first"


def _reasons(walked: Sequence[Walked]) -> str:
    """Return why no team came to its end, each reason once."""
    teams: dict[str, list[str]] = {}
    for one in walked:
        teams.setdefault(one.reason.replace(f"{one.team}/", ""), []).append(one.team)
    return "; ".join(f"{', '.join(names)}: {reason}" for reason, names in teams.items())
