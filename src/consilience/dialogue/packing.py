"""Messages as the bytes a journal keeps of them: roles, and the numbers of the texts they are made of.

A prompt is put together from texts that are stored once. What is left of it is a few small numbers, each written in as
many bytes as it needs, seven bits a byte: a message is its count of parts and its role in one number, then its parts.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import get_args

from consilience.dialogue.messages import Message, Role

__all__ = ["ROLES", "pack", "packed_texts", "unpack"]

ROLES: tuple[Role, ...] = get_args(Role)
"""Who speaks, by the number that is kept of it."""
_CODES = {role: code for code, role in enumerate(ROLES)}
_ROLE_BITS = 2
_ROLE_MASK = (1 << _ROLE_BITS) - 1
_MORE = 0x80


def pack(messages: Sequence[Message], numbers: Mapping[str, int]) -> bytes:
    """Write messages as bytes.

    Parameters
    ----------
    messages
        What was asked.
    numbers
        The number of each part's text, 0 and above.

    Examples
    --------
    >>> pack([Message("user", ("a", "b"))], {"a": 1, "b": 300}).hex()
    '0901ac02'
    """
    said: list[int] = []
    for message in messages:
        said.append(len(message.parts) << _ROLE_BITS | _CODES[message.role])
        said += [numbers[part] for part in message.parts]
    packed = bytearray()
    for number in said:
        rest = number
        while rest >= _MORE:
            packed.append(rest & (_MORE - 1) | _MORE)
            rest >>= 7
        packed.append(rest)
    return bytes(packed)


def unpack(packed: bytes, texts: Mapping[int, str]) -> tuple[Message, ...]:
    """Read messages back.

    Examples
    --------
    >>> unpack(bytes.fromhex("0901ac02"), {1: "a", 300: "b"})
    (Message(role='user', parts=('a', 'b')),)
    """
    numbers = _numbers(packed)
    return tuple(
        Message(ROLES[head & _ROLE_MASK], tuple(texts[next(numbers)] for _ in range(head >> _ROLE_BITS)))
        for head in numbers
    )


def packed_texts(packed: bytes) -> list[int]:
    """Return the numbers of all texts that packed messages refer to.

    Examples
    --------
    >>> packed_texts(bytes.fromhex("0901ac02"))
    [1, 300]
    """
    numbers = _numbers(packed)
    return [next(numbers) for head in numbers for _ in range(head >> _ROLE_BITS)]


def _numbers(packed: bytes) -> Iterator[int]:
    number = shift = 0
    for byte in packed:
        number |= (byte & (_MORE - 1)) << shift
        if byte & _MORE:
            shift += 7
        else:
            yield number
            number = shift = 0
