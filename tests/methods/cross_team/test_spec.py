import pytest
from hypothesis import given
from hypothesis import strategies as st

from consilience.ground.errors import InvalidInput
from consilience.methods.cross_team.spec import (
    Chain,
    Key,
    Loop,
    Phase,
    Plan,
    Team,
    capped,
    placeholders,
    team_names,
    teams,
)


def phase(name="draft", prompt="{task}", **how):
    return Phase(**{"name": name, "assistant": "writer", "prompt": prompt, **how})


def chain(*steps, roles=("writer", "editor")):
    return Chain(steps=steps, roles=dict.fromkeys(roles, "You are."))


DRAFT = phase()
NOTE = phase("idea", makes="note")


@given(st.integers(1, 2000))
def test_names_of_teams_differ_and_do_not_depend_on_how_many_there_are(count):
    names = team_names(count)
    assert len(set(names)) == count
    assert names == team_names(count + 1)[:-1]
    assert all(Team(name=name) for name in names)


@given(st.lists(st.text("abc_{} ", max_size=12), max_size=6))
def test_every_placeholder_that_is_found_stands_in_the_prompt(pieces):
    prompt = "".join(pieces)
    assert all(f"{{{name}}}" in prompt for name in placeholders(prompt))


def test_braces_written_twice_are_text():
    assert placeholders("{{task}} {task} {1} {a b}") == ("task",)


def test_teams_take_turns_with_what_they_differ_in():
    made = teams(5, personas=("terse", "kind"), temperatures=(0.0, 0.5, 1.0), models=("m",), skips=(frozenset({"x"}),))
    assert [team.persona for team in made] == ["terse", "kind", "terse", "kind", "terse"]
    assert [team.temperature for team in made] == [0.0, 0.5, 1.0, 0.0, 0.5]
    assert {team.model for team in made} == {"m"}
    assert {team.skip for team in made} == {frozenset({"x"})}


def test_columns_are_the_phases_and_key_phases_in_order():
    made = chain(NOTE, DRAFT, Key(name="meet"), Loop(name="again", phases=(phase("better"),), cycles=3))
    assert made.columns == ("idea", "draft", "meet", "again/better")
    assert [column for column, _ in made.phases] == ["idea", "draft", "again/better"]
    assert [key.name for key in made.keys] == ["meet"]


def test_most_calls_count_cycles_turns_and_what_a_team_leaves_out():
    talk = phase("talk", makes="note", instructor="editor", turns=3)
    loop = Loop(name="again", phases=(phase("better"), phase("best")), cycles=4)
    made = chain(talk, DRAFT, Key(name="meet"), loop)
    assert made.calls() == 5 + 1 + 0 + 8
    assert made.calls(Team(name="A", cycles=1)) == 5 + 1 + 2
    assert made.calls(Team(name="A", skip=frozenset({"talk", "again"}))) == 1
    assert chain(phase("talk", instructor="editor", turns=3, budget_calls=2)).calls() == 2
    assert capped(loop, Team(name="A", cycles=9)) == 4


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: chain(phase(prompt="{artefact}")), r"'draft'.*did you mean '\{artifact\}'"),
        (lambda: chain(phase(prompt="{artifact}")), "'draft' reads {artifact} before"),
        (lambda: chain(phase(prompt="{tests}")), "'draft' reads {tests} before"),
        (lambda: chain(phase(prompt="{idea}"), NOTE), "'draft' reads {idea} before"),
        (lambda: chain(phase(assistant="wirter")), "did you mean 'writer'"),
        (lambda: chain(phase(instructor="nobody")), "unknown role of phase 'draft'"),
        (lambda: chain(DRAFT, DRAFT), "got 'draft' twice"),
        (lambda: chain(DRAFT, Loop(name="draft", phases=(phase("x"),), cycles=1)), "got 'draft' twice"),
        (lambda: chain(phase("task")), "placeholder {task}"),
        (lambda: chain(NOTE), "makes an artifact"),
        (chain, "makes an artifact"),
        (lambda: chain(NOTE, Key(name="meet"), DRAFT), "'meet' must come after"),
        (lambda: Loop(name="again", phases=(DRAFT,), cycles=0), "'again' must have an end"),
        (lambda: Loop(name="again", phases=(), cycles=1), "'again' must have phases"),
        (lambda: Loop(name="again", phases=(DRAFT,), cycles=1, until="finished"), "must make a note"),
        (lambda: phase("Draft"), "lower-case"),
        (lambda: phase(prompt=" "), "`prompt`"),
        (lambda: phase(assistant=""), "`assistant`"),
        (lambda: phase(turns=0), "`turns` of phase 'draft'"),
        (lambda: phase(turns=2), "must have an `instructor`"),
        (lambda: phase(temperature=-1), "`temperature` of phase 'draft'"),
        (lambda: Key(name="meet", quorum=0), "`quorum` of key phase 'meet'"),
        (lambda: Key(name="meet", deadline_s=0), "`deadline_s` of key phase 'meet'"),
        (lambda: Team(name="A/B"), "got 'A/B'"),
        (lambda: Team(name="A", cycles=-1), "`cycles` of team A"),
        (lambda: teams(0), "1 team or more"),
    ],
)
def test_what_makes_no_chain_is_refused_by_name(make, said):
    with pytest.raises(InvalidInput, match=said):
        make()


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ({"teams": ()}, "got none"),
        ({"teams": (Team(name="A"), Team(name="A"))}, "got A twice"),
        ({"group": 1}, "`group`"),
        ({"group": True}, "`group`"),
        ({"prune_above": 0}, "`prune_above`"),
        ({"grouping": "packed"}, "give `context_tokens`"),
        ({"chain": chain(DRAFT, Key(name="meet", quorum=3))}, "at most the number of teams, 2"),
        ({"teams": (Team(name="A", skip=frozenset({"meet"})),)}, "must not skip key phase 'meet'"),
        ({"teams": (Team(name="A", skip=frozenset({"meat"})),)}, "did you mean 'meet'"),
        ({"teams": (Team(name="A", skip=frozenset({"idea"})),)}, "team A skips idea, and then phase 'draft' reads"),
        ({"teams": (Team(name="A", skip=frozenset({"draft"})),)}, "team A skips draft, and then"),
    ],
)
def test_a_plan_that_cannot_be_carried_out_is_refused_by_name(how, said):
    made = chain(NOTE, phase(prompt="{idea}"), Key(name="meet"))
    with pytest.raises(InvalidInput, match=said):
        Plan(**{"chain": made, "teams": teams(2), **how})


def test_a_team_may_leave_out_what_nobody_needs():
    made = chain(NOTE, DRAFT, Loop(name="again", phases=(phase("better"),), cycles=2))
    plan = Plan(chain=made, teams=(Team(name="A", skip=frozenset({"idea", "again"})), Team(name="B")))
    assert [step.name for step, _ in made.outline(plan.teams[0])] == ["draft"]
