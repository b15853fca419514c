"""Running: what was spent before counts, and one journal serves many runs."""

import json
from pathlib import Path

import pytest

Told = pytest.CaptureFixture[str]


def test_one_journal_serves_many_runs(typed, capsys: Told) -> None:
    for seed in (0, 1):
        words = ("--journal", "all.sqlite", "--seed", seed, "--out", f"run{seed}", "--quiet")
        assert typed("run", "Explain a queue.", *words) == 0
        assert not Path(f"run{seed}/journal.sqlite").exists()
    for seed in (0, 1):
        assert typed("replay", f"run{seed}") == 0


def test_a_postgresql_journal(typed, postgres_url: str, capsys: Told) -> None:
    words = ("Explain a queue.", "--journal", postgres_url, "--out", "run", "--json", "--quiet")
    assert typed("run", *words) == 0
    first = json.loads(capsys.readouterr().out)
    assert typed("run", *words) == 0
    again = json.loads(capsys.readouterr().out)
    assert (again["replayed"], again["digest"]) == (first["calls"], first["digest"])


def test_ray_gives_what_one_process_gives(typed, postgres_url: str, capsys: Told) -> None:
    pytest.importorskip("ray", reason="Ray is not installed here: the extra ray brings it")
    found = []
    for engine in (("--engine", "local"), ("--engine", "ray", "--parts", 2)):
        words = ("Explain a queue.", "--agents", 8, "--journal", postgres_url, "--out", f"run{len(found)}", *engine)
        assert typed("run", *words, "--json", "--quiet", "--seed", 4) == 0
        found.append(json.loads(capsys.readouterr().out))
    assert found[0]["digest"] == found[1]["digest"]
