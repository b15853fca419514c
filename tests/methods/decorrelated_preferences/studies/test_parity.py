"""The study of parity: nothing differs, and a coefficient is noticed."""

import pytest

pytest.importorskip("trl", reason="the preferences extra is not installed")

from consilience.ground import RunFolder, Streams
from consilience.methods.decorrelated_preferences.config import Config
from consilience.methods.decorrelated_preferences.studies.parity import parity

# datasets leaves memory-mapped files to the garbage collector.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


def test_trainers_agree_to_the_bit_in_every_way(tmp_path) -> None:
    found = parity(Config(parity_steps=2), Streams(0), RunFolder(tmp_path, quiet=True))
    assert found.measurements[0].value == 0
    assert found.measurements[1].holds
    assert len(found.tables[0].rows) == 4
