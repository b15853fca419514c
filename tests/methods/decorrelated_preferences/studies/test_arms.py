"""Arms: controls stand among them, and an arm is what its settings say, again and again."""

import numpy as np
import pytest

pytest.importorskip("trl", reason="the preferences extra is not installed")

from consilience.methods.decorrelated_preferences.config import Config
from consilience.methods.decorrelated_preferences.studies import arms

# datasets leaves memory-mapped files to the garbage collector.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")

CONFIG = Config(first_steps=3, preference_steps=4, look_every=2, train_pairs=32, validation_pairs=8, test_pairs=8)


def test_the_controls_that_must_stand_in_the_table_do() -> None:
    assert {"robust DPO", "L1", "weight decay", "squared norm"} <= set(arms.CONTROLS)
    assert {"DPO", "cosine 1", "paper 1e-4", "code2024 1e-3"} <= {arm.name for arm in arms.ARMS}


def test_arms_start_alike_and_come_out_the_same_twice(tmp_path) -> None:
    arms._first_policy(CONFIG, str(tmp_path), 3)
    plain, literal = arms.ARMS[0], arms.ARMS[3]
    one, again, other = (arms._outcome(CONFIG, str(tmp_path), (3, arm)) for arm in (plain, plain, literal))
    assert one == again
    assert one.looks[0] == other.looks[0]
    assert one.looks[-1] != other.looks[-1]
    assert [look.step for look in one.looks] == [0, 2, 4]
    assert one.looks[0].kl == pytest.approx(0, abs=1e-6)
    assert one.scale == 0
    assert other.scale > 0
    assert set(one.features) == {"1/trained", "1/next", "3/trained", "3/next"}
    assert np.isfinite([value for numbers in one.features.values() for value in numbers.values()]).all()
