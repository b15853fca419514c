"""The study of imports: everything of every sample, and what it says when a reader goes wrong."""

from dataclasses import replace

import pytest

from consilience.ground import Evidence, RunFolder, Streams
from consilience.methods.social_agents.config import Config
from consilience.methods.social_agents.importers.samples import SAMPLES
from consilience.methods.social_agents.studies import imports as study
from consilience.methods.social_agents.studies.imports import imports

SOME = (SAMPLES[0], SAMPLES[12], SAMPLES[15], SAMPLES[16], SAMPLES[-1])
"""One of each form."""


@pytest.fixture
def measure(tmp_path, monkeypatch):
    def of(*samples) -> Evidence:
        monkeypatch.setattr(study, "SAMPLES", samples)
        return imports(Config(), Streams(0), RunFolder(tmp_path, quiet=True))

    return of


def test_every_form_comes_in_whole_and_once(measure):
    found = measure(*SOME)
    assert [one.bar for one in found.measurements] == ["at least 100 %"] * 4 + ["at most 0"] * 3
    assert all(one.holds for one in found.measurements)
    assert len(found.tables[0].rows) == len(SOME)


def test_all_samples_are_measured_by_default():
    assert study.SAMPLES is SAMPLES
    assert len(SAMPLES) > 20


def test_what_is_read_wrongly_is_seen(measure):
    first = SOME[0]
    wrong = (replace(first.truth[0], author="Béa"), *first.truth[1:-1], replace(first.truth[-1], text="other"))
    found = {one.name: one for one in measure(replace(first, truth=wrong)).measurements}
    count = len(first.truth)
    assert found["messages that are read"].value == pytest.approx(100 * (count - 1) / count)
    assert found["authors that are right"].value == pytest.approx(100 * (count - 2) / count)
    assert found["messages in memory, with author and time"].value == pytest.approx(100 * (count - 2) / count)
    assert found["messages in memory that nobody wrote"].value == 2
