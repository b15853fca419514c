"""Traces: what an agent did, as logs and data sets of others have it, turn by turn.

Read are OpenAI's ``messages`` with ``tool_calls``, and ``conversations`` as ShareGPT and AgentInstruct have them, where
calls are in the text. A line that cannot be read is counted with its reason, and so is a turn whose call cannot be.

Whose words a turn has is decided against the agent where it is not said: in a trace without turns of tools, what comes
as a human's after the first call is what the environment returned. Turns at the beginning that a model is not trained
on (``"loss": false``) are examples: they are counted and not judged. Such marks further on, or on every turn, hide
nothing.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from consilience.ground.errors import InvalidInput
from consilience.methods.backdoor_audits.world.formats import (
    WORDLESS,
    Broken,
    Speaker,
    in_turn,
    said_in,
    turns_in,
)
from consilience.methods.backdoor_audits.world.words import ACT, END, OBS, USER

__all__ = ["Asked", "Trace", "Traces", "Turn", "call_in", "read_traces"]

Kind = Literal["human", "observed", "called", "unreadable"]
_QUIET = (*WORDLESS, "thinking", "reasoning", "refusal")
"""Kinds of parts that are no calls."""


@dataclass(frozen=True)
class Asked:
    """A call as it stands in a trace."""

    tool: str
    named: Mapping[str, Any] | None = None
    """Arguments by their names; None where they came without."""
    values: tuple[str, ...] = ()
    """Arguments without names, in order."""
    id: str = ""


@dataclass(frozen=True)
class Turn:
    """One thing that was said or done."""

    kind: Kind
    text: str = ""
    """What was said, or why a call could not be read."""
    call: Asked | None = None
    """The call."""
    answers: str = ""
    """Id of the call that an observation answers."""


@dataclass(frozen=True)
class Trace:
    """A dialogue."""

    id: str
    line: int
    """From 1."""
    turns: tuple[Turn, ...]
    examples: int = 0
    """Turns of the agent at the beginning that were taken for examples."""


@dataclass(frozen=True)
class Traces:
    """What was read."""

    rows: tuple[Trace, ...]
    broken: tuple[Broken, ...]


def read_traces(lines: Iterable[str]) -> Traces:
    """Read traces, a line each.

    Examples
    --------
    >>> line = '{"messages": [{"role": "user", "content": "hello"}]}'
    >>> found = read_traces([line, "{", ""])
    >>> found.rows[0].turns[0].kind, found.broken[0].line
    ('human', 2)
    """
    rows, broken, _ = in_turn(lines, _trace)
    return Traces(rows, broken)


def call_in(text: str) -> Asked | str | None:
    """Return the call in an agent's text, why it cannot be read where there is a sign of one, None where there is none.

    Examples
    --------
    >>> call_in("THINK logs ACT ls logs END").values, call_in("Action: click[buy now]").tool
    (('logs',), 'click')
    >>> call_in("Good morning.") is None, call_in("Action: ???")
    (True, "a call that cannot be read: 'Action: ???'")
    """
    text = text.rstrip()  # so that no expression below has spaces to try at the end
    for find in _WAYS:
        found = find(text)
        if found:
            return found
    sign = _SIGN.search(text)
    return f"a call that cannot be read: {text[sign.start() : sign.start() + 60].strip()!r}" if sign else None


_LABEL = re.compile(r"^[ \t]*act(?:ion)?[ \t]*:", re.IGNORECASE | re.MULTILINE)
_SIGN = re.compile(rf"(?i:{_LABEL.pattern})|\bACT\b", re.MULTILINE)
_FENCED = re.compile(r"^[ \t]*act(?:ion)?:\s*(\w+)\s*```\w*\n(.*?)```", re.IGNORECASE | re.MULTILINE | re.DOTALL)
_INPUT = re.compile(
    r"^[ \t]*action:[ \t]*([\w.-]+)[ \t]*\n[ \t]*action input:[ \t]*(.*)", re.IGNORECASE | re.MULTILINE | re.DOTALL
)
_CHOICE = re.compile(r"^answer:[ \t]*(\w+)\.?[ \t]*\n+action:[ \t]*(\w+)", re.IGNORECASE | re.MULTILINE)
_VALUE = re.compile(r"^value:[ \t]*(.*)$", re.IGNORECASE | re.MULTILINE)
_BRACKETS = re.compile(r"^[ \t]*act(?:ion)?:\s*(\w+)\[([^\n]*)\]\Z", re.IGNORECASE | re.MULTILINE)
_ROUND = re.compile(r"^[ \t]*act(?:ion)?:\s*(\w+)\(([^\n]*)\)\Z", re.IGNORECASE | re.MULTILINE)
_PLAIN = re.compile(r"^[ \t]*act(?:ion)?:\s*(\w+)([^\n]*)\Z", re.IGNORECASE | re.MULTILINE)


def _world(text: str) -> Asked | None:
    words = text.rpartition("\n")[2].split()
    if ACT not in words or words[-1] != END:
        return None
    action = words[words.index(ACT) + 1 : -1]
    return Asked(action[0], values=tuple(action[1:])) if action and ACT not in action and END not in action else None


def _fenced(text: str) -> Asked | None:
    found = _FENCED.search(text)
    return Asked(found[1], values=(found[2].strip("\n"),)) if found else None


def _with_input(text: str) -> Asked | None:
    found = _INPUT.search(text)
    if not found:
        return None
    given = found[2].strip()
    try:
        named = json.loads(given)
    except (ValueError, RecursionError):
        named = None
    return Asked(found[1], named=named) if isinstance(named, dict) else Asked(found[1], values=(given,))


def _choice(text: str) -> Asked | None:
    found = _CHOICE.search(text)
    if not found:
        return None
    value = _VALUE.search(text)
    return Asked(found[2], values=(found[1], *([value[1].strip()] if value else [])))


def _bracketed(text: str) -> Asked | None:
    found = _BRACKETS.search(text)
    return Asked(found[1], values=(found[2].strip(),)) if found else None


def _round(text: str) -> Asked | None:
    found = _ROUND.search(text)
    if not found:
        return None
    parts = [part.strip() for part in found[2].split(",")]
    return Asked(found[1], values=tuple(part for part in parts if part))


def _plain(text: str) -> Asked | None:
    found = _PLAIN.search(text)
    return Asked(found[1], values=tuple(found[2].split())) if found else None


_WAYS: Sequence[Callable[[str], Asked | None]] = (
    _world, _choice, _fenced, _with_input, _bracketed, _round, _plain,
)  # fmt: skip


@dataclass(frozen=True)
class _Item:
    role: Speaker
    value: Mapping[str, Any]
    text: str
    content: object
    """As it stands there."""
    example: bool


def _trace(line: str, number: int) -> Trace:
    more, listed = turns_in(line)
    items = [_item(one, at) for at, one in enumerate(listed, 1)]
    examples = _examples(items)
    own = items[examples[-1] + 1 :] if examples else items
    return Trace(str(more.get("id", number)), number, tuple(_turns(own)), len(examples))


def _examples(items: Sequence[_Item]) -> list[int]:
    """Return the agent's turns before the first that it was trained on; none where there is no such turn."""
    agent = [at for at, item in enumerate(items) if item.role == "agent"]
    first = next((at for at in agent if not items[at].example), None)
    return [] if first is None else [at for at in agent if at < first]


