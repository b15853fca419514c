"""Verbs: their flags are read without torch, and reach what does the work."""

import inspect
import subprocess
import sys
from dataclasses import fields

import pytest

from consilience.ground.errors import InvalidInput
from consilience.methods.decorrelated_preferences import commands
from consilience.methods.decorrelated_preferences.own_pairs.request import Measuring, Training


def test_flags_are_read_without_torch() -> None:
    script = "import sys, consilience.methods.decorrelated_preferences.commands; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0


@pytest.mark.parametrize(("verb", "request_type"), [("train", Training), ("measure", Measuring)])
def test_every_flag_has_a_field_and_a_sentence(verb, request_type) -> None:
    flags = inspect.signature(commands.VERBS[verb]).parameters
    assert set(flags) == {one.name for one in fields(request_type)}
    described = inspect.getdoc(commands.VERBS[verb]) or ""
    assert all(f"\n{flag}\n" in described for flag in flags)


def test_the_flag_that_turns_checkpointing_off_says_what_that_does() -> None:
    assert "--no-checkpointing keeps them" in inspect.getdoc(commands.train)


def test_requests_are_handed_on_as_given(monkeypatch, tmp_path) -> None:
    seen = []

    class Heavy:
        @staticmethod
        def train(request):
            seen.append(request)
            return 0

    monkeypatch.setattr(commands, "_heavy", lambda name: Heavy)
    assert commands.train(model="m", data=tmp_path / "d", out=tmp_path / "o", decorrelation=0.5, layers=("3",)) == 0
    assert (seen[0].decorrelation, seen[0].layers, seen[0].out) == (0.5, ("3",), tmp_path / "o")


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"learning_rate": 0.0}, "--learning-rate must be above 0; got 0.0"),
        ({"steps": 0}, "--steps must be at least 1; got 0"),
        ({"batch_size": 0}, "--batch-size must be at least 1; got 0"),
        ({"accumulate": 0}, "--accumulate must be at least 1; got 0"),
        ({"lora": -1}, "--lora must be at least 0; got -1"),
        ({"seed": -1}, "--seed must be at least 0; got -1"),
        ({"epochs": float("nan")}, "--epochs must be above 0; got nan"),
    ],
)
def test_numbers_out_of_range_are_refused_before_anything_is_loaded(given, words, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(commands, "_heavy", lambda name: pytest.fail(f"{name} was loaded"))
    with pytest.raises(InvalidInput, match=words):
        commands.train(model="m", data=tmp_path / "d", out=tmp_path / "o", **given)
