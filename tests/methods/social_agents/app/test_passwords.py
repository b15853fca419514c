"""Passwords are hashed with argon2id, and hashes that have become too weak are made anew."""

import pytest

from consilience.ground.errors import InvalidInput
from consilience.methods.social_agents.app.passwords import LONGEST_PASSWORD, Passwords, Strength

WEAK = Strength(1, 8, 1)


def test_by_itself_it_is_as_strong_as_is_recommended() -> None:
    assert Strength() == Strength(passes=3, memory_kib=65_536, lanes=4)


def test_a_hash_is_argon2id_and_fits_its_password_only() -> None:
    passwords = Passwords(WEAK)
    hashed = passwords.hashed("one long password", "ann")
    assert hashed.startswith("$argon2id$")
    assert hashed != passwords.hashed("one long password", "ann")
    assert passwords.fit(hashed, "one long password")
    for other in ("One long password", "", "x" * (LONGEST_PASSWORD + 1), "one long password\0"):
        assert not passwords.fit(hashed, other)
    assert not passwords.fit("no hash", "one long password")
    assert not passwords.fit(None, "one long password")


def test_a_weaker_hash_is_made_anew() -> None:
    weak, stronger = Passwords(WEAK), Passwords(Strength(2, 16, 1))
    hashed = weak.hashed("one long password", "ann")
    assert weak.renewed(hashed, "one long password") is None
    again = stronger.renewed(hashed, "one long password")
    assert stronger.fit(again, "one long password")
    assert stronger.renewed(again, "one long password") is None


@pytest.mark.parametrize("password", ["short", "x" * (LONGEST_PASSWORD + 1), "annabellaanna", " " * 10, "abababababab"])
def test_what_is_no_password_is_refused(password) -> None:
    with pytest.raises(InvalidInput, match="password"):
        Passwords(WEAK).hashed(password, "annabellaa")
