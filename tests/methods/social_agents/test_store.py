"""The store: people, contacts and conversations; who was there when something was sent reads it."""

import sqlite3
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import event

from consilience.ground.errors import InvalidInput, UnknownName
from consilience.methods.social_agents.records import NewMessage, Query, StoreLocked, StoreUnavailable
from consilience.methods.social_agents.store import Store

NOON = datetime(2024, 5, 2, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


@pytest.fixture(params=["file", "server"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    place = tmp_path / "memory.db" if request.param == "file" else request.getfixturevalue("postgres_url")
    with Store.open(place) as opened:
        for name in ("ann", "bea", "cyd"):
            opened.add_person(name, name.capitalize())
        yield opened


def texts(store: Store, who: str) -> list[str]:
    return [message.text for message in store.memory(who).recent()]


def say(store: Store, chat: int, who: str, text: str, at: datetime = NOON) -> int:
    (number,) = store.add_messages([NewMessage(chat, store.person(who).id, at, text)]).ids
    return number


def test_two_people_of_one_name_are_two(store: Store) -> None:
    one, other = store.add_person("sam", "Sam Lee"), store.add_person("sam.2", "Sam Lee", "I climb")
    chat = store.conversation([one, "ann"])
    say(store, chat, "sam", "mine")
    assert texts(store, "sam") == ["mine"]
    assert texts(store, "sam.2") == []
    assert store.person("sam.2") == store.person(other.id) == other
    assert [hit.message.sender for hit in store.memory("ann").search(Query(sender="sam"))] == [one.id]
    assert store.memory("ann").search(Query(sender="sam.2")) == []


@pytest.mark.parametrize("handle", ["", "a b", "../ann", "a\\b", "x" * 65, "a\nb", "a:b"])
def test_a_handle_that_is_none_is_refused(store: Store, handle: str) -> None:
    with pytest.raises(InvalidInput, match="handle"):
        store.add_person(handle, "Somebody")


def test_a_handle_is_nobody_elses_in_whichever_case(store: Store) -> None:
    with pytest.raises(InvalidInput, match="'ann' is taken"):
        store.add_person("ANN", "Impostor")
    with pytest.raises(InvalidInput, match="name must not be empty"):
        store.add_person("dee", " ")
    assert [person.handle for person in store.people()] == ["ann", "bea", "cyd"]


def test_nobody_is_told_by_name(store: Store) -> None:
    with pytest.raises(UnknownName, match="unknown person 'dee'"):
        store.memory("dee")


def test_a_contact_has_two_who_agree(store: Store) -> None:
    store.request("ann", "bea")
    store.request("ann", "bea")
    assert (store.contacts_of("ann"), store.contacts_of("bea")) == ([], [])
    assert store.requests_of("bea") == [store.person("ann")]
    assert not store.are_contacts("ann", "bea")
    with pytest.raises(InvalidInput, match="only who was asked"):
        store.accept("ann", "bea")
    store.accept("bea", "ann")
    assert store.contacts_of("ann") == store.memory("ann").friends() == [store.person("bea")]
    assert store.contacts_of("bea") == [store.person("ann")]
    assert store.contacts_of("cyd") == store.requests_of("bea") == []
    for bea in ("bea", store.person("bea"), store.person("bea").id):
        assert store.are_contacts("ann", bea)
        assert store.are_contacts(bea, "ann")
        assert not store.are_contacts("cyd", bea)
    assert not store.are_contacts("ann", "nobody")
    store.withdraw("ann", "bea")
    assert store.contacts_of("bea") == []
    with pytest.raises(InvalidInput, match="two people"):
        store.request("ann", "ann")


def test_to_ask_who_asked_is_to_accept(store: Store) -> None:
    store.request("ann", "bea")
    store.request("bea", "ann")
    assert store.contacts_of("ann") == [store.person("bea")]


def test_who_joins_later_reads_what_is_sent_later(store: Store) -> None:
    chat = store.conversation(["ann", "bea"], title="trip")
    say(store, chat, "ann", "before", NOON)
    store.join(chat, "cyd", NOON + MINUTE)
    say(store, chat, "ann", "sent before, come after", NOON)
    say(store, chat, "ann", "between", NOON + MINUTE)
    store.leave(chat, "cyd", NOON + 2 * MINUTE)
    say(store, chat, "ann", "after", NOON + 2 * MINUTE)
    assert texts(store, "cyd") == ["between"]
    assert texts(store, "bea") == ["before", "sent before, come after", "between", "after"]
    assert store.members(chat, NOON + MINUTE)[-1].handle == "cyd"
    assert [person.handle for person in store.members(chat)] == ["ann", "bea"]
    assert store.conversations_of("cyd") == [(chat, "trip")]
    store.join(chat, "cyd", NOON + 3 * MINUTE)
    say(store, chat, "bea", "again", NOON + 4 * MINUTE)
    assert texts(store, "cyd") == ["between", "again"]


def test_to_join_twice_or_leave_from_outside_is_told(store: Store) -> None:
    chat = store.conversation(["ann"])
    with pytest.raises(InvalidInput, match="is in it"):
        store.join(chat, "ann", NOON)
    with pytest.raises(InvalidInput, match="is not in it"):
        store.leave(chat, "bea", NOON)
    with pytest.raises(InvalidInput, match="no conversation"):
        store.join(chat + 1, "bea", NOON)
    with pytest.raises(InvalidInput, match="somebody in it"):
        store.conversation([])


def test_what_was_edited_is_found_by_what_it_says_now(store: Store) -> None:
    chat = store.conversation(["ann", "bea"])
    number = say(store, chat, "ann", "dinner at the harbour")
    memory = store.memory("bea")
    assert memory.recall("harbour")[0].summary == "Ann: dinner at the harbour"
    store.edit(number, "dinner at the castle", NOON + MINUTE)
    assert memory.search(Query(words=("harbour",))) == []
    assert [hit.message.id for hit in memory.search(Query(words=("castle",)))] == [number]
    assert memory.recall("castle")[0].summary == "Ann: dinner at the castle"
    with store.reading() as connection:
        assert connection.exec_driver_sql("SELECT text FROM version").scalars().all() == ["dinner at the harbour"]


def test_what_was_redacted_is_gone_and_was_there(store: Store) -> None:
    chat = store.conversation(["ann", "bea"])
    number = say(store, chat, "ann", "my code is 4711")
    store.edit(number, "my code is 4712", NOON)
    store.redact(number, NOON + MINUTE)
    memory = store.memory("bea")
    assert memory.search(Query(words=("code", "4711", "4712"))) == []
    assert [message.text for message in memory.recent()] == [""]
    with store.reading() as connection:
        assert connection.exec_driver_sql("SELECT text FROM version ORDER BY number").scalars().all() == ["", ""]
    with pytest.raises(InvalidInput, match="none of number"):
        store.redact(number + 1, NOON)


def test_a_label_is_kept(store: Store) -> None:
    chat = store.conversation(["ann"])
    number = say(store, chat, "ann", "dentist")
    store.label(number, "health")
    with pytest.raises(InvalidInput, match="must be there"):
        store.label(number + 1, "health")
    assert store.memory("ann").message(number).label == "health"


def test_a_new_message_is_found_by_another_thread_at_once(store: Store) -> None:
    chat = store.conversation(["ann", "bea"])
    found: list[int] = []

    def look(word: str) -> None:
        found.append(len(store.memory("bea").search(Query(words=(word,), beside=False))))

    for turn in range(5):
        say(store, chat, "ann", f"word{turn}")
        thread = threading.Thread(target=look, args=(f"word{turn}",))
        thread.start()
        thread.join()
    assert found == [1] * 5


def test_many_read_while_one_writes(store: Store) -> None:
    chat = store.conversation(["ann", "bea"])
    ann = store.person("ann").id
    strays: list[str] = []
    ended: list[int] = []

    def read() -> None:
        memory = store.memory("bea")
        for _ in range(20):
            found = memory.search(Query(words=("ring",), limit=1000))
            strays.extend(hit.message.text for hit in found if "ring" not in hit.message.text)
        ended.append(1)

    readers = [threading.Thread(target=read) for _ in range(4)]
    for reader in readers:
        reader.start()
    for batch in range(10):
        store.add_messages(NewMessage(chat, ann, NOON, f"ring {batch} {place}") for place in range(20))
    for reader in readers:
        reader.join()
    assert (strays, len(ended)) == ([], 4)
    assert len(store.memory("bea").search(Query(words=("ring",), limit=1000))) == 200


def test_a_locked_file_is_told_and_still_read(tmp_path: Path) -> None:
    with Store.open(tmp_path / "m.db") as one, Store.open(tmp_path / "m.db", wait_s=0.05) as other:
        chat = one.conversation([one.add_person("ann", "Ann")])
        with one.writing(), pytest.raises(StoreLocked):
            say(other, chat, "ann", "too late")
        say(other, chat, "ann", "now")
        assert texts(one, "ann") == ["now"]


def test_readers_are_all_who_read(store: Store) -> None:
    """Of what one of several brings along, the others see nothing, though they were there and wrote it."""
    chat = store.conversation(["ann", "bea"])
    store.add_messages([NewMessage(chat, store.person("bea").id, NOON, "brought along")], readers=["ann", "cyd"])
    assert (texts(store, "ann"), texts(store, "cyd"), texts(store, "bea")) == (["brought along"], ["brought along"], [])
    for who, count in (("ann", 1), ("cyd", 1), ("bea", 0)):
        assert len(store.memory(who).search(Query(words=("brought",)))) == count
        assert len(store.memory(who).recall("what was brought along?")) == count
    say(store, chat, "bea", "said here", NOON + MINUTE)
    assert (texts(store, "bea"), texts(store, "cyd")) == (["said here"], ["brought along"])


def test_readers_must_be_somebody(store: Store) -> None:
    chat = store.conversation(["ann", "bea"])
    told = [NewMessage(chat, 1, NOON, "for nobody")]
    with pytest.raises(InvalidInput, match="`readers` must name somebody"):
        store.add_messages(told, readers=[])
    with pytest.raises(UnknownName):
        store.add_messages(told, readers=["ann", "nobody"])
    assert texts(store, "ann") == []


def test_people_whom_an_import_made_are_among_the_others_only_when_asked_for(store: Store) -> None:
    made = store.add_person("~dee-0a1b", "Dee")
    assert [person.handle for person in store.people()] == ["ann", "bea", "cyd"]
    assert store.people(imported=True)[-1] == made == store.person("~dee-0a1b")


WRITES: dict[str, Callable[[Store], object]] = {
    "person": lambda store: store.add_person("dee", "D" * 400_000),
    "messages": lambda store: store.add_messages([NewMessage(1, 1, NOON, f"{at} fill " * 500) for at in range(400)]),
    "megabyte": lambda store: store.add_messages([NewMessage(1, 1, NOON, "word " * 200_000)]),
    "edit": lambda store: store.edit(1, "other " * 100_000, NOON),
    "episodes": lambda store: store.memory("ann").recall("what was said?"),
    "forget": lambda store: store.forget(messages=[1]),
    "forget owner": lambda store: store.forget(owner="ann"),
}
"""What writes, in several ways."""


def filled(path: Path) -> Store:
    store = Store.open(path, wait_s=0.05)
    ann, bea = store.add_person("ann", "Ann"), store.add_person("bea", "Bea")
    chat = store.conversation([ann, bea])
    store.add_messages(NewMessage(chat, ann.id, NOON + at * MINUTE, f"said {at}") for at in range(60))
    return store


def whole(path: Path) -> list[str]:
    """Return all that a file holds, when it is sound; as another program reads it."""
    reader = sqlite3.connect(path)
    assert reader.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    assert reader.execute("PRAGMA foreign_key_check").fetchall() == []
    reader.execute("INSERT INTO message_index(message_index, rank) VALUES ('integrity-check', 1)")
    reader.rollback()
    told = list(reader.iterdump())
    reader.close()
    return told


@pytest.mark.parametrize("what", WRITES)
def test_a_locked_file_is_as_it_was(tmp_path: Path, what: str) -> None:
    with filled(tmp_path / "memory.db") as store:
        before = whole(tmp_path / "memory.db")
        other = sqlite3.connect(tmp_path / "memory.db", isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreLocked, match="try again"):
            WRITES[what](store)
        assert texts(store, "bea")[-1] == "said 59"
        other.execute("ROLLBACK")
        other.close()
        assert whole(tmp_path / "memory.db") == before
        WRITES[what](store)


@pytest.mark.parametrize("room", [0, 2, 6])
@pytest.mark.parametrize("what", WRITES)
def test_a_full_file_is_as_it_was(tmp_path: Path, what: str, room: int) -> None:
    """Whichever write finds no room, it is told and leaves nothing half-written; what needs none goes through."""
    path = tmp_path / "memory.db"
    with filled(path) as store:
        before = whole(path)
        with store.reading() as connection:
            pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one() + room
        engine = store._database._engine
        event.listen(engine, "connect", lambda raw, _: raw.execute(f"PRAGMA max_page_count={pages}"))
        engine.dispose()
        refused = ""
        try:
            WRITES[what](store)
        except StoreUnavailable as error:
            refused = str(error)
        if refused:
            assert "make room" in refused
            assert ("it is deleted" in refused) == (whole(path) != before)
        assert refused or what in ("episodes", "forget", "forget owner")
        assert len(store.memory("bea").search(Query(words=("said",), limit=100))) >= 59
    with Store.open(path) as store:
        WRITES[what](store)
        whole(path)
