"""Perturbations of SmoothLLM: a prompt with some of its characters changed, the same for the same seed.

A suffix that was found by searching over characters does not survive it; a request that people wrote mostly does.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from hashlib import blake2b
from string import ascii_letters, digits
from typing import Literal

import numpy as np

from consilience.ground.errors import InvalidInput, UnknownName

Perturbation = Literal["swap", "patch", "insert"]
"""Characters exchanged here and there, exchanged in one stretch, or put in between."""

_CHARACTERS = np.array(list(ascii_letters + digits + " .,;:!?-"))


def perturbed(text: str, how: Perturbation, share: float, *, seed: int, copy: int) -> str:
    """Return a copy of a text with a share of its characters changed.

    Parameters
    ----------
    text
        What is changed.
    how
        In which way.
    share
        Of the characters, 0 to 1; of a text that is not empty, one at least where it is above 0.
    seed, copy
        Other copies are changed otherwise; the same copy always alike.

    Examples
    --------
    >>> perturbed("abc", "insert", 1.0, seed=0, copy=0) != "abc"
    True
    >>> perturbed("abc", "swap", 0.0, seed=0, copy=0)
    'abc'
    """
    if not 0 <= share <= 1:
        raise InvalidInput(f"`share` must lie between 0 and 1; got {share!r}")
    if how not in _WAYS:
        raise UnknownName("perturbation", how, _WAYS)
    count = min(len(text), max(1, round(share * len(text)))) if share > 0 else 0
    if count == 0:
        return text
    digest = blake2b(f"{seed}\0{copy}\0{text}".encode("utf-8", "surrogatepass"), digest_size=16).digest()
    return _WAYS[how](text, count, np.random.default_rng(int.from_bytes(digest, "little")))


def _swap(text: str, count: int, rng: np.random.Generator) -> str:
    changed = list(text)
    for place in rng.choice(len(text), size=count, replace=False).tolist():
        changed[place] = _other(changed[place], rng)
    return "".join(changed)


def _patch(text: str, count: int, rng: np.random.Generator) -> str:
    start = int(rng.integers(len(text) - count + 1))
    return text[:start] + "".join(rng.choice(_CHARACTERS, size=count).tolist()) + text[start + count :]


def _insert(text: str, count: int, rng: np.random.Generator) -> str:
    changed = list(text)
    for place in sorted(rng.choice(len(text), size=count, replace=False).tolist(), reverse=True):
        changed.insert(place, str(rng.choice(_CHARACTERS)))
    return "".join(changed)


def _other(character: str, rng: np.random.Generator) -> str:
    """Return another character; the one that stands there would change nothing."""
    while (drawn := str(rng.choice(_CHARACTERS))) == character:
        pass
    return drawn


_WAYS: Mapping[str, Callable[[str, int, np.random.Generator], str]] = {
    "swap": _swap,
    "patch": _patch,
    "insert": _insert,
}
