"""A view is of one side: its own board, its own evidence, and of the other what was said."""

import pytest

from consilience.methods.social_agents.app.views import view


@pytest.fixture
def both(dinner):
    over = dinner.over(dinner.opened().asked())
    office = dinner.office
    return [
        view(over, who, store=office.store, tasks=office.tasks, desk=office.desk) for who in (dinner.ann, dinner.ben)
    ]


def test_each_sees_what_was_said_and_their_own_evidence_only(both) -> None:
    ann, ben = both
    assert [line.text for line in ann.lines] == [line.text for line in ben.lines]
    assert [line.mine for line in ann.lines] == [not line.mine for line in ben.lines]
    evidence = [{message.text for row in side.rows for message in row.evidence} for side in both]
    assert evidence == [
        {"They tested me and the allergy is sesame after all."},
        {"My allergy is sesame, so please keep it away."},
    ]


def test_each_sees_their_own_board(both) -> None:
    ann, ben = both
    assert ann.known == len(ann.rows) == 2
    assert [(row.value, row.source, row.mine) for row in ann.rows] == [
        ("sesame", "Ann", True),
        ("sesame", "Ben", False),
    ]
    assert ben.known == 1


def test_it_says_who_is_who_and_why_it_ended(both) -> None:
    ann, ben = both
    assert (ann.mine, ann.other.handle, ben.mine, ben.other.handle) == (True, "ben", False, "ann")
    assert ann.ending == "everything that was needed is known"
    assert not ann.live
    assert not ann.invites


def test_what_was_forgotten_is_seen_no_more(dinner) -> None:
    office = dinner.office
    over = dinner.over(dinner.opened().asked())
    office.tasks.forget(dinner.ann)
    office.store.forget(owner=dinner.ann)
    mine = view(office.tasks.find(over.id), dinner.ann, store=office.store, tasks=office.tasks, desk=office.desk)
    assert mine.rows == ()
    assert mine.in_view == ()
    assert mine.task.answer == ""
    theirs = view(over, dinner.ben, store=office.store, tasks=office.tasks, desk=office.desk)
    assert theirs.known == 1
