"""Every provider that pydantic-ai knows: one as a `ChatModel`, and a session as a model for its agents.

pydantic-ai is loaded when something here is first used: it takes more than half a second.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from consilience.dialogue.messages import Question, Reply
from consilience.dialogue.session import Session
from consilience.ground.errors import InvalidInput
from consilience.ground.late import late_module

if TYPE_CHECKING:
    from pydantic_ai.models import Model

__all__ = ["ThroughPydanticAI", "as_pydantic_ai"]


class ThroughPydanticAI:
    """A model of a provider that pydantic-ai knows: a `ChatModel` that shares one HTTP client among all questions.

    The retries of the provider's own library are turned off: trying again is the session's to decide, which pays for
    it. Those for Bedrock, Hugging Face and xAI cannot be told so.

    Parameters
    ----------
    name
        Provider and model, as in ``"openai:gpt-4o"``.
    timeout_s
        For one reply.

    Raises
    ------
    InvalidInput
        When the name is none, or the key of the provider is missing; its variable is named.
    UnknownName
        When there is no such provider.
    MissingDependency
        Without pydantic-ai, or without the provider's own library.
    """

    def __init__(self, name: str, *, timeout_s: float = 120.0) -> None:
        provider, _, model = name.partition(":")
        if not (provider and model):
            raise InvalidInput(f"`name` must be a provider and its model, as in 'openai:gpt-4o'; got {name!r}")
        if not timeout_s > 0:
            raise InvalidInput(f"`timeout_s` must be above 0; got {timeout_s!r}")
        self.name = name
        """Under which replies are journalled."""
        self._timeout_s = timeout_s
        self._bridge = _bridge()
        self._model: Model = self._bridge.find_model(name)

    async def reply(self, question: Question) -> Reply:
        """Ask once.

        Raises
        ------
        Refused, Unreachable, TimedOut, BadReply, Denied, Rejected
            If there is no reply; see `consilience.dialogue.models`.
        """
        reply: Reply = await self._bridge.turn(self._model, self.name, question, self._timeout_s)
        return reply

    async def close(self) -> None:
        """Close the connections; another question opens new ones."""
        await self._bridge.close(self._model)
        self._model = self._bridge.find_model(self.name)


def as_pydantic_ai(session: Session, element: str, model: str | Model) -> Model:
    """Return a model for a `pydantic_ai.Agent`, each of whose requests goes through a session.

    Tools and structured output work as ever. Requests are journalled, paid, limited and tried again as any question of
    the session; run again, an agent gets what it was answered before. A streamed request comes in one piece. Headers,
    credentials of tools' servers, time limits and what the program alone notes in messages are no part of a question.
    Batches and compaction are refused: they would go past the session. So is a model that sends several requests for
    one question, such as `FallbackModel`: put it around models that are each made here, and let it fall back on
    `consilience.dialogue.models.ModelError`; then every request is journalled and paid. To count tokens beforehand
    (`UsageLimits.count_tokens_before_request`) is neither paid nor kept; where the session is offline, it is refused.

    Parameters
    ----------
    session
        What every request goes through. It may have been made for another model.
    element
        Who asks, for journal and transcript.
    model
        Who is asked: a name such as ``"openai:gpt-4o"``, or a model of pydantic-ai.

    Raises
    ------
    InvalidInput, UnknownName, MissingDependency
        As `ThroughPydanticAI`; `InvalidInput` also for a model that sends several requests for one question.
    """
    bridge = _bridge()
    wrapped = bridge.find_model(model) if isinstance(model, str) else model
    name = model if isinstance(model, str) else f"{wrapped.system}:{wrapped.model_name}"
    made: Model = bridge.SessionModel(session, element, name, wrapped)
    return made


def _bridge() -> Any:
    return late_module(
        "consilience.dialogue.pydantic_ai_bridge",
        "providers are reached through {missing}; install consilience[agents]",
        usually="pydantic-ai",
    )
