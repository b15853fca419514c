"""The study on a policy and pairs of one's own: a report on a tiny model, and a reason where there is none."""

import pytest

pytest.importorskip("trl", reason="the preferences extra is not installed")

from consilience.ground import RunFolder
from consilience.methods.decorrelated_preferences.config import Config
from consilience.methods.decorrelated_preferences.experiment import run

# datasets leaves memory-mapped files to the garbage collector.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


def claim(folder, **given):
    report = run(Config(claims=("decpo.policy",), **given), RunFolder(folder, quiet=True))
    return next(claim for claim in report.claims if claim.id == "decpo.policy")


def test_a_policy_and_pairs_give_a_report_without_bars(model, pairs, tmp_path) -> None:
    found = claim(
        tmp_path / "run", policy=str(model), policy_pairs=str(pairs), policy_seeds=(1, 2), policy_steps=1,
        policy_batch=4, policy_lora_modules=("q_proj", "mlp.up_proj"), policy_lora_until=1, policy_schedule="constant",
    )  # fmt: skip
    assert found.verdict == "not measured"
    assert found.note == ""
    assert found.seeds == (1, 2)
    assert [one.name for one in found.evidence.measurements[:5]] == [
        "cosine: margin above DPO's",
        "cosine: preference accuracy above DPO's",
        "cosine: displacement of chosen answers above DPO's",
        "cosine: decorrelation above DPO's, regularised layer",
        "cosine: decorrelation above DPO's, other layer",
    ]
    assert len(found.evidence.measurements) == 15
    assert all(one.low <= one.value <= one.high for one in found.evidence.measurements)
    arms, features = found.evidence.tables
    assert [row[0] for row in arms.rows] == ["DPO", "cosine", "literal form", "L1"]
    assert len(features.rows) == 5 * 2 * 2
    assert all(row[-1] == "1.000 ± 0.000" for row in features.rows if row[0] == "before training")


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({}, "set policy=... and policy_pairs=..."),
        ({"policy": "base"}, "set policy_pairs=..."),
        ({"policy": "base", "policy_pairs": "no/such.jsonl"}, "needs the file that policy_pairs names, no/such.jsonl"),
    ],
)
def test_what_is_absent_is_the_reason(given, said, tmp_path) -> None:
    assert claim(tmp_path, **given).note.endswith(said)
