"""The chat-completions protocol, seen from the client: questions written as JSON, replies and refusals read from it."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from pydantic_core import from_json

from consilience.dialogue.estimate import prompt_tokens
from consilience.dialogue.messages import Finish, Message, Question, Reply, Usage
from consilience.dialogue.models import BadReply, Denied, ModelError, Refused, Rejected, TimedOut, Unreachable

__all__ = ["failure", "read", "retry_after_s", "without_key", "write"]

_FINISHES: dict[str, Finish] = {
    "content_filter": "refused",
    "function_call": "tools",
    "length": "length",
    "stop": "stop",
    "tool_calls": "tools",
}
_DENIED = {
    401: "the key is missing or wrong",
    402: "the account is empty",
    403: "the key may not do that",
    404: "there is no such model or address",
}
_REFUSED = frozenset({429, 503, 529})
_TIMED_OUT = frozenset({408, 504, 524})
_GATEWAY = frozenset({502, 521, 522, 523})
_LONGEST_EXCERPT = 200
_EMPTY_ACCOUNT = (b"insufficient_quota", b"billing_hard_limit_reached")


def write(question: Question, model: str) -> bytes:
    """Return the body of a request.

    Examples
    --------
    >>> write(Question("7", (Message("user", ("Hello",)),)), "echo")
    b'{"model":"echo","messages":[{"role":"user","content":"Hello"}]}'
    """
    settings = question.settings
    body: dict[str, Any] = {
        "model": model,
        "messages": [{"role": message.role, "content": message.text} for message in question.messages],
    }
    for name in ("temperature", "max_tokens", "seed"):
        value = getattr(settings, name)
        if value is not None:
            body[name] = value
    if settings.json_schema is not None:
        schema = {"name": "reply", "schema": json.loads(settings.json_schema)}
        body["response_format"] = {"type": "json_schema", "json_schema": schema}
    # Lone surrogates are no UTF-8: escaped, they pass any server.
    return json.dumps(body, separators=(",", ":")).encode("ascii")


def read(
    body: bytes, question: Question, *, model: str, where: str, latency_s: float = 0.0, key: str | None = None
) -> Reply:
    """Return what a body with status 200 says.

    Parameters
    ----------
    body
        JSON, as it came.
    question
        What was asked: where the server does not count tokens, they are estimated from it.
    model
        Who was asked.
    where
        Address of the server, for messages.
    latency_s
        How long it took.
    key
        Taken out of what is quoted.

    Raises
    ------
    BadReply
        When that is not a chat completion.
    """
    if not body:
        raise BadReply(f"{where} answered with an empty body; ask again")
    try:
        answer = from_json(body)
    except ValueError as error:
        raise BadReply(f"{where} answered with broken JSON ({error}); ask again") from None
    try:
        choice = answer["choices"][0]
        text = _content(choice["message"])
    except (KeyError, IndexError, TypeError):
        told = _excerpt(body, key)
        raise BadReply(f"{where} answered with JSON that is no chat completion: {told}; check the address") from None
    finish: Finish = _FINISHES.get(str(choice.get("finish_reason") or "stop"), "other")
    named = answer.get("model")
    return Reply(
        text=text,
        model=named if isinstance(named, str) and named else model,
        usage=_usage(answer.get("usage"), question, text),
        finish="refused" if choice["message"].get("refusal") else finish,
        latency_s=latency_s,
        priced=False,
    )


def failure(status: int, headers: Mapping[str, str], body: bytes, *, where: str, key: str | None = None) -> ModelError:
    """Return the error that a status other than 200 stands for.

    Parameters
    ----------
    status
        Of HTTP.
    headers
        Of the answer.
    body
        Of the answer; a few words of it are quoted.
    where
        Address of the server.
    key
        Taken out of what is quoted.

    Examples
    --------
    >>> failure(429, {"Retry-After": "2"}, b"", where="http://localhost").retry_after_s
    2.0
    >>> print(failure(401, {}, b'{"error": {"message": "no"}}', where="http://localhost"))
    http://localhost denies: the key is missing or wrong (status 401: no); check key, model and address
    """
    told = _told(body, key)
    said = f"status {status}: {told}" if told else f"status {status}"
    if status in _REFUSED and not any(words in body for words in _EMPTY_ACCOUNT):
        wait_s = retry_after_s(headers)
        when = "later" if wait_s is None else f"in {wait_s:g} s"
        return Refused(wait_s, f"{where} refused for now ({said}); ask again {when}, or set a lower limit")
    if status in _REFUSED or status in _DENIED:
        return Denied(f"{where} denies: {_DENIED.get(status, _DENIED[402])} ({said}); check key, model and address")
    return _other_failure(status, where, said)


def _other_failure(status: int, where: str, said: str) -> ModelError:
    if status in _TIMED_OUT:
        return TimedOut(f"{where} took too long ({said}); ask again")
    if status in _GATEWAY:
        return Unreachable(f"the server behind {where} does not answer ({said}); ask again")
    if status >= 500:  # noqa: PLR2004  HTTP
        return BadReply(f"{where} failed ({said}); ask again", charged=False)
    if status < 400:  # noqa: PLR2004  HTTP
        return Denied(f"{where} sends elsewhere ({said}); give the address where the answers come from")
    return Rejected(f"{where} does not take the question ({said}); change its length or settings")


def retry_after_s(headers: Mapping[str, str], *, now: datetime | None = None) -> float | None:
    """Return how long a server asks to wait, whether it says so in seconds, milliseconds or as a date; None if not.

    Examples
    --------
    >>> retry_after_s({"retry-after-ms": "250"}), retry_after_s({"Retry-After": "soon"})
    (0.25, None)
    >>> noon = datetime(2024, 1, 1, 12, tzinfo=UTC)
    >>> retry_after_s({"Retry-After": "Mon, 01 Jan 2024 12:00:30 GMT"}, now=noon)
    30.0
    """
    lower = {name.lower(): value for name, value in headers.items()}
    for name, unit in (("retry-after-ms", 1e-3), ("retry-after", 1.0)):
        try:
            wait_s = float(lower[name]) * unit
        except (KeyError, ValueError):
            continue
        if math.isfinite(wait_s):
            return max(0.0, wait_s)
    try:
        until = parsedate_to_datetime(lower["retry-after"])
    except (KeyError, ValueError):
        return None
    if until.tzinfo is None:  # "-0000" stands for UTC
        until = until.replace(tzinfo=UTC)
    return max(0.0, (until - (now or datetime.now(tz=UTC))).total_seconds())


def without_key(text: str, key: str | None) -> str:
    """Return a text with the key taken out; to be called before anything is cut, which would leave a part of it.

    Examples
    --------
    >>> without_key("no such key: sk-1234", "sk-1234")
    'no such key: [key]'
    """
    return text.replace(key, "[key]") if key else text


def _content(message: dict[str, Any]) -> str:
    content = message["content"] if "content" in message or "tool_calls" not in message else ""
    if isinstance(content, str):
        return content
    if content is None:
        return str(message.get("refusal") or "")
    return "".join(part["text"] for part in content if part.get("type") == "text")


def _usage(usage: Any, question: Question, text: str) -> Usage:
    if isinstance(usage, dict):
        asked, said = usage.get("prompt_tokens"), usage.get("completion_tokens")
        if isinstance(asked, int) and isinstance(said, int) and asked >= 0 and said >= 0:
            return Usage(asked, said)
    return Usage(prompt_tokens(question.messages), prompt_tokens((Message("assistant", (text,)),)))


def _told(body: bytes, key: str | None) -> str:
    """Return what a server says went wrong, in a few words, without the key."""
    told = _excerpt(body, key)
    try:
        answer = from_json(body)
    except ValueError:
        answer = None
    if isinstance(answer, dict):
        error = answer.get("error", answer)
        message = error.get("message", error.get("detail")) if isinstance(error, dict) else error
        told = _cut(without_key(str(message), key)) if message else told
    return told


def _excerpt(body: bytes, key: str | None) -> str:
    kept = body.replace(key.encode(), b"[key]") if key else body
    return _cut(kept[: 4 * _LONGEST_EXCERPT].decode("utf-8", "replace"))


def _cut(text: str) -> str:
    return " ".join(text.split())[:_LONGEST_EXCERPT]
