"""What questions will cost, before any is sent: bounds for the budget, sums for a dry run."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from consilience.dialogue.messages import Message, Question, Usage
from consilience.dialogue.prices import price
from consilience.ground.errors import InvalidInput

__all__ = ["REPLY_TOKENS", "Estimate", "bound", "prompt_tokens"]

REPLY_TOKENS = 1024
"""Tokens that a reply is taken to have at most where ``max_tokens`` is not set; then it is a guess and no bound."""

_BYTES_PER_TOKEN = 3
_TOKENS_PER_MESSAGE = 4


def prompt_tokens(messages: Iterable[Message], count: Callable[[str], int] | None = None) -> int:
    """Return about how many tokens messages have, rather too many than too few.

    A token for every three bytes of UTF-8, rounded up, and four for every message; English has four letters a token,
    program text three, Chinese one character.

    Parameters
    ----------
    messages
        Of a question.
    count
        The tokenizer of the model, if it is known.

    Examples
    --------
    >>> prompt_tokens((Message("user", ("Hello", " there")),))
    8
    """
    total = 0
    for message in messages:
        total += _TOKENS_PER_MESSAGE
        if count is not None:
            total += count(message.text)
            continue
        size = 0
        for part in message.parts:
            size += len(part) if part.isascii() else len(part.encode("utf-8", "surrogatepass"))
        total += -(-size // _BYTES_PER_TOKEN)
    return total


def bound(question: Question, count: Callable[[str], int] | None = None) -> Usage:
    """Return what a question may take at most, without its price.

    Examples
    --------
    >>> from consilience.dialogue.messages import Settings
    >>> bound(Question("7", (Message("user", ("Hello there",)),), Settings(max_tokens=100)))
    Usage(input_tokens=8, output_tokens=100, usd=0.0)
    """
    most = question.settings.max_tokens
    return Usage(prompt_tokens(question.messages, count), REPLY_TOKENS if most is None else most)


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """What planned questions will take.

    Examples
    --------
    >>> question = Question("7", (Message("user", ("Hello there",)),))
    >>> two = Estimate.of([question, question], "rehearsal:echo", reply_tokens=20)
    >>> two.calls, two.input_tokens, two.output_tokens, two.usd
    (2, 16, 40, 0.0)
    >>> (two + two).calls
    4
    """

    calls: int = 0
    """Questions."""
    input_tokens: int = 0
    """Tokens of the questions."""
    output_tokens: int = 0
    """Tokens of the replies."""
    usd: float | None = 0.0
    """Money; None where a price is not known."""

    @classmethod
    def of(
        cls,
        questions: Iterable[Question],
        model: str,
        *,
        reply_tokens: int | None = None,
        count: Callable[[str], int] | None = None,
    ) -> Estimate:
        """Sum up what questions to a model will take.

        Parameters
        ----------
        questions
            As they will be asked.
        model
            By its name, as in ``"openai:gpt-4o"``.
        reply_tokens
            Length of a reply; what a question allows at most if None.
        count
            The tokenizer of the model, if it is known.
        """
        total = cls()
        for question in questions:
            usage = bound(question, count)
            if reply_tokens is not None:
                usage = Usage(usage.input_tokens, min(reply_tokens, question.settings.max_tokens or reply_tokens))
            total += cls.of_calls(1, usage, model)
        return total

    @classmethod
    def of_calls(cls, calls: int, usage: Usage, model: str) -> Estimate:
        """Return what so many calls of that size take."""
        if calls < 0:
            raise InvalidInput(f"`calls` must be at least 0; got {calls!r}")
        usd = price(model, None, usage)
        return cls(
            calls=calls,
            input_tokens=calls * usage.input_tokens,
            output_tokens=calls * usage.output_tokens,
            usd=None if usd is None else calls * usd,
        )

    def __add__(self, other: Estimate) -> Estimate:
        """Sum two estimates up; the price is unknown if one of them is."""
        unknown = self.usd is None or other.usd is None
        return Estimate(
            calls=self.calls + other.calls,
            input_tokens=self.input_tokens + other.input_tokens,
            output_tokens=self.output_tokens + other.output_tokens,
            usd=None if unknown else math.fsum((self.usd or 0.0, other.usd or 0.0)),
        )
