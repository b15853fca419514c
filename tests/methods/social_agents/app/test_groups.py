"""Who is in a group when something is written reads it, and nobody else ever does."""

from datetime import UTC, datetime, timedelta

import pytest

from consilience.ground.errors import InvalidInput
from consilience.methods.social_agents.app.groups import LONGEST_TITLE, Groups
from consilience.methods.social_agents.records import Query


@pytest.fixture
def circle(store):
    now = [datetime(2024, 5, 2, 10, tzinfo=UTC)]

    def clock() -> datetime:
        now[0] += timedelta(seconds=1)
        return now[0]

    people = [store.add_person(name, name.title()) for name in ("ann", "ben", "cem")]
    return Groups(store, clock=clock), *people


def texts(groups, group, who) -> list[str]:
    return [one.text for one in groups.messages(group, who)]


def test_membership_when_it_was_sent_decides_who_reads_it_also_in_the_index(circle, store) -> None:
    groups, ann, ben, cem = circle
    choir = groups.make(ann, " The  choir ", [ben])
    groups.send(choir, ann, "first zebra")
    assert groups.add(choir, cem)
    assert not groups.add(choir, cem)
    groups.send(choir, ben, "second zebra")
    assert groups.leave(choir, ben)
    assert not groups.leave(choir, ben)
    groups.send(choir, cem, "third zebra")
    assert texts(groups, choir, ann) == ["first zebra", "second zebra", "third zebra"]
    assert texts(groups, choir, ben) == ["first zebra", "second zebra"]
    assert texts(groups, choir, cem) == ["second zebra", "third zebra"]
    for who in (ann, ben, cem):
        found = {hit.message.text for hit in store.memory(who).search(Query(words=("zebra",)))}
        assert found == set(texts(groups, choir, who))
    assert (choir.title, groups.has(choir, ben), groups.had(choir, ben)) == ("The choir", False, True)
    assert groups.add(choir, ben)
    groups.send(choir, ann, "fourth zebra")
    assert texts(groups, choir, ben) == ["first zebra", "second zebra", "fourth zebra"]


def test_groups_are_found_by_number_and_by_person(circle, store) -> None:
    groups, ann, ben, cem = circle
    choir = groups.make(ann, "Choir", [ben])
    chat = store.conversation([ann, ben])
    assert groups.find(choir.id) == choir
    assert groups.find(chat) is None
    assert groups.of(ben) == [choir]
    assert groups.of(cem) == []


def test_what_is_no_group_and_no_message_is_refused(circle) -> None:
    groups, ann, ben, cem = circle
    for title, others in (("", [ben]), ("x" * (LONGEST_TITLE + 1), [ben]), ("alone", []), ("alone", [ann])):
        with pytest.raises(InvalidInput, match="group has"):
            groups.make(ann, title, others)
    choir = groups.make(ann, "Choir", [ben])
    with pytest.raises(InvalidInput, match="'cem' is not"):
        groups.send(choir, cem, "Hello.")
    with pytest.raises(InvalidInput, match="characters"):
        groups.send(choir, ann, " \n")


def test_a_group_that_is_forgotten_is_none_any_more(store) -> None:
    ann, ben = (store.add_person(name.lower(), name) for name in ("Ann", "Ben"))
    groups = Groups(store)
    choir = groups.make(ann, "Choir", [ben])
    groups.forget(choir.id)
    groups.forget(choir.id)
    assert groups.find(choir.id) is None
