"""The room's verbs, as they are typed."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_diabetes, load_iris
from sklearn.dummy import DummyClassifier
from sklearn.linear_model import LogisticRegression

from consilience.cli import main
from consilience.methods.convex_networks import comparison
from consilience.methods.convex_networks.comparison import CONVEX, TRIVIAL, Candidate
from consilience.methods.convex_networks.embeddings import SentenceEmbedder

TEXTS = {
    "sea": ["a boat at sea", "waves on the sea", "sailing a boat"],
    "garden": ["red roses", "green grass", "roses in grass"],
}


@pytest.fixture
def iris(tmp_path: Path) -> Path:
    data = load_iris(as_frame=True)
    frame = data.frame.assign(target=data.target_names[data.target])
    frame.loc[::20, frame.columns[0]] = np.nan
    frame.to_csv(tmp_path / "iris.csv", index=False)
    return tmp_path / "iris.csv"


@pytest.fixture
def notes(tmp_path: Path) -> Path:
    rows = [(text, label, i) for i in range(5) for label, texts in TEXTS.items() for text in texts]
    pd.DataFrame(rows, columns=["note", "place", "number"]).to_csv(tmp_path / "notes.csv", index=False)
    return tmp_path / "notes.csv"


def typed(*words: object) -> int:
    return main(["convex-networks", *map(str, words)])


def test_fit_then_predict_a_classification(iris: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model, out = iris.parent / "model", iris.parent / "predictions.csv"
    assert typed("fit", iris, "--target", "target", "--out", model) == 0
    said = capsys.readouterr().out
    assert "3 classes" in said
    assert "missing values replaced by the median" in said
    assert typed("predict", model, iris, "--out", out) == 0
    predictions, truth = pd.read_csv(out), pd.read_csv(iris)
    assert (predictions["prediction"] == truth["target"]).mean() > 0.95
    np.testing.assert_allclose(predictions.filter(like="probability").sum(axis=1), 1.0)
    assert typed("predict", model, iris) == 0
    assert capsys.readouterr().out == out.read_text()


def test_fit_then_predict_a_regression(tmp_path: Path) -> None:
    csv, model, out = (tmp_path / name for name in ("diabetes.csv", "model", "predictions.csv"))
    load_diabetes(as_frame=True).frame.to_csv(csv, index=False)
    assert typed("fit", csv, "--target", "target", "--out", model) == 0
    assert typed("predict", model, csv, "--out", out) == 0
    residual = pd.read_csv(csv)["target"] - pd.read_csv(out)["prediction"]
    assert residual.var() < 0.6 * pd.read_csv(csv)["target"].var()


def test_texts_without_any_extra(notes: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model = notes.parent / "model"
    words = ("--target", "place", "--text-column", "note", "--drop", "number", "--embedder", "tfidf", "--out", model)
    assert typed("fit", notes, *words) == 0
    (notes.parent / "new.csv").write_text("note\na boat\nthe roses\n")
    capsys.readouterr()
    assert typed("predict", model, notes.parent / "new.csv") == 0
    assert [line.split(",")[0] for line in capsys.readouterr().out.splitlines()] == ["prediction", "sea", "garden"]


def test_a_cache_tells_models_by_what_their_folder_holds(
    notes: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked: list[str] = []

    def embed(self: SentenceEmbedder, texts: list[str]) -> np.ndarray:
        asked.extend(texts)
        weights = np.random.default_rng(int((Path(self.model) / "weights").read_text())).standard_normal((256, 4))
        return np.array([weights[list(text.encode())].mean(axis=0) for text in texts])

    monkeypatch.setattr(SentenceEmbedder, "__call__", embed)
    folder, model = notes.parent / "embedder", notes.parent / "model"
    folder.mkdir()
    words = ("--target", "place", "--text-column", "note", "--drop", "number", "--embedder", folder, "--out", model)
    predictions = []
    for seed in (0, 1):
        (folder / "weights").write_text(str(seed))
        for cache in (("--cache", notes.parent / "cache"), ()):
            assert typed("fit", notes, *words, *cache) == 0
            capsys.readouterr()
            assert typed("predict", model, notes, *cache) == 0
            predictions.append(capsys.readouterr().out)
    assert predictions[0] == predictions[1] != predictions[2] == predictions[3]
    assert len(asked) == 2 * 3 * len(set(asked))  # for each model: cached once, and by fit and predict without a cache


def test_compare_writes_numbers_and_a_picture(
    iris: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    few = (
        Candidate(name=TRIVIAL[0], estimator=DummyClassifier()),
        Candidate(name="logistic regression", estimator=LogisticRegression(), linear=True),
        Candidate(name=CONVEX, estimator=LogisticRegression(C=2.0)),
    )
    monkeypatch.setattr(comparison, "candidates", lambda task, seed: few)
    out = iris.parent / "comparison"
    assert typed("compare", iris, "--target", "target", "--folds", "3", "--quiet", "--out", out) == 0
    said = capsys.readouterr().out
    assert "convex network" in said
    written = json.loads((out / "comparison.json").read_text())
    assert written["target"] == "target"
    assert written["verdict"] in said
    assert (out / "comparison.svg").read_text().startswith("<?xml")
    assert (out / "comparison.png").read_bytes().startswith(b"\x89PNG")
    assert not [path for path in out.iterdir() if path.name.startswith(".")]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("fit", "iris.csv", "--target", "tarjet", "--out", "m"), "did you mean 'target'"),
        (("fit", "none.csv", "--target", "target", "--out", "m"), "must be a readable CSV file"),
        (("fit", "notes.csv", "--target", "place", "--text-column", "notes", "--out", "m"), "did you mean 'note'"),
        (("predict", "nothing", "iris.csv"), "must be the folder of a saved model"),
        (
            ("compare", "iris.csv", "--target", "target", "--folds", "99", "--out", "c"),
            "99 folds need at least 99 rows",
        ),
        (("compare", "iris.csv", "--target", "target", "--out", "iris.csv"), "--out must name a folder"),
        (("fit", "iris.csv", "--target", "target", "--out", "."), "holds something else"),
    ],
)
@pytest.mark.usefixtures("iris", "notes")
def test_a_mistake_is_one_line_and_status_two(
    words: tuple[str, ...],
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert typed(*words) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
