"""Differing: what a merge took from each of its parents."""

import json
from pathlib import Path

import pytest

Told = pytest.CaptureFixture[str]


def test_merges_are_compared_with_each_of_their_parents(typed, ran: Path, capsys: Told) -> None:
    assert typed("diff", ran, "--json") == 0
    told = json.loads(capsys.readouterr().out)
    meetings = json.loads((ran / "result.json").read_text())["meetings"]
    merges = [merge for meeting in meetings for merge in meeting["merges"] if merge["accepted"]]
    assert sorted({entry["merge"] for entry in told}) == sorted(merge["element"] for merge in merges)
    assert len(told) == sum(len(merge["parents"]) for merge in merges)


def test_one_merge_and_one_parent(typed, ran: Path, capsys: Told) -> None:
    parent = json.loads((ran / "result.json").read_text())["meetings"][0]["merges"][0]["parents"][0]
    assert typed("diff", ran, "--merge", "drafts+0.0", "--parent", parent) == 0
    told = capsys.readouterr().out
    assert told.startswith(f"=== {parent}/coding -> drafts+0.0: ")
    assert told.count("===") == 1
    assert "+++ merge/" in told


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (("--merge", "draft+0.0"), "unknown merge 'draft+0.0'; did you mean 'drafts+0.0'?"),
        (("--parent", "Z"), "unknown parent 'Z'"),
    ],
)
def test_what_is_not_there_is_told(typed, ran: Path, capsys: Told, words: tuple, complaint: str) -> None:
    assert typed("diff", ran, *words) == 2
    assert complaint in capsys.readouterr().err


def test_one_team_has_no_merges(typed, capsys: Told) -> None:
    assert typed("run", "A game.", "--teams", 1, "--out", "run", "--quiet") == 0
    assert typed("diff", "run") == 2
    assert "run has none" in capsys.readouterr().err
