"""The network: whom a person knows, who of them may know something, and who introduces whom."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from consilience.dialogue.transcript import Transcript
from consilience.ground.errors import InvalidInput, UnknownName
from consilience.methods.social_agents.control import Control
from consilience.methods.social_agents.party import Party
from consilience.methods.social_agents.pursuit import Pursuit, PursuitLimits, Walk
from consilience.methods.social_agents.record import OnTurn, State, Talk, TalkLimits
from consilience.methods.social_agents.records import Person, Query
from consilience.methods.social_agents.resuming import Keeps
from consilience.methods.social_agents.talking import talk
from consilience.methods.social_agents.task import Assignment
from consilience.methods.social_agents.values import content_words
from consilience.methods.social_agents.wire import Wire

__all__ = ["Agrees", "Candidate", "Network", "Request", "contacts_only"]

HITS = 40
"""Messages of one's own that are looked at for whom to ask."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """Somebody who may know."""

    person: Person
    score: float
    """How likely; 0 where nothing speaks for it but that they are a contact."""
    why: str
    """What speaks for it, for the owner alone."""


@dataclass(frozen=True, slots=True)
class Request:
    """What somebody is asked to agree to."""

    kind: Literal["talk", "introduce", "meet"]
    """To talk with a contact's agent, to introduce two contacts, to meet somebody who is introduced."""
    by: str
    """Handle of who wants it."""
    to: str
    """Handle of who is asked."""
    purpose: str
    text: str
    """What they are asked for; for ``introduce`` the handle of whom."""
    via: str = ""
    """Who introduces, for ``meet``."""


Agrees = Callable[[Request], Awaitable[bool]]
"""Asks a person, or their standing rules, whether they agree."""


async def contacts_only(request: Request) -> bool:
    """Agree to talks, which are with accepted contacts only, and to no introduction.

    Examples
    --------
    >>> asyncio.run(contacts_only(Request("talk", "ann", "bea", "task", "the pet of Cem")))
    True
    >>> asyncio.run(contacts_only(Request("introduce", "ann", "bea", "task", "cem")))
    False
    """
    return request.kind == "talk"


