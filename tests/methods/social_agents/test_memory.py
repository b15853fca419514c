"""Memory: bound to one owner; whatever is asked of it, by whatever name, shows nothing of another's."""

import inspect
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from consilience.ground.errors import InvalidInput
from consilience.methods.social_agents.memory import Memory
from consilience.methods.social_agents.records import NewMessage, Query
from consilience.methods.social_agents.store import Store

NOON = datetime(2024, 5, 2, 12, tzinfo=UTC)


@pytest.fixture(params=["file", "server"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    place = tmp_path / "memory.db" if request.param == "file" else request.getfixturevalue("postgres_url")
    with Store.open(place) as opened:
        ann, bea, cyd = (opened.add_person(name, name.capitalize()) for name in ("ann", "bea", "cyd"))
        shared, apart = opened.conversation([ann, bea]), opened.conversation([bea, cyd])
        opened.add_messages(
            NewMessage(chat, who.id, NOON + timedelta(minutes=at), text)
            for at, (chat, who, text) in enumerate(
                [
                    (shared, ann, "the surprise party is on friday"),
                    (apart, cyd, "the secret party is on sunday"),
                    (shared, bea, "I bring the cake"),
                    (apart, bea, "nobody tells ann"),
                ]
            )
        )
        yield opened


def test_no_method_takes_an_owner() -> None:
    for name, method in inspect.getmembers(Memory, inspect.isfunction):
        if not name.startswith("_"):
            assert not {"owner", "person", "who", "handle"} & set(inspect.signature(method).parameters), name


def test_an_owner_stays(store: Store) -> None:
    memory = store.memory("ann")
    with pytest.raises(AttributeError):
        memory.owner = store.person("cyd")
    with pytest.raises(AttributeError):
        memory.other = 1
    assert repr(memory) == "<memory of ann>"


def test_another_number_reads_as_no_number(store: Store) -> None:
    memory = store.memory("ann")
    theirs = [message.id for message in store.memory("cyd").recent()]
    for number in (*theirs, 0, -1, 10**12):
        assert memory.message(number) is None
        assert memory.around(number) == []
    assert memory.recent(conversation=2) == memory.search(Query(conversation=2)) == []
    mine = [message.id for message in memory.recent()]
    assert [message.id for message in memory.messages([*theirs, *mine[::-1], *mine])] == mine[::-1]


def test_words_of_others_find_nothing(store: Store) -> None:
    memory = store.memory("ann")
    assert memory.search(Query(words=("secret", "sunday"))) == []
    assert all(not set(episode.messages) - {1, 3} for episode in memory.recall("the secret party on sunday", top=9))
    assert "sunday" not in repr(memory.recall("secret sunday", top=9))


def test_a_fault_of_the_index_shows_nothing(store: Store) -> None:
    """The second wall: the index says that a message is Ann's, which it is not."""
    with store.writing() as connection:
        if store._database.is_sqlite:
            connection.exec_driver_sql(
                "INSERT INTO message_index(rowid, text, owners) VALUES (2, 'the secret party is on sunday', '@1')"
            )
        else:
            connection.exec_driver_sql("UPDATE message SET search = search || array_to_tsvector(ARRAY['@1'])")
    assert store.memory("ann").search(Query(words=("secret",))) == []


def test_a_fault_of_the_rows_shows_nothing_to_words(store: Store) -> None:
    """The first wall: a row lets Ann see a message that the index does not count as hers."""
    with store.writing() as connection:
        connection.exec_driver_sql(
            "INSERT INTO visibility (owner, message, conversation, sender, sent_at, words) VALUES (1, 2, 2, 3, 0, 6)"
        )
    assert store.memory("ann").search(Query(words=("secret",))) == []


@pytest.mark.parametrize("limit", [0, 1001])
def test_numbers_out_of_range_are_told(store: Store, limit: int) -> None:
    memory = store.memory("ann")
    for call in (lambda: memory.recent(limit=limit), lambda: memory.recall("x", top=limit)):
        with pytest.raises(InvalidInput, match="must be from 1 to 1000"):
            call()
    with pytest.raises(InvalidInput, match="`k` must be from 0 to 50"):
        memory.around(1, 51)


def test_nobody_who_has_nothing_is_told_so(store: Store) -> None:
    memory = store.memory(store.add_person("dee", "Dee"))
    assert memory.recent() == memory.search(Query(words=("party",))) == memory.recall("party") == memory.friends() == []
    assert memory.rebuild_episodes() == 0
