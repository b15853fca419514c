"""A model of the house as the loop knows models: a session's budget, pace, journal and retries behind one callable.

Any provider that `consilience.dialogue` reaches comes in this way: an OpenAI-compatible address, a model of
pydantic-ai, or a rehearsal.
"""

from __future__ import annotations

from collections.abc import Sequence

from consilience.dialogue.budget import BudgetExhausted
from consilience.dialogue.history import JournalUnavailable
from consilience.dialogue.messages import Message as Said
from consilience.dialogue.messages import Question, Reply, Settings
from consilience.dialogue.models import Denied, ModelError, Refused
from consilience.dialogue.session import NotInJournal, Session
from consilience.ground.errors import ConsilienceError
from consilience.methods.self_correction.calls import current_call
from consilience.methods.self_correction.message import Message

__all__ = ["DialogueModel"]

_FOR_ALL = (BudgetExhausted, Denied, JournalUnavailable, NotInJournal)
"""Troubles that the next call would meet again."""


class DialogueModel:
    """Asks a session, as a callable from messages to text: what a `Corrector`, a critic or a judge takes for a model.

    Calls are told apart by item and number, so that independent answers to one question are drawn and journalled one by
    one, and a batch that is run again takes them from the journal. Whoever asks the same in the same place, such as two
    strategies for their first answer, gets the same reply.

    Parameters
    ----------
    session
        Who answers, under which budget and at which pace.
    settings
        How to answer; the same for every call, checks included.
    who
        Put before the names of items in the journal; of a judge, for instance.

    Examples
    --------
    >>> import asyncio
    >>> from consilience.dialogue.rehearsal import rehearse
    >>> async def greet():
    ...     async with Session(rehearse("echo")) as session:
    ...         return await DialogueModel(session)([{"role": "user", "content": "Hello"}])
    >>> asyncio.run(greet())
    'Hello'
    """

    def __init__(self, session: Session, *, settings: Settings | None = None, who: str = "") -> None:
        self.session = session
        """Who answers."""
        self.settings = settings or Settings()
        """How."""
        self.replies = 0
        """Replies so far, those from the journal included."""
        self.cut = 0
        """Replies that ran out of tokens."""
        self.answered_by: set[str] = set()
        """Who answered, by the names that replies give."""
        self.trouble: ConsilienceError | None = None
        """What every further call would meet: an empty budget, a key that is refused, a journal that cannot be written,
        a provider that asks to wait longer than is waited for. Such calls are not made."""
        self.last_failure: ModelError | None = None
        """The last of other failures; each has ended a question, and no more."""
        self._who = who

    async def __call__(self, messages: Sequence[Message]) -> str:
        """Return what is said.

        Raises
        ------
        BudgetExhausted, JournalUnavailable, NotInJournal, ModelError
            As of `Session.ask`; what would happen again is kept as `trouble`, and raised again without a call.
        """
        if self.trouble is not None:
            raise self.trouble
        try:
            reply = await self.session.ask(self._question(messages))
        except _FOR_ALL as trouble:
            self.trouble = trouble
            raise
        except ModelError as failure:
            if isinstance(failure, Refused) and not self.session.retry.waits(failure.retry_after_s):
                self.trouble = failure
            else:
                self.last_failure = failure
            raise
        self._count(reply)
        return reply.text

    def require_whole(self) -> None:
        """Raise what has kept calls from being made: in the loop it has ended questions with a reason, and no more."""
        if self.trouble is not None:
            raise self.trouble
        if self.last_failure is not None and not self.replies:
            raise self.last_failure

    def _question(self, messages: Sequence[Message]) -> Question:
        call = current_call()
        item, number = ("", 0) if call is None else (call.item, call.number)
        element = ".".join(filter(None, (self._who, item))) or "question"
        said = tuple(Said(message["role"], (message["content"],)) for message in messages)
        return Question(element, said, self.settings, number)

    def _count(self, reply: Reply) -> None:
        self.replies += 1
        self.answered_by.add(reply.model)
        self.cut += reply.finish == "length"
