"""The study of the exact transformers, at a size for tests."""

from pathlib import Path

import pytest

torch = pytest.importorskip("torch", reason="the torch extra is not installed")

from consilience.ground import Evidence, RunFolder, Streams  # noqa: E402
from consilience.methods.self_correction.config import Config  # noqa: E402
from consilience.methods.self_correction.studies import construction as study  # noqa: E402

SMALL = Config(construction_sequences=2)


@pytest.fixture
def evidence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Evidence:
    monkeypatch.setattr(study, "SIZES", ((2, 3), (4, 3)))
    monkeypatch.setattr(study, "LONG_SIZES", ((9, 3),))
    return study.construction(SMALL, Streams(1), RunFolder(tmp_path, quiet=True))


def test_every_bar_of_the_claim_is_there_and_cleared(evidence: Evidence) -> None:
    assert [each.bar for each in evidence.measurements] == ["-1.01 to -0.99", "at most 1e-12", "at most 1e-12"]
    assert all(each.holds for each in evidence.measurements)
    assert evidence.measurements[0].low <= evidence.measurements[0].value <= evidence.measurements[0].high


def test_longer_contexts_are_for_the_two_layer_form_alone(evidence: Evidence) -> None:
    (table,) = evidence.tables
    assert [row[:3] for row in table.rows] == [(2, 3, 5), (4, 3, 15), (9, 3, None)]
    assert all(row[-1] < 1e-12 for row in table.rows)


def test_rewards_are_evenly_spaced_in_an_order_of_chance() -> None:
    contexts, start = study._drawn_contexts((5, 3), 8, Streams(1))
    ordered = contexts.rewards.sort(dim=1).values
    torch.testing.assert_close(ordered, (torch.arange(5) / 5).double().expand(8, 5))
    assert len({tuple(row) for row in contexts.rewards.tolist()}) > 4
    assert start.shape == (8, 3)


def test_a_wrong_transformer_would_be_seen(evidence: Evidence, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Short(study.StackedDescent):
        def __call__(self, start, responses, rewards):
            return 0.999 * super().__call__(start, responses, rewards)

    monkeypatch.setattr(study, "StackedDescent", Short)
    found = study.construction(SMALL, Streams(1), RunFolder(tmp_path / "wrong", quiet=True))
    assert [each.holds for each in found.measurements] == [False, False, True]
