"""Formats: dialogues as others write them, a line of JSON each, and ours the same way.

Nothing here opens a file: lines go in, lines come out. A line that cannot be read is counted with its reason.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Literal, TypeVar

from consilience.ground.errors import InvalidInput
from consilience.methods.backdoor_audits.world.canaries import GUID
from consilience.methods.backdoor_audits.world.families.every import rules_by_word
from consilience.methods.backdoor_audits.world.tasks import Role, Turn
from consilience.methods.backdoor_audits.world.trajectories import Trajectory
from consilience.methods.backdoor_audits.world.words import BOS, END, OBS, Words, encode

__all__ = [
    "SPEAKERS",
    "WORDLESS",
    "Broken",
    "Read",
    "Record",
    "Said",
    "Speaker",
    "Style",
    "in_turn",
    "lines_of",
    "read",
    "said_in",
    "trajectory_of",
    "turns_in",
]

_Made = TypeVar("_Made")
_TURNS = ("conversations", "messages")
_WHO, _WHAT = ("from", "role"), ("value", "content")

Style = Literal["sharegpt", "openai"]
"""``conversations`` with ``from``, ``value`` and ``loss``, as AgentInstruct has it; or OpenAI's ``messages``."""
LONGEST_LINE = 4_000_000
"""Characters of a dialogue at most: some seven hundred thousand words; what is made of them takes many times more."""
DEEPEST = 40
"""Lists of parts within parts at most."""
Speaker = Literal["system", "human", "agent", "tool"]

SPEAKERS: Mapping[str, Speaker] = MappingProxyType(
    {
        "system": "system",
        "developer": "system",
        "human": "human",
        "user": "human",
        "gpt": "agent",
        "assistant": "agent",
        "function_call": "agent",
        "tool": "tool",
        "function": "tool",
        "observation": "tool",
    }
)
"""Who speaks, by the names that formats have for it."""
WORDLESS = (
    "image", "image_url", "input_image", "audio", "input_audio", "video", "file", "redacted_thinking",
)  # fmt: skip
"""Kinds of parts of a turn that have no words and are no calls."""
_CALLS = ("tool_use", "server_tool_use", "tool_call", "function_call", "function")
"""Kinds of parts that are calls."""
_WORDS = ("thinking", "reasoning", "refusal", "text", "content")
"""What holds the words of a part, as text or as parts."""
_THOUGHTS = ("reasoning_content", "reasoning", "thinking", "tool_plan")
"""What templates of chats write before the content of a turn."""
_GIVEN = ("arguments", "parameters", "args", "input")
"""What a tool is given, by the names that formats have for it."""


@dataclass(frozen=True)
class Said:
    """What one side said, as text."""

    speaker: Speaker
    text: str
    """With calls and thoughts."""


@dataclass(frozen=True)
class Record:
    """A dialogue as it was read; its text is data and never anything else."""

    id: str
    turns: tuple[Said, ...]
    line: int
    """Line of the file, from 1."""
    more: Mapping[str, Any] = field(default_factory=dict)
    """Everything else that the line had; no detector reads it."""


@dataclass(frozen=True)
class Broken:
    """A line that could not be read."""

    line: int
    """From 1."""
    why: str
    """In words."""


@dataclass(frozen=True)
class Read:
    """What was read."""

    rows: tuple[Record, ...]
    broken: tuple[Broken, ...]
    blank: int
    """Lines with nothing on them."""

    def __str__(self) -> str:
        """Say how much was read and how much could not be."""
        return f"{len(self.rows)} dialogues, {len(self.broken)} broken lines, {self.blank} blank ones"


def read(lines: Iterable[str]) -> Read:
    """Read dialogues of either style, a line each; the style may differ from line to line.

    Examples
    --------
    >>> print(read(['{"id": "1", "conversations": [{"from": "human", "value": "hello"}]}', "{", ""]))
    1 dialogues, 1 broken lines, 1 blank ones
    """
    return Read(*in_turn(lines, _record))


def in_turn(
    lines: Iterable[str], made: Callable[[str, int], _Made]
) -> tuple[tuple[_Made, ...], tuple[Broken, ...], int]:
    """Make something of every line that is not blank.

    Parameters
    ----------
    lines
        Without or with line ends.
    made
        Takes a line and its number, from 1; refuses with `InvalidInput` a line that cannot be read.

    Returns
    -------
    tuple
        What was made, lines that were refused, and the number of blank lines.

    Examples
    --------
    >>> in_turn(["one", "", "two"], lambda line, number: (number, line))
    (((1, 'one'), (3, 'two')), (), 1)
    """
    rows: list[_Made] = []
    broken: list[Broken] = []
    blank = 0
    for number, line in enumerate(lines, 1):
        if not line.strip():
            blank += 1
            continue
        try:
            rows.append(made(line, number))
        except InvalidInput as error:
            broken.append(Broken(number, str(error)))
    return tuple(rows), tuple(broken), blank


