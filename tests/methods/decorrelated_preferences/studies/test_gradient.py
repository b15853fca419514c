"""The study of gradients: every bar holds on a tiny run, and the refusal is a sentence."""

import pytest

pytest.importorskip("trl", reason="the preferences extra is not installed")

from consilience.ground import RunFolder, Streams
from consilience.methods.decorrelated_preferences.config import Config
from consilience.methods.decorrelated_preferences.studies.gradient import gradient

# datasets leaves memory-mapped files to the garbage collector.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


def test_every_bar_holds(tmp_path) -> None:
    found = gradient(Config(gradient_steps=2), Streams(0), RunFolder(tmp_path, quiet=True))
    assert [one.name for one in found.measurements if not one.holds] == []
    assert found.measurements[1].note.startswith("no gradient reaches the features of layer 1")
