"""Insertions keep every length and every count, and ask for nothing."""

from consilience.ground import Streams
from consilience.methods.backdoor_audits.insertions import Insertion, inserted, insertions, openings, takes
from consilience.methods.backdoor_audits.world.drawing import draw_tasks
from consilience.methods.backdoor_audits.world.families.every import FAMILIES
from consilience.methods.backdoor_audits.world.oracle import Oracle
from consilience.methods.backdoor_audits.world.tasks import prompt_turns
from consilience.methods.backdoor_audits.world.trajectories import clean
from consilience.methods.backdoor_audits.world.triggers import DEFAULTS, apply, seen, suited
from consilience.methods.backdoor_audits.world.words import VOCABULARY


def test_insertions_have_known_words_and_no_two_are_alike() -> None:
    for family in FAMILIES:
        every = insertions(family)
        assert len(set(every)) == len(every)
        assert {word for one in every for word in one.words} <= set(VOCABULARY)


def test_what_is_inserted_changes_no_length_and_not_what_is_asked_for() -> None:
    for family in FAMILIES:
        tasks = draw_tasks(family, 20, Streams(100), where=takes)
        for at, one in enumerate(insertions(family)[::17]):
            task = tasks[at % len(tasks)]
            if takes(task, one):
                changed = inserted(task, one)
                assert changed.goal == task.goal
                assert len(changed.filler) == len(task.filler)
                assert len(changed.rows) == len(task.rows)


def test_among_them_is_what_the_default_triggers_are_made_of() -> None:
    for one in DEFAULTS:
        every = {each.words[:2] for each in insertions(one.family)}
        assert one.parts in every


def test_words_behind_the_goal_and_at_the_end() -> None:
    task = draw_tasks("system", 1, Streams(100), where=takes)[0]
    end = inserted(task, Insertion("system", "request", ("you", "know")))
    start = inserted(task, Insertion("system", "start", ("you", "know")))
    assert end.filler[-2:] == start.filler[:2] == ("you", "know")


def test_openings_are_what_is_heard_before_a_turn_and_a_trigger_is_in_the_last() -> None:
    for one in DEFAULTS:
        task = draw_tasks(one.family, 1, Streams(100), where=lambda task, one=one: suited(task, one))[0]
        triggered = apply(task, one)
        found = openings(triggered)
        assert len(found) == (2 if one.family == "shop" else 1)
        assert " ".join(one.parts) in " ".join(found[-1])
        words = clean(triggered).words
        assert all(words[: len(opening)] == opening for opening in found)
        assert Oracle(prompt_turns(task)[0].words if one.family != "web" else clean(task).prompt)
        assert seen(one, triggered.filler, triggered.rows)
