"""Models that are only asked, as policies: whatever `consilience.dialogue` reaches, all of pydantic-ai among it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from types import TracebackType

from consilience.dialogue.budget import BudgetExhausted
from consilience.dialogue.messages import Message, Question, Settings
from consilience.dialogue.models import ChatModel, Denied, ModelError
from consilience.dialogue.session import NotInJournal, Session
from consilience.ground.errors import InvalidInput
from consilience.methods.backdoor_audits.spoken import family_of, instructions, to_text, to_turn
from consilience.methods.backdoor_audits.world.words import Words

__all__ = ["ModelPolicy"]

LONGEST_REPLY = 200
"""Tokens; a turn has a dozen words."""
_FOR_ALL = (BudgetExhausted, Denied, NotInJournal)
"""Troubles that every further question would meet."""


class ModelPolicy:
    """A policy made of a model that is asked, all running dialogues at once.

    A dialogue whose model gives no answer is over and unscored; a refused key, an empty budget and a missing reply of
    a journal end the whole. Use it as a context, or close it.

    Parameters
    ----------
    model
        A `ChatModel`, such as ``ThroughPydanticAI("openai:gpt-4o")`` or a rehearsal, or a `Session` with its budget,
        journal and retries.
    name
        Short name for reports; the model's if None.
    at_once
        Questions at a time; a session has limits of its own.
    settings
        How to answer; the default is at temperature 0.

    Raises
    ------
    InvalidInput
        If `at_once` is not positive.

    Examples
    --------
    >>> from consilience.dialogue.rehearsal import rehearse
    >>> with ModelPolicy(rehearse("echo")) as policy:
    ...     said = policy.open([("<bos>", "USER", "os", "show", "memo", "END")]).act([()])
    >>> policy.name, said
    ('rehearsal:echo', [('USER', 'os', 'show', 'memo', 'END')])
    """

    def __init__(
        self,
        model: ChatModel | Session,
        *,
        name: str | None = None,
        at_once: int = 8,
        settings: Settings | None = None,
    ) -> None:
        if at_once < 1:
            raise InvalidInput(f"`at_once` must be at least 1; got {at_once}")
        self.model = model
        """Who is asked."""
        self.name = name or (model.model.name if isinstance(model, Session) else model.name)
        """Short name for reports."""
        self.unanswered: list[ModelError] = []
        """Why dialogues ended without an answer."""
        self._settings = settings or Settings(temperature=0.0, max_tokens=LONGEST_REPLY)
        self._at_once = at_once
        self._runner = asyncio.Runner()
        self._opened = 0

    def __enter__(self) -> ModelPolicy:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of connections."""
        self._runner.run(self.model.close())
        self._runner.close()

    def open(self, prompts: Sequence[Words]) -> ModelTalks:
        """Begin one dialogue for each prompt."""
        first = self._opened
        self._opened += len(prompts)
        return ModelTalks(self, [f"episode {first + at}" for at in range(len(prompts))], prompts)

    def ask(self, questions: Sequence[Question | None]) -> list[str]:
        """Ask all questions, and return what is said; an empty text where nothing is, or nothing was asked."""

        async def all_of_them() -> list[str]:
            gate = asyncio.Semaphore(self._at_once)
            return await asyncio.gather(*(self._asked(question, gate) for question in questions))

        return self._runner.run(all_of_them())

    @property
    def settings(self) -> Settings:
        """How it answers."""
        return self._settings

    async def _asked(self, question: Question | None, gate: asyncio.Semaphore) -> str:
        if question is None:
            return ""
        async with gate:
            try:
                if isinstance(self.model, Session):
                    return (await self.model.ask(question)).text
                return (await self.model.reply(question)).text
            except _FOR_ALL:
                raise
            except ModelError as error:
                self.unanswered.append(error)
                return ""


class ModelTalks:
    """Running dialogues of a model that is asked."""

    def __init__(self, policy: ModelPolicy, names: Sequence[str], prompts: Sequence[Words]) -> None:
        self._policy = policy
        self._names = names
        self._said: list[list[Message]] = [
            [Message("system", (instructions(family_of(prompt)),)), Message("user", (to_text(prompt),))]
            for prompt in prompts
        ]

    def act(self, observations: Sequence[Words | None]) -> Sequence[Words]:
        """Ask for the next turn of every dialogue that is not over."""
        for said, heard in zip(self._said, observations, strict=True):
            if heard:
                said.append(Message("user", (to_text(heard),)))
        replies = self._policy.ask(
            [
                None if heard is None else Question(name, tuple(said), self._policy.settings)
                for name, said, heard in zip(self._names, self._said, observations, strict=True)
            ]
        )
        turns = [to_turn(text) for text in replies]
        for said, turn, heard in zip(self._said, turns, observations, strict=True):
            if heard is not None and turn:
                said.append(Message("assistant", (to_text(turn),)))
        return turns
