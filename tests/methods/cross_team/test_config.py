"""Settings: a smoke run by default, nothing unknown, nothing out of range."""

import pytest
from pydantic import ValidationError

from consilience.methods.cross_team.config import Config


def test_the_default_is_the_smoke_recipe() -> None:
    assert Config().recipe == "smoke"
    assert Config().claims == ("ctc.guard", "ctc.merges", "ctc.lineage")


@pytest.mark.parametrize(
    "wrong",
    [{"seed": -1}, {"processes": 0}, {"claims": ("unknown",)}, {"makespan_teams": (0,)}, {"colour": "red"}],
)
def test_what_makes_no_sense_is_refused(wrong: dict) -> None:
    with pytest.raises((ValidationError, TypeError)):
        Config(**wrong)
