"""JSON of exports that were cut off: all that is whole is read, and nothing is made up."""

from __future__ import annotations

import json
import re
from typing import Any

from consilience.ground.errors import InvalidInput
from consilience.methods.social_agents.importers.files import decoded

__all__ = ["read_json"]

_PIECE = re.compile(r'"(?:[^"\\]|\\.)*"|["{}\[\]]', re.DOTALL)
_CLOSES = {"{": "}", "[": "]"}


def read_json(data: bytes, name: str) -> tuple[Any, bool]:
    """Return what a JSON file holds, and whether its end is missing.

    Where it is, the last thing of a list that is whole is the last that counts.

    Raises
    ------
    InvalidInput
        When it is no JSON, or not a thing in it is whole.

    Examples
    --------
    >>> read_json(b'{"messages": [{"id": 1}, {"id": 2}, {"id"', "result.json")
    ({'messages': [{'id': 1}, {'id': 2}]}, True)
    """
    text = decoded(data).told
    try:
        return json.loads(text), False
    except (ValueError, RecursionError) as error:
        mended = _mended(text)
        if mended is None:
            raise InvalidInput(f"{name} must be JSON; {error}: export it again") from error
    try:
        return json.loads(mended), True
    except (ValueError, RecursionError) as error:
        raise InvalidInput(f"{name} must be JSON; {error}: export it again") from error


def _mended(text: str) -> str | None:
    """Return a text up to the last whole object of a list, with what is open closed; None where nothing is open."""
    open_now: list[str] = []
    whole: tuple[int, tuple[str, ...]] | None = None
    for match in _PIECE.finditer(text):
        piece = match.group()
        if piece == '"':
            break
        if piece in _CLOSES:
            open_now.append(piece)
        elif piece in "}]":
            if not open_now or _CLOSES[open_now.pop()] != piece:
                return None
            if piece == "}" and open_now and open_now[-1] == "[":
                whole = (match.end(), tuple(open_now))
    if not open_now or whole is None:
        return None
    end, still_open = whole
    return text[:end] + "".join(_CLOSES[each] for each in reversed(still_open))
