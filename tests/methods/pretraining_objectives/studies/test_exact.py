"""The claim of exactness, measured, and that its measure can fail."""

import pytest

torch = pytest.importorskip("torch", reason="the pretraining extra is not installed")
pytest.importorskip("transformers", reason="the pretraining extra is not installed")

from consilience.ground import RunFolder, Streams  # noqa: E402
from consilience.methods.pretraining_objectives.config import Config  # noqa: E402
from consilience.methods.pretraining_objectives.objectives import DiverseAutoregression  # noqa: E402
from consilience.methods.pretraining_objectives.studies import exact as module  # noqa: E402


def measured(tmp_path) -> dict[str, tuple[float, bool]]:
    evidence = module.exact(Config(), Streams(0), RunFolder(tmp_path))
    return {each.name: (each.value, each.holds) for each in evidence.measurements}


def test_every_bar_is_cleared(tmp_path) -> None:
    assert all(holds for _, holds in measured(tmp_path).values())


def test_another_loss_would_be_noticed(tmp_path, monkeypatch) -> None:
    plain = DiverseAutoregression.loss
    monkeypatch.setattr(
        DiverseAutoregression,
        "loss",
        lambda self, model, batch, items=None: plain(self, model, batch, items) * (1 + 1e-6),
    )
    name = next(name for name in measured(tmp_path) if "K = 1" in name)
    assert not measured(tmp_path / "again")[name][1]
