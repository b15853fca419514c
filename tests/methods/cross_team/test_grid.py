"""The grid: every element has one cell, and what is heard of a run adds up."""

import io
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from consilience.dialogue.transcript import Event, read_events
from consilience.methods.cross_team.formats import software, stories
from consilience.methods.cross_team.grid import FINAL, Grid, place_of
from consilience.methods.cross_team.job import found
from consilience.methods.cross_team.spec import Team

NAMES = st.from_regex(r"[a-z][a-z0-9_]{0,8}", fullmatch=True)


@given(NAMES, NAMES, st.integers(1, 99))
def test_every_element_has_its_cell(step: str, phase: str, number: int) -> None:
    assert place_of(f"AB/{step}") == ("AB", step)
    assert place_of(f"AB/{step}.{number}/{phase}") == place_of(f"AB/{step}/{phase}") == ("AB", f"{step}/{phase}")
    assert place_of(f"{step}+{number}.0") == place_of(f"{step}+") == ("+", step)
    assert place_of("+0.0") == place_of("+") == ("+", FINAL)
    assert place_of("AB") == ("AB", "")


def test_what_is_heard_is_what_was_kept(ran: Path) -> None:
    job = found(ran)
    grid = Grid(job.plan)
    for event in read_events(job.folder.transcript):
        grid(event)
    facts = job.folder.result()
    for row in grid.rows:
        for column in grid.columns:
            kept, heard = facts["matrix"][row][column], grid[row, column]
            assert (heard.state, heard.calls, heard.tokens) == (kept["state"], kept["calls"], kept["tokens"])
    assert grid.counted == (40, 40)
    assert sum(grid["+", column].calls for column in grid.columns) == facts["merges"]["calls"]


def heard(*told: tuple) -> Grid:
    grid = Grid(stories(2))
    for number, (kind, element, facts) in enumerate(told):
        grid(Event(str(number), 0.0, kind, element, (), facts))
    return grid


def test_a_team_that_fails_fails_where_it_was(ran: Path) -> None:
    grid = heard(
        ("committed", "A/outline", {}), ("asked", "A/draft", {}), ("failed", "A", {"reason": "nobody answers"})
    )
    assert [grid["A", column].state for column in grid.columns[:3]] == ["done", "failed", "skipped"]
    assert grid["B", "outline"].state == "waiting"


def test_what_a_team_never_came_to_was_left_out() -> None:
    grid = heard(
        ("skipped", "A/critique", {}), ("met", "drafts+", {"names": "A B"}), ("asked", "B/polish", {}),
        ("run.ends", "", {"outcome": "done"}),
    )  # fmt: skip
    assert {grid["A", f"critique/{phase}"].state for phase in ("remarks", "revision")} == {"skipped"}
    assert grid["A", "drafts"].state == grid["B", "drafts"].state == "done"
    assert grid["B", "polish"].state == "running"
    assert grid["A", "polish"].state == "skipped"
    assert heard(("run.ends", "", {"outcome": "Denied"})).counted == (0, 12)


def test_steps_that_a_team_skips_are_known_from_the_start() -> None:
    plan = software(1, teams=(Team(name="A", skip=frozenset({"review"})),))
    grid = Grid(plan)
    assert [column for column in grid.columns if grid["A", column].state == "skipped"] == [
        "review/comment", "review/change",
    ]  # fmt: skip


@pytest.mark.parametrize(("teams", "more"), [(3, False), (30, True)])
def test_a_terminal_sees_teams_and_merges(teams: int, more: bool) -> None:
    grid = Grid(stories(teams))
    grid(Event("0", 0.0, "replied", "A/draft", (), {"input_tokens": 5, "output_tokens": 2, "usd": 1.5}))
    grid(Event("1", 0.0, "committed", "A/draft"))
    grid(Event("2", 0.0, "replayed", "drafts+0.0", (), {"usd": 9.0}))
    console = Console(file=io.StringIO(), width=160)
    console.print(grid.table())
    told = console.file.getvalue()
    assert "✓ 1" in told
    assert "1.50" in told
    assert "9.00" not in told
    assert "merges" in told
    assert ("and 6 more" in told) is more