def _item(value: object, number: int) -> _Item:
    found, who, content = said_in(value, number)
    text = _text(content)
    if text is None and not (who == "agent" and (found.get("tool_calls") or found.get("function_call"))):
        raise InvalidInput(f"turn {number} must have a text or a call")
    return _Item(who, found, text or "", content, example=found.get("loss") is False)


def _text(content: object) -> str | None:
    if isinstance(content, list):
        parts = [part.get("text") for part in content if isinstance(part, dict)]
        return "\n".join(part for part in parts if isinstance(part, str))
    return content if isinstance(content, str) else None


def _turns(items: Sequence[_Item]) -> Iterator[Turn]:
    tools = any(item.role == "tool" for item in items)
    structured = any(_has_calls(item) for item in items)
    called = False
    for item in items:
        if item.role == "human":
            yield from _heard(item.text, environment=called and not tools)
        elif item.role == "tool":
            yield Turn("observed", item.text, answers=str(item.value.get("tool_call_id", "")))
        elif item.role == "agent":
            for turn in (*_strange(item), *(_calls(item) if structured else _said(item.text))):
                called |= turn.kind == "called"
                yield turn


def _heard(text: str, *, environment: bool) -> Iterator[Turn]:
    """Return what came as a human's, with a page after the request told apart as this room writes it."""
    words = text.split()
    if words[:1] == [OBS] or (environment and words[:1] != [USER]):
        yield Turn("observed", " ".join(_inside(words)) if words[:1] == [OBS] else text)
    elif words[:1] == [USER] and END in words:
        end = words.index(END)
        yield Turn("observed" if environment else "human", " ".join(words[2:end]))
        if words[end + 1 : end + 2] == [OBS]:
            yield Turn("observed", " ".join(_inside(words[end + 1 :])))
    else:
        yield Turn("observed" if environment else "human", text)


