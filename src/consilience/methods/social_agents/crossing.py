"""Crossing: what of one side's words reaches the other, by way of the wire; the plan's slots cross like all else."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from consilience.methods.social_agents.agent import Agent
from consilience.methods.social_agents.rationale import Rationale
from consilience.methods.social_agents.record import State
from consilience.methods.social_agents.records import Message
from consilience.methods.social_agents.speech import Move, Utterance
from consilience.methods.social_agents.task import Assignment
from consilience.methods.social_agents.values import contains
from consilience.methods.social_agents.wire import Crossed, Forwarded, Outgoing, Wire

__all__ = ["Crossing"]


@dataclass(frozen=True, slots=True)
class Crossing:
    """The way between the two sides of a talk."""

    talk: str
    """Its name."""
    task: Assignment
    wire: Wire

    async def share(self, me: Agent, them: Agent, asked: Sequence[Rationale]) -> list[Rationale]:
        """Return the slots that may cross to the other side: all at once, or else each for itself.

        Afterwards they are known by their texts, so that none crosses of whose text another one may not.
        """
        if not asked:
            return []
        whole = "; ".join(map(_named, asked))
        crossed = await self._send(me, them, whole)
        if crossed.text == whole:
            return list(asked)
        found = [await self._send(me, them, _named(one)) for one in asked] if len(asked) > 1 else [crossed]
        refused = {one.text for one, each in zip(asked, found, strict=True) if each.text != _named(one)}
        return [one for one in asked if one.text not in refused]

    async def said(self, me: Agent, them: Agent, move: Move, state: State) -> tuple[Utterance, str]:
        """Return what crosses of a move, and why nothing did."""
        number = len(state.utterances) + 1
        crossed, withheld = await self._offer(me, them, move, state, move.say), ""
        if not crossed.text:
            withheld = crossed.reason or "the wire did not let it pass"
            if move.plainly not in ("", move.say) and not crossed.refused:
                crossed = await self._offer(me, them, move, state, move.plainly)
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

    async def _offer(self, me: Agent, them: Agent, move: Move, state: State, say: str) -> Crossed:
        return await self._send(
            me,
            them,
            say,
            state=state,
            number=len(state.utterances) + 1,
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
        state: State | None = None,
        number: int = 0,
        declared: tuple[int, ...] = (),
        seen: tuple[Message, ...] = (),
        forwarded: tuple[Forwarded, ...] = (),
    ) -> Crossed:
        spoken = tuple(one.text for one in state.utterances) if state is not None else ()
        shared = state.shared if state is not None else ()
        names = (me.party.person.name, them.party.person.name)
        outgoing = Outgoing(
            talk=self.talk,
            number=number,
            owner=me.handle,
            counterpart=them.handle,
            purpose=self.task.purpose,
            say=say,
            declared=declared,
            seen=seen,
            public=(self.task.question, *names, *shared, *spoken),
            forwarded=forwarded,
        )
        return await self.wire.send(outgoing)


def _named(one: Rationale) -> str:
    """Return a slot as it is said: its text, and its name where that says more."""
    return one.text if one.numbered or contains(one.text, one.slot) else f"{one.slot}: {one.text}"
