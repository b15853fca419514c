from hypothesis import given
from hypothesis import strategies as st

from consilience.dialogue.work.artifact import Artifact
from consilience.dialogue.work.attempts import FINISHED
from consilience.dialogue.work.kinds import Repository, Text
from consilience.methods.cross_team.formats import software
from consilience.methods.cross_team.prompts import AGGREGATOR, Prompts
from consilience.methods.cross_team.spec import Chain, Phase, Team

TASK = "Say hello."


def prompts(*phases):
    chain = Chain(steps=phases, roles={"writer": "You write.", "editor": "You read."})
    return Prompts(chain, TASK, Text())


def phase(prompt, name="draft", **how):
    return Phase(**{"name": name, "assistant": "writer", "instructor": "editor", "prompt": prompt, **how})


A = Team(name="A", persona="You are terse.")


def test_what_fills_a_placeholder_stands_between_its_tags():
    first, second = phase("What?", "idea", makes="note"), phase("{task}\n{idea}\nAs {persona}: {{go}}")
    user = prompts(first, second).ask(second, A, {"idea": "a greeting"})[1]
    assert user.text == "<task>\nSay hello.\n</task>\n<idea>\na greeting\n</idea>\nAs You are terse.: {go}"


def test_the_work_of_the_team_is_called_work():
    first, second = phase("Go."), phase("{artifact} {gaps} {tests}", "better")
    values = {"artifact": "Hello", "gaps": "all", "tests": "none"}
    user = prompts(first, second).ask(second, A, values)[1]
    assert user.text == "<work>\nHello\n</work> <gaps>\nall\n</gaps> <tests>\nnone\n</tests>"


def test_what_was_never_made_leaves_its_place_empty():
    first, second = phase("What?", "idea", makes="note"), phase("{idea}")
    assert prompts(first, second).ask(second, A, {})[1].text == "<idea>\n\n</idea>"


@given(st.text(max_size=50))
def test_braces_in_what_fills_a_placeholder_are_text(work):
    first, second = phase("Go."), phase("{artifact}!", "better")
    user = prompts(first, second).ask(second, A, {"artifact": work})[1]
    assert user.text == f"<work>\n{work}\n</work>!"


def test_each_role_is_told_who_it_is_and_what_to_do():
    first, second = phase("Go."), phase("{artifact}?", "remark", makes="note")
    made = prompts(first, second)
    for messages, role, ending in [
        (made.ask(first, A, {}), "You write.", Text().form),
        (made.ask(second, A, {}), "You write.", Text().duty),
        (made.comment(first, A, "Hello"), "You read.", Text().duty),
        (made.revise(first, A, "Hello", "Louder"), "You write.", Text().form),
    ]:
        assert messages[0].text == f"{role}\n\nYou are terse.\n\n{ending}"
    assert FINISHED in made.comment(first, A, "Hello")[1].text
    assert "<work>\nHello\n</work>\n\n<comment>\nLouder\n</comment>" in made.revise(first, A, "Hello", "Louder")[1].text


def test_an_aggregator_sees_the_task_and_all_works_in_order():
    system, user = prompts(phase("Go.")).merge([Artifact("Hi"), Artifact("Ho")])
    assert system.text.startswith(AGGREGATOR)
    assert user.text.startswith("<task>\nSay hello.\n</task>\n\n<work>\nHi\n</work>\n\n<work>\nHo\n</work>\n\n")


def test_what_all_teams_are_told_is_kept_once():
    plan = software(2)
    made = Prompts(plan.chain, TASK, Repository())
    _, coding = next(item for item in plan.chain.phases if item[0] == "coding")
    asked = [made.ask(coding, team, {"demand": "d" * 300, "language": "l"}) for team in plan.teams]
    assert asked[0][0] is asked[1][0]
    assert asked[0][1].parts == asked[1][1].parts
    assert all(one is other for one, other in zip(asked[0][1].parts[::2], asked[1][1].parts[::2], strict=True))
