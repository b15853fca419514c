"""The agent: one side of a talk. It reads one person's messages, keeps that side's board, and says what it knows.

One call a turn. Before it, code looks things up; after it, code checks every fact against the messages that were shown,
counts it on the board, and sees to it that what is said is what the board knows. So a model that misreads once is
outvoted by itself, and one that invents has no evidence to count.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

from consilience.dialogue.messages import Message as Prompt
from consilience.dialogue.messages import Question, Settings
from consilience.methods.social_agents.grounding import grounded, overheard
from consilience.methods.social_agents.party import Party
from consilience.methods.social_agents.prompts import View, answer_prompt, draft_prompt, length, turn_prompt
from consilience.methods.social_agents.rationale import MOST_SLOTS, Board, Rationale, Reading, Rule
from consilience.methods.social_agents.reading import (
    AnswerReply,
    DraftReply,
    Fact,
    TurnReply,
    read_answer,
    read_draft,
    read_turn,
)
from consilience.methods.social_agents.records import Person
from consilience.methods.social_agents.retrieval import Found, Retrieval
from consilience.methods.social_agents.saying import LONGEST_SAID, put
from consilience.methods.social_agents.sections import YOU, needs
from consilience.methods.social_agents.speech import CallsSpent, Move, Spent, TokensSpent, Told, Utterance
from consilience.methods.social_agents.task import Assignment

R = TypeVar("R", DraftReply, TurnReply, AnswerReply)

__all__ = ["Agent"]

ASKED_AT_MOST = 2
"""How often one side asks for a slot that the other does not know."""
REASKS = 2
"""How often a reply is asked for again that cannot be read."""


class Agent:
    """One side of a talk.

    Parameters
    ----------
    party
        Whose side.
    other
        Whom it speaks with: nothing but the public record of them.
    task
        What both are to find out.
    element
        What its calls are named in the journal.
    spent
        Where the cost is counted.
    support
        By how many readings a value has to lead.
    rule
        How several readings become one value.
    """

    def __init__(
        self,
        party: Party,
        other: Person,
        task: Assignment,
        *,
        element: str,
        spent: Spent,
        support: int = 2,
        rule: Rule = "lead",
    ) -> None:
        self.party = party
        self.other = other
        self.board = Board(party.person.handle, support=support, rule=rule)
        """What this side knows."""
        self.misses: Counter[str] = Counter()
        """How often the other side did not know a slot."""
        self.shared: frozenset[str] = frozenset()
        """What both sides know that it is asked for: texts of slots. Nothing else is asked."""
        self.look_for: tuple[str, ...] = ()
        """What the model wished to look for."""
        self._task = task
        self._element = element
        self._spent = spent
        self.calls = 0
        """Questions so far."""
        handle, purpose = other.handle, task.purpose
        free, apart = party.parts(handle, purpose)
        self._retrieval = Retrieval(
            free,
            clear=party.clear,
            fuzzy=party.fuzzy,
            allowed=lambda rows: party.lets(rows, handle, purpose),
            apart=apart,
        )

    @property
    def shown(self) -> dict[str, tuple[int, ...]]:
        """Episodes that were shown, by what they were shown for."""
        return {text: tuple(sorted(numbers)) for text, numbers in self._retrieval.shown.items()}

    @shown.setter
    def shown(self, shown: Mapping[str, tuple[int, ...]]) -> None:
        self._retrieval.shown.update({text: set(numbers) for text, numbers in shown.items()})

    @property
    def handle(self) -> str:
        """Whose side it is."""
        return self.party.person.handle

    @property
    def aside(self) -> frozenset[str]:
        """Slots that the other side was asked for as often as makes sense."""
        return frozenset(slot for slot, times in self.misses.items() if times >= ASKED_AT_MOST)

    @property
    def askable(self) -> tuple[Rationale, ...]:
        """Slots to ask the other side for: unknown ones first, then contested ones, then what it was not sure of."""
        order = {"unknown": 0, "conflict": 1, "fuzzy": 2}
        found = [
            one
            for one in self.board.open
            if one.slot not in self.aside and one.text in self.shared and not self._only_mine(one)
        ]
        return tuple(sorted(found, key=lambda one: (self.misses[one.slot], order[one.status])))

    @property
    def unsure(self) -> bool:
        """Whether there is something that this side reads again in its own messages, because it is not sure of it."""
        return any(any(reading.direct for reading in one.readings) and not one.doubtful for one in self.board.open)

    async def draft(self, shared: Sequence[Rationale] = (), *, ask: bool = True) -> None:
        """Make the plan with one's own messages in view; one that is shared already is only filled in.

        Parameters
        ----------
        shared
            The plan of the other side.
        ask
            Whether the model is asked; else the board has what the task is known to need, and nothing filled in.

        A task that the model does not plan has the slots that its question lists, or one, the question itself.
        """
        for wanted in self._task.wanted:
            self.board = self.board.add(wanted.slot, wanted.text)
        for one in shared:
            self.board = self.board.add(one.slot, one.text)
        if not ask:
            return
        given = len(self.board) > 0
        texts = [one.text for one in self.board]
        found = await self.party.waits(lambda: self._retrieval.about(self._task.question, texts))
        view = self._view(found, self.board if given else None)
        reply = await self._ask(
            draft_prompt(view), read_draft, lambda one: bool(one.facts) if given else bool(one.slots)
        )
        if not given:
            for planned in reply.slots[:MOST_SLOTS]:
                self.board = self.board.add(planned.slot, planned.text)
        if not len(self.board):
            self.board = self._unplanned()
        self.look_for = reply.look_for
        await self.party.waits(lambda: self._count(reply.facts, found, (), 0))

    async def turn(self, number: int, heard: Sequence[Utterance]) -> Move:
        """Take a turn.

        Parameters
        ----------
        number
            Of the utterance that it will be.
        heard
            The talk so far.
        """
        asked = self._asked(heard)
        found = await self.party.waits(lambda: self._look_up(asked, number, heard))
        view = self._view(found, self.board if self.party.plan else None, heard)
        reply = await self._ask(turn_prompt(view), read_turn, lambda one: bool(one.say or one.facts))
        self.look_for = reply.look_for
        if not self.party.plan:
            ids = tuple(sorted({one for fact in reply.facts for one in fact.evidence if one in found.by_id}))
            return Move(reply.say[:LONGEST_SAID], (), "", "", "", ids, found, found.messages, reply.done, "")
        return await self.party.waits(lambda: self._move(reply, asked, found, heard, number))

    async def answer(self, heard: Sequence[Utterance], values: Mapping[str, str]) -> AnswerReply:
        """Do the task with the values that were agreed, or, without a plan, with what was heard last."""
        found = Found()
        if not self.party.plan:
            found = await self.party.waits(lambda: self._retrieval.about(self._task.question))
        view = self._view(found, self.board.concluding(values) if self.party.plan else None, heard)
        return await self._ask(answer_prompt(view), read_answer, lambda one: bool(one.answer or one.why))

    def hear(self, utterance: Utterance) -> None:
        """Count what the other side told, and what it does not know or will not tell."""
        for told in utterance.tells:
            reading = Reading(
                value=told.value,
                source=told.source,
                confidence=told.confidence,
                turn=utterance.number,
                may_forward=told.may_forward,
                vouched=told.vouched,
                by_person=utterance.by_person,
            )
            self.board = self.board.read(told.slot, reading)
            self.misses.pop(told.slot, None)
        if utterance.declines:
            self.board = self.board.decline(utterance.declines, utterance.speaker)
            self.misses[utterance.declines] = ASKED_AT_MOST
        if utterance.lacks:
            self.misses[utterance.lacks] += 1
        if utterance.asks:  # who asks for it does not know it
            self.misses[utterance.asks] = max(self.misses[utterance.asks], 1)

    def correct(self, slot: str, value: str, number: int) -> None:
        """Count what one's own person says; it stands against whatever was read."""
        reading = Reading(value=value, source=self.handle, turn=number, by_person=True, vouched=True)
        self.board = self.board.add(slot).read(slot, reading)

    def learn(self, slot: str, told: Told, number: int) -> None:
        """Count what a third party told, in another talk."""
        reading = Reading(
            value=told.value, source=told.source, turn=number, may_forward=told.may_forward, vouched=told.vouched
        )
        self.board = self.board.read(slot, reading)

    @staticmethod
    def _only_mine(one: Rationale) -> bool:
        """Whether a slot needs no more than another look at one's own messages."""
        return one.status == "fuzzy" and bool(one.evidence)

    def _unplanned(self) -> Board:
        """Return the board of a task that the model did not plan: what the question lists, or else the question."""
        board = self.board
        for number, text in enumerate(needs(self._task.question), 1):
            board = board.add(f"s{number}", text)
        return board if len(board) else board.add("answer", self._task.question.rstrip(" ?."))

    def _asked(self, heard: Sequence[Utterance]) -> Rationale | None:
        """Return the slot that the other side asked for last, unless that was answered."""
        if not heard or heard[-1].speaker == self.handle or not heard[-1].asks:
            return None
        return self.board.find(heard[-1].asks)

    def _look_up(self, asked: Rationale | None, number: int, heard: Sequence[Utterance]) -> Found:
        """Look up what a turn needs; of what is known already, what it was read from suffices."""
        settled = asked is not None and asked.status == "known"
        first = asked.evidence if asked is not None and settled else ()
        pinned = [*first, *(one for slot in self.board.open for one in slot.evidence)]
        text = asked.text if asked is not None else heard[-1].text if heard else ""
        again = frozenset(slot.text for slot in self.board.open if any(one.direct for one in slot.readings))
        return self._retrieval.during("" if settled else text, self._wanted(number), self.look_for, pinned, again)

    def _wanted(self, number: int) -> list[str]:
        """Return what is open, another one first in each turn, so that none is always looked up last."""
        texts = [one.text for one in self.board.open]
        start = number // 2 * 2 % len(texts) if texts else 0
        return texts[start:] + texts[:start]

    def _view(self, found: Found, board: Board | None, heard: Sequence[Utterance] = ()) -> View:
        return View(
            owner=self.party.person.name,
            other=self.other.name,
            task=self._task.question,
            board=board,
            rows=found.rows,
            episodes=found.episodes,
            heard=tuple(
                (YOU if one.speaker == self.handle else one.speaker_name, one.text)
                for one in heard[-self.party.heard_lines :]
            ),
            heard_lines=self.party.heard_lines,
            aside=self.aside,
        )

    async def _ask(self, messages: tuple[Prompt, ...], read: Callable[[str], R], usable: Callable[[R], bool]) -> R:
        """Return a reply as it was read; one that was mended and has nothing in it is asked for again."""
        reply = read(await self._reply(messages))
        for _ in range(REASKS):
            if usable(reply) or not reply.repairs:
                break
            reply = read(await self._reply(messages))
        return reply

    async def _reply(self, messages: tuple[Prompt, ...]) -> str:
        if self._spent.calls == self._spent.most_calls:
            raise CallsSpent(f"the talk may ask {self._spent.calls} questions, and did; allow it more calls")
        if self._spent.most_tokens is not None and self._spent.tokens >= self._spent.most_tokens:
            raise TokensSpent(f"the talk had {self._spent.tokens} tokens, which is all; allow it more")
        question = Question(self._element, messages, Settings(), self.calls)
        self.calls += 1
        self._spent.calls += 1
        self._spent.prompt_characters += length(messages)
        clock = asyncio.get_running_loop().time
        begun = clock()
        try:
            reply = await self.party.asks.ask(question, caused_by=self.party.asks.last_event(self._element))
        finally:
            self._spent.model_s += clock() - begun
        self._spent.tokens += reply.usage.input_tokens + reply.usage.output_tokens
        return reply.text

    def _count(self, facts: Sequence[Fact], found: Found, heard: Sequence[Utterance], number: int) -> None:
        """Count facts on the board: those of own messages that were shown, and those that the other side said."""
        for fact in facts:
            one = self.board.find(fact.slot)
            if one is None:
                continue
            reading = grounded(fact, found, self.party, number) or overheard(fact, one, heard, self.handle)
            if reading is not None:
                self.board = self.board.read(one.slot, reading)
            if reading is not None and not reading.direct:
                self.misses.pop(one.slot, None)

    def _move(
        self, reply: TurnReply, asked: Rationale | None, found: Found, heard: Sequence[Utterance], number: int
    ) -> Move:
        """Count the facts of a reply, and return what is said."""
        self._count(reply.facts, found, heard, number)
        return put(
            reply,
            self.board,
            other=self.other.handle,
            asked=asked,
            question=self._question(reply.asks),
            found=found,
            behind=lambda numbers: self._retrieval.behind(numbers, found),
        )

    def _question(self, asks: str) -> Rationale | None:
        """Return the slot to ask for: the model's choice, where it is one to be asked for, else the first."""
        choices = self.askable
        chosen = self.board.find(asks)
        if chosen is not None and chosen.slot in {one.slot for one in choices}:
            return chosen
        return next(iter(choices), None)
