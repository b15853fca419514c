"""The study of the published curves, at a size for tests: the reason of the plateau in every part."""

from pathlib import Path

import pytest

torch = pytest.importorskip("torch", reason="the torch extra is not installed")

from consilience.ground import Evidence, RunFolder, Streams  # noqa: E402
from consilience.methods.self_correction.config import Config  # noqa: E402
from consilience.methods.self_correction.estimator import misalignment  # noqa: E402
from consilience.methods.self_correction.sequences import LineAnswers  # noqa: E402
from consilience.methods.self_correction.studies import published as study  # noqa: E402

SMALL = Config(published_sequences=300)


@pytest.fixture(scope="module")
def evidence(tmp_path_factory: pytest.TempPathFactory) -> Evidence:
    return study.published(SMALL, Streams(0), RunFolder(tmp_path_factory.mktemp("run"), quiet=True))


def test_every_bar_of_the_claim_is_there(evidence: Evidence) -> None:
    assert [each.bar for each in evidence.measurements if each.barred] == ["at most 0.02", "at most 0.015"]


def test_descent_is_at_the_minimum_and_the_minimum_is_not_the_right_answer(evidence: Evidence) -> None:
    found = {each.name: each for each in evidence.measurements}
    assert found["largest distance from the exact minimum of the loss"].holds
    assert found["contexts where the right answer costs more than the minimum"].value == 100
    assert found["contexts where the minimum points past the right answer"].value > 95
    (chord,) = (each for name, each in found.items() if "11/35" in name)
    assert chord.value == pytest.approx(11 / 35, abs=4 * (chord.high - chord.value))


def test_published_numbers_stand_beside_ours_with_their_source(evidence: Evidence) -> None:
    table = evidence.tables[0]
    assert [row[2] for row in table.rows] == list(study.PUBLISHED_DESCENT)
    assert all(abs(row[2] - row[3]) < 0.06 for row in table.rows)
    assert "notebook" in table.note


def test_under_the_theorys_reward_answers_run_away_straight(evidence: Evidence) -> None:
    rows = evidence.tables[1].rows
    lengths = [row[1] for row in rows]
    assert lengths == sorted(lengths)
    assert lengths[-1] > 5 * lengths[0]
    assert all(row[3] < 1e-6 for row in rows)


def test_the_wrong_answer_and_the_contrast_are_what_they_are_called() -> None:
    contexts = LineAnswers().draw(10, 6, torch.Generator().manual_seed(0)).double()
    wrong, share = study._wrong_answer(contexts), contexts.rewards[..., None]
    torch.testing.assert_close(
        contexts.responses, share * contexts.target[:, None] + (1 - share) * wrong[:, None], atol=1e-5, rtol=1e-4
    )
    pair = contexts.prefix(2)
    units = pair.responses / pair.responses.norm(dim=-1, keepdim=True)
    better = pair.rewards.argmax(dim=1)
    rows = torch.arange(10)
    assert float(misalignment(study._contrast(pair), units[rows, better] - units[rows, 1 - better]).max()) < 1e-9


def test_same_seed_same_numbers(evidence: Evidence, tmp_path: Path) -> None:
    assert study.published(SMALL, Streams(0), RunFolder(tmp_path, quiet=True)) == evidence
