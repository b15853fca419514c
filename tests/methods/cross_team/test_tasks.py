import asyncio

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from consilience.dialogue.sandbox import SandboxLimits, Snippets
from consilience.dialogue.work.artifact import Artifact
from consilience.dialogue.work.kinds.repository import files_of
from consilience.ground.errors import InvalidInput
from consilience.methods.cross_team.tasks import FATAL, STUB, Toolbox, toolbox

PROGRAMS = st.integers(3, 30).flatmap(lambda count: st.lists(st.integers(0, STUB), min_size=count, max_size=count))


@pytest.fixture(scope="module")
def snippets():
    with Snippets(workers=1, limits=SandboxLimits(wall_s=2)) as pool:
        yield pool


@given(st.integers(0, 500), PROGRAMS, st.sets(st.integers(0, FATAL - 1), max_size=3))
@settings(max_examples=50)
def test_what_a_program_gets_right_is_read_off_it(number, variants, fatal):
    box = Toolbox(number=number, functions=len(variants))
    artifact = box.read(f"Here it is.\n\n{box.program(variants, sorted(fatal))}\n\nDone.")
    assert artifact.grade == (2 if STUB in variants else 3)
    assert box.read(artifact.text) == artifact
    assert box.variants(artifact.text) == tuple(variants)
    assert box.fatal(artifact.text) == tuple(sorted(fatal))


@given(number=st.integers(0, 500), variants=PROGRAMS)
@settings(max_examples=20)
def test_running_a_program_tells_the_same_as_reading_it(number, variants, snippets):
    box = Toolbox(number=number, functions=len(variants))
    artifact = box.read(box.program(variants))
    score = asyncio.run(box.score(artifact, snippets))
    assert score.value == np.mean(box.right(artifact))
    assert score.facts["runs"] == 1


@pytest.mark.parametrize("fatal", range(FATAL))
def test_a_program_with_a_fatal_fault_is_worth_nothing(fatal, snippets):
    box = Toolbox(number=2)
    score = asyncio.run(box.score(box.read(box.program([0] * 24, [fatal])), snippets))
    assert (score.value, score.facts["runs"]) == (0, 0)


@pytest.mark.parametrize(
    "text", ["", "hello", "main.py\n```python\nx = (\n```", "main.py\n```python\nwhile True: pass\n```"]
)
def test_what_cannot_be_run_scores_nothing(text, snippets):
    assert asyncio.run(Toolbox(number=1).score(Artifact(text), snippets)).value == 0


def test_a_sandbox_of_its_own_gives_the_same_score():
    box = Toolbox(number=5, functions=4)
    assert asyncio.run(box.score(box.read(box.program([0, 1, 0, STUB])))).value == 0.5


@pytest.mark.parametrize("which", ["tests", "hidden_tests"])
def test_tests_pass_where_functions_are_right_and_only_there(which, snippets):
    box = Toolbox(number=11, seen=0.5)
    wrong = set(box.visible[:2]) | {1}
    files = files_of(box.program([2 if at in wrong else 0 for at in range(24)]))
    lines = getattr(box, which).splitlines()
    pairs = list(zip(lines[::2], lines[1::2], strict=True))
    failed = {
        at
        for at, (load, check) in enumerate(pairs)
        if not asyncio.run(snippets.run_async(f"{load}\n{check}", files=files)).ok
    }
    tried = box.visible if which == "tests" else range(24)
    assert failed == {at for at, one in enumerate(tried) if one in wrong}


def test_the_task_says_what_each_function_does_and_names_its_toolbox():
    box = Toolbox(number=8, functions=30, seen=0.25)
    assert all(f"`{tool.name}({tool.trade.argument})`: {tool.sentence}" in box.task for tool in box.tools)
    assert toolbox(f"<task>\n{box.task}\n</task>", seen=0.25) == box
    assert len(box.visible) == 8
    assert toolbox("Write a poem.") is None
    assert toolbox("the program of toolbox 1 with its 2 functions") is None


def test_difficulty_and_functions_come_from_the_number():
    one, same, other = Toolbox(number=4), Toolbox(number=4, seen=1.0), Toolbox(number=5)
    assert one.tools == same.tools
    assert (one.difficulty == same.difficulty).all()
    assert one.task != other.task
    assert set(Toolbox(number=4, seen=1.0).visible) == set(range(24))


@pytest.mark.parametrize("setting", [{"number": -1}, {"functions": 2}, {"functions": 100}, {"seen": 1.1}])
def test_bad_settings_are_refused(setting):
    with pytest.raises(InvalidInput, match="a toolbox must have"):
        Toolbox(**setting)
