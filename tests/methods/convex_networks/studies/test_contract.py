import pytest

from consilience.ground import Evidence, RunFolder, Streams
from consilience.methods.convex_networks.config import Config
from consilience.methods.convex_networks.studies import contract as study


def _but_for(outcomes: dict[str, str], name: str) -> dict[str, str]:
    return {check: status for check, status in outcomes.items() if name not in check}


@pytest.fixture(scope="module")
def evidence(tmp_path_factory: pytest.TempPathFactory) -> Evidence:
    folder = RunFolder(tmp_path_factory.mktemp("contract"), quiet=True)
    with pytest.MonkeyPatch.context() as patch:
        # All six estimators take half a minute; the two plain ones show how the study counts.
        every, checked = study._estimators, study._checked
        patch.setattr(study, "_estimators", lambda seed: every(seed)[:2])
        # scikit-learn sets parameters to nonsense, which the run-time type checks of the tests refuse too early;
        # test_estimators runs all checks in a process without them.
        patch.setattr(study, "_checked", lambda estimator: _but_for(checked(estimator), "init_or_set_params"))
        return study.contract(Config(contract_rows=40, n_gates=20), Streams(3), folder)


def test_every_bar_holds_on_the_plain_estimators(evidence: Evidence) -> None:
    assert [measured.name for measured in evidence.measurements if measured.holds is False] == []


def test_the_table_counts_every_check(evidence: Evidence) -> None:
    (table,) = evidence.tables
    assert [row[0] for row in table.rows] == ["ConvexReLUClassifier", "ConvexReLURegressor"]
    assert all(row[1] >= 50 for row in table.rows)


def test_a_failed_check_is_counted_and_breaks_the_bar() -> None:
    outcomes = {"Broken": {"0: check_sample_weight_equivalence": "failed", "1: check_fit": "passed"}}
    failed, others, weights = study._check_measurements(outcomes)
    assert failed.value == 1.0
    assert failed.holds is False
    assert others.holds is None
    assert weights.value == 0.0


def test_half_of_the_rows_lie_on_boundaries() -> None:
    config = Config(contract_rows=30, n_gates=10)
    model, rows = study._digits_model(config, 1, Streams(1).generator("rows"))
    margins = abs(rows[:15] @ model.gates_.vectors[1:].T + model.gates_.offsets[1:]).min(axis=1)
    assert margins.max() < 1e-4
    assert rows.shape == (30, 64)
