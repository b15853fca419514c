"""Measuring one's own models: a table, JSON, and models whose tokens do not correspond."""

import json

import pytest

torch = pytest.importorskip("torch", reason="the preferences extra is not installed")
pytest.importorskip("trl", reason="the preferences extra is not installed")

from transformers import AutoModelForCausalLM, AutoTokenizer  # noqa: E402

from consilience.ground.errors import InvalidInput, UnknownName  # noqa: E402
from consilience.methods.decorrelated_preferences.commands import measure  # noqa: E402
from consilience.methods.decorrelated_preferences.studies import sorting  # noqa: E402


@pytest.fixture
def other(model, tmp_path):
    """Save a model with features of twice the size."""
    folder = tmp_path / "other"
    made = AutoModelForCausalLM.from_pretrained(model)
    with torch.no_grad():
        made.model.layers[2].mlp.up_proj.weight.mul_(2)
    made.save_pretrained(folder)
    AutoTokenizer.from_pretrained(model).save_pretrained(folder)
    return folder


@pytest.fixture
def text(tmp_path):
    path = tmp_path / "text.txt"
    path.write_text("314159\n2718\n9\n11235813\n")
    return path


def test_two_models_are_measured_on_the_same_texts(model, other, text, capsys) -> None:
    how = {"model": str(model), "against": str(other), "text": text, "device": "cpu"}
    assert measure(**how, layers=("all",), json=True) == 0
    found = json.loads(capsys.readouterr().out)
    one, two = found[str(model)], found[str(other)]
    assert set(one) == {f"{layer}/{token}" for layer in range(3) for token in ("last", "before last", "mean")}
    assert two["2/last"]["norm"] == pytest.approx(2 * one["2/last"]["norm"])
    assert two["2/last"]["decorrelation"] == pytest.approx(one["2/last"]["decorrelation"], abs=1e-5)
    measure(**how)
    printed = capsys.readouterr().out
    assert "3 texts" in printed
    assert "difference" in printed
    assert "effective rank" in printed


def test_labels_give_selectivity(model, tmp_path, capsys) -> None:
    path = tmp_path / "texts.jsonl"
    path.write_text("".join(json.dumps({"text": str(n), "label": n % 2}) + "\n" for n in range(100, 110)))
    measure(model=str(model), text=path, device="cpu", json=True)
    (found,) = json.loads(capsys.readouterr().out).values()
    assert 0 < found["1/last"]["class_selectivity"] < 1
    path.write_text("".join(json.dumps({"text": str(n), "label": "same"}) + "\n" for n in range(100, 110)))
    with pytest.raises(InvalidInput, match="two labels or more; got same"):
        measure(model=str(model), text=path, device="cpu")


def test_what_cannot_be_measured_is_said(model, other, text, tmp_path) -> None:
    short = tmp_path / "short.txt"
    short.write_text("1\n2\n3\n")
    with pytest.raises(InvalidInput, match="two texts of two tokens or more"):
        measure(model=str(model), text=short, device="cpu")
    with pytest.raises(InvalidInput, match="--limit must be at least 2"):
        measure(model=str(model), text=text, limit=1, device="cpu")
    with pytest.raises(UnknownName, match="did you mean 'middle'"):
        measure(model=str(model), text=text, layers=("midle",), device="cpu")
    tokenizer = AutoTokenizer.from_pretrained(other)
    tokenizer.add_tokens(["x"])
    tokenizer.save_pretrained(other)
    with pytest.raises(InvalidInput, match="have different tokenizers"):
        measure(model=str(model), against=str(other), text=text, device="cpu")


def test_the_middles_of_unlike_models_are_not_compared(model, text, tmp_path) -> None:
    deeper = tmp_path / "deeper"
    sorting.model(0, sorting.Shape(width=16, layers=5, feedforward=24, heads=2)).save_pretrained(deeper)
    AutoTokenizer.from_pretrained(model).save_pretrained(deeper)
    how = {"model": str(model), "against": str(deeper), "text": text, "device": "cpu"}
    with pytest.raises(InvalidInput, match=r"the same layers of both models; got 1 of .* and 2 of .*: name layers by"):
        measure(**how)
    assert measure(**how, layers=("1",), json=True) == 0
