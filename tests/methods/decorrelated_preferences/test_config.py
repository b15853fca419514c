"""Settings: a smoke run by default, and numbers that are refused."""

import pytest
from pydantic import ValidationError

from consilience.methods.decorrelated_preferences.config import Config


def test_the_default_is_a_smoke_run_with_a_spread_over_seeds() -> None:
    config = Config()
    assert config.recipe == "smoke"
    assert len(config.seeds) >= 2
    assert 0 not in config.seeds


@pytest.mark.parametrize("given", [{"wrong_labels": 0.5}, {"test_pairs": 1}, {"look_every": 0}, {"seeds": (-1,)}])
def test_numbers_out_of_range_are_refused(given) -> None:
    with pytest.raises(ValidationError):
        Config(**given)
