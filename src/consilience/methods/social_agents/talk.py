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
``stopped``            a person ended it, or withdrew
``failed``             a model did not answer
====================== =============================================================================================

A talk that has a journal goes on where it was: after each turn its whole state is safe in it, and a talk of the same
name begins with that. What was said is not said again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace

from pydantic import TypeAdapter, ValidationError

from consilience.dialogue.budget import BudgetExhausted
from consilience.dialogue.journal import Journal
from consilience.dialogue.models import ModelError
from consilience.dialogue.transcript import Transcript
from consilience.ground.errors import InvalidInput
from consilience.methods.social_agents.agent import Agent
from consilience.methods.social_agents.consensus import Consensus, agree
from consilience.methods.social_agents.control import Control
from consilience.methods.social_agents.party import Party
from consilience.methods.social_agents.rationale import Board, Rationale
from consilience.methods.social_agents.record import Ending, OnTurn, State, Talk, TalkLimits, TurnSeen
from consilience.methods.social_agents.records import Message
from consilience.methods.social_agents.retrieval import Found
from consilience.methods.social_agents.speech import CallsSpent, Move, Spent, Utterance
from consilience.methods.social_agents.task import Assignment
from consilience.methods.social_agents.values import contains
from consilience.methods.social_agents.wire import Crossed, Forwarded, Outgoing, Remembers, Wire

__all__ = ["talk"]


