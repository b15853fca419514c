"""The study of ranking losses: its oracles agree, its bars are there, and a wrong loss would be seen."""

from pathlib import Path

import pytest

torch = pytest.importorskip("torch", reason="the torch extra is not installed")

from consilience.ground import Evidence, RunFolder, Streams  # noqa: E402
from consilience.methods.self_correction.config import Config  # noqa: E402
from consilience.methods.self_correction.ranking import plackett_luce_over_prefixes  # noqa: E402
from consilience.methods.self_correction.studies import losses as study  # noqa: E402


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(study, "BATCH", 3)
    monkeypatch.setattr(study, "EXAMPLES", 6)


@pytest.fixture
def evidence(small: None, tmp_path: Path) -> Evidence:
    return study.losses(Config(losses_repeats=2), Streams(0), RunFolder(tmp_path, quiet=True))


def test_every_bar_of_the_claim_is_there_and_those_without_a_clock_are_cleared(evidence: Evidence) -> None:
    bars = {each.name: each.bar for each in evidence.measurements if each.barred}
    assert list(bars.values()) == ["at most 1e-10", "at least 50", "at most 1e-08"]
    assert [each.holds for each in evidence.measurements if each.barred and not each.timing] == [True, True]
    assert evidence.measurements[-1].value < 1e-12


def test_what_the_clock_says_is_marked(evidence: Evidence) -> None:
    assert [each.timing for each in evidence.measurements] == [False, True, False, False]
    assert evidence.tables[0].timing
    assert evidence.tables[0].rows[0][0] == "double loop"


def test_a_wrong_loss_would_be_seen(small: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(study, "plackett_luce_over_prefixes", lambda *given: plackett_luce_over_prefixes(*given) + 1e-6)
    found = study.losses(Config(losses_repeats=1), Streams(0), RunFolder(tmp_path, quiet=True))
    assert found.measurements[0].holds is False


def test_the_oracles_agree_by_hand() -> None:
    implicit = torch.tensor([[[7.0, 8.0], [1.0, 3.0]]]).double()
    for rewards, kept in (([[0.0, 1.0]], 3.0), ([[1.0, 0.0]], 1.0), ([[1.0, 1.0]], 1.0)):
        expected = torch.logsumexp(implicit[0, 1], 0) - kept
        for oracle in (study.double_loop, study.by_mask):
            found = oracle(implicit, torch.tensor(rewards).double())
            assert found[0].tolist() == pytest.approx([0.0, float(expected)])
