"""The study of laws: what it measures, and that it would notice the flaws it looks for."""

import pytest

torch = pytest.importorskip("torch", reason="the em extra is not installed")

from consilience.ground import Evidence, RunFolder, Streams  # noqa: E402
from consilience.methods.em_diffusion import sampling  # noqa: E402
from consilience.methods.em_diffusion.blur import Blur  # noqa: E402
from consilience.methods.em_diffusion.config import Config  # noqa: E402
from consilience.methods.em_diffusion.posterior import DPS  # noqa: E402
from consilience.methods.em_diffusion.studies import laws as study  # noqa: E402


def measure(folder, seed: int = 0, alone: int = 1) -> Evidence:
    return study.laws(Config(alone_images=alone), Streams(seed), RunFolder(folder, quiet=True))


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two corruptions are enough to see a flaw."""
    chosen = {name: study.CORRUPTIONS[name] for name in ("random masks", "Gaussian blur")}
    monkeypatch.setattr(study, "CORRUPTIONS", chosen)
    monkeypatch.setattr(study, "TRAINING_STEPS", 20)


def test_both_bars_hold_for_every_corruption_posterior_and_sampler(tmp_path) -> None:
    evidence = measure(tmp_path)
    assert [measurement.bar for measurement in evidence.measurements] == ["at most 1e-05", "at most 1e-05", ""]
    assert all(measurement.holds for measurement in evidence.measurements[:2])
    rows = evidence.tables[0].rows
    assert len(rows) == len(study.CORRUPTIONS) + 2
    assert {row[1] for row in rows} == {"ancestral", "multistep", "heun"}
    assert max(max(row[3:]) for row in rows) == pytest.approx(evidence.measurements[2].value, rel=0.05)
    # Images in company are other operations, so that equality everywhere would be a sign that nothing was compared.
    assert 0 < evidence.measurements[1].value < evidence.measurements[2].value


@pytest.mark.usefixtures("few")
def test_same_seed_same_numbers(tmp_path) -> None:
    assert measure(tmp_path / "first") == measure(tmp_path / "again")


@pytest.mark.usefixtures("few")
def test_one_norm_over_a_batch_is_noticed(tmp_path, monkeypatch) -> None:
    """The published code's step: that of an image alone over the root of the batch."""

    class Published(DPS):
        def _correction(self, residual, pull, sigma):
            return super()._correction(residual, pull, sigma) / len(residual) ** 0.5

    monkeypatch.setattr(sampling, "DPS", Published)
    adjoint, alone, single = measure(tmp_path).measurements
    assert adjoint.holds
    assert not alone.holds
    assert alone.value > 1e-2
    assert "DPS" in single.note


@pytest.mark.usefixtures("few")
def test_an_adjoint_that_is_none_is_noticed(tmp_path, monkeypatch) -> None:
    """Blurring again, with the kernel as it is, is the adjoint for symmetric kernels only."""
    monkeypatch.setattr(study, "CORRUPTIONS", {"motion": lambda _seed: Blur.motion(3.0, 30.0, noise_std=0.1)})
    monkeypatch.setattr(Blur, "A_adjoint", lambda self, y: 1.001 * Blur.A(self, y))
    adjoint, alone, _ = measure(tmp_path).measurements
    assert not adjoint.holds
    assert alone.holds
