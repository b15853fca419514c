"""Attacks: each is what it is called, and teams are honest."""

import numpy as np
import pytest

from consilience.dialogue.messages import Message, Question
from consilience.dialogue.work.kinds.repository import Repository, files_of, rendered
from consilience.dialogue.work.stubs import parsed
from consilience.methods.cross_team.studies.attacks import ATTACKS, EXTRA, Saboteur, overfit, works_of
from consilience.methods.cross_team.tasks import STUB, Toolbox

BOX = Toolbox(number=3, functions=6)
WORKS = [
    f"{BOX.program([0] * 6)}\n\n{rendered({EXTRA: 'So.'})}",
    f"{BOX.program([1] * 6)}\n\n{rendered({EXTRA: 'So.'})}",
]
CHANCE = np.random.default_rng


def attacked(name, number=0):
    return ATTACKS[name](BOX, WORKS, CHANCE(number))


def test_works_are_found_in_a_question():
    parts = (
        "<task>\nIt\n</task>\n\n",
        "<work>\n",
        WORKS[0],
        "\n</work>\n\n",
        "<work>\n",
        WORKS[1],
        "\n</work>\n\n",
        "Go.",
    )
    assert works_of(Question("k0+0.0", (Message("user", parts),))) == WORKS


def test_teams_are_honest_and_the_aggregator_is_not():
    player = Saboteur(box=BOX, attack=ATTACKS["empty"]).play
    messages = (Message("system", (Repository().form,)), Message("user", (BOX.task,)))
    drafted = player(Question("A/p0", messages), CHANCE(0))
    assert BOX.read(drafted).grade >= 2
    assert EXTRA in files_of(drafted)
    assert player(Question("k0+0.0", messages), CHANCE(0)) == ""


@pytest.mark.parametrize("name", ["empty", "praise instead of a program"])
def test_what_is_no_program_is_read_as_none(name):
    assert BOX.read(attacked(name)).grade == 0


def test_each_attack_is_what_it_is_called():
    assert all(len(attacked("truncated", at)) < len(WORKS[0]) for at in range(5))
    assert list(files_of(attacked("unrelated"))) == ["main.py"]
    assert BOX.read(attacked("broken")).grade == 1
    assert any(isinstance(parsed(text), str) for text in files_of(attacked("broken")).values())
    assert files_of(WORKS[0]).keys() - files_of(attacked("a file dropped")).keys() == {EXTRA}
    assert attacked("endless").count("while True") == attacked("crashing").count("SystemExit") == 1
    assert BOX.variants(attacked("functions emptied")).count(STUB) == 2
    assert 0 < BOX.variants(attacked("functions spoiled")).count(1) < 6


def test_an_overfit_program_gives_what_visible_tests_want():
    files = files_of(overfit(BOX, WORKS, CHANCE(0)))
    scope = {}
    for module in ("figures", "series", "words"):
        exec(files[f"{module}.py"], scope)
    for at, tool in enumerate(BOX.tools):
        for argument, wanted in zip(tool.trade.arguments[False], tool.values(hidden=False), strict=True):
            assert scope[tool.name](argument) == (wanted if at in BOX.visible else None)
        hidden = [scope[tool.name](argument) for argument in tool.trade.arguments[True]]
        assert hidden != tool.values(hidden=True)
    assert BOX.read(overfit(BOX, WORKS, CHANCE(0))).grade == 3
