"""The chat-completions protocol, seen from the server: questions read from JSON, replies and errors written as JSON."""

from __future__ import annotations

import json
import math
import time
from dataclasses import dataclass
from typing import Any

from consilience.dialogue.messages import Message, Question, Role, Settings, Usage

__all__ = ["Asked", "Unfit", "completion", "error", "models", "read", "stream"]

_ROLES: dict[str, Role] = {
    "assistant": "assistant",
    "developer": "system",
    "function": "user",
    "system": "system",
    "tool": "user",
    "user": "user",
}
_PIECE_CHARACTERS = 24
_FINISHES = {"length": "length", "refused": "content_filter", "tools": "tool_calls"}


class Unfit(Exception):
    """A request that is not the protocol.

    Parameters
    ----------
    status
        Of the answer.
    message
        What was expected and what came.
    code
        For programs.
    """

    def __init__(self, status: int, message: str, code: str = "invalid_request") -> None:
        super().__init__(message)
        self.status = status
        self.code = code


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A request, understood."""

    question: Question
    """What is asked."""
    model: str
    """Of whom, by the name in the request."""
    streamed: bool
    """Whether the reply is to come as events."""
    usage_in_stream: bool
    """Whether the last event is to give the usage."""


def read(body: bytes, element: str = "", occurrence: int = 0) -> Asked:
    """Understand the body of a request.

    Parameters
    ----------
    body
        JSON.
    element, occurrence
        Who asks and for the how-manieth time, which the protocol has no place for.

    Raises
    ------
    Unfit
        If it is not JSON, or not a request for a chat completion.

    Examples
    --------
    >>> read(b'{"model": "echo", "messages": [{"role": "user", "content": "Hello"}]}').question.messages[0].text
    'Hello'
    """
    try:
        asked = json.loads(body)
    except (ValueError, RecursionError) as problem:
        raise Unfit(400, f"expected JSON; got {body[:40]!r}: {problem}") from None
    if not isinstance(asked, dict):
        raise Unfit(400, f"expected a JSON object; got {type(asked).__name__}")
    model = asked.get("model")
    if not isinstance(model, str) or not model:
        raise Unfit(400, f"`model` must be the name of a model; got {model!r:.60}")
    options = asked.get("stream_options")
    return Asked(
        question=Question(element, _messages(asked.get("messages")), _settings(asked), occurrence),
        model=model,
        streamed=asked.get("stream") is True,
        usage_in_stream=isinstance(options, dict) and options.get("include_usage") is True,
    )


def completion(number: int, model: str, text: str, finish: str, usage: Usage) -> bytes:
    """Return the body of a reply."""
    reply = {
        **_head(number, model, "chat.completion"),
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": text},
                "finish_reason": _FINISHES.get(finish, "stop"),
            }
        ],
        "usage": _usage(usage),
    }
    return json.dumps(reply).encode()


def stream(number: int, model: str, text: str, finish: str, usage: Usage | None) -> bytes:
    """Return all events of a reply that is asked for as a stream."""
    head = _head(number, model, "chat.completion.chunk")
    pieces = [text[at : at + _PIECE_CHARACTERS] for at in range(0, len(text), _PIECE_CHARACTERS)]
    deltas: list[tuple[dict[str, str], str | None]] = [({"role": "assistant", "content": ""}, None)]
    deltas += [({"content": piece}, None) for piece in pieces]
    deltas.append(({}, _FINISHES.get(finish, "stop")))
    events: list[dict[str, Any]] = [
        {**head, "choices": [{"index": 0, "delta": delta, "finish_reason": reason}]} for delta, reason in deltas
    ]
    if usage is not None:
        events.append({**head, "choices": [], "usage": _usage(usage)})
    return "".join(f"data: {json.dumps(event)}\n\n" for event in events).encode() + b"data: [DONE]\n\n"


def error(message: str, code: str) -> bytes:
    """Return the body of an answer that is no reply."""
    return json.dumps({"error": {"message": message, "type": code, "param": None, "code": code}}).encode()


def models(name: str) -> bytes:
    """Return the list of models, which is one."""
    one = {"id": name, "object": "model", "created": 0, "owned_by": "consilience"}
    return json.dumps({"object": "list", "data": [one]}).encode()


def _head(number: int, model: str, kind: str) -> dict[str, Any]:
    return {"id": f"rehearsal-{number}", "object": kind, "created": int(time.time()), "model": model}


def _usage(usage: Usage) -> dict[str, int]:
    return {
        "prompt_tokens": usage.input_tokens,
        "completion_tokens": usage.output_tokens,
        "total_tokens": usage.input_tokens + usage.output_tokens,
    }


def _messages(given: object) -> tuple[Message, ...]:
    if not isinstance(given, list) or not given:
        raise Unfit(400, f"`messages` must be a list of at least one message; got {given!r:.60}")
    return tuple([_message(message) for message in given])


def _message(given: object) -> Message:
    role = given.get("role") if isinstance(given, dict) else None
    if not isinstance(given, dict) or not isinstance(role, str) or role not in _ROLES:
        raise Unfit(400, f"a message must have a role among {', '.join(_ROLES)}; got {given!r:.60}")
    content = given.get("content")
    if content is None and role == "assistant":
        return Message("assistant", ())
    parts = [{"type": "text", "text": content}] if isinstance(content, str) else content
    if not isinstance(parts, list):
        raise Unfit(400, f"`content` must be text or a list of parts; got {content!r:.60}")
    return Message(_ROLES[role], tuple([_text(part) for part in parts]))


def _text(part: object) -> str:
    text = part.get("text") if isinstance(part, dict) and part.get("type") == "text" else None
    if not isinstance(text, str):
        raise Unfit(400, f"a part must be of type 'text'; got {part!r:.60}")
    return text


def _settings(asked: dict[str, Any]) -> Settings:
    most = asked.get("max_completion_tokens", asked.get("max_tokens"))
    wanted = asked.get("response_format")
    schema = wanted.get("json_schema") if isinstance(wanted, dict) else None
    return Settings(
        temperature=_number("temperature", asked.get("temperature")),
        max_tokens=_integer("max_tokens", most, at_least=1),
        seed=_integer("seed", asked.get("seed")),
        json_schema=json.dumps(schema.get("schema")) if isinstance(schema, dict) else None,
    )


def _number(name: str, value: object) -> float | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < math.inf:
        raise Unfit(400, f"`{name}` must be a finite number of at least 0; got {value!r:.60}")
    return value


def _integer(name: str, value: object, at_least: int | None = None) -> int | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or (at_least is not None and value < at_least):
        wanted = "an integer" if at_least is None else f"an integer of at least {at_least}"
        raise Unfit(400, f"`{name}` must be {wanted}; got {value!r:.60}")
    return value
