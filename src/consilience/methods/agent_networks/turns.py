"""Turns: what an element of a network asks, and which replies it accepts."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from consilience.dialogue.asking import Asks
from consilience.dialogue.messages import Message, Question, Reply, Settings
from consilience.dialogue.transcript import Transcript
from consilience.dialogue.work.artifact import Artifact, Kind
from consilience.dialogue.work.attempts import attempt, finished, seed_of
from consilience.methods.agent_networks.prompts import Prompts
from consilience.methods.agent_networks.result import ElementFacts

__all__ = ["Element", "Turns"]


class Element:
    """An element at work.

    Parameters
    ----------
    name
        As events and the journal call it.
    temperature
        Of its questions.
    priority
        Of its questions: turns on the longest path that is still ahead.
    after
        Events that its next one comes after.
    facts
        What it does and costs.
    """

    __slots__ = ("after", "facts", "name", "priority", "temperature")

    def __init__(
        self, name: str, temperature: float, priority: float, after: tuple[str, ...], facts: ElementFacts
    ) -> None:
        self.name = name
        self.temperature = temperature
        self.priority = priority
        self.after = after
        self.facts = facts


class Turns:
    """Takes the turns of elements: drafts, exchanges of critic and actor, merges.

    Parameters
    ----------
    asks
        Who is asked.
    kind
        How a reply is read.
    prompts
        What is asked.
    rounds
        Comments and refinements of an exchange at most.
    reasks
        How often to ask again for a reply that cannot be used.
    max_tokens
        Tokens of a reply at most.
    seed
        Of the run.
    transcript
        Where events are taken down.
    proceed
        Called before each question; raises when nothing more is to be asked.
    """

    def __init__(
        self,
        asks: Asks,
        kind: Kind,
        prompts: Prompts,
        *,
        rounds: int,
        reasks: int,
        max_tokens: int | None,
        seed: int,
        transcript: Transcript | None,
        proceed: Callable[[], None],
    ) -> None:
        self._asks = asks
        self._kind = kind
        self._prompts = prompts
        self._rounds = rounds
        self._reasks = reasks
        self._max_tokens = max_tokens
        self._seed = seed
        self._transcript = transcript
        self._proceed = proceed
        self._settings: dict[tuple[float, int], Settings] = {}

    async def draft(self, element: Element) -> Artifact | None:
        """Return a first version; None when no reply is one."""
        return await self._attempt(element, self._prompts.draft(element.name), 1)

    async def exchange(self, element: Element, actor: str, artifact: Artifact) -> Artifact:
        """Let the critic of an edge comment and the actor of its child refine, until the critic has nothing to add.

        A refinement that parses worse than what it refines is dropped: what was there stands.
        """
        for _ in range(self._rounds):
            comment = (await self._ask(element, self._prompts.critique(element.name, artifact))).text
            if finished(comment):
                break
            element.facts.rounds += 1
            refined = await self._attempt(element, self._prompts.refine(actor, artifact, comment), artifact.grade)
            artifact = refined or artifact
        return artifact

    async def merge(self, element: Element, actor: str, artifacts: Sequence[Artifact]) -> Artifact | None:
        """Return one artifact for several; None when no reply parses as well as the best of them."""
        floor = max([artifact.grade for artifact in artifacts])
        return await self._attempt(element, self._prompts.merge(actor, artifacts), floor)

    async def _attempt(self, element: Element, messages: tuple[Message, ...], floor: int) -> Artifact | None:
        """Ask until a reply parses no worse than `floor`, and not much longer."""

        async def ask(asked: tuple[Message, ...]) -> str:
            return (await self._ask(element, asked)).text

        def dropped(fault: str) -> None:
            element.facts.dropped += 1
            if self._transcript is not None:
                element.after = (self._transcript.add("dropped", element.name, after=element.after, reason=fault),)

        return await attempt(messages, floor, ask=ask, read=self._kind.read, reasks=self._reasks, dropped=dropped)

    async def _ask(self, element: Element, messages: tuple[Message, ...]) -> Reply:
        self._proceed()
        name, facts = element.name, element.facts
        occurrence = facts.calls
        facts.calls = occurrence + 1
        question = Question(name, messages, self._setting(element, occurrence), occurrence)
        try:
            reply = await self._asks.ask(question, priority=element.priority, caused_by=element.after)
        finally:
            if self._transcript is not None:
                element.after = self._asks.last_event(name) or element.after
        facts.count(reply)
        facts.measure(messages)
        return reply

    def _setting(self, element: Element, occurrence: int) -> Settings:
        seed = seed_of(self._seed, element.name, occurrence)
        key = (element.temperature, seed)
        setting = self._settings.get(key)
        if setting is None:
            setting = Settings(temperature=element.temperature, max_tokens=self._max_tokens, seed=seed)
            self._settings[key] = setting
        return setting