class Network:
    """People, their contacts, and what they agree to.

    Parameters
    ----------
    party_of
        A person's side, by handle; made for each talk anew.
    contacts_of
        Whom a person has accepted, by handle.
    wire
        What every text crosses.
    agrees
        How people are asked to agree; talks with contacts only by default.
    journal, transcript
        As of `talk`.
    on_turn
        As of `talk`; given the turns of all talks.
    """

    def __init__(
        self,
        party_of: Callable[[str], Party],
        contacts_of: Callable[[str], Sequence[Person]],
        wire: Wire,
        *,
        agrees: Agrees = contacts_only,
        journal: Keeps | None = None,
        transcript: Transcript | None = None,
        on_turn: OnTurn | None = None,
    ) -> None:
        self._party_of = party_of
        self._contacts_of = contacts_of
        self._agrees = agrees
        self._introduced: dict[str, dict[str, Person]] = {}
        self._wire, self._journal, self._transcript, self._on_turn = wire, journal, transcript, on_turn

    def contacts(self, handle: str) -> list[Person]:
        """Return whom a person may ask: contacts, and whom they were introduced to."""
        known = {one.handle: one for one in self._contacts_of(handle)} | self._introduced.get(handle, {})
        return [known[one] for one in sorted(known) if one != handle]

    def find(self, owner: str, text: str, *, without: Sequence[str] = ()) -> list[Candidate]:
        """Return whom a person might ask for something, the likeliest first: by what is theirs to see, and no more.

        Parameters
        ----------
        owner
            Handle of who would ask.
        text
            What for.
        without
            Handles that are out of the question.
        """
        people = [one for one in self.contacts(owner) if one.handle not in without]
        if not people:
            return []
        words = content_words(text)
        memory = self._party_of(owner).reads([one.handle for one in people], "*")  # of secrets nobody is asked
        hits = memory.search(Query(words=words, context=0, limit=HITS)) if words else []
        said: Counter[int] = Counter()
        for rank, hit in enumerate(hits):
            said[hit.message.sender] += 1 / (rank + 1)  # type: ignore[assignment]
        told = " ".join(hit.message.text for hit in hits).casefold()
        found = [_candidate(one, text, words, said[one.id], told) for one in people]
        return sorted(found, key=lambda one: (-one.score, one.person.handle))

    async def introduce(self, asker: str, via: str, to: str, *, purpose: str, text: str) -> bool:
        """Have a contact introduce somebody, if both agree; return whether they are introduced.

        Raises
        ------
        InvalidInput
            When the one in the middle is not a contact of both.
        """
        theirs = {one.handle: one for one in self.contacts(via)}
        if asker not in theirs or to not in theirs:
            raise InvalidInput(f"{via!r} must be a contact of both {asker!r} and {to!r} to introduce them")
        if asker == to:
            raise InvalidInput(f"two people must be introduced; got {asker!r} twice")
        if not await self._agrees(Request("introduce", asker, via, purpose, to)):
            return False
        if not await self._agrees(Request("meet", asker, to, purpose, text, via)):
            return False
        self._introduced.setdefault(asker, {})[to] = theirs[to]
        self._introduced.setdefault(to, {})[asker] = theirs[asker]
        return True

    async def pursue(
        self,
        task: Assignment,
        asker: str,
        partner: str,
        *,
        limits: PursuitLimits | None = None,
        name: str = "task",
        control: Control | None = None,
    ) -> Pursuit:
        """Find something out, with others where the two do not know.

        Parameters
        ----------
        task
            What.
        asker, partner
            Handles; the two must be contacts.
        limits
            How far; `PursuitLimits` as they are if None.
        name
            Of the task, unique in the journal.
        control
            The hand of the people on all its talks.

        Raises
        ------
        InvalidInput
            When the two are no contacts.
        """
        if partner not in {one.handle for one in self.contacts(asker)}:
            raise InvalidInput(f"{asker!r} must have {partner!r} as a contact, accepted by both, to ask their agent")
        walk = Walk(self, limits or PursuitLimits(), control or Control())
        begun = asyncio.get_running_loop().time()
        root = await walk.branch(task, asker, partner, (asker, partner), name=name)
        last = await walk.conclude(root.talk)
        seconds = asyncio.get_running_loop().time() - begun
        return Pursuit(
            root=replace(root, talk=last),
            answer=last.answer,
            reasons=last.reasons,
            talks=walk.talks,
            calls=walk.calls,
            prompt_characters=walk.prompt_characters,
            tokens=walk.tokens,
            seconds=seconds,
            own_s=max(0.0, seconds - walk.model_s),
        )

    async def asks_contact(self, asker: str, to: str, purpose: str, text: str) -> bool:
        """Return whether somebody agrees to be asked for something by a contact."""
        return await self._agrees(Request("talk", asker, to, purpose, text))

    async def run(
        self,
        task: Assignment,
        asker: str,
        partner: str,
        *,
        name: str,
        limits: TalkLimits,
        control: Control,
        begun: State | None,
        conclude: bool,
    ) -> Talk:
        """Let two people's agents talk."""
        return await talk(
            self._party_of(asker),
            self._party_of(partner),
            task,
            wire=self._wire,
            limits=limits,
            name=name,
            journal=self._journal,
            transcript=self._transcript,
            control=control,
            on_turn=self._on_turn,
            begun=begun,
            conclude=conclude,
            still=lambda: self._are_contacts(asker, partner),
        )

    def _are_contacts(self, one: str, other: str) -> bool:
        """Return whether two people are contacts now; who has left has none."""
        try:
            return other in {each.handle for each in self.contacts(one)}
        except UnknownName:
            return False


def _candidate(person: Person, text: str, words: Sequence[str], said: float, told: str) -> Candidate:
    """Return how likely somebody is to know: named in the question, said such things, was spoken of, says so itself."""
    reasons = []
    score = said
    if said:
        reasons.append("said something like it")
    if person.name and person.name.casefold() in text.casefold():
        score += 2.0
        reasons.append("is who the question is about")
    if person.name and person.name.casefold() in told:
        score += 0.5
        reasons.append("is spoken of with it")
    card = set(content_words(person.card, 60))
    if shared := [word for word in words if word in card]:
        score += len(shared) / len(words)
        reasons.append("has it on their card")
    return Candidate(person, score, "; ".join(reasons) or "is a contact")
