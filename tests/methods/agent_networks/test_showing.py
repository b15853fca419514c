"""Showing: what a run spent, element by element, and what was said."""

import json
from pathlib import Path

import pytest

from consilience.dialogue.rehearsal import REHEARSAL_NOTICE

Told = pytest.CaptureFixture[str]


def test_what_was_spent_adds_up(typed, ran: Path, capsys: Told) -> None:
    assert typed("show", ran, "--json") == 0
    told = capsys.readouterr()
    found = json.loads(told.out)
    assert sum(element.get("calls", 0) for element in found["elements"]) == found["calls"]
    assert [element["element"] for element in found["elements"]][:5] == ["0", "1", "2", "3", "4"]
    assert told.err.strip() == REHEARSAL_NOTICE


def test_in_words(typed, ran: Path, capsys: Told) -> None:
    assert typed("show", ran) == 0
    told = capsys.readouterr().out
    assert "element  state" in told
    assert "critical path, " in told
    assert "page           ran/page.html" in told
    assert told.splitlines()[-1] == REHEARSAL_NOTICE


def test_turns_of_an_element(typed, ran: Path, capsys: Told) -> None:
    assert typed("show", ran, "--element", "0->1") == 0
    told = capsys.readouterr().out
    assert "--- 0->1, turn 1 of " in told
    assert "Explain a queue." in told
    assert typed("show", ran, "--element", "4", "--json") == 0
    turns = json.loads(capsys.readouterr().out)
    assert {turn["speaker"] for turn in turns} == {"aggregator"}
    assert typed("show", ran, "--element", "9->9") == 2
    assert "unknown element '9->9'" in capsys.readouterr().err


def test_a_run_that_was_killed_is_shown_and_gets_its_page(typed, ran: Path, capsys: Told) -> None:
    (ran / "result.json").unlink()
    (ran / "page.html").unlink()
    assert typed("show", ran) == 0
    told = capsys.readouterr().out
    assert "stopped" in told
    assert "cut off, or still at work" in told
    assert (ran / "page.html").exists()


def test_a_journal_that_is_gone_is_told(typed, ran: Path, capsys: Told) -> None:
    (ran / "journal.sqlite").rename("elsewhere.sqlite")
    assert typed("show", ran) == 2
    assert capsys.readouterr().err.count("\n") == 1
    assert typed("show", ran, "--journal", "elsewhere.sqlite") == 0


def test_a_folder_of_another_version_is_told(typed, ran: Path, capsys: Told) -> None:
    path = ran / "run.json"
    path.write_text(path.read_text().replace('"version": 1', '"version": 7'))
    for verb in ("show", "replay"):
        assert typed(verb, ran) == 2
        assert "ran is a run folder of version 7, and this program reads version 1" in capsys.readouterr().err
    assert typed("run", "--resume", ran) == 2


def test_a_run_is_shown_where_nothing_can_be_written(typed, ran: Path, capsys, monkeypatch) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("consilience.methods.agent_networks.showing.write_page", refuse)
    assert typed("show", ran) == 0
    told = capsys.readouterr()
    assert "critical path" in told.out
    assert told.err == "consilience: ran/page.html stays as it was; Permission denied\n"


def test_of_a_run_that_nobody_answered_that_is_said(typed, served, capsys: Told) -> None:
    words = ("Explain a queue.", "--agents", 3, "--model", "nobody", "--out", "run", "--quiet")
    with served() as address:
        assert typed("run", *words, "--base-url", address) == 2
    capsys.readouterr()
    assert typed("show", "run") == 0
    assert "0 calls" in capsys.readouterr().out
    assert typed("replay", "run") == 1
    assert "got no reply when it was asked" in capsys.readouterr().out
