"""Running: what was spent before counts, and one journal serves many runs."""

import asyncio
import json
from pathlib import Path

import pytest

from consilience.dialogue.budget import Budget, BudgetExhausted
from consilience.dialogue.history import RunFacts
from consilience.methods.agent_networks.running import _left, _purse

SPENT = RunFacts(
    name="run", began_at=0.0, forked_from=None, calls=3, artifacts=0, input_tokens=60, output_tokens=40, usd=0.5
)
Told = pytest.CaptureFixture[str]


def test_what_was_spent_is_taken_from_the_purse() -> None:
    async def spend() -> None:
        purse = _purse(Budget(calls=5, tokens=1000, usd=2.0), SPENT)
        assert (purse.calls, purse.tokens, purse.usd) == (3, 100, 0.5)
        assert _purse(Budget(calls=5), None).calls == 0
        for budget in (Budget(calls=2), Budget(tokens=50), Budget(usd=0.1), Budget(calls=3)):
            with pytest.raises(BudgetExhausted):
                _purse(budget, SPENT).reserve(1, 1, 0.01)

    asyncio.run(spend())


def test_what_is_left_is_shared_out() -> None:
    assert _left(Budget(calls=5, usd=0.25, wall_s=9.0), SPENT) == Budget(calls=2, usd=0, wall_s=9.0)
    assert _left(Budget(calls=5), None) == Budget(calls=5)


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
