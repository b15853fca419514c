from dataclasses import replace

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from consilience.ground.errors import InvalidInput, UnknownName
from consilience.ground.yaml_text import loaded
from consilience.methods.cross_team.formats import (
    CHAINS,
    chain_named,
    plan_of,
    read,
    software,
    stories,
    write,
    written,
)
from consilience.methods.cross_team.spec import Chain, Key, Loop, Phase, Plan, Team, teams

words = st.text(min_size=1, max_size=20).map(str.strip).filter(bool)
optional = {"turns": st.integers(1, 3), "temperature": st.none() | st.floats(0, 2), "model": st.none() | words}
meeting = {
    "quorum": st.none() | st.integers(1, 2),
    "deadline_s": st.none() | st.floats(0.1, 9),
    "late": st.sampled_from(["join", "drop", "take"]),
}


@given(words, words, st.fixed_dictionaries(optional), st.fixed_dictionaries(meeting), st.booleans())
def test_what_is_written_is_read_again(role, persona, how, when, alike):
    prompt = persona.replace("{", "").replace("}", "").strip() or "Go."
    better = Phase(name="better", assistant="writer", prompt="{artifact}\n{{x}}\n  Better.")
    loop = Loop(name="again", phases=(better,), cycles=2, until="unchanged")
    draft = Phase(name="draft", assistant="writer", instructor="editor", prompt=prompt, **how)
    chain = Chain(steps=(draft, Key(name="meet", **when), loop), roles={"writer": role, "editor": "You: # read."})
    own = (Team(name="A", persona=persona, skip=frozenset({"again"})), Team(name="B", temperature=0.5))
    plan = Plan(chain=chain, teams=teams(2) if alike else own, group=3, final="merge")
    assert plan_of(yaml.safe_load(written(plan))) == plan


@pytest.mark.parametrize("plan", [software(8, group=4, seed=3), stories(1), software(2, final="merge", prune=False)])
def test_a_file_gives_the_plan_again(plan, tmp_path):
    assert write(plan, tmp_path / "plan.yaml") == tmp_path / "plan.yaml"
    assert read(tmp_path / "plan.yaml") == plan
    assert [path.name for path in tmp_path.iterdir()] == ["plan.yaml"]


@pytest.mark.parametrize("name", CHAINS)
def test_the_chains_of_the_room_are_whole(name):
    chain = chain_named(name)
    assert {step.name for step in chain.steps} & {"draft", "coding"}
    assert chain.keys
    assert {role for _, phase in chain.phases for role in (phase.assistant, phase.instructor)} <= set(chain.roles)


def test_toml_says_the_same(tmp_path):
    (tmp_path / "plan.toml").write_text('chain = "stories"\nteams = 3\n', "utf-8")
    assert read(tmp_path / "plan.toml") == stories(3)


GOOD = """
roles: {writer: You write.}
steps:
  - {phase: draft, assistant: writer, prompt: "{task} Write."}
teams: 2
"""


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("{task}", "{tusk}"), r"plan.yaml: unknown placeholder of phase 'draft'.*did you mean '\{task\}'"),
        (("phase: draft", "faze: draft"), "a step must be named by one of phase, loop, key; got faze"),
        (("prompt:", "promt:"), "phase 'draft' has no `promt`; did you mean `prompt`"),
        (("assistant: writer, ", ""), "phase 'draft' must have `assistant`"),
        (("assistant: writer", "assistant: editor"), "unknown role of phase 'draft'"),
        (("teams: 2", "teams: 0"), "1 team or more"),
        (("teams: 2", ""), "how many `teams`"),
        (("teams: 2", "teams: [{nom: A}]"), "team A has no `nom`; did you mean `name`"),
        (("teams: 2", "teams: [{temperature: warm}]"), "`temperature` of team A is 'warm'"),
        (("teams: 2", "teams: [1]"), "a team must be a mapping"),
        (("teams: 2", "teams: 2\nchain: software"), "got both"),
        (("teams: 2", "teams: 2\ngroup: two"), "`group` of a plan is 'two'"),
        (("steps:", "steps: 3\nrest:"), "`steps` must be a list"),
        (("roles: {writer: You write.}", ""), "must have `roles`"),
        (("teams: 2", "teams: 2\nsteps: *here"), "line"),
        (("teams: 2", "teams: [" * 40 + "]" * 40), "nested"),
        (("teams: 2", "teams: 2024-13-45"), "a value in this YAML cannot be read; month must be"),
        (("teams: 2", "teams: " + "9" * 5000), "a value in this YAML cannot be read; Exceeds the limit"),
        (("teams: 2", "teams: !!int two"), "a value in this YAML cannot be read; invalid literal"),
        (("teams: 2", "teams: !!python/name:os.system"), "line 5: this YAML cannot be read; could not determine"),
        (("prompt:", "makes: nothing, prompt:"), "`makes` of phase 'draft' is 'nothing': input should be 'artifact'"),
        (("{phase: draft,", "{loop: again, phases: [],"), "loop 'again' must have an end"),
    ],
)
def test_bad_files_are_named_plainly(change, said, tmp_path):
    (tmp_path / "plan.yaml").write_text(GOOD.replace(*change), "utf-8")
    with pytest.raises(InvalidInput, match=said):
        read(tmp_path / "plan.yaml")


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("plan.yaml", b"", "a plan must be a mapping; got nothing"),
        ("plan.yaml", b"\xff\xfe\x00", "UTF-8"),
        ("plan.yaml", b"- a\n- [", "line 3: this is not YAML"),
        ("plan.toml", b"a = ", "must be TOML"),
    ],
)
def test_files_that_are_no_plans_are_named_plainly(name, content, said, tmp_path):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InvalidInput, match=said):
        read(tmp_path / name)


def test_a_file_that_is_not_there_is_named():
    with pytest.raises(InvalidInput, match=r"nowhere\.yaml: No such file"):
        read("nowhere.yaml")


def test_an_unknown_chain_is_named():
    with pytest.raises(UnknownName, match="did you mean 'software'"):
        chain_named("softwear")


@pytest.mark.parametrize("mark", ["\r", "\x85", "\u2028", "\u2029", "\ufeff", "\t", "  "])
def test_odd_line_ends_come_back_as_they_were(mark, tmp_path):
    plan = plan_of(loaded(GOOD.replace("You write.", "x")))
    for text in (f"You{mark}write.", f"You{mark}write.\nPlainly.\n", f"{mark}write{mark}"):
        odd = replace(plan, chain=replace(plan.chain, roles={"writer": text}))
        write(odd, tmp_path / "plan.yaml")
        assert read(tmp_path / "plan.yaml") == odd
