"""The walk of a team through its chain: it asks, keeps what parses, and stops at key phases to meet the others.

What a team is told and draws belongs to the seed and the names of its elements. Nothing of what comes out of a phase
depends on how long anything took or on who else was at work.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from time import monotonic
from typing import Protocol, runtime_checkable

from consilience.dialogue.asking import Asks
from consilience.dialogue.budget import BudgetExhausted
from consilience.dialogue.history import JournalUnavailable
from consilience.dialogue.journal import Journal
from consilience.dialogue.models import Denied, ModelError
from consilience.dialogue.transcript import Fact, Transcript
from consilience.dialogue.work.artifact import Artifact, Kind
from consilience.dialogue.work.attempts import finished
from consilience.dialogue.work.kinds.text import Text
from consilience.ground.errors import ConsilienceError
from consilience.methods.cross_team.aggregation import Outcome
from consilience.methods.cross_team.prompts import Prompts
from consilience.methods.cross_team.rating import Rater, Rating
from consilience.methods.cross_team.result import Cell, Made, TeamState
from consilience.methods.cross_team.spec import Key, Loop, Phase, Plan, Team, capped
from consilience.methods.cross_team.turns import Asked, PhaseSpent, Turn, Turns, asks_of

__all__ = ["Desk", "Keeper", "Meets", "RunStopped", "TeamFailed", "Walk", "Walked", "passes", "told"]


class TeamFailed(ConsilienceError):
    """A team cannot go on; the message says why."""


class RunStopped(ConsilienceError):
    """The run is over for a team that was still at work; the message says why."""


@runtime_checkable
class Meets(Protocol):
    """Takes a team to a meeting."""

    async def __call__(self, key: str, team: str, artifact: Artifact, after: tuple[str, ...], element: str) -> Outcome:
        """Return what the team goes on with; see `consilience.methods.cross_team.aggregation.Meeting.meet`."""


class Keeper:
    """Keeps works in a journal while teams go on: what they were made of is in it already.

    Parameters
    ----------
    journal
        Where; nothing is kept if None.
    kind
        What the works are.
    """

    def __init__(self, journal: Journal | None, kind: str) -> None:
        self._journal = None if journal is None or journal.replay_only else journal
        self._kind = kind

    def keep(self, made: Made) -> None:
        """Have a work kept, with one of the next replies: a replay would make it again."""
        if self._journal is not None:
            element, artifact, parents = made
            self._journal.put_artifact_later(element, artifact.text, parents, self._kind)

    @contextmanager
    def to_the_end(self) -> Iterator[None]:
        """Have all kept where work ends or is cut off; of two troubles, what cut it off is told.

        Raises
        ------
        JournalUnavailable
            When the work came to its end, and what it made could not be written.
        """
        try:
            yield
        except BaseException:
            with suppress(JournalUnavailable):
                self._settle()
            raise
        self._settle()

    def _settle(self) -> None:
        if self._journal is not None:
            self._journal.settle()


@dataclass(frozen=True, kw_only=True)
class Desk:
    """What all teams of a run share."""

    plan: Plan
    """What is fixed."""
    kind: Kind
    """How a reply is read."""
    asks: Asks | Asked
    """Who is asked."""
    prompts: Prompts
    """What is asked."""
    turns: Turns
    """How."""
    rater: Rater
    """How good a work is."""
    keeper: Keeper
    """Where works are kept."""
    meet: Meets
    """Where teams meet."""
    transcript: Transcript | None = None
    """Where events are taken down."""
    passed: Callable[[str], bool] | None = None
    """Told that a team's work passes every visible test; returns whether that ends the run. If None, all go on."""
    heard: Callable[[Walked], None] = lambda _walked: None
    """Told how far a team is that walks elsewhere: when it comes to a meeting, and when it goes on."""


@dataclass(frozen=True, kw_only=True)
class Walked:
    """How a team's walk ended, with all that others need to know of it."""

    team: str
    """Its name."""
    state: TeamState
    """How it ended."""
    reason: str
    """Why it is dead or stopped; empty where it is done."""
    seconds: float
    """From its start to its end."""
    artifact: Artifact | None
    """Its work."""
    element: str
    """The element that made that."""
    after: tuple[str, ...]
    """The event by which it came to stand."""
    row: Mapping[str, Cell]
    """What it did and what that cost, by column."""
    made: tuple[Made, ...]
    """All works that it made."""


