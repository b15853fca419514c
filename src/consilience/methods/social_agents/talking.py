"""A talk: two agents take turns until what is needed is known, nothing new comes, a limit ends it, or a person does.

====================== =============================================================================================
it ended because       when
====================== =============================================================================================
``known``              every slot of the asking side is known
``nothing new``        neither board changed for some turns
``nobody knows``       the other side was asked for all that is open, and does not know
``done``               both sides said so, one after the other
``turns``, ``calls``   a limit of the talk is reached; also ``tokens``, ``seconds``
``budget``             the session may spend no more
``stopped``            a person ended it, withdrew, or is gone
``failed``             a model did not answer
====================== =============================================================================================

Of its own, a talk of thirty turns over the memory of a person with a thousand messages takes about half a second of the
processor (claim ``iagents.turns``); the rest is waiting for models.

A talk that has a journal goes on where it was: after each turn its whole state is safe in it, and a talk of the same
name begins with that. What was said is not said again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace

from consilience.dialogue.budget import BudgetExhausted
from consilience.dialogue.models import ModelError
from consilience.dialogue.transcript import Transcript
from consilience.ground.errors import ConsilienceError, InvalidInput
from consilience.methods.social_agents.agent import Agent
from consilience.methods.social_agents.consensus import Consensus, agree
from consilience.methods.social_agents.control import Control
from consilience.methods.social_agents.crossing import Crossing
from consilience.methods.social_agents.party import Party
from consilience.methods.social_agents.rationale import Board
from consilience.methods.social_agents.record import Ending, OnTurn, State, Talk, TalkLimits, TurnSeen
from consilience.methods.social_agents.resuming import Keeps, keep, kept, restore, snapshot
from consilience.methods.social_agents.retrieval import Found
from consilience.methods.social_agents.speech import CallsSpent, Spent, TokensSpent, Utterance
from consilience.methods.social_agents.task import Assignment
from consilience.methods.social_agents.wire import Remembers, Wire

__all__ = ["talk"]


async def talk(
    a: Party,
    b: Party,
    task: Assignment,
    *,
    wire: Wire,
    limits: TalkLimits | None = None,
    name: str = "talk",
    journal: Keeps | None = None,
    transcript: Transcript | None = None,
    control: Control | None = None,
    on_turn: OnTurn | None = None,
    begun: State | None = None,
    conclude: bool = True,
    still: Callable[[], bool] = lambda: True,
) -> Talk:
    """Let the agents of two people find out what neither knows alone.

    Parameters
    ----------
    a
        Who asks; the answer is theirs.
    b
        Whom they ask.
    task
        What is to be found out.
    wire
        What every text crosses.
    limits
        How long it may go on; `TalkLimits` as they are if None.
    name
        Of the talk, unique in the journal.
    journal
        Where its state is kept after each turn; a talk of that name goes on.
    transcript
        Where events are taken down.
    control
        The hand of the two people; of a pursuit, of all who take part.
    on_turn
        Is given every turn, for each of the two.
    begun
        A state to go on from, if the journal has none.
    conclude
        Whether the answer is asked for in the end.
    still
        Whether the two may still talk; asked before each turn, and before the answer.

    Raises
    ------
    InvalidInput
        When both are one person.
    """
    if a.person.handle == b.person.handle:
        raise InvalidInput(f"a talk must be between two people; got {a.person.handle!r} twice")
    spent, limits = Spent(), limits or TalkLimits()
    course = _Course(
        a=Agent(
            a,
            b.person,
            task,
            element=f"{name}/{a.person.handle}",
            spent=spent,
            support=limits.support,
            rule=limits.rule,
        ),
        b=Agent(
            b,
            a.person,
            task,
            element=f"{name}/{b.person.handle}",
            spent=spent,
            support=limits.support,
            rule=limits.rule,
        ),
        task=task,
        wire=wire,
        limits=limits,
        name=name,
        journal=journal,
        transcript=transcript,
        control=control or Control(),
        on_turn=on_turn,
        spent=spent,
        conclude=conclude,
        still=still,
    )
    return await course.run(begun)


@dataclass(kw_only=True)
class _Course:
    """A talk on its way."""

    a: Agent
    b: Agent
    task: Assignment
    wire: Wire
    limits: TalkLimits
    name: str
    journal: Keeps | None
    transcript: Transcript | None
    control: Control
    on_turn: OnTurn | None
    spent: Spent
    conclude: bool
    still: Callable[[], bool]
    state: State = field(init=False)
    crossing: Crossing = field(init=False)
    begun_s: float = 0.0
    events: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        self.state = State(a=self.a.board, b=self.b.board)
        self.crossing = Crossing(self.name, self.task, self.wire)

    async def run(self, begun: State | None) -> Talk:
        """Take turns until something ends it, and conclude."""
        self.begun_s = asyncio.get_running_loop().time()
        self._restore(kept(self.journal, self.name) or begun)
        if self.state.ending is None:
            ending, why = await self._guarded(self._through)
            self.state = replace(self.state, ending=ending, why=why)
        consensus = agree(self.a.board, accept_weak=self.limits.accept_weak)
        may_answer = self.conclude and not self.state.answered and self.state.ending not in _CUT_OFF
        if may_answer and await self.a.party.waits(self.still):
            await self._answer(consensus)
        await self._keep()
        return self._result(consensus)

    async def _guarded(self, work: Callable[[], Awaitable[Ending]]) -> tuple[Ending, str]:
        self.spent.most_calls = max(0, self.limits.calls - self.state.calls - self.conclude)
        if self.limits.tokens is not None:
            self.spent.most_tokens = max(0, self.limits.tokens - self.state.tokens)
        try:
            return await work(), ""
        except _Parted as error:
            return "stopped", str(error)
        except CallsSpent as error:
            return "calls", str(error)
        except TokensSpent as error:
            return "tokens", str(error)
        except BudgetExhausted as error:
            return "budget", str(error)
        except ModelError as error:
            return "failed", str(error)

    async def _through(self) -> Ending:
        if not self.state.planned:
            if not await self.control.checkpoint() or await self.control.unless_ended(self._plan()) is None:
                return "stopped"
            await self._keep()
        while True:
            if not await self.control.checkpoint():
                return "stopped"
            if not await self.a.party.waits(self.still):
                raise _Parted("the two are no longer each other's contacts, or one of them is gone")
            self._take_edits()
            ending = self._over()
            if ending is not None:
                return ending
            if await self.control.unless_ended(self._turn()) is None:
                return "stopped"

    async def _plan(self) -> bool:
        """Have the asking side plan, tell the other what it needs, and have that one look at what it has."""
        if self.a.party.plan:
            await self.a.draft(ask=not self.task.wanted)
        shared = await self.crossing.share(self.a, self.b, list(self.a.board))
        if self.b.party.plan:
            await self.b.draft(shared)
        self.state = replace(self.state, planned=True, shared=tuple(one.text for one in shared))
        self.a.shared = self.b.shared = frozenset(self.state.shared)
        return True

    async def _turn(self) -> bool:
        """Have the side whose turn it is speak, and the other one hear it."""
        number = len(self.state.utterances) + 1
        me, them = (self.a, self.b) if number % 2 else (self.b, self.a)
        before = {me.handle: me.board, them.handle: them.board}
        line = self.control.line(me.handle, them.handle)
        found, withheld = Found(), ""
        if line is not None:
            utterance = Utterance(
                number=number,
                speaker=me.handle,
                speaker_name=me.party.person.name,
                text=" ".join(line.split()),
                by_person=True,
            )
        else:
            move = await me.turn(number, self.state.utterances)
            found = move.found
            utterance, withheld = await self.crossing.said(me, them, move, self.state)
        them.hear(utterance)
        moved = self._moved(before, utterance)
        self.state = replace(
            self.state,
            utterances=(*self.state.utterances, utterance),
            silent=0 if moved else self.state.silent + 1,
            done=(*self.state.done, line is None and move.done)[-2:],
            withheld=self.state.withheld + bool(withheld),
        )
        await self._keep()  # what anybody sees of a turn is safe
        self._tell(me, them, before, found, withheld)
        return True

    def _moved(self, before: dict[str, Board], utterance: Utterance) -> bool:
        """Whether a turn brought anything new."""
        if not self.a.party.plan and not self.b.party.plan:
            return all(utterance.text != one.text for one in self.state.utterances)
        return any(
            one.board[old.slot].readings != old.readings or one.board[old.slot].refused_by != old.refused_by
            for one in (self.a, self.b)
            for old in before[one.handle]
            if old.open and not old.doubtful
        )

    def _over(self) -> Ending | None:
        limits, spent, said = self.limits, self.spent, self.state.utterances
        second = asyncio.get_running_loop().time() - self.begun_s
        tokens = self.state.tokens + spent.tokens
        reached: dict[Ending, bool] = {
            "known": self.a.board.complete,
            "turns": len(said) >= limits.turns,
            "calls": self.state.calls + spent.calls >= limits.calls - self.conclude,
            "tokens": limits.tokens is not None and tokens >= limits.tokens,
            "seconds": limits.seconds is not None and second >= limits.seconds,
            "nothing new": self.state.silent >= limits.silent_turns,
            "nobody knows": self._stuck(),
            "done": len(self.state.done) > 1 and all(self.state.done),
        }
        return next((ending for ending, there in reached.items() if there), None)

    def _stuck(self) -> bool:
        """Whether the asking side has asked for all that is open, has heard the replies, and reads nothing again."""
        said = self.state.utterances
        return bool(
            self.a.board.open
            and not self.a.askable
            and not self.a.unsure
            and said
            and said[-1].speaker == self.a.handle
        )

    async def _answer(self, consensus: Consensus) -> None:
        """Ask for the answer once, unless something is missing that it would need."""
        if self.a.party.plan and not consensus.complete:
            return
        self.spent.most_calls = max(0, self.limits.calls - self.state.calls)
        try:
            reply = await self.control.unless_ended(self.a.answer(self.state.utterances, consensus.values))
        except (BudgetExhausted, CallsSpent, TokensSpent, ModelError) as error:
            self.state = replace(self.state, why=str(error))
            return
        if reply is not None:
            self.state = replace(self.state, answer=reply.answer, why=reply.why, answered=True)

    def _take_edits(self) -> None:
        for who, slot, value in self.control.edits(self.a.handle, self.b.handle):
            for one in (self.a, self.b):
                if one.handle == who:
                    one.correct(slot, value, len(self.state.utterances))

    def _tell(self, me: Agent, them: Agent, before: dict[str, Board], found: Found, withheld: str) -> None:
        utterance = self.state.utterances[-1]
        if self.transcript is not None:
            self.events = (
                self.transcript.add(
                    "said",
                    self.name,
                    after=self.events,
                    number=utterance.number,
                    speaker=utterance.speaker,
                    asks=utterance.asks,
                    tells=len(utterance.tells),
                    withheld=bool(withheld),
                ),
            )
        if self.on_turn is not None:
            for one in (me, them):
                changes = one.board.changes(before[one.handle])
                own = one is me
                self.on_turn(
                    TurnSeen(
                        utterance, one.handle, one.board, changes, found if own else Found(), withheld if own else ""
                    )
                )

    def _restore(self, state: State | None) -> None:
        if state is None:
            return
        # What a limit ended goes on, if the limit is another now; where it is not, it ends as before.
        self.state = state if state.ending in _FINAL else replace(state, ending=None, why="")
        restore(state, self.a, self.b)
        for one, other in ((self.a, self.b), (self.b, self.a)):
            said = [each.text for each in state.utterances if each.speaker == one.handle]
            if said and isinstance(self.wire, Remembers):
                self.wire.resume(self.name, one.handle, other.handle, said)

    def _snapshot(self) -> State:
        return snapshot(self.state, self.a, self.b, self.spent)

    async def _keep(self) -> None:
        await keep(self.journal, self.name, self._snapshot())

    def _result(self, consensus: Consensus) -> Talk:
        state = self._snapshot()
        ending = state.ending or "stopped"
        reasons = () if state.answer else (*consensus.reasons, *filter(None, [state.why]))
        if state.answered and not state.answer and not reasons:
            reasons = ("the model said nothing that can be read as an answer",)
        spent = replace(self.spent)
        spent.calls, spent.prompt_characters, spent.tokens = state.calls, state.prompt_characters, state.tokens
        return Talk(
            name=self.name,
            asker=self.a.handle,
            partner=self.b.handle,
            task=self.task,
            ending=ending,
            answer=state.answer,
            reasons=reasons,
            utterances=state.utterances,
            consensus=consensus,
            spent=spent,
            seconds=asyncio.get_running_loop().time() - self.begun_s,
            state=state,
            withheld=state.withheld,
        )


class _Parted(ConsilienceError):
    """Two who talked may no longer."""


_FINAL: frozenset[Ending | None] = frozenset({"known", "nothing new", "nobody knows", "done", "stopped"})
_CUT_OFF: frozenset[Ending | None] = frozenset({"stopped", "budget", "failed"})
