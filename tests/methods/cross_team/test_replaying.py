"""Replaying: the same comes out without asking anybody, or it is said where not."""

import json
from pathlib import Path

import pytest

from consilience.dialogue.faults import Faults, Latency
from consilience.methods.cross_team.account import Account

Told = pytest.CaptureFixture[str]


def test_the_same_comes_out(typed, ran: Path, capsys: Told) -> None:
    digest = json.loads((ran / "result.json").read_text())["digest"]
    before = {path.name: path.read_bytes() for path in ran.iterdir() if path.is_file()}
    assert typed("replay", ran) == 0
    told = capsys.readouterr().out
    assert told.startswith("the same: ")
    assert digest in told
    assert {name: (ran / name).read_bytes() for name in before} == before


def test_it_says_where_it_differs(typed, ran: Path, capsys: Told) -> None:
    record = json.loads((ran / "run.json").read_text())
    record["order"]["task"] = "Write a game."
    (ran / "run.json").write_text(json.dumps(record))
    assert typed("replay", ran) == 1
    assert "not replayed: the journal has no reply of rehearsal:developer to question 0" in capsys.readouterr().out
    assert typed("replay", ran, "--json") == 1
    assert json.loads(capsys.readouterr().out)["same"] is False


@pytest.mark.parametrize("name", ["digest", "lineage_digest"])
def test_another_result_is_told(typed, ran: Path, capsys: Told, name: str) -> None:
    path = ran / "result.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), name: "0" * 32}))
    assert typed("replay", ran) == 1
    assert "not the same" in capsys.readouterr().out


def test_a_run_in_which_teams_were_stopped_is_replayed_as_far_as_they_came(typed, served, capsys: Told) -> None:
    words = ("--kind", "story", "--teams", 5, "--quorum", 3, "--late", "drop", "--out", "run", "--quiet", "--json")
    with served(latency=Latency(mean_s=0.05, sigma=1.0)) as address:
        assert typed("run", "A tale.", *words, "--model", "developer", "--base-url", address) == 0
    facts = json.loads(capsys.readouterr().out)
    assert "stopped" in {team["state"] for team in facts["teams"].values()}
    assert typed("replay", "run") == 0, capsys.readouterr().out


def test_works_that_differ_are_named(typed, ran: Path, capsys: Told, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = Account.digests
    monkeypatch.setattr(Account, "digests", lambda self: {**kept(self), "B/coding": "0" * 32, "Z/coding": "1"})
    assert typed("replay", ran) == 1
    assert "2 works differ: B/coding, Z/coding" in capsys.readouterr().out


def test_a_run_that_went_on_without_a_team_is_replayed_without_it(typed, served, capsys: Told) -> None:
    words = ("--teams", 6, "--attempts", 1, "--out", "run", "--quiet", "--json", "--seed", 3)
    with served(faults=Faults(server_error=0.04)) as address:
        task = ("--tests", "@tests.py", "--model", "developer", "--base-url", address)
        Path("tests.py").write_text("from main import answer\n")
        assert typed("run", "Write the program of toolbox 5 with its 6 functions.", *words, *task) == 0
    facts = json.loads(capsys.readouterr().out)
    assert "dead" in {team["state"] for team in facts["teams"].values()}
    assert typed("replay", "run") == 0
    assert f"the same: {facts['calls']} replies from the journal" in capsys.readouterr().out
