"""Settings: a smoke run by default, nothing unknown, nothing out of range."""

import pytest
from pydantic import ValidationError

from consilience.ground.config import read_recipe, resolve
from consilience.methods.pretraining_objectives.config import Config, text_reason


def test_the_default_is_the_smoke_recipe() -> None:
    assert Config().recipe == "smoke"


@pytest.mark.parametrize(
    "wrong", [{"seed": -1}, {"claims": ("unknown",)}, {"colour": "red"}, {"text_seeds": ()}, {"text_held_out": 0.0}]
)
def test_what_makes_no_sense_is_refused(wrong: dict) -> None:
    with pytest.raises((ValidationError, TypeError)):
        Config(**wrong)


def test_the_published_setting_lacks_only_what_cannot_be_shipped() -> None:
    config = resolve(Config, read_recipe("consilience.methods.pretraining_objectives", "paper"), {"recipe": "paper"})
    assert text_reason(config) == "needs a text of one's own: set text=..., a file or a folder"
    assert (config.text_layers, config.text_width, config.text_heads) == (12, 768, 12)
