"""The study of optimality: every solver is compared, a wrong gap is caught, a missing judge is said to be missing."""

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from consilience.ground import Evidence, RunFolder, Streams
from consilience.methods.convex_networks.certificate import Certificate
from consilience.methods.convex_networks.config import Config
from consilience.methods.convex_networks.studies import optimality as study

LARGEST = [f"{kind.name}: largest relative difference to cvxpy" for kind in study.KINDS]


def measured(path: Path) -> Evidence:
    return study.optimality(replace(Config(), optimal_problems=1), Streams(5), RunFolder(path, quiet=True))


def test_solvers_agree_with_the_reference(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("cvxpy", reason="the reference solver is an extra: consilience[peers]")
    monkeypatch.setattr(study, "cone_programs", lambda config, streams: [])
    kinds = [kind for kind in study.KINDS if kind.name in {"ridge", "squared loss, nuclear norm", "logistic loss"}]
    monkeypatch.setattr(study, "KINDS", kinds)
    evidence = measured(tmp_path / "once")
    names = [measurement.name for measurement in evidence.measurements]
    assert names[:3] == [name for name in LARGEST if name.split(":")[0] in {kind.name for kind in kinds}]
    assert all(measurement.holds for measurement in evidence.measurements)
    (table,) = evidence.tables
    assert len(table.rows) == len(kinds) + 1
    assert measured(tmp_path / "again") == evidence


def test_a_gap_that_is_no_bound_is_counted() -> None:
    claims = [
        Certificate(objective=objective, dual_bound=bound, scope="sampled program")
        for objective, bound in ((1.0, 1.0), (1.5, 0.5), (1.5, 1.2), (1.0 + 1e-9, 1.0 + 1e-9))
    ]
    assert study.count_invalid(claims, optimum=1.0) == 1


@pytest.mark.parametrize("kind", study.KINDS, ids=lambda kind: kind.name)
def test_early_gaps_hold_the_final_bound(kind: study.Kind) -> None:
    instance = study.Instance.draw(kind, np.random.default_rng(3))
    best = max(certificate.dual_bound for certificate in instance.solutions().values())
    early = instance.early()
    assert early
    assert all(certificate.objective >= best * (1 - 1e-7) for certificate in early)
    assert all(certificate.dual_bound <= best * (1 + 1e-6) for certificate in early)


def test_without_cvxpy_nothing_is_compared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cvxpy", None)
    evidence = measured(tmp_path)
    found = {measurement.name: measurement for measurement in evidence.measurements}
    assert all(found[name].value is None and found[name].barred for name in LARGEST)
    assert all("consilience[peers]" in found[name].note for name in LARGEST)
    assert found["l1 program: largest relative difference to cvxpy over all cells"].value is None