class Walk:
    """One team at work.

    Parameters
    ----------
    team
        Who.
    desk
        What it shares with the others.
    """

    def __init__(self, team: Team, desk: Desk) -> None:
        self.team = team
        self.row: dict[str, Cell] = {column: Cell() for column in desk.plan.chain.columns}
        """What it did and what that cost, by column."""
        self._desk = desk
        self._seed = desk.plan.seed if team.seed is None else team.seed
        self._asks = {
            phase.name: asks_of(desk.asks, team.name, team.model, phase.model)
            for column, phase in desk.plan.chain.phases
            if column.partition("/")[0] not in team.skip
        }
        self._artifact: Artifact | None = None
        self._element = ""
        self._after: tuple[str, ...] = ()
        self._notes: dict[str, str] = {}
        self._made: list[Made] = []
        self._over = False
        self._state: TeamState = "done"
        self._reason = ""
        self._begun_s = monotonic()

    async def walk(self, after: tuple[str, ...] = ()) -> Walked:
        """Go through the chain, and return how that ended; a team that fails for good is dead, and no error.

        Parameters
        ----------
        after
            Events that come before the first of the team.

        Raises
        ------
        ConsilienceError
            What is no failure of this team alone: a key that is wrong, a journal that cannot be written.
        """
        self._after = after
        self._begun_s = monotonic()
        try:
            for step in self._desk.plan.chain.steps:
                if self._over:
                    break
                if step.name in self.team.skip:
                    self._skip(step, "the team leaves it out")
                elif isinstance(step, Phase):
                    await self._phase(step, step.name, step.name)
                elif isinstance(step, Loop):
                    await self._loop(step)
                else:
                    await self._key(step)
        except Denied:
            raise
        except (ModelError, BudgetExhausted, TeamFailed) as error:
            self._end("dead", str(error), type(error).__name__)
        except RunStopped as error:
            self._end("stopped", str(error), "")
        return self.account()

    def account(self, cut: str = "") -> Walked:
        """Return how far the team is.

        Parameters
        ----------
        cut
            Why it gets no further, where it is still at work.
        """
        return Walked(
            team=self.team.name,
            state="stopped" if cut else self._state,
            reason=cut or self._reason,
            seconds=monotonic() - self._begun_s,
            artifact=self._artifact,
            element=self._element,
            after=self._after,
            row=self.row,
            made=tuple(self._made),
        )

    # --- steps -----------------------------------------------------------------------------------------------------

    async def _phase(self, phase: Phase, column: str, place: str) -> None:
        """Go through a phase once; `place` is its column, with the cycle."""
        team, cell = self.team, self.row[column]
        turn = Turn(
            f"{team.name}/{place}",
            self._asks[phase.name],
            cell,
            self._after,
            temperature=team.temperature if phase.temperature is None else phase.temperature,
            max_tokens=phase.max_tokens,
            seed=self._seed,
            most=phase.budget_calls,
        )
        before = self._artifact
        begun_s = monotonic()
        cell.state = "working"
        cell.turns += 1
        try:
            await self._go_through(phase, turn)
            await self._commit(phase, turn, before)
        except ConsilienceError:
            cell.state = "failed"
            raise
        finally:
            self._record(turn, before)  # what was had before a failure stands as well
            cell.seconds += monotonic() - begun_s
        cell.state = "done"

    async def _go_through(self, phase: Phase, turn: Turn) -> None:
        """Ask the assistant, and have the instructor comment while there are turns; what was had stands."""
        prompts, turns, team = self._desk.prompts, self._desk.turns, self.team
        is_note = phase.makes == "note"
        read = _NOTE.read if is_note else self._desk.kind.read
        had = None if is_note else self._artifact
        try:
            messages = prompts.ask(phase, team, await self._values(phase))
            for left in range(phase.turns, 0, -1):
                given = await turns.attempt(turn, messages, 1 if had is None else had.grade, read)
                had = given or had
                if had is not None:
                    self._hold(phase, had)
                if left == 1 or had is None:
                    break
                comment = await turns.ask(turn, prompts.comment(phase, team, had.text))
                if finished(comment):
                    break
                messages = prompts.revise(phase, team, had.text, comment)
        except PhaseSpent:
            pass  # what was had stands

    async def _loop(self, loop: Loop) -> None:
        """Go through the phases of a loop until what it waits for holds."""
        why = "the team leaves it out"
        for cycle in range(1, capped(loop, self.team) + 1):
            why = await self._enough(loop)
            before = self._artifact
            if why or not await self._cycle(loop, cycle) or self._over:
                break
            if loop.until == "unchanged" and before is not None and self._artifact == before:
                break
        self._skip(loop, why)

    async def _cycle(self, loop: Loop, cycle: int) -> bool:
        """Go through the phases of a loop once, and return whether it goes on."""
        for at, phase in enumerate(loop.phases):
            await self._phase(phase, f"{loop.name}/{phase.name}", f"{loop.name}.{cycle}/{phase.name}")
            if self._over or (at == 0 and loop.until == "finished" and finished(self._notes.get(phase.name, ""))):
                return False
        return True

    async def _enough(self, loop: Loop) -> str:
        """Return why there is nothing for a cycle to do; empty where there is."""
        if self._artifact is None:
            return ""
        if loop.until == "complete" and not self._artifact.fault:
            return "nothing is missing"
        if loop.until == "runs" and passes(await self._desk.rater.rate(self._artifact)):
            return "it runs, and no test fails"
        return ""

    async def _key(self, key: Key) -> None:
        """Meet the others, and go on with what came of that."""
        cell, artifact = self.row[key.name], self._artifact
        if len(self._desk.plan.teams) == 1 or artifact is None:
            self._skip(key, "there is no other team to meet")
            return
        begun_s = monotonic()
        cell.state = "working"
        cell.turns = 1
        try:
            outcome = await self._desk.meet(key.name, self.team.name, artifact, self._after, self._element)
        except ConsilienceError:
            cell.state = "failed"
            raise
        finally:
            cell.seconds = monotonic() - begun_s
        cell.state = "done"
        self._artifact, self._element = outcome.artifact, outcome.element
        self._after = outcome.after or self._after
        if outcome.state == "dropped":
            self._end("stopped", f"it came to {key.name} when the others had met", "")

    # --- works -----------------------------------------------------------------------------------------------------

    def _hold(self, phase: Phase, had: Artifact) -> None:
        if phase.makes == "note":
            self._notes[phase.name] = had.text
        else:
            self._artifact = had

    def _record(self, turn: Turn, before: Artifact | None) -> None:
        """Keep the team's work where it is a new one."""
        artifact = self._artifact
        if artifact is None or artifact is before or artifact == before or self._element == turn.name:
            return
        made = Made(turn.name, artifact, (self._element,) if self._element else ())
        self._made.append(made)
        self._desk.keeper.keep(made)
        self._element = turn.name

    async def _commit(self, phase: Phase, turn: Turn, before: Artifact | None) -> None:
        """Let what a phase made stand."""
        desk, artifact = self._desk, self._artifact
        if phase.makes == "note":
            self._after = self._committed(turn, self._notes.get(phase.name, ""))
            return
        if artifact is None:
            raise TeamFailed(f"no reply to {turn.name} could be read as an answer")
        self._record(turn, before)
        self._after = self._committed(turn, artifact.text)
        if desk.passed is not None:
            rating = await desk.rater.rate(artifact)
            self._over = rating.passed is not None and passes(rating) and desk.passed(self.team.name)

    def _committed(self, turn: Turn, text: str) -> tuple[str, ...]:
        if self._desk.transcript is None:
            return ()
        return self._tell("committed", turn.name, turn.after, digest=Artifact(text).digest)

    async def _values(self, phase: Phase) -> dict[str, str]:
        """Return what fills the placeholders of a phase."""
        values, artifact = dict(self._notes), self._artifact
        if artifact is not None:
            reads = self._desk.prompts.reads[phase.name]
            values["artifact"] = artifact.text
            values["gaps"] = artifact.fault or "Nothing is missing."
            if "tests" in reads:
                values["tests"] = told(await self._desk.rater.rate(artifact))
        return values

    # --- ends ------------------------------------------------------------------------------------------------------

    def _skip(self, step: Phase | Loop | Key, why: str) -> None:
        """Take down that a step had nothing to do; of a loop, the phases that it never came to."""
        columns = [f"{step.name}/{phase.name}" for phase in step.phases] if isinstance(step, Loop) else [step.name]
        idle = [column for column in columns if self.row[column].state == "waiting"]
        for column in idle:
            self.row[column].state = "skipped"
        if len(idle) == len(columns):
            self._after = self._tell("skipped", f"{self.team.name}/{step.name}", self._after, reason=why) or self._after

    def _end(self, state: TeamState, reason: str, error: str) -> None:
        self._over = True
        self._state, self._reason = state, reason
        if error:
            self._tell("failed", self.team.name, self._after, error=error, reason=reason)
        else:
            self._tell("skipped", self.team.name, self._after, reason=reason)

    def _tell(self, kind: str, element: str, after: tuple[str, ...], **facts: Fact) -> tuple[str, ...]:
        transcript = self._desk.transcript
        return () if transcript is None else (transcript.add(kind, element, after=after, **facts),)


_NOTE = Text()


def passes(rating: Rating) -> bool:
    """Whether a work runs, and no visible test fails."""
    return rating.usable and rating.runs and rating.passed in (None, 1.0)


def told(rating: Rating) -> str:
    """Return what the last run said, for whoever repairs."""
    lines = [rating.fault, rating.report]
    if not any(lines):
        lines = ["It runs, and no test fails." if passes(rating) else "It does not run."]
    return "\n".join(filter(None, lines))
