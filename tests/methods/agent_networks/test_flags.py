"""Flags of the room: what is not given is as little as it can be, and what is not known is refused."""

import pytest
from pydantic import ValidationError

from consilience.methods.agent_networks.flags import Assumptions, Replaying, Showing, Sitting


def test_nothing_given_is_nothing_decided() -> None:
    sitting = Sitting()
    assert not any((sitting.accept, sitting.reject, sitting.edit, sitting.resume, sitting.out))
    assert Showing().element is None
    assert Replaying().journal is None


def test_what_is_no_number_is_refused() -> None:
    with pytest.raises(ValidationError, match="artifact_tokens"):
        Assumptions(artifact_tokens="many")
