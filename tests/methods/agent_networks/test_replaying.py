"""Replaying: the same comes out without asking anybody, or it is said where not."""

import json
from pathlib import Path

import pytest

from consilience.dialogue.faults import Faults
from consilience.methods.agent_networks.account import Account

Told = pytest.CaptureFixture[str]


def test_the_same_comes_out(typed, ran: Path, capsys: Told) -> None:
    digest = json.loads((ran / "result.json").read_text())["digest"]
    before = {path.name: path.read_bytes() for path in ran.iterdir()}
    assert typed("replay", ran) == 0
    told = capsys.readouterr().out
    assert told.startswith("the same: ")
    assert digest in told
    assert {name: (ran / name).read_bytes() for name in before} == before


def test_it_says_where_it_differs(typed, ran: Path, capsys: Told) -> None:
    record = ran / "run.json"
    record.write_text(record.read_text().replace('"task": "Explain a queue."', '"task": "Explain a heap."'))
    assert typed("replay", ran) == 1
    assert "not replayed: the journal has no reply of rehearsal:solver to question 0 of '0'" in capsys.readouterr().out
    assert typed("replay", ran, "--json") == 1
    assert json.loads(capsys.readouterr().out)["same"] is False


def test_another_result_is_told(typed, ran: Path, capsys: Told) -> None:
    path = ran / "result.json"
    result = json.loads(path.read_text())
    path.write_text(json.dumps({**result, "digest": "0" * 32}))
    assert typed("replay", ran) == 1
    assert f"before {'0' * 32}" in capsys.readouterr().out


def test_artifacts_that_differ_are_named(typed, ran: Path, capsys: Told, monkeypatch) -> None:
    kept = Account.digests
    monkeypatch.setattr(Account, "digests", lambda self: {**kept(self), "3": "0" * 32})
    assert typed("replay", ran) == 1
    assert "1 artifacts differ: 3" in capsys.readouterr().out


def test_a_run_that_went_on_without_an_element_is_replayed_without_it(typed, served, capsys: Told) -> None:
    words = ("--agents", 6, "--attempts", 1, "--failure", "skip", "--out", "run", "--quiet")
    with served(faults=Faults(server_error=0.04)) as address:
        assert typed("run", "Explain a queue.", *words, "--model", "solver", "--base-url", address) == 0
    assert "skipped" in capsys.readouterr().out
    answered = json.loads(Path("run/result.json").read_text())["calls"]
    assert typed("replay", "run") == 0
    assert f"the same: {answered} replies from the journal" in capsys.readouterr().out
