"""What a model is to the rest of the house: one that answers questions, or says in one of a few ways why it did not."""

from __future__ import annotations

from typing import ClassVar, Protocol, runtime_checkable

from consilience.dialogue.messages import Question, Reply
from consilience.ground.errors import ConsilienceError, InvalidInput

__all__ = [
    "BadReply",
    "ChatModel",
    "Denied",
    "MissingKey",
    "ModelError",
    "Refused",
    "Rejected",
    "TimedOut",
    "Unreachable",
]


class MissingKey(InvalidInput):
    """The key of a provider is not in the environment; the message names its variable."""


class ModelError(ConsilienceError):
    """A model did not answer; the subclass says in which way, the message who it was and what to do.

    Parameters
    ----------
    message
        One line, without any key.
    charged
        Whether the provider may have taken money for it; the class's own answer if None.
    """

    passing: ClassVar[bool] = True
    """Whether asking again may help."""
    charged: bool = False
    """Whether the provider may have taken money for it."""

    def __init__(self, message: str, *, charged: bool | None = None) -> None:
        super().__init__(message)
        if charged is not None:
            self.charged = charged


class Refused(ModelError):
    """The provider is there and wants to be asked later: a limit is reached (429), or it is overloaded (503).

    Parameters
    ----------
    retry_after_s
        How long it asks to wait; None if it does not say.
    message
        One line, without any key.
    """

    def __init__(self, retry_after_s: float | None = None, message: str | None = None) -> None:
        self.retry_after_s = retry_after_s
        when = "later" if retry_after_s is None else f"in {retry_after_s:g} s"
        super().__init__(message or f"the model refused for now; ask again {when}, or set a lower limit")

    def __reduce__(self) -> tuple[type[Refused], tuple[float | None, str]]:
        """Pickle by both arguments, so that the error crosses a process boundary whole."""
        return type(self), (self.retry_after_s, str(self))


class Unreachable(ModelError):
    """Nothing answers there, or the connection broke."""


class TimedOut(ModelError):
    """No complete reply came in time."""

    charged = True


class BadReply(ModelError):
    """What came is not a reply: half a JSON, an empty body, an error of the server, another protocol."""

    charged = True


class Denied(ModelError):
    """The key, the model's name or the address is wrong, or the account is empty; asking again does not help."""

    passing = False


class Rejected(ModelError):
    """The provider does not take this question: too long, or a setting that it does not know."""

    passing = False


@runtime_checkable
class ChatModel(Protocol):
    """Whoever answers questions."""

    @property
    def name(self) -> str:
        """Under which replies are journalled; the provider's name for itself is in the replies."""

    async def reply(self, question: Question) -> Reply:
        """Answer once, without trying again.

        Raises
        ------
        ModelError
            One of its subclasses, if there is no answer.
        """

    async def close(self) -> None:
        """Let go of connections; a later question opens them anew."""
