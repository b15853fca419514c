"""Showing: what a run spent, team by team and phase by phase, and what was said."""

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
    assert sum(team["calls"] for team in found["teams"].values()) + found["merges"]["calls"] == found["calls"]
    assert told.err.strip() == REHEARSAL_NOTICE


def test_in_words(typed, ran: Path, capsys: Told) -> None:
    assert typed("show", ran) == 0
    told = capsys.readouterr().out
    lines = told.splitlines()
    assert any(line.startswith("team    demand  language") for line in lines)
    assert sum(line[:8] in ("A       ", "B       ", "C       ", "D       ") for line in lines) == 4
    assert "critical path, " in told
    assert "main.py::answer          team A, in A/coding" in told
    assert lines[-1] == REHEARSAL_NOTICE


def test_turns_of_an_element(typed, ran: Path, capsys: Told) -> None:
    assert typed("show", ran, "--element", "A/demand") == 0
    told = capsys.readouterr().out
    assert "--- A/demand, turn 1 of 3: analyst" in told
    assert "Write the program of toolbox 1" in told
    assert typed("show", ran, "--element", "drafts+1.0", "--json") == 0
    turns = json.loads(capsys.readouterr().out)
    assert {turn["speaker"] for turn in turns} == {"aggregator"}
    assert typed("show", ran, "--element", "A/test/report") == 0
    assert "cycle 1" in capsys.readouterr().out
    assert typed("show", ran, "--element", "A/dmand") == 2
    assert "unknown element 'A/dmand'; did you mean 'A/demand'?" in capsys.readouterr().err


def test_a_run_that_was_killed_is_shown_and_gets_its_page(typed, ran: Path, capsys: Told) -> None:
    for name in ("result.json", "page.html", "lineage.json"):
        (ran / name).unlink()
    assert typed("show", ran) == 0
    told = capsys.readouterr().out
    assert "stopped" in told
    assert "cut off, or still at work" in told
    assert "Teams and phases" in (ran / "page.html").read_text()


def test_a_journal_that_is_gone_is_told(typed, ran: Path, capsys: Told) -> None:
    (ran / "journal.sqlite").rename("elsewhere.sqlite")
    assert typed("show", ran) == 2
    assert capsys.readouterr().err.count("\n") == 1
    assert typed("show", ran, "--journal", "elsewhere.sqlite") == 0


def test_a_folder_of_another_version_is_told(typed, ran: Path, capsys: Told) -> None:
    record = json.loads((ran / "run.json").read_text())
    (ran / "run.json").write_text(json.dumps({**record, "version": 7}))
    assert typed("show", ran) == 2
    assert "a run folder of version 7, and this program reads version 1" in capsys.readouterr().err


def test_a_run_is_shown_where_nothing_can_be_written(typed, ran: Path, capsys: Told, monkeypatch) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("consilience.methods.cross_team.showing.write_page", refuse)
    assert typed("show", ran) == 0
    told = capsys.readouterr()
    assert "critical path" in told.out
    assert told.err == "consilience: ran/page.html stays as it was; Permission denied\n"


def test_of_a_run_that_nobody_answered_that_is_said(typed, served, capsys: Told) -> None:
    words = ("A story.", "--kind", "story", "--teams", 2, "--model", "nobody", "--out", "run", "--quiet")
    with served() as address:
        assert typed("run", *words, "--base-url", address) == 2
    capsys.readouterr()
    assert typed("show", "run") == 0
    assert "0 calls" in capsys.readouterr().out
    assert typed("replay", "run") == 0
    assert "0 replies from the journal" in capsys.readouterr().out
