import asyncio

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from consilience.dialogue.sandbox import SandboxLimits, Snippets
from consilience.dialogue.work.artifact import Artifact
from consilience.ground.errors import InvalidInput
from consilience.methods.agent_networks.workshop import MUTANTS, Workshop, bodies, expressions, module

VARIANTS = st.lists(st.integers(0, MUTANTS), min_size=1, max_size=40).map(tuple)


@pytest.fixture(scope="module")
def snippets():
    with Snippets(workers=1, limits=SandboxLimits(wall_s=1)) as pool:
        yield pool


@given(st.integers(0, 1000), VARIANTS)
def test_what_a_module_gets_right_is_read_off_it(number, variants):
    kind = Workshop(number=number, features=len(variants))
    artifact = kind.read(f"Here:\n```python\n{module(number, variants)}\n```\nDone.")
    assert artifact.grade
    assert kind.read(artifact.text) == artifact
    assert kind.right(artifact) == tuple(not variant for variant in variants)
    assert len(bodies(artifact.text)) == len(variants)


@given(number=st.integers(0, 1000), variants=VARIANTS)
@settings(max_examples=15)
def test_running_a_module_tells_the_same_as_reading_it(number, variants, snippets):
    kind = Workshop(number=number, features=len(variants))
    artifact = kind.read(module(number, variants))
    score = asyncio.run(kind.score(artifact, snippets))
    assert score.value == sum(kind.right(artifact)) / len(variants)


@pytest.mark.parametrize(
    "source", ["", "x = (", "raise SystemExit", "def feature_00(x):\n    while True: pass", "print('[]')"]
)
def test_what_cannot_be_run_scores_nothing(source, snippets):
    assert asyncio.run(Workshop(features=2).score(Workshop().read(source), snippets)).value == 0


def test_a_sandbox_of_its_own_gives_the_same_score():
    kind = Workshop(number=3, features=4)
    assert asyncio.run(kind.score(kind.read(module(3, (0, 1, 0, 2))))).value == 0.5


def test_every_way_to_be_wrong_is_wrong_everywhere():
    for right, *wrong in expressions(5, 64):
        assert len(wrong) == MUTANTS
        assert all(eval(right, {"x": x}) != eval(one, {"x": x}) for one in wrong for x in range(20))


def test_workshops_differ_and_a_smaller_one_is_part_of_a_larger():
    assert expressions(1, 8) != expressions(2, 8)
    assert expressions(1, 64)[:8] == expressions(1, 8)


@pytest.mark.parametrize("settings", [{"number": -1}, {"features": 0}, {"features": 1000}])
def test_bad_settings_are_refused(settings):
    with pytest.raises(InvalidInput, match="a workshop must have"):
        Workshop(**settings)


@pytest.mark.parametrize(
    "leaves",
    ["os._exit(0)", "atexit.register(print)", "atexit.register(print, '3')", "atexit.register(print, '[[1]]')"],
)
def test_a_module_that_leaves_or_goes_on_talking_has_nothing_right(leaves: str) -> None:
    source = f"import atexit, os\n{leaves}\n{module(3, (0, 0, 0))}"
    score = asyncio.run(Workshop(number=3, features=3).score(Artifact(source)))
    assert score.value == 0
