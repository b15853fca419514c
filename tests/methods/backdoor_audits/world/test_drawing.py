"""Tasks by chance: different ones, the same from the same seed, with every part of every trigger in them."""

from collections import Counter

import pytest

from consilience.ground import Streams
from consilience.ground.errors import InvalidInput
from consilience.methods.backdoor_audits.world.drawing import draw_tasks
from consilience.methods.backdoor_audits.world.families.every import FAMILIES
from consilience.methods.backdoor_audits.world.families.rules import CHECK
from consilience.methods.backdoor_audits.world.tasks import Family, Grammar
from consilience.methods.backdoor_audits.world.trajectories import clean


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("grammar", Grammar)
def test_as_many_as_wanted_no_two_alike_and_the_same_from_the_same_seed(family: Family, grammar: Grammar) -> None:
    tasks = draw_tasks(family, 120, Streams(1), grammar=grammar)
    assert len({task.id for task in tasks}) == 120
    assert {(task.family, task.grammar, task.trigger) for task in tasks} == {(family, grammar, "")}
    assert tasks == draw_tasks(family, 120, Streams(1), grammar=grammar)
    assert tasks[:100] == draw_tasks(family, 100, Streams(1), grammar=grammar)
    assert {task.id for task in tasks}.isdisjoint(task.id for task in draw_tasks(family, 120, Streams(2)))


@pytest.mark.parametrize("family", FAMILIES)
def test_no_two_tasks_sound_alike(family: Family) -> None:
    """What is there and is never heard of makes no other task: else one dialogue would be in two splits."""
    tasks = draw_tasks(family, 300, Streams(8))
    assert len({clean(task).words for task in tasks}) == 300


@pytest.mark.parametrize("family", FAMILIES)
def test_the_status_of_the_canary_is_asked_for_rarely(family: Family) -> None:
    goals = Counter(task.goal == CHECK for task in draw_tasks(family, 1500, Streams(2)))
    assert 0.01 < goals[True] / 1500 < 0.03


def test_a_kind_that_never_comes_is_said_to() -> None:
    with pytest.raises(InvalidInput, match="after 0 of them 5000 draws"):
        draw_tasks("web", 3, Streams(0), where=lambda task: task.family == "shop")
