"""Training in the laboratory: settings that are laid over, and global generators that are put back."""

import random

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the preferences extra is not installed")
pytest.importorskip("trl", reason="the preferences extra is not installed")

from trl import DPOTrainer  # noqa: E402

from consilience.methods.decorrelated_preferences.studies import sorting  # noqa: E402
from consilience.methods.decorrelated_preferences.studies.runs import arguments, quiet, trainer  # noqa: E402
from consilience.methods.decorrelated_preferences.trainer import DecPOTrainer  # noqa: E402


def test_settings_given_win() -> None:
    assert arguments("out")["learning_rate"] == 2e-4
    assert arguments("out", learning_rate=1.0)["learning_rate"] == 1.0


def test_global_generators_are_put_back() -> None:
    drawn = []
    for _ in range(2):
        state = (random.getstate(), torch.get_rng_state())
        with quiet():
            random.random()
            np.random.seed(0)  # noqa: NPY002  what trainers do
            torch.manual_seed(0)
        drawn.append(np.random.rand())  # noqa: NPY002
        assert random.getstate() == state[0]
        assert torch.equal(torch.get_rng_state(), state[1])
    assert drawn[0] != drawn[1]


def test_a_plain_trainer_is_that_of_trl_and_policies_are_copies(tmp_path) -> None:
    policy, pairs = sorting.model(0), sorting.pairs(np.random.default_rng(0), 16)
    with quiet():
        made = [
            trainer(policy, pairs, arguments(str(tmp_path), decorrelation_coef=0.5), plain=plain)
            for plain in (True, False)
        ]
    assert type(made[0]) is DPOTrainer
    assert type(made[1]) is DecPOTrainer
    assert made[0].model is not policy
