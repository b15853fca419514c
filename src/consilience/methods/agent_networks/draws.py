"""Draws: chance that belongs to a task, an element and a turn, and is the same one at a time or for many at once.

A rehearsal seeds its players by the whole question. Here it is seeded by who asks in which task and for the how-manieth
time, so that a simulation of many tasks side by side, without any prompt, draws what their runs would have drawn.

Source: the mixing is that of SplitMix64, "Fast splittable pseudorandom number generators", 2014,
doi:10.1145/2660193.2660195.
"""

from __future__ import annotations

from hashlib import blake2b
from typing import Any

import numpy as np
from jaxtyping import Float, Int, UInt64

__all__ = ["Draws", "element_key", "task_keys", "turn_keys", "uniform"]

_STEP = np.uint64(0x9E3779B97F4A7C15)
_FIRST, _SECOND = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)
_SHIFTS = np.uint64(30), np.uint64(27), np.uint64(31)
_LOW = np.uint64(11)
_UNIT = 2.0**-53


def task_keys(seed: int, numbers: range) -> UInt64[np.ndarray, " task"]:
    """Return a key for each task of a run."""
    return np.array([_digest(f"task {seed} {number}") for number in numbers], dtype=np.uint64)


def element_key(name: str) -> np.uint64:
    """Return the key of an element, such as ``"3->7"``."""
    return np.uint64(_digest(f"element {name}"))


def turn_keys(
    tasks: UInt64[np.ndarray, " task"], element: UInt64[np.ndarray, "*any"] | np.uint64, turn: int
) -> UInt64[np.ndarray, "*more"]:
    """Return the keys of a turn of an element in each task; several elements need a last axis of length 1."""
    return _mixed(_mixed(tasks ^ element) + np.uint64(turn))


def uniform(keys: UInt64[np.ndarray, "*any"], first: int, count: int) -> Float[np.ndarray, "*more"]:
    """Return some of the numbers from 0 to below 1 that belong to keys, along a new last axis.

    Parameters
    ----------
    keys
        Any number of them.
    first
        How many of its numbers to leave out.
    count
        How many to return.
    """
    steps = np.arange(first + 1, first + count + 1, dtype=np.uint64) * _STEP
    mixed = _mixed(keys[..., None] + steps)
    mixed >>= _LOW
    return mixed * _UNIT


class Draws(np.random.Generator):
    """The draws of one turn: a generator whose `random` and `integers` are those that a simulation can do at once.

    Parameters
    ----------
    seed
        Of the run.
    number
        Of the task.
    element
        Who takes the turn.
    turn
        For the how-manieth time, from 0.

    Examples
    --------
    >>> bool(Draws(0, 7, "3->7", 0).random() == Draws(0, 7, "3->7", 0).random(2)[0])
    True
    """

    def __init__(self, seed: int, number: int, element: str, turn: int) -> None:
        self._key = turn_keys(task_keys(seed, range(number, number + 1)), element_key(element), turn)[0]
        self._used = 0
        super().__init__(np.random.PCG64(int(self._key)))  # for whatever else is drawn

    # Of the ways to call them, these two methods know those that solvers use.
    def random(self, size: int | None = None) -> Any:  # type: ignore[override]
        """Return the next number from 0 to below 1, or the next few."""
        drawn = uniform(np.array(self._key), self._used, size or 1)
        self._used += len(drawn)
        return float(drawn[0]) if size is None else drawn

    def integers(self, high: int, *, size: int) -> Int[np.ndarray, " number"]:  # type: ignore[override]
        """Return the next few whole numbers from 0 to below `high`."""
        drawn: Int[np.ndarray, " number"] = (self.random(size) * high).astype(np.int64)
        return drawn


def _mixed(words: UInt64[np.ndarray, "*any"]) -> UInt64[np.ndarray, "*any"]:
    one, two, three = _SHIFTS
    mixed: UInt64[np.ndarray, "*any"] = words ^ (words >> one)
    mixed *= _FIRST
    mixed ^= mixed >> two
    mixed *= _SECOND
    mixed ^= mixed >> three
    return mixed


def _digest(words: str) -> int:
    return int.from_bytes(blake2b(words.encode(), digest_size=8).digest(), "little")
