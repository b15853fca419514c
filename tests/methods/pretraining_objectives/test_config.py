"""Settings: a smoke run by default, nothing unknown, nothing out of range."""

import pytest
from pydantic import ValidationError

from consilience.methods.pretraining_objectives.config import Config


def test_the_default_is_the_smoke_recipe() -> None:
    assert Config().recipe == "smoke"


@pytest.mark.parametrize("wrong", [{"seed": -1}, {"claims": ("unknown",)}, {"colour": "red"}])
def test_what_makes_no_sense_is_refused(wrong: dict) -> None:
    with pytest.raises((ValidationError, TypeError)):
        Config(**wrong)
