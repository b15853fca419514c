"""Settings: a smoke run by default, all eleven claims, nothing unknown, nothing out of range."""

from typing import get_args

import pytest
from pydantic import ValidationError

from consilience.methods.social_agents.config import ClaimId, Config


def test_the_default_is_the_smoke_recipe():
    assert Config().recipe == "smoke"
    assert set(Config().claims) <= set(get_args(ClaimId))


def test_claims_are_those_of_the_issue():
    parts = ["lookup", "recall", "turns", "success", "ablation", "leaks", "audit", "scale", "ingest", "import", "auth"]
    assert get_args(ClaimId) == tuple(f"iagents.{part}" for part in parts)


@pytest.mark.parametrize(
    "wrong",
    [{"seed": -1}, {"town_messages": 100}, {"claims": ("unknown",)}, {"colour": "red"}, {"turns_latency_s": -1}],
)
def test_what_makes_no_sense_is_refused(wrong):
    with pytest.raises((ValidationError, TypeError)):
        Config(**wrong)
