"""Named, independent random streams that all derive from one seed.

A stream is addressed by a path of names. Adding, removing or reordering streams never changes the others, so one new
study leaves every published number where it was. Nothing here touches a global generator.
"""

import hashlib
from dataclasses import dataclass

import numpy as np

from consilience.ground.errors import InvalidInput

_WORDS_PER_NAME = 4


@dataclass(frozen=True)
class Streams:
    """Independent random streams, addressed by name, under one seed.

    Parameters
    ----------
    seed
        Root of all randomness, a non-negative integer.
    path
        Names that lead from the root to here; grown by `child`, rarely given by hand.

    Examples
    --------
    >>> streams = Streams(7)
    >>> bool((streams.generator("gates").random(3) == Streams(7).generator("gates").random(3)).all())
    True
    >>> streams.integer("gates") == streams.integer("splits")
    False
    >>> streams.child("fold 1").integer("gates") == streams.integer("gates")
    False
    """

    seed: int
    path: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Refuse a negative seed, which `numpy.random.SeedSequence` has no meaning for."""
        if self.seed < 0:
            raise InvalidInput(f"`seed` must be an integer of at least 0; got {self.seed!r}")

    def generator(self, name: str) -> np.random.Generator:
        """Return a fresh generator at the start of the stream called `name`."""
        return np.random.default_rng(self._sequence(name))

    def integer(self, name: str) -> int:
        """Return the integer in [0, 2**31) that belongs to `name`, for libraries seeded by a number."""
        word: int = self._sequence(name).generate_state(1, np.uint32)[0].item()
        return word >> 1

    def child(self, name: str) -> "Streams":
        """Return the family of streams under `name`, independent of this one and of every sibling."""
        return Streams(self.seed, (*self.path, name))

    def _sequence(self, name: str) -> np.random.SeedSequence:
        key = tuple(word for part in (*self.path, name) for word in _words(part))
        return np.random.SeedSequence(self.seed, spawn_key=key)


def _words(name: str) -> tuple[int, ...]:
    """Hash `name` to a fixed number of 32-bit words; unlike `hash`, the same in every process."""
    digest = hashlib.sha256(name.encode()).digest()
    return tuple(int.from_bytes(digest[4 * i : 4 * i + 4], "little") for i in range(_WORDS_PER_NAME))
