"""The study of overhead: bars are there, and memory that is taken is seen."""

import pytest

torch = pytest.importorskip("torch", reason="the preferences extra is not installed")
pytest.importorskip("trl", reason="the preferences extra is not installed")

from consilience.ground import RunFolder, Streams  # noqa: E402
from consilience.methods.decorrelated_preferences.config import Config  # noqa: E402
from consilience.methods.decorrelated_preferences.studies.overhead import overhead, peak_bytes  # noqa: E402

# datasets leaves memory-mapped files to the garbage collector.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


def test_every_bar_is_measured(tmp_path) -> None:
    found = overhead(Config(overhead_steps=2), Streams(0), RunFolder(tmp_path, quiet=True))
    assert [one.at_most for one in found.measurements] == [1.05, 1.08, 1.02]
    assert all(one.timing and one.value > 0.5 for one in found.measurements)
    assert found.measurements[2].holds
    assert found.tables[0].timing


def test_memory_is_counted_at_its_peak() -> None:
    kilobytes = peak_bytes(lambda: torch.ones(250, 100) + torch.ones(250, 100)) / 1000
    assert 300 <= kilobytes <= 310