async def talk(
    a: Party,
    b: Party,
    task: Assignment,
    *,
    wire: Wire,
    limits: TalkLimits | None = None,
    name: str = "talk",
    journal: Journal | None = None,
    transcript: Transcript | None = None,
    control: Control | None = None,
    on_turn: OnTurn | None = None,
    begun: State | None = None,
    conclude: bool = True,
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
        The hand of the two people.
    on_turn
        Is given every turn, for each of the two.
    begun
        A state to go on from, if the journal has none.
    conclude
        Whether the answer is asked for in the end.

    Raises
    ------
    InvalidInput
        When both are one person.
    """
    if a.person.handle == b.person.handle:
        raise InvalidInput(f"a talk must be between two people; got {a.person.handle!r} twice")
    spent, limits = Spent(), limits or TalkLimits()
    course = _Course(
        a=Agent(a, b.person, task, element=f"{name}/{a.person.handle}", spent=spent, support=limits.support),
        b=Agent(b, a.person, task, element=f"{name}/{b.person.handle}", spent=spent, support=limits.support),
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
    journal: Journal | None
    transcript: Transcript | None
    control: Control
    on_turn: OnTurn | None
    spent: Spent
    conclude: bool
    state: State = field(init=False)
    begun_s: float = 0.0
    events: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        self.state = State(a=self.a.board, b=self.b.board)

    async def run(self, begun: State | None) -> Talk:
        """Take turns until something ends it, and conclude."""
        self.begun_s = asyncio.get_running_loop().time()
        self._restore(self._kept() or begun)
        if self.state.ending is None:
            ending, why = await self._guarded(self._through)
            self.state = replace(self.state, ending=ending, why=why)
        consensus = agree(self.a.board, accept_weak=self.limits.accept_weak)
        if self.conclude and not self.state.answered and self.state.ending not in _CUT_OFF:
            await self._answer(consensus)
        await self._keep()
        return self._result(consensus)

    async def _guarded(self, work: Callable[[], Awaitable[Ending]]) -> tuple[Ending, str]:
        self.spent.most_calls = max(0, self.limits.calls - self.state.calls - self.conclude)
        try:
            return await work(), ""
        except CallsSpent as error:
            return "calls", str(error)
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
        shared = await self._share(list(self.a.board))
        if self.b.party.plan:
            await self.b.draft(shared)
        self.state = replace(self.state, planned=True, shared=tuple(one.text for one in shared))
        self.a.shared = self.b.shared = frozenset(self.state.shared)
        return True

    async def _share(self, asked: list[Rationale]) -> list[Rationale]:
        """Return the slots that may cross to the other side: all at once, or else each for itself."""
        if not asked:
            return []
        whole = "; ".join(map(_named, asked))
        crossed = await self._send(self.a, self.b, whole)
        if crossed.text == whole:
            return asked
        found = [await self._send(self.a, self.b, _named(one)) for one in asked] if len(asked) > 1 else [crossed]
        return [one for one, each in zip(asked, found, strict=True) if each.text == _named(one)]

    async def _turn(self) -> bool:
        """Have the side whose turn it is speak, and the other one hear it."""
        number = len(self.state.utterances) + 1
        me, them = (self.a, self.b) if number % 2 else (self.b, self.a)
        before = {me.handle: me.board, them.handle: them.board}
        line = self.control.line(me.handle)
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
            utterance, withheld = await self._said(me, them, move, number)
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

    async def _said(self, me: Agent, them: Agent, move: Move, number: int) -> tuple[Utterance, str]:
        """Return what crosses of a move, and why nothing did."""
        crossed, withheld = await self._offer(me, them, move, number, move.say), ""
        if not crossed.text:
            withheld = crossed.reason or "the wire did not let it pass"
            if move.plainly not in ("", move.say) and not crossed.refused:
                crossed = await self._offer(me, them, move, number, move.plainly)
        asked = move.asked
        lacks, declines, text = move.lacks, "", crossed.text
        tells = tuple(one for one in move.tells if contains(text, one.value))
        if not text:
            declines = asked if any(one.slot == asked for one in move.tells) else ""
            lacks = "" if declines else lacks
            text = self._instead(me, asked, move.asks, declines=bool(declines))
        return (
            Utterance(
                number=number,
                speaker=me.handle,
                speaker_name=me.party.person.name,
                text=text,
                tells=tells,
                asks=move.asks,
                lacks=lacks,
                declines=declines,
            ),
            withheld,
        )

    async def _offer(self, me: Agent, them: Agent, move: Move, number: int, say: str) -> Crossed:
        return await self._send(
            me,
            them,
            say,
            number=number,
            declared=move.declared,
            seen=move.behind,
            forwarded=tuple(
                Forwarded(one.value, one.source) for one in move.tells if one.source not in (me.handle, them.handle)
            ),
        )

    @staticmethod
    def _instead(me: Agent, asked: str, asks: str, *, declines: bool) -> str:
        """Return what is said for a text that may not be: of slots that both sides have, and of nothing else.

        Only a fact that was held back is declined; a model that wanted to say too much did not know anything.
        """
        slot = me.board.find(asked)
        first = "I have nothing to add."
        if slot is not None:
            first = f"I may not tell {slot.text}." if declines else f"I do not know {slot.text} yet."
        question = me.board.find(asks)
        return first if question is None else f"{first} Do you know {question.text}?"

    async def _send(
        self,
        me: Agent,
        them: Agent,
        say: str,
        *,
        number: int = 0,
        declared: tuple[int, ...] = (),
        seen: tuple[Message, ...] = (),
        forwarded: tuple[Forwarded, ...] = (),
    ) -> Crossed:
        spoken = tuple(one.text for one in self.state.utterances)
        names = (me.party.person.name, them.party.person.name)
        outgoing = Outgoing(
            talk=self.name,
            number=number,
            owner=me.handle,
            counterpart=them.handle,
            purpose=self.task.purpose,
            say=say,
            declared=declared,
            seen=seen,
            public=(self.task.question, *names, *self.state.shared, *spoken),
            forwarded=forwarded,
        )
        return await self.wire.send(outgoing)

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
        except (BudgetExhausted, CallsSpent, ModelError) as error:
            self.state = replace(self.state, why=str(error))
            return
        if reply is not None:
            self.state = replace(self.state, answer=reply.answer, why=reply.why, answered=True)

    def _take_edits(self) -> None:
        for who, slot, value in self.control.edits():
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

    def _snapshot(self) -> State:
        return replace(
            self.state,
            a=self.a.board,
            b=self.b.board,
            misses_a=dict(self.a.misses),
            misses_b=dict(self.b.misses),
            look_for_a=self.a.look_for,
            look_for_b=self.b.look_for,
            shown_a=self.a.shown,
            shown_b=self.b.shown,
            calls_a=self.a.calls,
            calls_b=self.b.calls,
            calls=self.state.calls + self.spent.calls,
            prompt_characters=self.state.prompt_characters + self.spent.prompt_characters,
            tokens=self.state.tokens + self.spent.tokens,
        )

    def _restore(self, state: State | None) -> None:
        if state is None:
            return
        # What a limit ended goes on, if the limit is another now; where it is not, it ends as before.
        self.state = state if state.ending in _FINAL else replace(state, ending=None, why="")
        a, b = self.a, self.b
        a.board, a.look_for, a.calls, a.shown = state.a, state.look_for_a, state.calls_a, state.shown_a
        b.board, b.look_for, b.calls, b.shown = state.b, state.look_for_b, state.calls_b, state.shown_b
        a.misses.update(state.misses_a)
        b.misses.update(state.misses_b)
        a.shared = b.shared = frozenset(state.shared)
        for one, other in ((self.a, self.b), (self.b, self.a)):
            said = [each.text for each in state.utterances if each.speaker == one.handle]
            if said and isinstance(self.wire, Remembers):
                self.wire.resume(self.name, one.handle, other.handle, said)

    def _kept(self) -> State | None:
        kept = None if self.journal is None else self.journal.artifact(_element(self.name))
        if kept is None:
            return None
        try:
            return _STATE.validate_json(kept.text)
        except ValidationError as error:
            raise InvalidInput(
                f"the journal must hold the state of {self.name!r} as this version writes it; it holds another: "
                "give the talk another name"
            ) from error

    async def _keep(self) -> None:
        if self.journal is not None and not self.journal.replay_only:
            text = _STATE.dump_json(self._snapshot()).decode()
            await self.journal.put_artifact(_element(self.name), text, kind="talk")

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


_STATE = TypeAdapter(State)
_FINAL: frozenset[Ending | None] = frozenset({"known", "nothing new", "nobody knows", "done", "stopped"})
_CUT_OFF: frozenset[Ending | None] = frozenset({"stopped", "budget", "failed"})


def _element(name: str) -> str:
    return f"{name}/state"


def _named(one: Rationale) -> str:
    """Return a slot as it is said: its text, and its name where that says more."""
    return one.text if one.numbered or contains(one.text, one.slot) else f"{one.slot}: {one.text}"
