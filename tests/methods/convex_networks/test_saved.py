"""Saved models: the same predictions after a round trip, and refusal of anything else."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from consilience.ground.errors import InvalidInput
from consilience.methods.convex_networks.embeddings import LatentSemantics
from consilience.methods.convex_networks.network import GatedNetwork, ProbabilityLink
from consilience.methods.convex_networks.saved import Header, SavedModel
from consilience.methods.convex_networks.table import encode, learn_columns

FRAME = pd.DataFrame({"size": [1.0, 2.0, 3.0, 4.0], "note": ["red boat", "blue sea", "red sea", "blue boat"]})


def some_model(n_classes: int) -> SavedModel:
    """A network over a number and an embedded text; no classes stand for a regression."""
    columns, notes = learn_columns(FRAME, text_columns=["note"])
    semantics = LatentSemantics.fit(FRAME["note"].tolist(), n_features=3)
    features, names = encode(columns, FRAME, semantics)
    n_outputs = n_classes if n_classes > 2 else 1
    generator = np.random.default_rng(n_classes)
    network = GatedNetwork(
        gate_vectors=generator.normal(size=(5, features.shape[1])),
        gate_offsets=generator.normal(size=5),
        weights=generator.normal(size=(5, features.shape[1], n_outputs)),
        biases=generator.normal(size=(5, n_outputs)),
        intercept=generator.normal(size=n_outputs),
    )
    header = Header(
        task="classification" if n_classes else "regression",
        target="price",
        columns=columns,
        feature_names=tuple(names),
        classes=tuple("abcd"[:n_classes]) if n_classes else None,
        sentence_model=None,
        probability_scale=1.3 if n_classes else None,
        notes=notes,
    )
    link = ProbabilityLink(scale=1.3, bias=generator.normal(size=n_outputs)) if n_classes else None
    return SavedModel(header=header, network=network, link=link, semantics=semantics)


@pytest.mark.parametrize("n_classes", [0, 2, 4])
def test_a_round_trip_changes_no_prediction(tmp_path: Path, n_classes: int) -> None:
    model = some_model(n_classes)
    model.save(tmp_path / "model")
    loaded = SavedModel.load(tmp_path / "model")
    pd.testing.assert_frame_equal(loaded.predict(FRAME), model.predict(FRAME), check_exact=True)
    assert replace(loaded.header, arrays_sha256="") == model.header
    assert sorted(path.name for path in tmp_path.iterdir()) == ["model"]


def test_predictions_are_labels_with_probabilities(tmp_path: Path) -> None:
    predictions = some_model(4).predict(FRAME)
    named = predictions.filter(like="probability of ")
    np.testing.assert_allclose(named.sum(axis=1), 1.0)
    assert list(named.columns) == [f"probability of {label}" for label in "abcd"]
    assert set(predictions["prediction"]) <= set("abcd")


def test_the_onnx_file_agrees(tmp_path: Path) -> None:
    runtime = pytest.importorskip("onnxruntime", reason="the onnx extra is not installed")
    model = some_model(4)
    model.save(tmp_path / "model")
    session = runtime.InferenceSession(tmp_path / "model" / "model.onnx", providers=["CPUExecutionProvider"])
    features, _ = encode(model.header.columns, FRAME, model.semantics)
    (labels,) = session.run(["label"], {"X": features.astype(np.float32)})
    np.testing.assert_array_equal(labels, model.predict(FRAME)["prediction"])


def test_an_earlier_model_is_replaced_and_nothing_else_is(tmp_path: Path) -> None:
    some_model(2).save(tmp_path / "model")
    some_model(0).save(tmp_path / "model")
    assert SavedModel.load(tmp_path / "model").header.task == "regression"
    (tmp_path / "precious").mkdir()
    with pytest.raises(InvalidInput, match="holds something else"):
        some_model(2).save(tmp_path / "precious")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"version": 2}, "version 1; version: "),
        ({"format": "something else"}, "must be of format 'consilience convex network'"),
        ({"unheard_of": 1}, "unheard_of: "),
        ({"columns": [{"kind": "pickle", "name": "x"}]}, "columns.0: "),
        ({"arrays_sha256": "0" * 64}, "not the file that model.json was written with"),
    ],
)
def test_what_is_not_known_is_refused(tmp_path: Path, change: dict[str, object], message: str) -> None:
    some_model(2).save(tmp_path / "model")
    file = tmp_path / "model" / "model.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | change))
    with pytest.raises(InvalidInput, match=message) as caught:
        SavedModel.load(tmp_path / "model")
    assert "\n" not in str(caught.value)


def test_a_folder_without_a_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="must be the folder of a saved model; No such file"):
        SavedModel.load(tmp_path)


def test_nothing_is_pickled(tmp_path: Path) -> None:
    some_model(2).save(tmp_path / "model")
    with np.load(tmp_path / "model" / "arrays.npz", allow_pickle=False) as arrays:
        assert {array.dtype.kind for array in arrays.values()} <= {"f", "U"}
