"""The study of LayerNorm: what it can keep, and what it does not."""

import pytest

from consilience.ground import Evidence, RunFolder, Streams
from consilience.methods.rank_collapse.config import Config
from consilience.methods.rank_collapse.studies.layernorm import KINDS, MASKS, layernorm

TINY = Config(layernorm_starts=40, gaussian_stacks=1)


@pytest.fixture(scope="module")
def evidence(tmp_path_factory: pytest.TempPathFactory) -> Evidence:
    return layernorm(TINY, Streams(0), RunFolder(tmp_path_factory.mktemp("run"), quiet=True))


def test_every_bar_is_cleared_and_the_negative_result_is_one_of_them(evidence: Evidence) -> None:
    barred = {measurement.name: measurement for measurement in evidence.measurements if measurement.barred}
    assert [measurement.bar for measurement in barred.values()] == [
        "at most 2e-06",
        "at least 1",
        "at least 3",
        "at most 1e-12",
    ]
    assert all(measurement.holds for measurement in barred.values())
    assert "no cure" in barred["Gaussian layers with LayerNorm: relative mu by layer 128"].note


def test_layer_norm_changes_the_layers_to_collapse_by_little(evidence: Evidence) -> None:
    layers = {(row[0], row[1]): row[4] for row in evidence.tables[1].rows}
    assert set(layers) == {(mask, kind) for mask in MASKS for kind in KINDS}
    for mask in ("complete", "causal", "window(4, 0)"):
        assert abs(layers[mask, "with LayerNorm"] - layers[mask, "attention"]) <= 0.3 * layers[mask, "attention"] + 2


def test_pictures_and_tables_are_there(evidence: Evidence) -> None:
    assert [figure.name for figure in evidence.figures] == ["layernorm", "artefacts"]
    assert len(evidence.tables) == 3
