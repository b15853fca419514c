"""Planned: what is ordered changes the plan of the room or of a file, and nothing else of it."""

from dataclasses import replace
from pathlib import Path

import pytest

from consilience.ground.errors import InvalidInput, UnknownName
from consilience.methods.cross_team.formats import software, stories, write
from consilience.methods.cross_team.order import Order
from consilience.methods.cross_team.planned import PERSONAS, planned
from consilience.methods.cross_team.spec import Key, Loop, Phase


def test_the_room_has_a_plan_for_each_kind() -> None:
    assert planned(Order(alike=True, teams=3, prune=False)) == software(3, prune=False)
    assert planned(Order(kind="story", alike=True, prune=True)) == stories(4)
    assert planned(Order(own_merges=True, final="merge", seed=3, packed=True, context_tokens=90)) == software(
        4,
        teams=planned(Order()).teams,
        shared=False,
        final="merge",
        seed=3,
        grouping="packed",
        context_tokens=90,
        prune=False,
    )


def test_teams_have_personas_of_their_own_unless_alike() -> None:
    found = [team.persona for team in planned(Order(teams=9)).teams]
    assert found == [*PERSONAS["program"], PERSONAS["program"][0]]
    assert len(set(PERSONAS["program"]) | set(PERSONAS["story"])) == 16
    assert not any(team.persona for team in planned(Order(alike=True)).teams)
    assert planned(Order(teams=1)).teams[0].persona == ""


def test_what_is_told_of_teams_and_of_key_phases() -> None:
    order = Order(
        temperature=0.1,
        team_temperature=("B=0.9",),
        team_model=("C=m",),
        cycles=2,
        quorum=3,
        deadline_s=4.0,
        late="take",
        max_tokens=500,
    )
    plan = planned(order)
    assert [team.temperature for team in plan.teams] == [0.1, 0.9, 0.1, 0.1]
    assert [team.model for team in plan.teams] == [None, None, "m", None]
    assert {team.cycles for team in plan.teams} == {2}
    assert {(key.quorum, key.deadline_s, key.late) for key in plan.chain.keys} == {(3, 4.0, "take")}
    assert {phase.max_tokens for _, phase in plan.chain.phases} == {500}


def test_a_file_is_changed_by_what_is_given_and_by_nothing_else(tmp_path: Path) -> None:
    kept = replace(software(5, group=3, seed=8), teams=planned(Order(teams=5)).teams)
    path = tmp_path / "plan.yaml"
    write(kept, path)
    assert planned(Order(plan=path)) == kept
    assert planned(Order(plan=path, group=2 + 2)).group == 4
    assert planned(Order(plan=path, teams=2, alike=True)).teams == software(2).teams
    assert not any(team.persona for team in planned(Order(plan=path, alike=True)).teams)


@pytest.mark.parametrize(
    ("given", "error", "complaint"),
    [
        ({"group": 5}, InvalidInput, "--group must be at most the number of teams, 4"),
        ({"team_model": ("E=m",)}, UnknownName, "unknown team 'E'"),
        ({"team_temperature": ("A=warm",)}, InvalidInput, "must be TEAM=NUMBER; got A=warm"),
        ({"quorum": 5}, InvalidInput, "at most the number of teams, 4; got 5"),
        ({"packed": True}, InvalidInput, "give `context_tokens`"),
    ],
)
def test_what_cannot_be_carried_out_is_refused(given: dict, error: type, complaint: str) -> None:
    with pytest.raises(error, match=complaint):
        planned(Order(**given))


def test_one_team_needs_no_group() -> None:
    assert len(planned(Order(teams=1, group=5)).teams) == 1


def test_a_plan_without_key_phases_has_no_quorum(tmp_path: Path) -> None:
    path = tmp_path / "plan.yaml"
    path.write_text("roles: {w: You write.}\nsteps: [{phase: draft, assistant: w, prompt: '{task}'}]\nteams: 2\n")
    assert planned(Order(plan=path)).chain.keys == ()
    with pytest.raises(InvalidInput, match="--late is about key phases"):
        planned(Order(plan=path, late="drop"))


def test_a_phase_that_has_a_limit_keeps_the_lower_one(tmp_path: Path) -> None:
    path = tmp_path / "plan.yaml"
    path.write_text(
        "roles: {w: You write.}\nsteps:\n- {phase: draft, assistant: w, prompt: '{task}', max_tokens: 90}\n"
        "- key: drafts\n- {loop: again, cycles: 2, phases: [{phase: more, assistant: w, prompt: '{artifact}'}]}\n"
        "teams: 2\n"
    )
    draft, key, loop = planned(Order(plan=path, max_tokens=100)).chain.steps
    assert isinstance(draft, Phase)
    assert isinstance(key, Key)
    assert isinstance(loop, Loop)
    assert (draft.max_tokens, loop.phases[0].max_tokens) == (90, 100)
