"""Running: what was spent before counts, each team has its part, and one journal serves many runs."""

import asyncio
import json
from pathlib import Path

import pytest

from consilience.dialogue.budget import BudgetExhausted
from consilience.dialogue.command.means import Means
from consilience.dialogue.messages import Message, Question
from consilience.methods.cross_team.job import prepared
from consilience.methods.cross_team.order import Order
from consilience.methods.cross_team.running import sessions

Told = pytest.CaptureFixture[str]


def question(element: str, occurrence: int) -> Question:
    return Question(element, (Message("user", ("Hello",)),), occurrence=occurrence)


def test_a_team_spends_its_part_and_no_other(tmp_path: Path) -> None:
    async def work() -> None:
        job = prepared(Order(task="A game.", teams=3), Means(budget_calls=12), out=tmp_path / "run")
        models = {name: job.connected(name) for name in job.models}
        for sitting in range(2):
            with job.journal() as journal:
                async with sessions(job, models, journal, None) as asks:
                    for number in range(3):
                        await asks["A"].ask(question("A/coding", number))
                    with pytest.raises(BudgetExhausted):
                        await asks["A"].ask(question("A/coding", 3))
                    if sitting:
                        for number in range(3):
                            await asks["+"].ask(question("drafts+0.0", number))
                            await asks["B"].ask(question("B/coding", number))

    asyncio.run(work())


@pytest.mark.parametrize("plan", ["one team", "no meeting"])
def test_nothing_is_set_aside_for_merges_that_cannot_be(tmp_path: Path, plan: str) -> None:
    chain = "roles: {w: You write.}\nsteps: [{phase: draft, assistant: w, prompt: '{task}'}]\nteams: 2\n"
    (tmp_path / "plan.yaml").write_text(chain)
    one = Order(task="A game.", teams=1)
    order = one if plan == "one team" else Order(task="A game.", plan=tmp_path / "plan.yaml")

    async def work() -> None:
        job = prepared(order, Means(budget_calls=6), out=tmp_path / "run")
        models = {name: job.connected(name) for name in job.models}
        part = 6 // len(job.plan.teams)
        with job.journal() as journal:
            async with sessions(job, models, journal, None) as asks:
                for team in job.plan.teams:
                    for number in range(part):
                        await asks[team.name].ask(question(f"{team.name}/coding", number))
                    with pytest.raises(BudgetExhausted):
                        await asks[team.name].ask(question(f"{team.name}/coding", part))

    asyncio.run(work())


def test_each_is_asked_who_was_named_for_it(tmp_path: Path) -> None:
    async def work() -> None:
        order = Order(task="A game.", teams=2, team_model=("B=rehearsal:blind",))
        job = prepared(order, Means(), out=tmp_path / "run")
        models = {name: job.connected(name) for name in job.models}
        with job.journal() as journal:
            async with sessions(job, models, journal, None) as asks:
                said = {name: (await asks[name].ask(question(f"{name}/x", 0))).model for name in ("A", "B", "+")}
        assert said == {"A": "rehearsal:developer", "B": "rehearsal:blind", "+": "rehearsal:developer"}

    asyncio.run(work())


def test_one_journal_serves_many_runs(typed, capsys: Told) -> None:
    for seed in (0, 1):
        words = ("--kind", "story", "--journal", "all.sqlite", "--seed", seed, "--out", f"run{seed}", "--quiet")
        assert typed("run", "A tale.", *words) == 0
        assert not Path(f"run{seed}/journal.sqlite").exists()
    for seed in (0, 1):
        assert typed("replay", f"run{seed}") == 0


def test_a_postgresql_journal(typed, postgres_url: str, capsys: Told) -> None:
    words = ("A tale.", "--kind", "story", "--journal", postgres_url, "--out", "run", "--json", "--quiet")
    assert typed("run", *words) == 0
    first = json.loads(capsys.readouterr().out)
    assert typed("run", *words) == 0
    again = json.loads(capsys.readouterr().out)
    assert (again["replayed"], again["digest"]) == (first["calls"], first["digest"])
