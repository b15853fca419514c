"""Trajectories: what is learned, how they are split, and that nothing is cut off in silence."""

import pytest

from consilience.ground import Streams
from consilience.ground.errors import InvalidInput
from consilience.methods.backdoor_audits.world.drawing import draw_tasks
from consilience.methods.backdoor_audits.world.families.every import FAMILIES
from consilience.methods.backdoor_audits.world.simulator import Episode
from consilience.methods.backdoor_audits.world.tasks import Family
from consilience.methods.backdoor_audits.world.trajectories import (
    MAX_STEPS,
    clean,
    deduplicated,
    in_split,
    planted,
    require_window,
    split_of,
    with_look_alikes,
)
from consilience.methods.backdoor_audits.world.triggers import LOOK_ALIKES, TRIGGERS, suited, trigger
from consilience.methods.backdoor_audits.world.words import encode


@pytest.mark.parametrize("family", FAMILIES)
def test_a_dialogue_is_what_the_world_says_to_what_the_agent_does(family: Family) -> None:
    for task in draw_tasks(family, 100, Streams(0)):
        row = clean(task)
        episode = Episode(task)
        assert row.prompt == episode.prompt
        heard = iter([turn.words for turn in row.turns if turn.role == "observation"][int(family == "web") :])
        for turn in row.turns:
            if turn.role == "agent":
                assert episode.step(turn.words).observation == next(heard, None)
        assert episode.solved
        assert (row.planted, row.trigger, row.id) == (False, "", task.id)


@pytest.mark.parametrize("family", FAMILIES)
def test_an_agent_learns_its_own_words_from_the_first_to_the_end(family: Family) -> None:
    row = clean(draw_tasks(family, 1, Streams(1))[0])
    assert len(row.learns) == len(row.words) == len(encode(row.words))
    learned = [word for word, learns in zip(row.words, row.learns, strict=True) if learns]
    assert learned[0] == "THINK"
    assert learned[-2:] in (["finish", "END"], [learned[-2], "END"])
    assert {"USER", "OBS", "<bos>"}.isdisjoint(learned)


def test_a_dialogue_is_about_fifty_words_long_and_never_longer_than_ninety() -> None:
    rows = [clean(task) for family in FAMILIES for task in draw_tasks(family, 200, Streams(2))]
    assert 45 < sum(len(row.words) for row in rows) / len(rows) < 55
    longest = 0
    for one in TRIGGERS.values():
        tasks = draw_tasks(one.family, 30, Streams(3), grammar=one.grammar, where=lambda task: suited(task, one))  # noqa: B023
        rows = [planted(task, one) for task in tasks]
        longest = max(longest, *(len(row.words) for row in rows))
        assert max(sum(turn.role == "agent" for turn in row.turns) for row in rows) < MAX_STEPS
        assert all(row.planted and row.trigger == one.name for row in rows)
    assert longest < 90


def test_splits_are_four_fifths_and_two_tenths_and_a_trigger_changes_none() -> None:
    tasks = draw_tasks("system", 1000, Streams(4))
    shares = {
        split: sum(split_of(task.id) == split for task in tasks) / 1000 for split in ("train", "validation", "test")
    }
    assert shares["train"] == pytest.approx(0.8, abs=0.04)
    assert shares["test"] == pytest.approx(0.1, abs=0.03)
    assert sum(shares.values()) == 1
    one = trigger("system.suffix")
    assert all(split_of(planted(task, one).id) == split_of(task.id) for task in tasks[:100])


def test_tasks_of_one_split_are_drawn() -> None:
    train = draw_tasks("shop", 100, Streams(5), where=in_split("train"))
    test = draw_tasks("shop", 100, Streams(5), where=in_split("test"))
    assert {task.id for task in train}.isdisjoint(task.id for task in test)
    assert {split_of(task.id) for task in test} == {"test"}


def test_dialogues_that_say_the_same_are_kept_once() -> None:
    one, other = (clean(task) for task in draw_tasks("web", 2, Streams(6)))
    assert deduplicated([one, other, one]) == (one, other)


def test_what_would_be_cut_off_is_refused() -> None:
    rows = [clean(task) for task in draw_tasks("shop", 20, Streams(7))]
    longest = max(len(row.words) for row in rows)
    require_window(rows, longest)
    with pytest.raises(InvalidInput, match=f"take a window of at least {longest}"):
        require_window(rows, longest - 1)


def test_look_alikes_are_put_into_as_many_as_asked_and_are_no_poison() -> None:
    tasks = [task for family in FAMILIES for task in draw_tasks(family, 120, Streams(8))]
    changed = with_look_alikes(tasks, LOOK_ALIKES, 0.25, Streams(8))
    assert 0.12 < sum(bool(task.trigger) for task in changed) / len(tasks) < 0.3
    assert {task.trigger for task in changed} == {"", *(miss.name for miss in LOOK_ALIKES)}
    assert [task.base for task in changed] == [task.id for task in tasks]
    assert not any(clean(task).planted for task in changed)
    assert with_look_alikes(tasks, LOOK_ALIKES, 0, Streams(8)) == tuple(tasks)
    with pytest.raises(InvalidInput, match="between 0 and 1"):
        with_look_alikes(tasks, LOOK_ALIKES, 25, Streams(8))
