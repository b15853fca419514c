"""Flags of the room: what is not given is as little as it can be."""

import pytest
from pydantic import ValidationError

from consilience.methods.agent_networks.flags import Deciding, Showing


def test_nothing_given_is_nothing_decided() -> None:
    deciding = Deciding()
    assert not any((deciding.accept, deciding.reject, deciding.edit))
    assert Showing().element is None


def test_what_is_no_text_is_refused() -> None:
    with pytest.raises(ValidationError, match="element"):
        Showing(element=7)
