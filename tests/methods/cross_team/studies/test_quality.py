import numpy as np
import pytest

from consilience.ground import RunFolder, Streams
from consilience.methods.cross_team.config import Config
from consilience.methods.cross_team.studies.quality import FEWEST, interval, quality, resampled
from consilience.methods.cross_team.studies.quality_arms import ARMS, CONTROLS, OURS

SMALL = Config(quality_tasks=2, quality_resamples=20, phases_tasks=4)


@pytest.fixture(scope="module")
def evidence(tmp_path_factory):
    folder = RunFolder(tmp_path_factory.mktemp("run"), quiet=True)
    return quality(SMALL, Streams(0), folder)


def test_every_control_and_variant_is_compared_and_few_toolboxes_say_nothing(evidence):
    by_name = {one.name: one for one in evidence.measurements}
    for arm in ARMS:
        assert (f"functions right in what {OURS.name}, give, less {arm.name}" in by_name) == (arm is not OURS)
    counted = [one for one in evidence.measurements if one.at_least in (len(CONTROLS), FEWEST)]
    assert len(counted) == 2
    assert all(one.value is None and "too few" in one.note for one in counted)


def test_without_a_file_mutants_are_not_measured_and_the_rest_is(evidence):
    unmeasured = [one.name for one in evidence.measurements if one.value is None and "HumanEval" in one.name]
    assert len(unmeasured) == 1
    assert {figure.name for figure in evidence.figures} == {"phases", "majorities", "judges", "growth"}
    assert len(evidence.tables) == 3
    assert len(evidence.tables[0].rows) == len(ARMS)


def test_resamples_are_of_the_same_tasks_for_all():
    means = resampled(50, 400, Streams(0))
    scores = np.random.default_rng(0).random(50)
    assert means(scores) - means(scores - 0.25) == pytest.approx(0.25)
    low, high = interval(means(scores))
    assert low < scores.mean() < high
