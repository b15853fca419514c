"""Python's own docstrings as a corpus."""

from pathlib import Path

import pytest

from consilience.ground import InvalidInput
from consilience.methods.pretraining_objectives import corpus as module
from consilience.methods.pretraining_objectives.corpus import Corpus, docstring_corpus


def _library(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    long = "one two three four five six seven eight"
    for package in ("alpha", "beta"):
        (folder / package / "tests").mkdir(parents=True)
        (folder / package / "tests" / "hidden.py").write_text(f'"""Unseen {long}."""')
    (folder / "alpha" / "a.py").write_text(
        f'"""Module of Alpha {long}."""\nclass A:\n    """Shared {long}."""\n    def f(self): "short"\n'
    )
    (folder / "beta" / "b.py").write_text(
        f'def g():\n    """Shared {long}."""\nasync def h():\n    """Own {long}."""\n'
    )
    monkeypatch.setattr(module.sysconfig, "get_paths", lambda: {"stdlib": str(folder)})


def test_docstrings_are_read_without_names_duplicates_and_tests(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _library(tmp_path, monkeypatch)
    found = docstring_corpus(("alpha", "beta", "gamma"))
    assert found.labels == ("alpha", "beta")
    assert found.texts[0].startswith("Module of   one")
    assert found.texts[1].startswith("Own")
    assert found.note.startswith("2 documents (alpha 1, beta 1); SHA-256 ")


def test_a_python_without_its_sources_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _library(tmp_path, monkeypatch)
    with pytest.raises(InvalidInput, match="found alpha: this Python comes without them"):
        docstring_corpus(("alpha", "delta"))


def test_the_corpus_is_the_same_every_time_and_read_once() -> None:
    packages = ("json", "email")
    first = docstring_corpus(packages)
    assert docstring_corpus(packages) is first
    docstring_corpus.cache_clear()
    assert docstring_corpus(packages) == first
    assert first.digest != docstring_corpus(("json", "http")).digest


def test_what_two_labels_say_is_nobodys() -> None:
    found = Corpus.of([("a", "x"), ("b", "x"), ("a", "y"), ("a", "y"), ("b", "z")])
    assert (found.texts, found.labels) == (("y", "z"), ("a", "b"))
