"""Forgetting: not a byte is left in the files, and nothing else is lost."""

import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import postgres_cluster
import pytest

from consilience.ground.errors import InvalidInput, UnknownName
from consilience.methods.social_agents.embedding import HashedNgrams
from consilience.methods.social_agents.records import NewMessage, Query, StoreLocked
from consilience.methods.social_agents.store import Store

NOON = datetime(2024, 5, 2, 12, tzinfo=UTC)
SECRET = "my zanzibar password is quokkafig"
TRACES = [b"zanzibar", b"quokkafig"]


@pytest.fixture(params=["file", "server"])
def home(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[SimpleNamespace]:
    """Give a store of three people, with 300 messages and a secret, and what its files hold."""
    files = tmp_path
    place: str | Path = tmp_path / "memory.db"
    if request.param == "server":
        place = request.getfixturevalue("postgres_url")
        cluster = request.getfixturevalue("postgres")
        files = cluster.folder / "data" / "base"
    with Store.open(place) as store:
        for name in ("ann", "bea", "cyd"):
            store.add_person(name, name.capitalize(), f"card of {name}")
        pair, group = store.conversation(["ann", "bea"], title="pair"), store.conversation(["ann", "bea", "cyd"])
        store.add_messages(
            NewMessage((pair, group)[at % 2], 1 + at % 2, NOON + timedelta(minutes=10 * at), f"chatter number {at}")
            for at in range(300)
        )
        later = NOON + timedelta(days=9)
        (secret,) = store.add_messages([NewMessage(pair, 1, later, SECRET)]).ids
        (edited,) = store.add_messages([NewMessage(group, 2, later, SECRET)]).ids
        store.edit(edited, "never mind", later)
        store.memory("ann").rebuild_episodes()

        def bytes_on_disk() -> bytes:
            if request.param == "server":
                cluster.execute("CHECKPOINT")
            return b"".join(path.read_bytes() for path in sorted(files.rglob("*")) if path.is_file())

        yield SimpleNamespace(
            store=store, pair=pair, group=group, secret=secret, edited=edited, disk=bytes_on_disk, place=place
        )


def test_not_a_byte_is_left(home: SimpleNamespace) -> None:
    store = home.store
    with store.reading() as connection:
        vector = connection.exec_driver_sql(
            f"SELECT e.vector FROM episode e JOIN placed p ON p.episode = e.id WHERE p.message = {home.secret}"
        ).scalar_one()
    assert np.frombuffer(vector, "<f2").any()
    assert all(trace in home.disk() for trace in TRACES)  # the control: they can be found where they are
    receipt = store.forget(messages=[home.secret, home.edited, 10**9])
    assert (receipt.messages, receipt.unseen, receipt.versions) == (2, 5, 1)
    assert receipt.episodes >= 2
    assert receipt.digest == sha256(f"{home.secret} {home.edited}".encode()).hexdigest()
    left = home.disk()
    assert [trace for trace in (*TRACES, bytes(vector)) if trace in left] == []
    memory = store.memory("ann")
    assert memory.message(home.secret) is None
    assert memory.search(Query(words=("zanzibar", "quokkafig"))) == []
    assert len(memory.recent(limit=1000)) == 300
    assert "zanzibar" not in repr(memory.recall("zanzibar quokkafig", top=1000))


def test_a_server_keeps_no_sample_of_it(postgres_url: str, postgres: postgres_cluster.Cluster) -> None:
    """What a server knows of columns for its plans is made of texts, and is written anew like them."""
    with Store.open(postgres_url) as store:
        chat = store.conversation([store.add_person("ann", "Ann")])
        told = ["wolpertinger"] * 3 + ["hm", "ok"]
        added = store.add_messages(NewMessage(chat, 1, NOON, each) for each in told)
        with store.writing() as connection:
            connection.exec_driver_sql("ANALYZE message")

        def on_disk() -> bytes:
            postgres.execute("CHECKPOINT")
            files = sorted((postgres.folder / "data" / "base").rglob("*"))
            return b"".join(each.read_bytes() for each in files if each.is_file())

        before = on_disk().count(b"wolpertinger")
        store.forget(messages=added.ids[:3])
        assert (before > 3, on_disk().count(b"wolpertinger")) == (True, 0)


def test_the_rest_is_as_if_it_had_never_been(home: SimpleNamespace, tmp_path: Path) -> None:
    """Scores, episodes and counts after forgetting are those of a store that never had the messages."""
    gone = set(range(50, 250, 3))
    home.store.forget(messages=[*gone, home.secret, home.edited])
    with Store.open(tmp_path / "other.db") as other:
        for name in ("ann", "bea", "cyd"):
            other.add_person(name, name.capitalize())
        pair, group = other.conversation(["ann", "bea"]), other.conversation(["ann", "bea", "cyd"])
        other.add_messages(
            NewMessage((pair, group)[at % 2], 1 + at % 2, NOON + timedelta(minutes=10 * at), f"chatter number {at}")
            for at in range(300)
            if at + 1 not in gone
        )
        for who in ("ann", "cyd"):
            ours, theirs = home.store.memory(who), other.memory(who)
            asked = Query(words=("chatter", "60"), limit=1000)
            found = [
                [(hit.message.text, pytest.approx(hit.score)) for hit in memory.search(asked)]
                for memory in (ours, theirs)
            ]
            assert found[0] == found[1]
            assert [each.summary for each in ours.recall("number 60", top=9)] == [
                each.summary for each in theirs.recall("number 60", top=9)
            ]
        counts = []
        for store in (home.store, other):
            with store.reading() as connection:
                rows = connection.exec_driver_sql("SELECT owner, messages, words FROM holding ORDER BY owner")
                counts.append([tuple(row) for row in rows])
        assert counts[0] == counts[1]


def test_a_conversation_goes_for_everybody(home: SimpleNamespace) -> None:
    receipt = home.store.forget(conversation=home.pair)
    assert (receipt.what, receipt.messages) == (f"conversation {home.pair}", 151)
    assert {message.conversation for message in home.store.memory("ann").recent(limit=1000)} == {home.group}
    assert home.store.conversations_of("ann") == [(home.group, "")]
    assert len(home.store.memory("cyd").recent(limit=1000)) == 151


def test_an_owner_forgets_and_others_keep(home: SimpleNamespace) -> None:
    store = home.store
    store.request("ann", "bea")
    store.accept("bea", "ann")
    alone = store.conversation(["ann"])
    store.add_messages([NewMessage(alone, 1, NOON, "dear diary: wombatgate")])
    before = [message.text for message in store.memory("bea").recent(limit=1000)]
    receipt = store.forget(owner="ann")
    assert (receipt.what, receipt.messages, receipt.unseen) == ("owner 1", 1, 303)
    ann = store.memory("ann")
    assert ann.recent() == ann.search(Query(words=("chatter",))) == ann.recall("chatter") == ann.friends() == []
    assert (store.person("ann").card, store.contacts_of("bea"), store.conversations_of("ann")) == ("", [], [])
    assert b"wombatgate" not in home.disk()
    assert [message.text for message in store.memory("bea").recent(limit=1000)] == before
    assert len(store.memory("bea").search(Query(words=("zanzibar",), beside=False))) == 1
    assert store.memory("bea").recall("zanzibar")[0].messages
    with store.reading() as connection:
        owners = connection.exec_driver_sql("SELECT owners FROM audience").scalars().all()
    assert not [each for each in owners if "@1" in each.split()]
    store.add_messages([NewMessage(home.pair, 2, NOON + timedelta(days=10), "are you there?")])
    assert ann.recent() == []


def test_a_receipt_is_kept_without_a_word(home: SimpleNamespace) -> None:
    receipt = home.store.forget(messages=[home.secret])
    again = home.store.forget(messages=[home.secret])
    with home.store.reading() as connection:
        rows = connection.exec_driver_sql("SELECT what, messages, digest FROM receipt ORDER BY id").all()
    assert [tuple(row) for row in rows] == [
        ("messages", 1, receipt.digest),
        ("messages", 0, sha256(b"").hexdigest()),
    ]
    assert (again.messages, again.unseen, again.versions, again.episodes) == (0, 0, 0, 0)


@pytest.mark.parametrize("given", [{}, {"owner": "ann", "conversation": 1}])
def test_one_thing_is_forgotten_at_a_time(home: SimpleNamespace, given: dict[str, object]) -> None:
    with pytest.raises(InvalidInput, match="one of `owner`"):
        home.store.forget(**given)
    with pytest.raises(UnknownName):
        home.store.forget(owner="nobody")


def test_a_reader_who_stays_is_told_of(tmp_path: Path) -> None:
    path = tmp_path / "memory.db"
    with Store.open(path, wait_s=0.05) as store:
        chat = store.conversation([store.add_person("ann", "Ann")])
        (number,) = store.add_messages([NewMessage(chat, 1, NOON, SECRET)]).ids
        reader = sqlite3.connect(path, isolation_level=None)
        reader.execute("BEGIN")
        reader.execute("SELECT * FROM message").fetchall()
        with pytest.raises(StoreLocked, match="when the last reader"):
            store.forget(messages=[number])
        assert store.memory("ann").recent() == []
        reader.execute("ROLLBACK")
        reader.close()
    assert b"zanzibar" not in b"".join(each.read_bytes() for each in tmp_path.iterdir())


def test_a_vector_of_the_kind_that_is_kept_is_found_in_the_file(tmp_path: Path) -> None:
    """The control of the search for vectors: before anything is forgotten, they are there."""
    with Store.open(tmp_path / "memory.db") as store:
        chat = store.conversation([store.add_person("ann", "Ann")])
        store.add_messages([NewMessage(chat, 1, NOON, SECRET)])
        store.memory("ann").rebuild_episodes()
    vector = HashedNgrams().embed([f"Ann: {SECRET}"])[0].astype("<f2").tobytes()
    assert vector[:64] in (tmp_path / "memory.db").read_bytes()


def test_what_only_people_of_an_import_hold_is_held_by_nobody(home: SimpleNamespace) -> None:
    store = home.store
    store.add_person("~wilma-0a1b2c3d4e", "Wilma Wombat")
    chat = store.conversation(["ann", "~wilma-0a1b2c3d4e"], title="with Wilma Wombat")
    store.add_messages([NewMessage(chat, each, NOON, "a wombatgate") for each in (1, 4)])
    receipt = store.forget(owner="ann")
    assert receipt.messages == 2
    disk = home.disk().lower()
    assert [word for word in (b"wombatgate", b"wombat", b"wilma") if word in disk] == []
    assert len(store.memory("bea").recent(limit=1000)) == 302


def test_a_number_of_a_conversation_never_means_another(home: SimpleNamespace) -> None:
    last = home.store.conversation(["ann", "bea"], title="numbatfig")
    home.store.forget(conversation=last)
    assert home.store.conversation(["cyd"]) != last
    assert home.store.members(last) == []
    assert b"numbatfig" not in home.disk()
