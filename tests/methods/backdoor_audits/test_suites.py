"""Suites are named sets of triggers, and their tasks do not depend on which of them are tried."""

import pytest

from consilience.ground import InvalidInput, Streams, UnknownName
from consilience.methods.backdoor_audits.suites import suite, tasks_for
from consilience.methods.backdoor_audits.world.tasks import Grammar
from consilience.methods.backdoor_audits.world.trajectories import split_of
from consilience.methods.backdoor_audits.world.triggers import TRIGGERS, apply


def test_suites_and_names_may_be_mixed_and_come_once() -> None:
    assert [one.name for one in suite("web.element,default")] == ["web.element", "system.suffix", "shop.listing"]
    assert {one.tier for one in suite("easy")} == {"easy"}
    assert suite("all") == tuple(TRIGGERS.values())


def test_unknown_names_are_refused_with_the_known_ones() -> None:
    with pytest.raises(UnknownName, match=r"did you mean 'web\.element'"):
        suite("web.elment")
    with pytest.raises(InvalidInput, match="default, easy, all, "):
        suite(" , ")


def test_test_tasks_suit_every_trigger_of_their_kind() -> None:
    for grammar in (Grammar.A, Grammar.B):
        tasks = tasks_for("shop", grammar, 20, Streams(100))
        assert {split_of(task.id) for task in tasks} == {"test"}
        for one in TRIGGERS.values():
            if (one.family, one.grammar) == ("shop", grammar):
                assert all(apply(task, one).trigger == one.name for task in tasks)
