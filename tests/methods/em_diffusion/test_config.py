"""Settings: a smoke run by default, nothing out of range."""

import pytest
from pydantic import ValidationError

from consilience.ground.config import read_recipe, resolve
from consilience.methods.em_diffusion.config import Config


def test_seeds_of_the_quoted_recipe_were_not_tuned_on() -> None:
    small = resolve(Config, read_recipe("consilience.methods.em_diffusion", "small"))
    assert 0 not in small.seeds
    assert len(small.seeds) >= 3


@pytest.mark.parametrize(
    "settings",
    [{"seeds": (-1,)}, {"test_images": 1}, {"claims": ("em.nothing",)}, {"fashion_keep": 0.0}, {"rounds": 0}],
)
def test_settings_out_of_range_are_refused(settings: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Config(**settings)
