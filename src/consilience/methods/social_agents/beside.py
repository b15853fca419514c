"""Beside: which messages an owner read right before and after others, in the same conversation."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence

from consilience.methods.social_agents.database import Asked, among, is_file, rows
from consilience.methods.social_agents.hiding import NOTHING, Hidden

__all__ = ["Sides", "beside"]

Sides = tuple[Sequence[int], Sequence[int]]
"""Numbers of messages before and after one, the nearest first."""

_WHERE = "SELECT message, conversation FROM visibility WHERE owner = :owner AND message "
_CONVERSATION = (
    "SELECT message FROM visibility WHERE owner = :owner AND conversation = :conversation ORDER BY sent_at, message"
)


def beside(
    connection: Asked, owner: int, numbers: Iterable[int], k: int, hidden: Hidden = NOTHING
) -> Mapping[int, Sides]:
    """Return up to `k` messages before and after each that is the owner's.

    Parameters
    ----------
    connection
        To read with.
    owner
        Whose messages.
    numbers
        Of the messages.
    k
        How many on each side.
    hidden
        What is left out, as if it were not there.
    """
    wanted = [number for number in numbers if number not in hidden.numbers]
    if not wanted or not k:
        return {}
    found = {} if not hidden.conversations else _among_hidden(connection, owner, wanted, k, hidden)
    rest = [number for number in wanted if number not in found]
    if not rest:
        return found
    values = {"owner": owner, "numbers": rest, "k": k}
    if not is_file(connection):
        return found | {row[0]: (row[1], row[2]) for row in rows(connection, _ON_SERVER, values)}
    (told,) = rows(connection, _IN_FILE, values)
    return found | {number: (before, after) for number, before, after in json.loads(told[0])}


def _among_hidden(connection: Asked, owner: int, numbers: Sequence[int], k: int, hidden: Hidden) -> dict[int, Sides]:
    """Return what stands beside messages of conversations in which something is hidden."""
    by_conversation: dict[int, list[int]] = {}
    statement = f"{_WHERE} {among('numbers', in_file=is_file(connection))}"
    for number, conversation in rows(connection, statement, {"owner": owner, "numbers": list(numbers)}):
        if conversation in hidden.conversations:
            by_conversation.setdefault(conversation, []).append(number)
    found: dict[int, Sides] = {}
    for conversation, inside in by_conversation.items():
        values = {"owner": owner, "conversation": conversation}
        row = [one[0] for one in rows(connection, _CONVERSATION, values) if one[0] not in hidden.numbers]
        places = {number: place for place, number in enumerate(row)}
        for number in inside:
            at = places[number]
            found[number] = row[max(0, at - k) : at][::-1], row[at + 1 : at + 1 + k]
    return found


_SIDE = (
    "SELECT b.message FROM visibility b WHERE b.owner = v.owner AND b.conversation = v.conversation "
    "AND (b.sent_at, b.message) {sign} (v.sent_at, v.message) ORDER BY b.sent_at {way}, b.message {way} LIMIT :k"
)
_BEFORE, _AFTER = _SIDE.format(sign="<", way="DESC"), _SIDE.format(sign=">", way="ASC")
_ON_SERVER = (
    f"SELECT v.message, ARRAY({_BEFORE}), ARRAY({_AFTER}) FROM visibility v "  # noqa: S608 - no value is in it
    f"WHERE v.owner = :owner AND v.message {among('numbers', in_file=False)}"
)
_IN_FILE = (  # all in one value: to read hundreds of small ones takes longer than to find them
    "SELECT json_group_array(json_array(v.message, "  # noqa: S608 - no value is in it
    f"json((SELECT json_group_array(message) FROM ({_BEFORE}))), "
    f"json((SELECT json_group_array(message) FROM ({_AFTER}))))) "
    f"FROM visibility v WHERE v.owner = :owner AND v.message {among('numbers', in_file=True)}"
)
