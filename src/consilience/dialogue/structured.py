"""Answers that are data: asked for as JSON, found in what was said, checked, and asked for again if they are wrong."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from functools import lru_cache
from types import GenericAlias, UnionType
from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError

from consilience.dialogue.messages import Message, Question
from consilience.dialogue.session import Session
from consilience.ground.errors import ConsilienceError, InvalidInput

__all__ = ["Unparsable", "ask_as", "find_json", "parse_as"]

T = TypeVar("T")

_FENCED = re.compile(r"```[\w-]*[ \t]*\n(.*?)```", re.DOTALL)
_OPENING = re.compile(r"[{\[]")
_MOST_OPENINGS = 100
_MOST_ERRORS = 5
_decoder = json.JSONDecoder()


class Unparsable(ConsilienceError, ValueError):
    """A model's last answer still is not what was asked for.

    Parameters
    ----------
    message
        What is wrong with it.
    text
        The last answer, as it came.
    """

    def __init__(self, message: str, text: str) -> None:
        self.text = text
        super().__init__(message)

    def __reduce__(self) -> tuple[type[Unparsable], tuple[str, str]]:
        """Pickle by both arguments, so that the error crosses a process boundary whole."""
        return type(self), (str(self), self.text)


async def ask_as(
    session: Session,
    question: Question,
    schema: type[T] | GenericAlias | UnionType,
    *,
    reasks: int = 2,
    priority: float = 0.0,
    caused_by: tuple[str, ...] = (),
) -> T:
    """Ask for an answer of a type, and ask again with the error shown where it is not one.

    Parameters
    ----------
    session
        Whom to ask.
    question
        Its last message gets the JSON schema appended. Re-asks have the next occurrences.
    schema
        Whatever pydantic knows: a model, a dataclass, ``list[int]``.
    reasks
        How often to ask again.
    priority, caused_by
        As of `Session.ask`.

    Raises
    ------
    Unparsable
        When the last answer is not of the type either; it is kept as `text`.
    """
    if reasks < 0:
        raise InvalidInput(f"`reasks` must be at least 0; got {reasks!r}")
    if not question.messages:
        raise InvalidInput("`question` must have a message that asks something; got none")
    asked = _with_schema(question, schema)
    for left in range(reasks, -1, -1):
        reply = await session.ask(asked, priority=priority, caused_by=caused_by)
        try:
            return parse_as(reply.text, schema)
        except Unparsable as error:
            if not left:
                raise Unparsable(
                    f"{question.element!r} got no answer of the form asked for: {error}", reply.text
                ) from None
            again = Message("user", (f"That is not valid: {error}\nAnswer again, with the JSON only.",))
            asked = replace(
                asked,
                messages=(*asked.messages, Message("assistant", (reply.text,)), again),
                occurrence=asked.occurrence + 1,
            )
        caused_by = session.last_event(question.element)
    raise AssertionError("unreachable: the last round returns or raises")


def parse_as(text: str, schema: type[T] | GenericAlias | UnionType) -> T:
    """Return the first JSON in a text that is of a type.

    Raises
    ------
    Unparsable
        When there is none; the message tells what is wrong with the one that came closest.

    Examples
    --------
    >>> parse_as('Here you are: {"a": 1} - as you wished.', dict[str, int])
    {'a': 1}
    >>> parse_as("I cannot.", dict[str, int])
    Traceback (most recent call last):
        ...
    consilience.dialogue.structured.Unparsable: there is no JSON in it
    """
    known: Any = schema
    adapter = _adapter(known)
    closest: ValidationError | None = None
    for candidate in find_json(text):
        try:
            value: T = adapter.validate_python(candidate)
        except ValidationError as error:
            if closest is None or error.error_count() < closest.error_count():
                closest = error
        else:
            return value
    raise Unparsable("there is no JSON in it" if closest is None else _told(closest), text)


def find_json(text: str) -> Iterator[Any]:
    """Iterate over JSON values in a text: all of it, then fenced blocks, then what begins at a bracket.

    Examples
    --------
    >>> list(find_json("[1] or [2]"))
    [[1], [2]]
    """
    for whole in (text, *(match.group(1) for match in _FENCED.finditer(text))):
        try:
            yield json.loads(whole)
        except (ValueError, RecursionError):
            continue
    position = 0
    for _ in range(_MOST_OPENINGS):
        opening = _OPENING.search(text, position)
        if opening is None:
            return
        try:
            value, position = _decoder.raw_decode(text, opening.start())
        except (ValueError, RecursionError):
            position = opening.end()
        else:
            yield value


@lru_cache(maxsize=256)
def _adapter(schema: Any) -> Any:
    return TypeAdapter(schema)


@lru_cache(maxsize=256)
def _form(schema: Any) -> str:
    described = json.dumps(_adapter(schema).json_schema(), sort_keys=True)
    return f"\n\nAnswer with JSON only, of the form that this JSON schema describes:\n{described}"


def _with_schema(question: Question, schema: Any) -> Question:
    *before, last = question.messages
    return replace(question, messages=(*before, replace(last, parts=(*last.parts, _form(schema)))))


def _told(error: ValidationError) -> str:
    errors = error.errors(include_url=False, include_input=False, include_context=False)
    lines = [f"{'.'.join(map(str, one['loc'])) or 'the answer'}: {one['msg']}" for one in errors[:_MOST_ERRORS]]
    rest = len(errors) - len(lines)
    return "; ".join(lines) + (f"; and {rest} more" if rest else "")