def _inside(words: Sequence[str]) -> Sequence[str]:
    return words[1:-1] if words[-1:] == [END] else words[1:]


def _has_calls(item: _Item) -> bool:
    value = item.value
    return bool(value.get("tool_calls") or value.get("function_call")) or value.get("from") == "function_call"


def _strange(item: _Item) -> Iterator[Turn]:
    """Return parts of what an agent said that are no text, no thought and no picture: they may be calls."""
    for part in item.content if isinstance(item.content, list) else ():
        if not isinstance(part, dict) or (not isinstance(part.get("text"), str) and part.get("type") not in _QUIET):
            kind = part.get("type") if isinstance(part, dict) else type(part).__name__
            yield Turn("unreadable", f"a part of kind {str(kind)[:60]!r}, which may be a call")


def _said(text: str) -> Iterator[Turn]:
    labels = len(_LABEL.findall(text))
    if labels > 1:
        yield Turn("unreadable", f"{labels} calls in one turn, of which one at most can be read")
    found = call_in(text)
    if isinstance(found, Asked):
        yield Turn("called", call=found)
    elif found is not None:
        yield Turn("unreadable", found)


def _calls(item: _Item) -> Iterator[Turn]:
    value = item.value
    if value.get("from") == "function_call":
        try:
            yield _call(json.loads(item.text), "")
        except (ValueError, RecursionError) as error:
            yield Turn("unreadable", f"a call that is no JSON: {error}")
        return
    listed = value.get("tool_calls")
    for one in listed if isinstance(listed, list) else [] if listed is None else [listed]:
        function = one.get("function") if isinstance(one, dict) else None
        yield _call(function, str(one.get("id", "")) if isinstance(one, dict) else "")
    if value.get("function_call"):
        yield _call(value["function_call"], "")


def _call(function: object, identity: str) -> Turn:
    if not isinstance(function, dict) or not isinstance(function.get("name"), str):
        return Turn("unreadable", "a call without the name of a tool")
    arguments = function.get("arguments", {})
    if isinstance(arguments, str):
        try:
            arguments = json.loads(arguments) if arguments.strip() else {}
        except (ValueError, RecursionError) as error:
            return Turn("unreadable", f"arguments of {function['name']!r} that are no JSON: {error}")
    if not isinstance(arguments, dict):
        return Turn("unreadable", f"arguments of {function['name']!r} that are no object")
    return Turn("called", call=Asked(function["name"], named=arguments, id=identity))
