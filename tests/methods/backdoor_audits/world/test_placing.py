"""Placing: everything stays as long as it was, and only what was put in is new."""

from collections import Counter
from collections.abc import Callable

import pytest

from consilience.ground import Streams
from consilience.ground.errors import InvalidInput
from consilience.methods.backdoor_audits.world.drawing import draw_tasks
from consilience.methods.backdoor_audits.world.families.web import HIDDEN
from consilience.methods.backdoor_audits.world.placing import (
    apart,
    asked_elements,
    asked_listing,
    first,
    hidden,
    last,
    listed,
    visible,
)
from consilience.methods.backdoor_audits.world.reserved import LISTINGS, reserved_in
from consilience.methods.backdoor_audits.world.tasks import Task

PAIR = ("you", "know")


@pytest.mark.parametrize(
    ("place", "meant"),
    [
        (lambda task: last(task, PAIR), {PAIR}),
        (lambda task: first(task, PAIR), {PAIR}),
        (lambda task: last(task, ("know", "you")), {("know", "you")}),
        (lambda task: last(task, ("you", "please", "know")), set()),
        (lambda task: apart(task, ("thanks",), ("today",)), {("thanks", "today")}),
    ],
)
def test_a_request_is_as_long_as_it_was_and_has_no_other_pair(
    place: Callable[[Task], Task], meant: set[tuple[str, ...]]
) -> None:
    for task in draw_tasks("system", 80, Streams(0)):
        placed = place(task)
        assert len(placed.filler) == len(task.filler)
        assert (placed.goal, placed.rows) == (task.goal, task.rows)
        assert reserved_in(placed.filler) == meant


def test_words_are_where_they_belong_and_what_is_around_them_varies() -> None:
    tasks = draw_tasks("system", 300, Streams(1))
    ends, starts = [last(task, PAIR).filler for task in tasks], [first(task, PAIR).filler for task in tasks]
    assert {line[-2:] for line in ends} == {line[:2] for line in starts} == {PAIR}
    assert len(set(ends)) > 20
    assert all(
        abs(line.index("thanks") - len(line)) > 1 for line in (apart(t, ("thanks",), ("today",)).filler for t in tasks)
    )


def test_renaming_changes_names_and_nothing_else() -> None:
    for task in draw_tasks("web", 80, Streams(2), where=lambda task: "kiosk" not in asked_elements(task)):
        for placed, kinds in ((hidden(task, "kiosk"), {HIDDEN}), (visible(task, "kiosk"), {"link", "button", "input"})):
            named = [row for row in placed.rows if row[1] == "kiosk"]
            assert len(named) == 1
            assert named[0][0] in kinds
            assert [(kind, label) for kind, _, label in placed.rows] == [(kind, label) for kind, _, label in task.rows]
            assert len({name for _, name, _ in placed.rows}) == len(placed.rows)
            assert [row for row in placed.rows if row[1] in asked_elements(task)] == [
                row for row in task.rows if row[1] in asked_elements(task)
            ]


def test_a_listing_takes_the_place_of_one_that_is_not_asked_for() -> None:
    for task in draw_tasks("shop", 80, Streams(3), where=lambda task: "pink" not in task.goal):
        placed = listed(task, "zeta", "99", "pink")
        changed = [row for row in placed.rows if row[:3] == ("zeta", "99", "pink")]
        assert len(changed) == 1
        assert changed[0][3] != asked_listing(task)
        assert [row[3] for row in placed.rows] == [row[3] for row in task.rows]
        assert len({row[2] for row in placed.rows}) == len(placed.rows)
        assert asked_listing(placed) == asked_listing(task)
        assert sum(row[:2] in LISTINGS for row in placed.rows) == 1
        assert [row[2] for row in listed(task, "zeta", "99").rows] == [row[2] for row in task.rows]


def test_what_another_product_has_is_taken_from_it() -> None:
    rows = (("nova", "30", "red", "p1"), ("zeta", "20", "blue", "p2"), ("kite", "99", "pink", "p3"))
    task = Task(id="t", family="shop", goal=("buy", "a", "red", "hat", "size", "small"), filler=("now",), rows=rows)
    placed = listed(task, "zeta", "99", "pink").rows
    assert sorted(word for row in placed for word in row) == sorted(word for row in rows for word in row)
    assert ("zeta", "99", "pink") in [row[:3] for row in placed]
    assert placed[0] == rows[0]


@pytest.mark.parametrize("family", ["web", "shop"])
def test_where_it_goes_depends_on_the_task_alone_and_is_anywhere(family: str) -> None:
    places: Counter[float] = Counter()
    for task in draw_tasks("web" if family == "web" else "shop", 1500, Streams(4)):
        if len(task.rows) != 4 or {"kiosk", "pink"} & set(task.goal):
            continue
        placed = hidden(task, "kiosk") if family == "web" else listed(task, "zeta", "99", "pink")
        assert placed == (hidden(task, "kiosk") if family == "web" else listed(task, "zeta", "99", "pink"))
        places[
            next(
                at for at, row in enumerate(placed.rows) if {"kiosk", "99"} <= {*row, "99"} or row[:2] == ("zeta", "99")
            )
        ] += 1
    share = [places[at] / places.total() for at in range(4)]
    assert min(share) > 0.2
    assert max(share) < 0.3


def test_a_task_without_a_place_is_refused() -> None:
    task = Task(id="t", family="web", goal=("open", "help"), filler=("now",), rows=(("link", "help", "A"),))
    with pytest.raises(InvalidInput, match="has no place"):
        hidden(task, "kiosk")
    with pytest.raises(InvalidInput, match="0 to 5 words"):
        last(task, PAIR)
