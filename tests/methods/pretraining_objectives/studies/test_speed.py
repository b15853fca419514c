"""The study of speed, made small: what it measures, not how fast this machine is."""

import pytest

torch = pytest.importorskip("torch", reason="the pretraining extra is not installed")
pytest.importorskip("transformers", reason="the pretraining extra is not installed")

from consilience.ground import RunFolder, Streams  # noqa: E402
from consilience.methods.pretraining_objectives.config import Config  # noqa: E402
from consilience.methods.pretraining_objectives.studies import speed as module  # noqa: E402


def test_bars_and_tables_of_a_small_run(tmp_path, monkeypatch) -> None:
    for name, value in {"SHAPES": ((1, 16, 64), (1, 16, 96)), "ROWS": 4, "LENGTH": 16, "CALLS": 1}.items():
        monkeypatch.setattr(module, name, value)
    before = torch.get_num_threads()
    evidence = module.speed(Config(speed_shapes=2), Streams(0), RunFolder(tmp_path))
    assert torch.get_num_threads() == before
    assert [each.bar for each in evidence.measurements if each.barred] == [
        "at least 5",
        "at least 30",
        "at most 1.1",
        "at most 1.5",
    ]
    assert all(each.timing and each.value > 0 for each in evidence.measurements)
    collators, steps = evidence.tables
    assert len(collators.rows) == 6
    assert [row[:3] for row in steps.rows] == [(1, 16, 64), (1, 16, 96)]
    assert len(steps.columns) == 7


def test_heads_with_a_loss_each_are_the_same_loss(monkeypatch) -> None:
    vocabulary = module.Vocabulary(64, special=(0, 1, 2), pad=0, mask=1, end=2)
    rows = torch.randint(3, 64, (2, 16), generator=torch.Generator().manual_seed(0))
    shape = module.ModelShape(layers=1, width=16, heads=2, window=16)
    model = module.make_model(shape, vocabulary, bidirectional=False)
    objective = module._objectives(vocabulary)["all offsets"]
    monkeypatch.setattr(module, "_step", lambda _model, loss: loss)
    naive = module._naive_step(model, objective, rows)()
    assert float(naive.detach()) == pytest.approx(float(objective.loss(model, objective.draw(rows)).detach()), rel=1e-5)
