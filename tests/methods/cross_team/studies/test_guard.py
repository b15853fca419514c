"""The study of the guard under attack, on one small task."""

import pytest

from consilience.ground import RunFolder, Streams
from consilience.methods.cross_team import merge_tree
from consilience.methods.cross_team.config import Config
from consilience.methods.cross_team.studies import guard as study
from consilience.methods.cross_team.studies.attacks import ATTACKS, OVERFIT


def measured(folder, monkeypatch, *attacks):
    monkeypatch.setattr(study, "TEAMS", 3)
    monkeypatch.setattr(study, "FUNCTIONS", 4)
    monkeypatch.setattr(study, "ATTACKS", {name: ATTACKS[name] for name in attacks})
    return study.guard(Config(), Streams(1), RunFolder(folder, quiet=True))


def test_no_attack_leaves_less_than_the_best_team_had(tmp_path, monkeypatch):
    evidence = measured(tmp_path, monkeypatch, "empty", "broken", "a file dropped", "functions emptied")
    held, passed, right, sly = evidence.measurements
    assert (held.value, held.bar) == (100, "at least 100 %")
    assert "10 runs of 3 teams on 1 tasks" in held.note
    assert passed.value < 30
    assert right.value > 0.9
    assert sly.value < 0.5
    assert [row[0] for row in evidence.tables[0].rows][-2:] == ["functions emptied", OVERFIT]


def test_without_the_guard_the_study_would_see_it(tmp_path, monkeypatch):
    monkeypatch.setattr(merge_tree, "objection", lambda *_: "")
    monkeypatch.setattr(study, "OVERFIT", "crashing too")
    monkeypatch.setattr(study, "overfit", ATTACKS["crashing"])
    monkeypatch.setattr(study, "PLACES", {"at a key phase": study.Place(segments=(1, 0))})
    evidence = measured(tmp_path, monkeypatch, "crashing")
    assert evidence.measurements[0].value < 100
    assert evidence.measurements[0].holds is False


@pytest.mark.parametrize("place", [*study.PLACES.values(), *study.APART.values()])
def test_merges_are_attacked_at_one_place_only(place):
    assert len(study.chain_of(place.segments).keys) == (0 if place.final == "merge" else 1)
