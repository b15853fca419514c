"""Planning: what a plan says holds of the run."""

import json

import pytest

from consilience.dialogue.rehearsal import REHEARSAL_NOTICE

Told = pytest.CaptureFixture[str]


@pytest.mark.parametrize("shape", ["chain", "star", "layer", "mesh"])
def test_a_run_takes_what_was_planned(typed, capsys: Told, shape: str) -> None:
    words = ("Explain a queue.", "--topology", shape, "--agents", 9, "--json")
    assert typed("plan", *words) == 0
    planned = json.loads(capsys.readouterr().out)
    assert typed("run", *words, "--quiet") == 0
    found = json.loads(capsys.readouterr().out)
    assert planned["calls"]["least"] <= found["calls"] <= planned["calls"]["most"]
    assert planned["agents"] == found["agents"]


def test_it_takes_the_flags_of_a_run_and_asks_nobody(typed, tmp_path, capsys: Told) -> None:
    words = ("--agents", 16, "--model", "openai:gpt-4o", "--budget-usd", 1, "--concurrency", 4, "--out", "run")
    assert typed("plan", "Explain a queue.", *words) == 0  # without a key
    told = capsys.readouterr().out
    assert "mesh of 16, 136 agents; openai:gpt-4o; nothing was asked yet" in told
    assert "--budget-usd 1 may not suffice" in told
    assert "more ..." in told
    assert REHEARSAL_NOTICE not in told
    assert not list(tmp_path.iterdir())


def test_a_price_that_is_not_known_is_none(typed, capsys: Told) -> None:
    words = ("--model", "own", "--base-url", "http://127.0.0.1:9/v1")
    assert typed("plan", "x", *words) == 0
    assert "no price known" in capsys.readouterr().out
    assert typed("plan", "x", *words, "--json") == 0
    assert json.loads(capsys.readouterr().out)["usd"] is None


def test_assumptions_count(typed, capsys: Told) -> None:
    tokens = []
    for words in ((), ("--artifact-tokens", 1400), ("--artifact-tokens", 1400, "--max-tokens", 700)):
        assert typed("plan", "x", "--json", *words) == 0
        tokens.append(json.loads(capsys.readouterr().out)["output_tokens"]["most"])
    assert tokens[0] == tokens[2] < tokens[1]


def test_fewer_at_once_take_longer(typed, capsys: Told) -> None:
    seconds = []
    for words in ((), ("--concurrency", 1)):
        assert typed("plan", "x", "--agents", 12, "--json", *words) == 0
        found = json.loads(capsys.readouterr().out)
        seconds.append(found["seconds"]["most"])
    assert seconds[0] < seconds[1] == found["one_after_the_other_s"]["most"]
