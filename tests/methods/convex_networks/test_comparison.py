"""Comparisons: honest splits, verdicts that follow from the numbers, runs that resume."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.datasets import make_classification, make_moons
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.svm import SVC

from consilience.ground.errors import InvalidInput
from consilience.methods.convex_networks import comparison
from consilience.methods.convex_networks.comparison import CONVEX, TRIVIAL, Candidate, candidates, compare, picture

LINEAR = Candidate(name="linear", estimator=LogisticRegression(), grid={"C": [0.1, 1.0]}, linear=True)
TRIVIAL_CLASS = Candidate(name=TRIVIAL[0], estimator=DummyClassifier())


def table_of(features: np.ndarray) -> pd.DataFrame:
    return pd.DataFrame(features, columns=[f"x{i}" for i in range(features.shape[1])])


def moons() -> tuple[pd.DataFrame, np.ndarray]:
    features, labels = make_moons(200, noise=0.15, random_state=0)
    return table_of(features), labels


def planes() -> tuple[pd.DataFrame, np.ndarray]:
    features, labels = make_classification(200, 4, n_redundant=0, n_clusters_per_class=1, class_sep=2.0, random_state=0)
    return table_of(features), labels


def with_stand_in(stand_in: BaseEstimator) -> Sequence[Candidate]:
    return TRIVIAL_CLASS, LINEAR, Candidate(name=CONVEX, estimator=stand_in, grid={"C": [1.0, 10.0]})


class TestVerdict:
    def test_a_linear_model_is_not_enough_for_moons(self) -> None:
        result = compare(*moons(), "classification", models=with_stand_in(SVC()), quiet=True)
        assert [standing.model for standing in result.standings] == [CONVEX, "linear", TRIVIAL[0]]
        assert result.verdict.startswith("A linear model is not enough here: linear is more than one standard error")

    def test_a_linear_model_is_enough_for_planes(self) -> None:
        result = compare(*planes(), "classification", models=with_stand_in(SVC()), quiet=True)
        assert result.verdict.startswith("A linear model is enough here: ")


def test_differences_are_paired_and_intervals_corrected() -> None:
    result = compare(*moons(), "classification", models=with_stand_in(SVC()), folds=4, quiet=True)
    scores = {standing.model: np.array(standing.scores) for standing in result.standings}
    linear = next(standing for standing in result.standings if standing.model == "linear")
    assert linear.gain == pytest.approx(np.mean(scores["linear"] - scores[CONVEX]))
    assert linear.standard_error == pytest.approx(scores["linear"].std(ddof=1) * np.sqrt(1 / 4 + 1 / 3))
    convex = result.standings[0]
    assert (convex.gain, convex.gain_margin, convex.fit_ratio) == (0.0, 0.0, 1.0)


def test_the_same_seed_gives_the_same_scores() -> None:
    first, second = (compare(*moons(), "classification", models=with_stand_in(SVC()), quiet=True) for _ in range(2))
    assert [standing.scores for standing in first.standings] == [standing.scores for standing in second.standings]


class Spy(ClassifierMixin, BaseEstimator):
    """Counts its fits over all clones."""

    fits = 0

    def __init__(self, C: float = 1.0) -> None:
        self.C = C

    def fit(self, X: np.ndarray, y: np.ndarray) -> "Spy":
        type(self).fits += 1
        self.classes_ = np.unique(y)
        return self

    def predict(self, X: np.ndarray) -> np.ndarray:
        return np.resize(self.classes_, len(X))


def test_an_interrupted_comparison_goes_on_where_it_was(tmp_path: Path) -> None:
    Spy.fits = 0
    frame, labels = moons()
    settings = {"models": with_stand_in(Spy()), "folds": 2, "resume": tmp_path, "quiet": True}
    first = compare(frame, labels, "classification", **settings)
    done = Spy.fits
    assert done > 0
    assert compare(frame, labels, "classification", **settings) == first
    assert Spy.fits == done
    next(tmp_path.rglob("convex-network-1.json")).unlink()
    compare(frame, labels, "classification", **settings)
    assert Spy.fits == done + done // 2
    compare(frame, 1 - labels, "classification", **settings)
    assert Spy.fits == 2 * done + done // 2


def test_another_embedder_grid_or_setting_is_measured_anew(tmp_path: Path) -> None:
    Spy.fits = 0
    labels = np.repeat([0, 1], 10)
    frame = pd.DataFrame({"note": [f"{'a' * (1 + number)} {number}" for number in range(20)]})

    def fits(stand_in: BaseEstimator, embed: Callable[[Sequence[str]], np.ndarray]) -> int:
        before = Spy.fits
        compare(
            frame, labels, "classification", models=with_stand_in(stand_in), text_columns=["note"],
            embedder=lambda _: embed, folds=2, resume=tmp_path, quiet=True,
        )  # fmt: skip
        return Spy.fits - before

    def lengths(texts: Sequence[str]) -> np.ndarray:
        return np.array([[float(len(text))] for text in texts])

    def words(texts: Sequence[str]) -> np.ndarray:
        return np.array([[float(text.split()[1])] for text in texts])

    once = fits(Spy(), lengths)
    assert once > 0
    assert fits(Spy(), lengths) == 0
    assert fits(Spy(), words) == once
    assert fits(Spy(C=2.0), words) == once
    assert fits(Spy(), words) == 0


def test_other_candidates_and_other_code_are_measured_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Spy.fits = 0
    how = {"folds": 2, "resume": tmp_path, "quiet": True}
    compare(*moons(), "classification", models=with_stand_in(Spy()), **how)
    once = Spy.fits
    wider = (TRIVIAL_CLASS, LINEAR, Candidate(name=CONVEX, estimator=Spy(), grid={"C": [1.0, 20.0]}))
    compare(*moons(), "classification", models=wider, **how)
    assert Spy.fits == 2 * once
    monkeypatch.setattr(comparison, "source_digest", lambda room: "another")
    compare(*moons(), "classification", models=wider, **how)
    assert Spy.fits == 3 * once


def test_columns_that_will_not_do_are_refused_before_anything_is_fitted() -> None:
    """Each training part has few enough words for a category; the whole table has not."""
    Spy.fits = 0
    frame = pd.DataFrame({"word": [f"word {number}" for number in range(60)]})
    with pytest.raises(InvalidInput, match="holds 60 different strings"):
        compare(frame, np.arange(60) % 2, "classification", models=with_stand_in(Spy()), folds=2, quiet=True)
    assert Spy.fits == 0


def test_columns_are_learned_on_training_rows_alone() -> None:
    frame, labels = moons()
    seen: list[int] = []

    def embedder(rows: pd.DataFrame) -> None:
        seen.append(len(rows))

    compare(frame, labels, "classification", models=with_stand_in(SVC()), folds=4, embedder=embedder, quiet=True)
    assert seen == [150] * 4


@pytest.mark.parametrize("task", ["classification", "regression"])
def test_every_task_has_its_models_with_grids_of_four(task: str) -> None:
    models = candidates(task, seed=0)  # type: ignore[arg-type]
    assert [len(model.name) > 0 and model.linear for model in models].count(True) == 1
    assert models[0].name in TRIVIAL
    assert models[-1].name == CONVEX
    sizes = [int(np.prod([len(values) for values in model.grid.values()])) for model in models[1:]]
    assert sizes == [4] * 5
    for model in models:
        model.estimator.set_params(**{name: values[0] for name, values in model.grid.items()})


def test_the_picture_shows_every_model_and_is_the_same_twice() -> None:
    frame, labels = moons()
    models = (
        Candidate(name=TRIVIAL[1], estimator=DummyRegressor()),
        Candidate(name="ridge", estimator=Ridge(), linear=True),
        Candidate(name=CONVEX, estimator=Ridge(alpha=2.0)),
    )
    result = compare(frame, labels.astype(float), "regression", models=models, quiet=True)
    figure = picture(result)
    assert {label.get_text() for label in figure.axes[0].get_yticklabels()} == {model.name for model in models}
    assert result.metric == "R2"


@pytest.mark.parametrize(
    ("labels", "task", "folds", "message"),
    [
        (["a"] * 50 + ["b"] * 3, "classification", 5, "at least 5 rows of each class; class 'b' has 3: .*--folds"),
        (np.arange(20.0), "regression", 5, "5 folds need at least 30 rows; got 20"),
        (["a", "b"] * 30, "classification", 1, "`folds` must be at least 2; got 1"),
    ],
)
def test_too_few_rows_are_refused(labels: Sequence[object], task: str, folds: int, message: str) -> None:
    frame = table_of(np.random.default_rng(0).normal(size=(len(labels), 2)))
    with pytest.raises(InvalidInput, match=message):
        compare(frame, np.array(labels), task, folds=folds, quiet=True)  # type: ignore[arg-type]
