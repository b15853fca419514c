"""Canaries: a closed list, and no way to give a payload as text."""

import pytest

from consilience.ground.errors import InvalidInput
from consilience.methods.backdoor_audits.world.canaries import RESERVED_SLOT, Canary, payload
from consilience.methods.backdoor_audits.world.words import VOCABULARY


def test_there_are_three_and_each_is_found_by_its_name() -> None:
    assert [payload(one.value) for one in Canary] == [Canary.PING, Canary.WRITE, Canary.DIVERT]


@pytest.mark.parametrize("name", ["", "ping", "canary.run", "CANARY.PING", "canary.ping ", "canary.write(slot)"])
def test_anything_else_is_refused(name: str) -> None:
    with pytest.raises(InvalidInput, match="unknown payload"):
        payload(name)


def test_the_reserved_slot_is_an_ordinary_word() -> None:
    assert RESERVED_SLOT in VOCABULARY
