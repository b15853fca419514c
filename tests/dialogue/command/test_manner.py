"""Manner: what is not given is as little as it can be, and what is not known is refused."""

import pytest
from pydantic import ValidationError

from consilience.dialogue.command.manner import Assumptions, Replaying, Sitting


def test_nothing_given_is_a_new_run_that_tells() -> None:
    sitting = Sitting()
    assert not any((sitting.resume, sitting.out, sitting.quiet, sitting.json))
    assert Replaying().journal is None


def test_what_is_no_number_is_refused() -> None:
    with pytest.raises(ValidationError, match="artifact_tokens"):
        Assumptions(artifact_tokens="many")