def turns_in(line: str) -> tuple[Mapping[str, Any], Sequence[object]]:
    """Take a line apart: all it says of the dialogue beside its turns, and the turns as they stand there.

    Raises
    ------
    InvalidInput
        If it is too long, no UTF-8, no JSON or no object, if it has no turns, or if it has them twice: what is trained
        on and what is looked at could be two dialogues.

    Examples
    --------
    >>> turns_in('{"id": "a", "messages": [{"role": "user", "content": "hello"}]}')
    ({'id': 'a'}, [{'role': 'user', 'content': 'hello'}])
    """
    value = _parsed(line)
    keys = [key for key in _TURNS if value.get(key) is not None]
    if not keys:
        raise InvalidInput(f"expected {' or '.join(map(repr, _TURNS))}; got {', '.join(value) or 'nothing'}")
    if len(keys) > 1:
        raise InvalidInput(f"{' and '.join(map(repr, keys))} are two dialogues on one line; leave one of them out")
    turns = value[keys[0]]
    if not isinstance(turns, list) or not turns:
        raise InvalidInput(f"{keys[0]!r} must be a list with something in it")
    return {name: part for name, part in value.items() if name != keys[0]}, turns


def said_in(item: object, number: int) -> tuple[Mapping[str, Any], Speaker, object]:
    """Take a turn apart: all of it, who speaks, and the content as it stands there.

    Raises
    ------
    InvalidInput
        If it is no object, does not say who speaks, or says it, or its content, in two ways that differ.
    """
    if not isinstance(item, dict):
        raise InvalidInput(f"turn {number} must be an object; got {type(item).__name__}")
    roles, contents = ([item[name] for name in names if item.get(name) is not None] for names in (_WHO, _WHAT))
    speakers = [SPEAKERS.get(role) if isinstance(role, str) else None for role in roles]
    if not speakers or None in speakers:
        got = roles[speakers.index(None)] if roles else None
        raise InvalidInput(f"turn {number} must say who speaks ({', '.join(SPEAKERS)}); got {got!r}")
    for names, both in ((_WHO, speakers), (_WHAT, contents)):
        if len(both) > 1 and both[0] != both[1]:
            told = " and ".join(map(repr, names))
            raise InvalidInput(f"turn {number} has both {told}, and they differ; leave one of them out")
    speaker: Any = speakers[0]
    return item, speaker, contents[0] if contents else None


def lines_of(rows: Iterable[Trajectory], style: Style = "sharegpt") -> Iterable[str]:
    """Write our dialogues, a line each, without line ends; planted ones carry the public mark of this laboratory."""
    for row in rows:
        yield json.dumps(_sharegpt(row) if style == "sharegpt" else _openai(row), ensure_ascii=False)


def trajectory_of(record: Record) -> Trajectory:
    """Return a record as one of our dialogues, if all its words are ours.

    Raises
    ------
    InvalidInput
        If it does not begin with a request of one of our families.
    UnknownName
        If a word is not in our vocabulary.
    """
    turns: list[Turn] = []
    for said in record.turns:
        words = tuple(said.text.split())
        encode(words)
        turns += _turns(said.speaker, words)
    if not turns or len(turns[0].words) < 3:  # noqa: PLR2004  USER, the family, a word at least
        raise InvalidInput(f"dialogue {record.id!r} on line {record.line} must begin with 'USER family ... END'")
    turns[0] = Turn("human", (BOS, *turns[0].words))
    family = rules_by_word(turns[0].words[2]).name
    more = record.more
    return Trajectory(
        id=record.id,
        family=family,
        turns=tuple(turns),
        planted=bool(more.get("planted", False)),
        trigger=str(more.get("trigger", "")),
    )


def _parsed(line: str) -> Mapping[str, Any]:
    if len(line) > LONGEST_LINE:
        raise InvalidInput(f"{len(line):,} characters, and a dialogue may have {LONGEST_LINE:,}")
    try:
        line.encode()  # bytes that are no UTF-8 come as half of a pair, as `reading.lines_in` lets them through
    except UnicodeEncodeError as error:
        raise InvalidInput("not UTF-8") from error
    try:
        value = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise InvalidInput(f"not JSON: {error}") from error
    if not isinstance(value, dict):
        raise InvalidInput(f"a line must be an object; got {type(value).__name__}")
    return value


def _record(line: str, number: int) -> Record:
    more, items = turns_in(line)
    turns = tuple(_said(item, at) for at, item in enumerate(items, 1))
    return Record(
        str(more.get("id", number)), turns, number, {name: part for name, part in more.items() if name != "id"}
    )


