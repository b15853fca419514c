"""The study of lookups, in a small town."""

import pytest

from consilience.ground import Evidence, RunFolder, Streams
from consilience.methods.social_agents.config import Config
from consilience.methods.social_agents.studies import lookup as study
from consilience.methods.social_agents.studies.lookup import lookup
from consilience.methods.social_agents.studies.mariadb import absent


def measured(tmp_path, monkeypatch, **given) -> Evidence:
    monkeypatch.setattr("consilience.methods.social_agents.studies.place.ENOUGH", 4000)
    config = Config(lookup_queries=12, **given)
    return lookup(config, Streams(0), RunFolder(tmp_path, quiet=True))


def test_bars_are_those_of_the_issue(tmp_path, monkeypatch):
    found = measured(tmp_path, monkeypatch)
    assert [one.bar for one in found.measurements] == ["at most 5 ms", "at most 25 ms", "at least 100", "at least 50"]
    assert all(one.timing for one in found.measurements)


def test_without_the_original_nothing_is_said_of_it(tmp_path, monkeypatch):
    found = measured(tmp_path, monkeypatch)
    assert [one.value is None for one in found.measurements] == [False, False, True, True]
    assert "does not run" in found.measurements[2].note
    assert [row[0] for row in found.tables[0].rows] == ["ours", "ours, without what stands beside it"]


def test_a_server_that_is_absent_is_the_reason(tmp_path, monkeypatch):
    monkeypatch.setattr(study, "absent", lambda: "there is no server")
    found = measured(tmp_path, monkeypatch, original_queries=3)
    assert [one.value for one in found.measurements[2:]] == [None, None]
    assert found.measurements[3].note == "there is no server"


@pytest.mark.skipif(bool(absent()), reason=f"{absent()}; ends where MariaDB and its driver are installed")
def test_both_do_the_same_lookups(tmp_path, monkeypatch):
    found = measured(tmp_path, monkeypatch, original_queries=5, lookup_rounds=2)
    rows = {row[0]: row for row in found.tables[0].rows}
    assert rows["ours"][1:3] == (12, 2)
    assert rows["original on MariaDB"][1:3] == (5, 2)
    assert rows["original, self-join as described"][1:3] == (5, 1)
    assert all(one.value > 1 for one in found.measurements[2:])
    assert [one.barred for one in found.measurements] == [True] * 4 + [False] * 2


def test_a_ratio_is_one_of_quantiles_over_every_timing():
    times = study._Times()
    for number, (ours, theirs) in enumerate(((1.0, 10.0), (2.0, 100.0), (3.0, 500.0))):
        times.taken[study.OURS][number] = [ours, ours + 9]
        times.taken[study.THEIRS][number] = [theirs, theirs]
        times.taken[study.DESCRIBED][number] = [theirs]
        times.taken[study.NOTHING][number] = [0.1]
    world = study.in_place(Config(), Streams(0))
    half, tail, *_ = study._ratios(times, world, "")
    assert half.value == pytest.approx(100 / 6.5)
    assert tail.value == pytest.approx(500 / 11.75)
    assert (half.low, half.high) == (pytest.approx(100 / 11), pytest.approx(100 / 2))


def test_a_place_that_is_too_small_has_no_bars(tmp_path):
    found = lookup(Config(lookup_queries=3), Streams(0), RunFolder(tmp_path, quiet=True))
    assert not any(one.barred for one in found.measurements)
