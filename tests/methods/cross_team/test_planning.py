"""Planning: what a run will take is told in words or as JSON, and what may not suffice is named."""

import json

import pytest

from consilience.dialogue.rehearsal import REHEARSAL_NOTICE

Told = pytest.CaptureFixture[str]


def test_a_plan_in_words_says_who_would_answer_first_and_last(typed, capsys: Told) -> None:
    assert typed("plan", "--teams", 8, "--prune") == 0
    told = capsys.readouterr().out
    lines = told.splitlines()
    assert lines[0] == lines[-1] == REHEARSAL_NOTICE
    assert "no task was given" in lines[1]
    assert "8 teams on a program, key phases: drafts, completed; rehearsal:developer; nothing was asked yet" in told
    assert sum(line.startswith("  team ") for line in lines) == 8
    assert any(line.startswith("critical path  A/demand A/language A/coding drafts+ x2 | ") for line in lines)


def test_what_a_run_takes_lies_within_its_plan(typed, capsys: Told) -> None:
    assert typed("plan", "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert typed("run", "--json", "--quiet", "--out", "run") == 0
    spent = json.loads(capsys.readouterr().out)
    assert found["calls"]["least"] <= spent["calls"] <= found["calls"]["most"]
    assert found["short"] == []


def test_caps_and_a_context_that_may_not_suffice(typed, capsys: Told) -> None:
    words = ("--budget-calls", 20, "--context-tokens", 1500, "--concurrency", 1, "--budget-wall-s", 10)
    assert typed("plan", "A game.", *words) == 0
    told = capsys.readouterr().out
    assert "--budget-calls 20 may not suffice" in told
    assert "--context-tokens 1,500 may not suffice: the longest prompt has" in told
    assert "--budget-wall-s 10 may not suffice" in told


def test_one_team_is_said_to_meet_nobody(typed, capsys: Told) -> None:
    assert typed("plan", "A game.", "--teams", 1) == 0
    assert "one team meets nobody: nothing is merged" in capsys.readouterr().out


def test_a_model_of_known_price_has_one(typed, capsys: Told, monkeypatch: pytest.MonkeyPatch) -> None:
    assert typed("plan", "A game.", "--model", "openai:gpt-4o", "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert found["usd"]["most"] > found["usd"]["least"] > 0
    assert typed("plan", "A game.", "--model", "m", "--base-url", "http://127.0.0.1:9/v1") == 0
    assert "no price known" in capsys.readouterr().out