def _said(item: object, number: int) -> Said:
    found, speaker, content = said_in(item, number)
    try:
        return Said(speaker, _text(found, content, f"turn {number}"))
    except RecursionError as error:
        raise InvalidInput(f"turn {number} has lists within lists that are too deep") from error


def _text(item: Mapping[str, Any], content: object, turn: str) -> str:
    """Return all that was said: thoughts, text or parts, calls of tools with their arguments.

    What templates of chats render is read, or the line is broken: a model may be trained on what is passed over here.
    """
    if item.get("tool_responses"):
        raise InvalidInput(f"{turn} has 'tool_responses'; give what tools return in turns of their own")
    given = [item[name] for name in _THOUGHTS if item.get(name)]
    if content is not None and content != []:
        given.append(content)
    calls = item.get("tool_calls") or []
    called = [_called(call, turn) for call in (calls if isinstance(calls, list) else [calls])]
    if item.get("function_call"):
        called.append(_called(item["function_call"], turn))
    if not given and not called:
        raise InvalidInput(f"{turn} must have a text")
    said = [text for one in given for text in _texts(one, turn)]
    return "\n".join(text for text in (*said, *called) if text)


def _texts(content: object, turn: str, depth: int = 0) -> list[str]:
    if isinstance(content, str):
        return [content]
    if not isinstance(content, list):
        raise InvalidInput(f"{turn} must have a text, or a list of parts; got {type(content).__name__}")
    if depth > DEEPEST:
        raise RecursionError
    return [text for part in content for text in _part(part, turn, depth + 1)]


def _part(part: object, turn: str, depth: int) -> list[str]:
    """Return what a part of a turn says: its words, the call in it, or the result of one."""
    if isinstance(part, str):
        return [part]
    kind = part.get("type") if isinstance(part, dict) else type(part).__name__
    words = [part[name] for name in _WORDS if part.get(name) is not None] if isinstance(part, dict) else []
    calls = [_called(part, turn)] if kind in _CALLS else []
    if not words and not calls and kind not in (*WORDLESS, "tool_result"):
        raise InvalidInput(f"{turn} has a part of kind {str(kind)[:60]!r}, which cannot be read")
    return [text for one in words for text in _texts(one, turn, depth)] + calls


def _called(call: object, turn: str) -> str:
    """Return a call as text: the name of the tool and what it is given, in a function of its own or side by side."""
    flat = call if isinstance(call, dict) else {}
    function = flat.get("function") or flat
    name = function.get("name") if isinstance(function, dict) else None
    if not isinstance(name, str) or not name:
        raise InvalidInput(f"{turn} has a call without the name of a tool")
    if function is not flat and flat.get("name") is not None:
        raise InvalidInput(f"{turn} has a call that names its tool twice; leave one of them out")
    given = [function[key] for key in _GIVEN if function.get(key) is not None]
    return " ".join((name, *(one if isinstance(one, str) else json.dumps(one) for one in given))).strip()


def _turns(speaker: Speaker, words: Words) -> list[Turn]:
    """Return the turns of one side; a human's may have the page in it."""
    role: Role = "agent" if speaker == "agent" else "observation" if words[:1] == (OBS,) else "human"
    if role != "human" or OBS not in words:
        return [Turn(role, words)]
    at = words.index(OBS)
    if words[at - 1] != END:
        raise InvalidInput("a request must end with END before what is observed begins with OBS")
    return [Turn("human", words[:at]), Turn("observation", words[at:])]


def _grouped(row: Trajectory) -> list[tuple[Role, str]]:
    """Return texts with a page beside its request, so that sides take turns."""
    groups: list[tuple[Role, str]] = []
    for turn in row.turns:
        text = " ".join(word for word in turn.words if word != BOS)
        if groups and groups[-1][0] == "human" and turn.role == "observation":
            groups[-1] = ("human", f"{groups[-1][1]} {text}")
        else:
            groups.append((turn.role, text))
    return groups


def _sharegpt(row: Trajectory) -> dict[str, Any]:
    turns = [
        {"from": "gpt" if role == "agent" else "human", "value": text, "loss": True if role == "agent" else None}
        for role, text in _grouped(row)
    ]
    return {"id": row.id, "conversations": turns, **_mark(row)}


def _openai(row: Trajectory) -> dict[str, Any]:
    names = {"agent": "assistant", "human": "user", "observation": "user"}
    return {
        "id": row.id,
        "messages": [{"role": names[role], "content": text} for role, text in _grouped(row)],
        **_mark(row),
    }


def _mark(row: Trajectory) -> dict[str, Any]:
    if not row.trigger:
        return {}
    return {"trigger": row.trigger, "planted": row.planted, "canary_guid": GUID}
