"""The study of all ways to answer, at a size for tests."""

from pathlib import Path

import pytest

torch = pytest.importorskip("torch", reason="the torch extra is not installed")

from consilience.ground import Evidence, RunFolder, Streams  # noqa: E402
from consilience.methods.self_correction.config import Config  # noqa: E402
from consilience.methods.self_correction.studies import baselines as study  # noqa: E402

SMALL = Config(baselines_sequences=300, baselines_steps=60)


@pytest.fixture(scope="module")
def evidence(tmp_path_factory: pytest.TempPathFactory) -> Evidence:
    return study.baselines(SMALL, Streams(0), RunFolder(tmp_path_factory.mktemp("run"), quiet=True))


def test_every_bar_of_the_claim_is_there_and_the_clock_is_marked(evidence: Evidence) -> None:
    assert [(each.bar, each.timing) for each in evidence.measurements if each.barred] == [
        ("at most 0.02", False),
        ("at most 60 s", True),
    ]


def test_all_ways_answer_at_every_share_of_noise(evidence: Evidence) -> None:
    noise, examples = evidence.tables
    assert noise.columns[1:] == ("0", "0.25", "0.5", "0.75", "1")
    assert [row[0] for row in noise.rows] == [row[0] for row in examples.rows]
    found = {row[0]: row[1:] for row in noise.rows}
    assert set(found) == {
        study.RANKED,
        study.SUPERVISED,
        study.DESCENT,
        study.MINIMUM,
        study.MEAN,
        study.BEST,
        study.LINE,
    }
    assert found[study.LINE][0] < 1e-10
    assert found[study.BEST][0] < 0.02
    assert len(set(found[study.MEAN])) == 1
    assert found[study.DESCENT][0] == pytest.approx(found[study.MINIMUM][0], abs=0.01)
    assert found[study.DESCENT][-1] > 2 * found[study.MEAN][-1]
    for name in (study.BEST, study.LINE, study.DESCENT):
        assert list(found[name]) == sorted(found[name])


def test_the_last_number_of_examples_without_noise_stands_in_both_tables(evidence: Evidence) -> None:
    noise, examples = evidence.tables
    assert [row[1] for row in noise.rows] == [row[-1] for row in examples.rows]
    assert evidence.measurements[0].value == pytest.approx(noise.rows[1][1], abs=1e-4)


def test_same_seed_same_numbers_but_for_the_clock(evidence: Evidence, tmp_path: Path) -> None:
    again = study.baselines(SMALL, Streams(0), RunFolder(tmp_path, quiet=True))
    assert again.tables == evidence.tables
    assert [each for each in again.measurements if not each.timing] == [
        each for each in evidence.measurements if not each.timing
    ]
