import pytest
from pydantic import ValidationError

from consilience.ground.config import resolve
from consilience.ground.errors import InvalidInput
from consilience.methods.convex_networks.config import Config


def test_the_default_is_a_valid_smoke_run() -> None:
    assert Config().recipe == "smoke"
    assert set(Config().claims) == {"convex.sketch", "convex.theorem", "convex.spiral", "convex.digits"}


@pytest.mark.parametrize(
    "settings",
    [
        {"claims": ("convex.unheard",)},
        {"n_gates": 0},
        {"digits_splits": 1},
        {"spiral_points": 159},
        {"cross_dimensions": (2,)},
        {"seed": -1},
    ],
    ids=str,
)
def test_settings_out_of_range_are_refused(settings: dict) -> None:
    with pytest.raises(ValidationError):
        Config(**settings)


def test_an_unknown_key_is_answered_with_the_nearest() -> None:
    with pytest.raises(InvalidInput, match="digits_splits"):
        resolve(Config, {"digit_splits": 3})
