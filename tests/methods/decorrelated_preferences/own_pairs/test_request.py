"""What can be said of a request before anything is loaded."""

from pathlib import Path

import pytest

from consilience.ground import InvalidInput
from consilience.methods.decorrelated_preferences.own_pairs.request import Training

GOOD = {
    "model": "m", "data": Path("d"), "out": Path("o"), "decorrelation": 1.0, "variant": "cosine", "layers": ("middle",),
    "module": "auto", "rows": "chosen", "pool": "last", "memory": 0, "loss": "sigmoid", "beta": 0.1, "lora": 0,
    "epochs": 1.0, "steps": None, "batch_size": 8, "accumulate": 1, "learning_rate": None, "max_length": 64,
    "checkpointing": True, "held_out": 0.1, "save_every": 100, "device": "auto", "seed": 0, "quiet": False,
}  # fmt: skip


def test_what_is_left_to_defaults_is_no_mistake() -> None:
    request = Training(**GOOD)
    assert request.steps is None
    assert request.learning_rate is None


@pytest.mark.parametrize(
    ("flag", "value", "words"),
    [
        ("steps", 0, "--steps must be at least 1; got 0"),
        ("batch_size", 0, "--batch-size must be at least 1; got 0"),
        ("max_length", 1, "--max-length must be at least 2; got 1"),
        ("memory", -1, "--memory must be at least 0; got -1"),
        ("save_every", 0, "--save-every must be at least 1; got 0"),
        ("beta", float("nan"), "--beta must be above 0; got nan"),
        ("learning_rate", -1e-4, "--learning-rate must be above 0; got -0.0001"),
    ],
)
def test_numbers_out_of_range_name_their_flag(flag, value, words) -> None:
    with pytest.raises(InvalidInput, match=words):
        Training(**{**GOOD, flag: value})
