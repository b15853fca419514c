"""The study of digits: who is compared, which bars count at which size, and that nothing but times may vary."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sklearn.datasets import load_digits

from consilience.ground import RunFolder, Streams
from consilience.methods.convex_networks.config import Config
from consilience.methods.convex_networks.studies import digits as study
from consilience.methods.convex_networks.studies.rivals import CONVEX, Score

NAMES = [
    "accuracy",
    "accuracy above MLPClassifier(200)",
    "accuracy above tuned SVC",
    "fit time over MLPClassifier(200)'s",
    "fit time over tuned SVC's",
    "accuracy with 1000 gates",
]


@pytest.fixture
def few_images(monkeypatch: pytest.MonkeyPatch) -> None:
    features, labels = load_digits(return_X_y=True)

    def first(**_: Any) -> tuple[Any, Any]:
        return features[:200], labels[:200]

    monkeypatch.setattr(study, "load_digits", first)


@pytest.mark.usefixtures("few_images")
def test_only_times_differ_between_runs(tmp_path: Path) -> None:
    config = replace(Config(), digits_splits=2, n_gates=10)
    evidence = study.digits(config, Streams(100), RunFolder(tmp_path, quiet=True))
    assert [measurement.name for measurement in evidence.measurements] == NAMES
    assert [measurement.timing for measurement in evidence.measurements] == [False] * 3 + [True] * 2 + [False]
    assert [measurement.barred for measurement in evidence.measurements] == [False, True] + [False] * 4
    assert [row[0] for row in evidence.tables[0].rows] == [
        CONVEX,
        study.MANY,
        study.KERNEL,
        study.PERCEPTRON,
        study.LINEAR,
        study.TRIVIAL,
    ]
    assert (tmp_path / evidence.figures[0].file).exists()
    again = study.digits(config, Streams(100), RunFolder(tmp_path / "again", quiet=True))
    assert [m for m in again.measurements if not m.timing] == [m for m in evidence.measurements if not m.timing]
    assert again.tables[0] == evidence.tables[0]
    assert again.seeds == evidence.seeds


def test_five_splits_are_held_against_every_bar() -> None:
    def score(points: float, fit_s: float) -> list[Score]:
        return [Score(points=points, fit_s=fit_s)] * 5

    scores = {
        CONVEX: score(99.0, 0.1),
        study.MANY: score(99.1, 0.2),
        study.KERNEL: score(99.0, 0.05),
        study.PERCEPTRON: score(98.0, 1.2),
    }
    bars = {measurement.name: measurement.holds for measurement in study._measurements(scores)}
    assert bars == dict(zip(NAMES, [True, True, True, True, False, None], strict=True))


def test_slow_rivals_are_left_out_of_small_runs() -> None:
    names = [rival.name for rival in study._rivals(10)]
    assert not {rival.name for rival in study._slow_rivals()} & set(names)
