"""Models of others, loaded from folders without a network."""

import json
import shutil
from pathlib import Path

import pytest
import torch
from transformers.utils import logging

from consilience.ground import InvalidInput
from consilience.methods.rank_collapse import loading
from consilience.methods.rank_collapse.loading import load, read_text, windows

WORDS = "one two three four five six seven " * 30


def test_a_model_without_its_head_in_evaluation(saved) -> None:
    loaded = load(saved("gpt2"))
    assert type(loaded.model).__name__ == "GPT2Model"
    assert not loaded.model.training
    assert (loaded.name, loaded.vocabulary, loaded.longest) == ("gpt2", 300, 48)
    assert {weight.dtype for weight in loaded.model.parameters()} == {torch.float32}
    assert loaded.notes == ("no tokenizer in the folder: the bytes of the text are the tokens",)


def test_double_precision(saved) -> None:
    assert {weight.dtype for weight in load(saved("gpt2"), "double").model.parameters()} == {torch.float64}


def test_a_tokenizer_brings_its_special_tokens(saved) -> None:
    loaded = load(saved("bert"))
    assert loaded.notes == ()
    ids = windows(loaded, WORDS, 16, most=3)
    assert ids.shape == (3, 16)
    assert (ids[:, 0] == 0).all()
    assert (ids[:, -1] == 1).all()


def test_bytes_are_tokens_where_there_is_no_tokenizer(saved) -> None:
    ids = windows(load(saved("gpt2")), "abcdefg", 3, most=9)
    assert ids.tolist() == [[97, 98, 99], [100, 101, 102]]


def test_a_short_text_is_one_sequence(saved) -> None:
    assert windows(load(saved("gpt2")), "abcde", 48, most=9).shape == (1, 5)


@pytest.mark.parametrize("tokens", [1, 49, 0, -3])
def test_sequences_have_a_length_that_the_model_reads(saved, tokens: int) -> None:
    with pytest.raises(InvalidInput, match=f"from 2 to 48 for gpt2; got {tokens}|at most 48 for gpt2; got {tokens}"):
        windows(load(saved("gpt2")), WORDS, tokens, most=1)


def test_places_that_padding_takes_are_not_read(saved) -> None:
    """RoBERTa has 514 of them for 512 tokens."""
    loaded = load(saved("roberta"))
    assert loaded.longest == 24
    loaded.model(windows(loaded, WORDS, 24, most=1))
    with pytest.raises(InvalidInput, match="from 2 to 24 for roberta; got 25"):
        windows(loaded, WORDS, 25, most=1)


def test_a_model_without_a_longest_sequence_reads_any(saved) -> None:
    assert load(saved("xlnet")).longest is None


def test_bytes_are_read_by_the_tokenizer_that_says_so(saved) -> None:
    """ByT5 has no file of words, and its bytes come after three special tokens."""
    loaded = load(saved("bytes-t5"))
    assert loaded.notes == ()
    assert windows(loaded, "abcd", 5, most=1).tolist() == [[100, 101, 102, 103]]


@pytest.mark.parametrize("name", ["gpt2", "bert"])
def test_a_long_text_is_read_as_far_as_it_takes(saved, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    loaded, text = load(saved(name)), WORDS * 20
    whole = windows(loaded, text, 16, most=10**4)
    given, cut = [], loading._cut
    monkeypatch.setattr(loading, "_cut", lambda one, part, tokens: (given.append(len(part)), cut(one, part, tokens))[1])
    assert windows(loaded, text + "\u20ac" * 10**6, 16, most=3).tolist() == whole[:3].tolist()
    assert max(given) < len(text)


def test_sequences_come_from_the_beginning_wherever_a_tokenizer_truncates(saved, tmp_path: Path) -> None:
    folder = tmp_path / "left"
    shutil.copytree(saved("bert"), folder)
    settings = json.loads((folder / "tokenizer_config.json").read_text())
    (folder / "tokenizer_config.json").write_text(json.dumps({**settings, "truncation_side": "left"}))
    text = "now or never: " + WORDS
    assert windows(load(str(folder)), text, 16, 2).tolist() == windows(load(saved("bert")), text, 16, 2).tolist()


def test_one_token_is_no_text(saved) -> None:
    with pytest.raises(InvalidInput, match="two tokens at least; gpt2 reads 1"):
        windows(load(saved("gpt2")), "a", 8, most=1)


def test_a_tokenizer_of_another_model(saved) -> None:
    with pytest.raises(InvalidInput, match=r"has token \d+, and the model a vocabulary of 120: they do not belong"):
        windows(load(saved("strangers")), WORDS, 16, most=3)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("pickled", "must hold a model as safetensors"),
        ("few-words", "no tokenizer, and its vocabulary of 100 is too small for bytes"),
        ("vision", "must be a model that reads text; a ViTModel has no vocabulary"),
        ("whisper", "must be a model that reads text; a WhisperModel takes input_features"),
    ],
)
def test_what_cannot_be_read_is_said_in_one_line(saved, name: str, words: str) -> None:
    with pytest.raises(InvalidInput, match=words) as error:
        load(saved(name))
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("source", ["/nowhere/at/all", "no-such-model", "nobody/no-such-model", "a/b/c"])
def test_what_is_not_here_is_not_fetched(source: str) -> None:
    with pytest.raises(InvalidInput, match=f"no model '{source}' on this machine"):
        load(source)


@pytest.mark.parametrize("config", ["{", '{"model_type": "martian"}', "{}"])
def test_a_broken_configuration(tmp_path: Path, config: str) -> None:
    (tmp_path / "model.safetensors").write_bytes(b"")
    (tmp_path / "config.json").write_text(config)
    with pytest.raises(InvalidInput, match="must hold a model that this transformers knows") as error:
        load(str(tmp_path))
    assert "\n" not in str(error.value)


def test_broken_weights(tmp_path: Path, saved) -> None:
    (tmp_path / "config.json").write_bytes((Path(saved("gpt2")) / "config.json").read_bytes())
    (tmp_path / "model.safetensors").write_bytes(b"nonsense")
    with pytest.raises(InvalidInput, match="must hold a model that this transformers knows"):
        load(str(tmp_path))


def test_a_broken_tokenizer(tmp_path: Path, saved) -> None:
    for path in Path(saved("gpt2")).iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    (tmp_path / "tokenizer.json").write_text("{")
    with pytest.raises(InvalidInput, match=r"the tokenizer in .* cannot be read"):
        load(str(tmp_path))


def test_missing_weights_are_noted(tmp_path: Path, saved) -> None:
    for path in Path(saved("gpt2")).iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    config = (tmp_path / "config.json").read_text()
    (tmp_path / "config.json").write_text(config.replace('"n_layer": 3', '"n_layer": 4'))
    assert "12 weights are not in the file and were drawn at random" in load(str(tmp_path)).notes[0]


def test_transformers_talks_as_before(saved) -> None:
    before = logging.get_verbosity(), logging.is_progress_bar_enabled()
    load(saved("gpt2"))
    assert (logging.get_verbosity(), logging.is_progress_bar_enabled()) == before


@pytest.mark.parametrize(
    ("content", "words"),
    [(None, "must be a readable text file; No such file"), (b"  \n", "it is empty"), (b"\xff\xfe", "text in UTF-8")],
)
def test_texts_are_texts(tmp_path: Path, content: bytes | None, words: str) -> None:
    path = tmp_path / "text.txt"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InvalidInput, match=words):
        read_text(path)
