"""Passwords: kept as argon2id, and compared in the same time whether there is one or not."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from threading import BoundedSemaphore

from argon2 import PasswordHasher, Type
from argon2.exceptions import InvalidHashError, VerificationError

from consilience.ground.errors import InvalidInput

__all__ = ["LONGEST_PASSWORD", "SHORTEST_PASSWORD", "Passwords", "Strength"]

SHORTEST_PASSWORD = 10
LONGEST_PASSWORD = 1_000
FEWEST_CHARACTERS = 4
"""Different ones, spaces left out."""


@dataclass(frozen=True, slots=True)
class Strength:
    """What it costs to compute a password's hash: the second recommendation of RFC 9106."""

    passes: int = 3
    memory_kib: int = 65_536
    lanes: int = 4


class Passwords:
    """Makes hashes, and compares with them.

    Parameters
    ----------
    strength
        Of the hashes.

    Examples
    --------
    >>> passwords = Passwords(Strength(1, 8, 1))
    >>> hashed = passwords.hashed("a long password", "ann")
    >>> passwords.fit(hashed, "a long password"), passwords.fit(hashed, "another"), passwords.fit(None, "another")
    (True, False, False)
    """

    def __init__(self, strength: Strength) -> None:
        self._hasher = PasswordHasher(strength.passes, strength.memory_kib, strength.lanes, type=Type.ID)
        self._hashing = BoundedSemaphore(2)  # each takes 64 MiB; more at once would let strangers fill the memory
        self._nobody = self._hasher.hash(secrets.token_urlsafe(32))

    def hashed(self, password: str, handle: str) -> str:
        """Return the hash of somebody's new password.

        Raises
        ------
        InvalidInput
            When it is too short, too long, of too few characters, or not much more than their handle.
        """
        if not SHORTEST_PASSWORD <= len(password) <= LONGEST_PASSWORD:
            raise InvalidInput(f"a password has {SHORTEST_PASSWORD} to {LONGEST_PASSWORD:,} characters")
        if len(set("".join(password.split()))) < FEWEST_CHARACTERS:
            raise InvalidInput(f"a password has at least {FEWEST_CHARACTERS} different characters; choose another one")
        if handle.casefold() in password.casefold() and len(password) < len(handle) + SHORTEST_PASSWORD // 2:
            raise InvalidInput("a password must be more than the handle; choose another one")
        with self._hashing:
            return self._hasher.hash(password)

    def fit(self, hashed: str | None, password: str) -> bool:
        """Whether a password is that of a hash; with none it takes as long, and is not."""
        if len(password) > LONGEST_PASSWORD:
            return False
        try:
            with self._hashing:
                self._hasher.verify(hashed or self._nobody, password)
        except (VerificationError, InvalidHashError):
            return False
        return hashed is not None

    def renewed(self, hashed: str, password: str) -> str | None:
        """Return the hash of a password that fits, if it should be made anew; None where it is as strong as others."""
        if not self._hasher.check_needs_rehash(hashed):
            return None
        with self._hashing:
            return self._hasher.hash(password)
