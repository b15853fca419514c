"""Answering: what one person's agent makes of a question that came from an agent of a contact's.

The question goes the way of every other: a task between the two, which the person has to agree to unless they always
do, run on both sides' own memories, through gate, rules and consent. Whoever asks speaks for the person whose key they
hold, so that the answer is theirs.
"""

from __future__ import annotations

import asyncio
from typing import Final

from consilience.ground.errors import InvalidInput
from consilience.methods.social_agents.a2a_server import Answer, Asked
from consilience.methods.social_agents.app.office import Office
from consilience.methods.social_agents.app.rates import Rate
from consilience.methods.social_agents.app.tasks import Task, talk_of
from consilience.methods.social_agents.records import Person

__all__ = ["DeskAnswering"]

QUESTIONS: Final = Rate(60, 3_600)
"""How often the agents of one person may ask."""
WAITS_S: Final = 20.0
"""How long a request waits for an answer."""
MOST_KNOWN: Final = 10_000
"""Tasks of the protocol that are remembered; of the oldest the other side has to ask anew."""
_LOOKS_S: Final = 0.05
_YOURS = "Your own person has to agree first. Ask again later."
_GOES_ON = "The agents are still talking. Ask again later."


class DeskAnswering:
    """Answers for one person.

    Parameters
    ----------
    office
        Parts of an application that is open.
    person
        For whom.
    waits_s
        How long a request waits for an answer.
    """

    def __init__(self, office: Office, person: Person, *, waits_s: float = WAITS_S) -> None:
        self._office = office
        self._person = person
        self._waits_s = waits_s
        self._known: dict[str, int] = {}

    async def __call__(self, asked: Asked) -> Answer:
        """Answer, or say who has to agree first."""
        try:
            task = await asyncio.to_thread(self._task, asked)
        except InvalidInput as error:
            return Answer("declined", str(error))
        if task is None:
            return Answer("declined")
        loop = asyncio.get_running_loop()
        until = loop.time() + self._waits_s
        while (answer := await asyncio.to_thread(self._outcome, task)) is None:
            if loop.time() > until:
                return Answer("needs-consent", _GOES_ON)
            await asyncio.sleep(_LOOKS_S)
        return answer

    def _task(self, asked: Asked) -> Task | None:
        """Return the task of a question, made where there is none; None for whom no task may be."""
        office, asker = self._office, self._office.store.person(asked.asker)
        known = office.store.are_contacts(self._person, asker)
        may = known and all(office.accounts.has_account(one) for one in (asker, self._person))
        if not may:
            return None
        number = self._known.get(asked.task)
        if number is not None:
            return office.tasks.find(number)
        if office.rates.wait_s("agent asks", asker.handle, QUESTIONS):
            raise InvalidInput("you have asked much; wait a while")
        task = office.desk.propose(asker, self._person, asked.question)
        while len(self._known) >= MOST_KNOWN:
            del self._known[next(iter(self._known))]
        self._known[asked.task] = task.id
        return task

    def _outcome(self, task: Task) -> Answer | None:
        """Return what is to be told of a task now; None while the agents talk and nobody is asked."""
        now = self._office.tasks.find(task.id)
        if now is None or now.standing == "declined":
            return Answer("declined")
        if now.over:
            return Answer("answered", now.answer) if now.answer else Answer("declined", "No answer was found.")
        if now.standing == "invited" or self._waits_for(self._person, now):
            return Answer("needs-consent")
        if now.standing == "paused":
            return Answer("needs-consent", _GOES_ON)
        asker = self._office.store.person(now.asker)
        return Answer("needs-consent", _YOURS) if self._waits_for(asker, now) else None

    def _waits_for(self, who: Person, task: Task) -> bool:
        return any(talk_of(one.task) == task.name for one in self._office.consent.waiting(who.handle))
