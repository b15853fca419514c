"""Flags of the room: what is not given is as little as it can be."""

import pytest
from pydantic import ValidationError

from consilience.methods.cross_team.flags import Comparing, Showing


def test_nothing_given_is_all_of_a_run() -> None:
    assert Showing().element is None
    assert Comparing().merge is Comparing().parent is None


def test_what_is_not_known_is_refused() -> None:
    with pytest.raises(ValidationError, match="colour"):
        Comparing(colour="red")
