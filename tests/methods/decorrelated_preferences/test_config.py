"""Settings: a smoke run by default, and numbers that are refused."""

import pytest
from pydantic import ValidationError

from consilience.ground.config import read_recipe, resolve
from consilience.methods.decorrelated_preferences.config import Config, policy_reason


def test_the_default_is_a_smoke_run_with_a_spread_over_seeds() -> None:
    config = Config()
    assert config.recipe == "smoke"
    assert len(config.seeds) >= 2
    assert 0 not in config.seeds


@pytest.mark.parametrize(
    "given",
    [
        {"wrong_labels": 0.5},
        {"test_pairs": 1},
        {"look_every": 0},
        {"seeds": (-1,)},
        {"policy_batch": 1},
        {"policy_held_out": 1.0},
        {"policy_seeds": ()},
        {"policy_layer": "first"},
    ],
)
def test_numbers_out_of_range_are_refused(given) -> None:
    with pytest.raises(ValidationError):
        Config(**given)


def test_the_published_setting_lacks_only_what_cannot_be_shipped() -> None:
    room = "consilience.methods.decorrelated_preferences"
    config = resolve(Config, read_recipe(room, "paper"), {"recipe": "paper"})
    assert policy_reason(config) == "needs a pretrained policy and preferences of one's own: set policy_pairs=..."
    assert config.policy == "meta-llama/Llama-2-7b-hf"
    assert config.policy_batch * config.policy_accumulate == 128
