"""Objectives side by side."""

import json
from dataclasses import replace
from types import SimpleNamespace

import pytest

torch = pytest.importorskip("torch", reason="the pretraining extra is not installed")
pytest.importorskip("transformers", reason="the pretraining extra is not installed")
pytest.importorskip("accelerate", reason="the pretraining extra is not installed")

from consilience.ground import InvalidInput  # noqa: E402
from consilience.methods.pretraining_objectives.likelihood import Causal, Tight  # noqa: E402
from consilience.methods.pretraining_objectives.own_text import comparing, training  # noqa: E402
from consilience.methods.pretraining_objectives.own_text.comparing import (  # noqa: E402
    _after,
    compare,
    prefix_lengths,
    target_share,
)
from consilience.methods.pretraining_objectives.own_text.request import Training  # noqa: E402
from consilience.methods.pretraining_objectives.settings import ObjectiveSettings  # noqa: E402
from consilience.methods.pretraining_objectives.vocabulary import Vocabulary  # noqa: E402


@pytest.fixture
def request_(tmp_path) -> Training:
    text = tmp_path / "text.txt"
    text.write_text("the cat sat on the mat and the dog sat on the cat. " * 80)
    return Training(
        text=text,
        out=tmp_path / "report",
        window=16,
        vocabulary=270,
        layers=1,
        width=16,
        heads=2,
        steps=6,
        batch_size=4,
        held_out=0.2,
        device="cpu",
        quiet=True,
    )


def test_every_objective_is_asked_for_the_next_token_in_its_layouts(request_, capsys) -> None:
    assert compare(request_, ("ar", "mlm"), as_json=True) == 0
    found = json.loads(capsys.readouterr().out)
    assert [(arm["objective"], arm["layout"]) for arm in found["arms"]] == [
        ("ar", "causal"),
        ("mlm", "tight"),
        ("mlm", "full"),
    ]
    assert [arm["steps"] for arm in found["arms"]] == [6, 6, 6]
    for arm in found["arms"]:
        assert set(arm["losses"]) == {"4", "8", "15"}
        # Hardly trained, every model is about as good as guessing among some 270 tokens.
        assert all(4 < loss < 7 for loss in arm["losses"].values())
    assert 0 < found["unigram"] < 5.6


def test_as_many_predicted_tokens_take_more_steps_with_few_masks(request_, capsys) -> None:
    compare(request_, ("ar", "mlm"), matched="targets", as_json=True)
    arms = {arm["objective"]: arm for arm in json.loads(capsys.readouterr().out)["arms"]}
    assert (arms["ar"]["steps"], arms["mlm"]["steps"]) == (6, 40)
    assert arms["mlm"]["predicted"] == pytest.approx(arms["ar"]["predicted"], rel=0.01)


def test_a_table_fits_a_terminal_and_a_second_run_repeats_the_first(request_, capsys) -> None:
    compare(request_, ("ar", "variable-mlm"))
    first = capsys.readouterr().out
    compare(request_, ("ar", "variable-mlm"))
    assert capsys.readouterr().out == first
    assert "variable-mlm" in first
    table = [line for line in first.splitlines() if "│" in line]
    assert table
    assert max(map(len, table)) <= 80


def test_shares_and_lengths() -> None:
    shares = [target_share(ObjectiveSettings(name=name)) for name in ("ar", "diverse-ar", "mlm", "variable-mlm")]
    assert shares == [1.0, 1.0, 0.15, 0.5]
    assert prefix_lengths(128) == (4, 8, 16, 32, 64, 127)
    assert prefix_lengths(3) == (2,)


@pytest.mark.parametrize("names", [(), ("ar", "ar")])
def test_objectives_are_named_once_each(names, request_) -> None:
    with pytest.raises(InvalidInput, match="each once"):
        compare(request_, names)


def test_what_is_wrong_with_the_last_is_said_before_the_first_is_trained(request_) -> None:
    with pytest.raises(InvalidInput, match="--offsets must be below --window"):
        compare(replace(request_, objective=ObjectiveSettings(offsets=64)), ("ar", "diverse-ar"))
    assert not request_.out.exists()


def test_too_little_text_to_compare_on_is_said_before_anything_is_trained(request_) -> None:
    with pytest.raises(InvalidInput, match="no row is left that was not trained on; give more text"):
        compare(replace(request_, held_out=0.001), ("ar", "mlm"))
    assert [path.name for path in request_.out.parent.iterdir()] == ["text.txt"]


@pytest.mark.parametrize("layout", [Causal, Tight])
def test_what_begins_the_next_document_is_asked_of_no_model(layout) -> None:
    words = Vocabulary(8, special=(0, 7), mask=7, end=0)
    rows = torch.tensor([[1, 2, 3, 4], [1, 2, 0, 4], [1, 2, 3, 0], [1, 0, 3, 5]])
    asked = []

    class Even(torch.nn.Module):
        def forward(self, input_ids):
            asked.append(input_ids[:, :3].tolist())
            return SimpleNamespace(logits=torch.zeros(*input_ids.shape, words.size))

    mean, _ = _after(Even(), rows, 3, layout(words), words)
    assert asked == [[[1, 2, 3], [1, 0, 3]]]
    assert mean == pytest.approx(torch.tensor(6.0).log().item())


def test_of_several_processes_the_first_shows_the_table(request_, capsys, monkeypatch) -> None:
    for one in (comparing, training):
        monkeypatch.setattr(one, "speaks", lambda: False)
    assert compare(replace(request_, quiet=False, steps=1), ("ar",)) == 0
    assert capsys.readouterr().out == ""
