import csv

import pytest

from consilience.ground import RunFolder, Streams
from consilience.methods.agent_networks.config import Config
from consilience.methods.agent_networks.studies import law as law_module
from consilience.methods.agent_networks.studies import law_runs, law_sweep
from consilience.methods.agent_networks.studies.law import law
from consilience.methods.agent_networks.studies.law_sweep import SHAPES, SOLVERS

CONFIG = Config(law_batches=2, law_tasks=2, law_resamples=20)
SIZES = [1, 2, 3, 4, 6, 8, 12]


@pytest.fixture(scope="module")
def measure():
    """Measure on small networks, few drafts and three kinds of worlds."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(law_runs, "SIZES", (1, 3))
        patch.setattr(law_sweep, "REWIRINGS", (0.0, 0.2, 1.0))
        patch.setattr(law_module, "DRAFTS", 6)
        for module in (law_sweep, law_module):
            patch.setattr(module, "sizes", lambda _: SIZES)
        yield lambda path: (law(CONFIG, Streams(0), folder := RunFolder(path, quiet=True)), folder)


@pytest.fixture(scope="module")
def measured(measure, tmp_path_factory):
    return measure(tmp_path_factory.mktemp("law"))


def test_it_holds_itself_to_how_it_was_measured_and_to_nothing_else(measured):
    evidence, _ = measured
    barred = {one.name: one.holds for one in evidence.measurements if one.barred}
    assert barred == {
        "runs from prompt to artifact that end otherwise than the simulation": True,
        "artifacts whose executed score differs from the one that is read": True,
        "points that were measured": True,
        "tasks behind each point": None,  # four, where two hundred are wanted
    }


def test_it_says_that_no_language_model_was_involved(measured):
    evidence, _ = measured
    assert "not a language model" in evidence.measurements[0].note


def test_every_value_lies_in_its_interval(measured):
    evidence, _ = measured
    for one in evidence.measurements:
        if one.low is not None and "logistic" not in one.name and "between the best" not in one.name:
            assert one.low - 0.1 <= one.value <= one.high + 0.1, one.name


def test_all_points_are_kept_and_pictures_are_drawn(measured):
    evidence, folder = measured
    rows = list(csv.DictReader((folder.path / "law_points.csv").read_text().splitlines()))
    networks = [row for row in rows if row["shape"] in SHAPES]
    assert len(networks) == len(SOLVERS) * len(SHAPES) * len(SIZES)
    assert all(0 <= float(row["low"]) <= float(row["high"]) <= 1 for row in rows)
    assert [figure.name for figure in evidence.figures] == ["growth", "cost", "worlds"]
    assert all((folder.path / figure.file).stat().st_size > 10_000 for figure in evidence.figures)


def test_the_same_streams_measure_the_same(measured, measure, tmp_path):
    # As texts: at so few powers of two, some AICc are infinite, and their differences are not equal to themselves.
    assert repr(measure(tmp_path)[0]) == repr(measured[0])
