"""The study of sketches at a size for tests: what must hold whatever is drawn, and the same again."""

from pathlib import Path

import pytest

from consilience.ground import Evidence, RunFolder, Streams
from consilience.methods.convex_networks.config import Config
from consilience.methods.convex_networks.studies.sketches import sketch


@pytest.fixture(scope="module")
def evidence(tmp_path_factory: pytest.TempPathFactory) -> Evidence:
    return sketch(Config(sketch_draws=2000), Streams(0), RunFolder(tmp_path_factory.mktemp("run"), quiet=True))


def test_laws_are_followed_as_closely_as_so_few_draws_can_tell(evidence: Evidence) -> None:
    """Bars for the test are five standard errors; those of the claim are for more draws."""
    mean, variance, *coverages = evidence.measurements[:5]
    assert mean.value is not None
    assert mean.value < 5
    assert variance.value is not None
    assert variance.value < 0.4
    for coverage in coverages:
        assert coverage.value == pytest.approx(95, abs=5 * 0.49)


def test_orthogonality_and_uniformity_hold(evidence: Evidence) -> None:
    lifted, uniform = evidence.measurements[5:7]
    assert lifted.holds
    assert uniform.value is not None
    assert uniform.value > 1e-4


def test_every_bar_says_how_often_chance_misses_it(evidence: Evidence) -> None:
    assert "by chance it misses" in evidence.measurements[0].note
    assert "standard error" in evidence.measurements[1].note
    assert len(evidence.tables[0].rows) == 3


def test_same_seed_same_numbers(evidence: Evidence, tmp_path: Path) -> None:
    assert sketch(Config(sketch_draws=2000), Streams(0), RunFolder(tmp_path, quiet=True)) == evidence
