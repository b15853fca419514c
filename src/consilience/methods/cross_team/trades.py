"""Trades: families of small functions, each with numbers drawn, a body that is right and three that are wrong.

A wrong body is one that somebody could have written: one off, the other way round, the wrong bound. Every wrong body
gives something else than the right one on at least one of the visible arguments and on one of the hidden ones.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

__all__ = ["MODULES", "TRADES", "WRONG", "Made", "Trade"]

WRONG = 3
"""Ways in which a function can be wrong."""

NUMBERS = ((3, 7, 18, 40), (1, 5, 11, 26, 64))
LISTS = (([4, 9, 2, 7, 5, 8, 1, 6], [3, 3, 8, 10, 1]), ([12, 5, 7, 3, 9, 1, 4, 4, 20, 6], [6, 1, 9, 2, 11, 8]))
WORDS = (("mountain", "abcdefghij"), ("riverbank", "zebra crossing", "aeiou"))


@dataclass(frozen=True)
class Made:
    """A function to be written."""

    sentence: str
    """What it has to do."""
    bodies: tuple[str, ...]
    """Lines of the body: the right ones first, then the wrong ones."""


@dataclass(frozen=True)
class Trade:
    """A family of functions of one argument."""

    name: str
    """What its functions are called, but for their number."""
    argument: str
    """What the argument is called."""
    make: Callable[[np.random.Generator], Made]
    """Draws one."""
    arguments: tuple[tuple[Any, ...], tuple[Any, ...]]
    """Those that visible tests use, and those that hidden ones use."""


def _between(chance: np.random.Generator, low: int, high: int) -> int:
    return int(chance.integers(low, high + 1))


# --- numbers ----------------------------------------------------------------------------------------------------------


def _scaled(chance: np.random.Generator) -> Made:
    a, m, b = _between(chance, 3, 9), _between(chance, 67, 97), _between(chance, 2, 30)
    return Made(
        f"Multiply x by {a}, take the remainder by {m}, and add {b}.",
        (
            f"return x * {a} % {m} + {b}",
            f"return x * {a} % {m} + {b + 1}",
            f"return x * {a + 1} % {m} + {b}",
            f"return (x + 1) * {a} % {m} + {b}",
        ),
    )


def _digits(chance: np.random.Generator) -> Made:
    base, a = _between(chance, 2, 4), _between(chance, 2, 6)
    loop = "total = {start}\nwhile x:\n    total += {what}\n    x //= {base}\nreturn total * {times}"

    def body(start: int = 0, what: str = f"x % {base}", by: int = base, times: int = a) -> str:
        return loop.format(start=start, what=what, base=by, times=times)

    return Made(
        f"Add up the digits of x in base {base}, and return {a} times their sum.",
        (body(), body(start=1), body(times=a + 1), body(what=f"x % {base} + 1")),
    )


def _divisors(chance: np.random.Generator) -> Made:
    a = _between(chance, 2, 20)
    count = "return sum(1 for d in range({low}, {high}) if x % d == 0) + {a}"
    return Made(
        f"Count the divisors of x, 1 and x among them, and add {a}.",
        (
            count.format(low=1, high="x + 1", a=a),
            count.format(low=1, high="x", a=a),
            count.format(low=2, high="x + 1", a=a),
            count.format(low=1, high="x + 1", a=a + 1),
        ),
    )


def _clamped(chance: np.random.Generator) -> Made:
    low, high = _between(chance, 4, 10), _between(chance, 14, 24)
    return Made(
        f"Return x, but {low} where x is less and {high} where x is more.",
        (
            f"return max({low}, min(x, {high}))",
            f"return min({low}, max(x, {high}))",
            f"return max({low}, min(x, {high - 1}))",
            f"return max({low - 1}, min(x, {high}))",
        ),
    )


def _power(chance: np.random.Generator) -> Made:
    a, m, b = _between(chance, 2, 4), _between(chance, 59, 97), _between(chance, 1, 9)
    return Made(
        f"Raise x to the power of {a}, take the remainder by {m}, and add {b}.",
        (
            f"return pow(x, {a}, {m}) + {b}",
            f"return pow(x, {a + 1}, {m}) + {b}",
            f"return x * {a} % {m} + {b}",
            f"return pow(x, {a}, {m + 1}) + {b + 1}",
        ),
    )


def _triangle(chance: np.random.Generator) -> Made:
    a = _between(chance, 2, 7)
    return Made(
        f"Add up the whole numbers from 1 to x, and subtract {a} times x.",
        (
            f"return x * (x + 1) // 2 - {a} * x",
            f"return x * (x - 1) // 2 - {a} * x",
            f"return x * (x + 1) // 2 - {a + 1} * x",
            f"return x * (x + 1) // 2 + {a} * x",
        ),
    )


# --- lists ------------------------------------------------------------------------------------------------------------


def _every(chance: np.random.Generator) -> Made:
    k = _between(chance, 2, 3)
    return Made(
        f"Return every item at a place that {k} divides, the first place being 0.",
        (f"return items[::{k}]", f"return items[1::{k}]", f"return items[:: {k + 1}]", f"return items[{k}::{k}]"),
    )


def _running(chance: np.random.Generator) -> Made:
    a, m = _between(chance, 1, 9), _between(chance, 23, 41)

    def body(start: str, what: str, first: str = "total += item") -> str:
        return f"total, found = {start}, []\nfor item in items:\n    {first}\n    found.append({what})\nreturn found"

    right = f"total % {m}"
    return Made(
        f"Return the running totals of the items, beginning from {a}, each as its remainder by {m}.",
        (body(str(a), right), body("0", right), body(str(a), f"(total + 1) % {m}"), body(str(a + 1), right)),
    )


def _above(chance: np.random.Generator) -> Made:
    a, b = _between(chance, 3, 5), _between(chance, 2, 9)
    return Made(
        f"Of the items that are more than {a}, return each with {b} added.",
        (
            f"return [item + {b} for item in items if item > {a}]",
            f"return [item + {b} for item in items if item < {a}]",
            f"return [item + {b} for item in items if item > {a + 3}]",
            f"return [item - {b} for item in items if item > {a}]",
        ),
    )


def _turned(chance: np.random.Generator) -> Made:
    k = _between(chance, 1, 3)
    return Made(
        f"Move the first {k} of the items to the end.",
        (
            f"return items[{k}:] + items[:{k}]",
            f"return items[-{k}:] + items[:-{k}]",
            f"return items[{k + 1}:] + items[:{k + 1}]",
            f"return items[{k}:] + items[:{k}][::-1] + items[:1]",
        ),
    )


def _apart(chance: np.random.Generator) -> Made:
    k, a = _between(chance, 1, 3), _between(chance, 2, 5)
    return Made(
        f"Return each item plus {a} times the one {k} places after it, as long as there is one.",
        (
            f"return [x + {a} * y for x, y in zip(items, items[{k}:])]",
            f"return [x * {a} + y for x, y in zip(items, items[{k}:])]",
            f"return [x + {a} * y for x, y in zip(items, items[{k + 1}:])]",
            f"return [x + {a + 1} * y for x, y in zip(items, items[{k}:])]",
        ),
    )


# --- words ------------------------------------------------------------------------------------------------------------


def _shifted(chance: np.random.Generator) -> Made:
    k = _between(chance, 2, 12)

    def body(by: str) -> str:
        return f'return "".join(chr((ord(c) - 97 + {by}) % 26 + 97) if c.isalpha() else c for c in text)'

    return Made(
        f"Replace each letter of a to z by the one {k} further on, a coming after z; leave the rest.",
        (body(str(k)), body(str(-k)), body(str(k + 1)), body(str(k - 1))),
    )


def _chunks(chance: np.random.Generator) -> Made:
    k = _between(chance, 2, 4)

    def body(size: int, step: int, how: str = "[::-1]") -> str:
        return f'return "".join(text[i:i + {size}]{how} for i in range(0, len(text), {step}))'

    return Made(
        f"Cut the text into pieces of {k} letters, and turn each of them around.",
        (body(k, k), body(k + 1, k + 1), body(k, k, ""), body(k, k + 1)),
    )


def _starred(chance: np.random.Generator) -> Made:
    mark = "*+=#"[_between(chance, 0, 3)]
    kept = "aeiou"[_between(chance, 0, 4)]
    others = "aeiou".replace(kept, "")
    return Made(
        f"Replace the vowels a, e, i, o and u by {mark}, but leave {kept}.",
        (
            f'return "".join("{mark}" if c in "{others}" else c for c in text)',
            f'return "".join("{mark}" if c in "aeiou" else c for c in text)',
            f'return "".join("{mark}" if c not in "{others}" else c for c in text)',
            f'return "".join("" if c in "{others}" else c for c in text)',
        ),
    )


def _repeated(chance: np.random.Generator) -> Made:
    k, a = _between(chance, 2, 4), _between(chance, 2, 4)
    return Made(
        f"Repeat the first {k} letters {a} times, and put the rest after them.",
        (
            f"return text[:{k}] * {a} + text[{k}:]",
            f"return text[:{k}] * {a + 1} + text[{k}:]",
            f"return text[:{k + 1}] * {a} + text[{k + 1}:]",
            f"return text[{k}:] + text[:{k}] * {a}",
        ),
    )


def _weighed(chance: np.random.Generator) -> Made:
    a, m = _between(chance, 3, 9), _between(chance, 101, 199)

    def body(start: int, what: str) -> str:
        return f"weight = 0\nfor place, c in enumerate(text, {start}):\n    weight += {what}\nreturn weight % {m}"

    return Made(
        f"Add up the code of each letter times its place, the first being {a}; return the remainder by {m}.",
        (
            body(a, "place * ord(c)"),
            body(a + 1, "place * ord(c)"),
            body(a, "place + ord(c)"),
            body(0, f"{a} * ord(c) + place"),
        ),
    )


MODULES: Mapping[str, tuple[Trade, ...]] = {
    "figures": tuple(
        Trade(name, "x", make, NUMBERS)
        for name, make in {
            "scaled": _scaled,
            "digits": _digits,
            "divisors": _divisors,
            "clamped": _clamped,
            "power": _power,
            "triangle": _triangle,
        }.items()
    ),
    "series": tuple(
        Trade(name, "items", make, LISTS)
        for name, make in {
            "every": _every,
            "running": _running,
            "above": _above,
            "turned": _turned,
            "apart": _apart,
        }.items()
    ),
    "words": tuple(
        Trade(name, "text", make, WORDS)
        for name, make in {
            "shifted": _shifted,
            "chunks": _chunks,
            "starred": _starred,
            "repeated": _repeated,
            "weighed": _weighed,
        }.items()
    ),
}
"""The modules of a toolbox, and what can be in them."""

TRADES: tuple[Trade, ...] = tuple(trade for trades in MODULES.values() for trade in trades)
"""All of them."""
