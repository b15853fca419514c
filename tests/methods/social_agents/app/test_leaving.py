"""Who leaves is in nothing any more, and their memory is empty; others keep what they have read."""

import pytest

from consilience.ground.errors import InvalidInput
from consilience.methods.social_agents.app import leaving as module
from consilience.methods.social_agents.app.leaving import leave_all, require_another_admin, until_still
from consilience.methods.social_agents.policy import Rule
from consilience.methods.social_agents.records import Query, StoreLocked


def test_all_that_somebody_has_a_part_in_ends(dinner, people) -> None:
    office, ben = dinner.office, dinner.ben
    token = office.keys.make(ben, "x")
    office.policies.add("ben", Rule(verdict="never"))
    office.policies.put_in_group("ann", "ben", "friends")
    group = office.groups.make(dinner.ann, "Choir", [ben])
    office.introductions.ask(ben, dinner.ann, "dan")
    office.chats.send(ben, dinner.ann, "What a zebra!")
    office.chats.trust(dinner.ann, ben, yes=True)
    leave_all(office, ben)
    assert office.keys.person_of(token) is None
    assert office.store.contacts_of("ann") == []
    assert office.policies.of("ben").rules == ()
    assert office.policies.group("ann", "ben") == ""
    assert not office.groups.has(group, ben)
    assert office.introductions.of(ben) == []
    assert not office.chats.trusts(dinner.ann, ben)
    zebra = Query(words=("zebra",))
    assert office.store.memory("ben").search(zebra) == []
    assert len(office.store.memory("ann").search(zebra)) == 1
    assert office.audit.verify().ok


@pytest.mark.parametrize("consented", [False, True])
def test_who_leaves_in_the_middle_of_a_task_ends_it_and_nothing_more_is_told(dinner, consented) -> None:
    office = dinner.office
    task = dinner.asked()
    office.desk.answer(task, yes=True)
    request = dinner.waiting()
    token = dinner.session("ben")
    leave_all(office, dinner.ben)
    if consented:  # by a page that was open still
        office.consent.decide(token, request.id, allow=True)
    over = office.tasks.find(task.id)
    assert (over.over, over.answer) == (True, "")
    assert office.audit.revealed_about("ben") == []
    assert office.store.memory("ben").recent() == []
    state = office.tasks.state(over)
    assert all(one.value == "" for board in (state.a, state.b) if board.owner == "ben" for one in board)


def test_what_is_forgotten_does_not_come_back_with_a_task_that_another_process_is_at(
    dinner, make_office, within
) -> None:
    office = dinner.office
    task = dinner.asked()
    office.desk.answer(task, yes=True)
    request = dinner.waiting()
    token = dinner.session("ben")
    leave_all(make_office(), dinner.ben)
    office.consent.decide(token, request.id, allow=True)
    within(lambda: task.id not in office.desk._courses)
    over = office.tasks.find(task.id)
    assert (over.standing, over.ending, over.answer) == ("ended", "stopped", "")
    state = office.tasks.state(over)
    assert [len(board) for board in (state.a, state.b) if board.owner == "ben"] == [0]


def test_a_task_behind_hundreds_of_others_ends_and_is_forgotten_too(dinner) -> None:
    office = dinner.office
    task = dinner.asked()
    office.desk.answer(task, yes=True)
    dinner.waiting()
    for _ in range(201):
        office.tasks.add(dinner.ann, dinner.ben, "Long ago?", standing="ended")
    leave_all(office, dinner.ben)
    over = office.tasks.find(task.id)
    assert (over.over, over.answer) == (True, "")
    assert all(
        one.value == ""
        for board in (office.tasks.state(over).a, office.tasks.state(over).b)
        if board.owner == "ben"
        for one in board
    )


def test_a_task_that_does_not_end_is_waited_for_and_then_told(dinner, monkeypatch) -> None:
    task = dinner.asked()
    dinner.office.desk.answer(task, yes=True)
    dinner.waiting()
    monkeypatch.setattr(module, "LEAVING_S", 0.05)
    with pytest.raises(StoreLocked, match="try again"):
        until_still(dinner.office, dinner.ben)


def test_the_last_who_invites_stays_while_there_are_others(dinner) -> None:
    with pytest.raises(InvalidInput, match="somebody has to be left"):
        require_another_admin(dinner.office, dinner.ann)
    require_another_admin(dinner.office, dinner.ben)
    dinner.office.accounts.remove(dinner.ben)
    require_another_admin(dinner.office, dinner.ann)
