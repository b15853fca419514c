"""The study of masks as graphs."""

from pathlib import Path

import numpy as np
import pytest

from consilience.ground import Evidence, RunFolder, Streams
from consilience.methods.rank_collapse.config import Config
from consilience.methods.rank_collapse.graph import connectivity
from consilience.methods.rank_collapse.studies import graphs as study
from consilience.methods.rank_collapse.studies.graphs import by_brute_force, graphs, looped_digraphs


@pytest.fixture(scope="module")
def evidence(tmp_path_factory: pytest.TempPathFactory) -> Evidence:
    return graphs(Config(graphs_tokens=40), Streams(0), RunFolder(tmp_path_factory.mktemp("run"), quiet=True))


def test_every_check_is_exact(evidence: Evidence) -> None:
    assert [measurement.value for measurement in evidence.measurements] == [0, 0, 0, 0, 0]
    assert all(measurement.bar == "at most 0" for measurement in evidence.measurements)
    assert "all 4096 digraphs" in evidence.measurements[0].note


def test_the_table_has_every_named_mask(evidence: Evidence) -> None:
    rows = {row[0]: row for row in evidence.tables[0].rows}
    assert set(rows) == set(study.NAMED)
    assert rows["window(1, 0)"][3] == 39
    assert rows["block(8)"][3:5] == (None, None)
    assert evidence.figures[0].file.endswith(".svg")


def test_all_digraphs_are_different_and_loop() -> None:
    masks = list(looped_digraphs(3))
    assert len({mask.tobytes() for mask in masks}) == 64
    assert all(mask.diagonal().all() for mask in masks)


def test_brute_force_knows_a_path() -> None:
    known = by_brute_force(np.eye(4, dtype=bool) | np.eye(4, k=-1, dtype=bool))
    assert (known.centres, known.radius, known.depth, known.strong) == ((0,), 3, 3, False)


def test_a_wrong_closed_form_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(study.NAMED, "causal", lambda _: 2)
    found = graphs(Config(), Streams(0), RunFolder(tmp_path, quiet=True))
    assert found.measurements[-1].holds is False
    assert found.measurements[-1].note.endswith("; causal")


def test_a_wrong_analysis_is_counted(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(study, "connectivity", lambda allowed: connectivity(allowed.T))
    found = graphs(Config(), Streams(0), RunFolder(tmp_path, quiet=True))
    assert found.measurements[0].value > 1000
