"""Adding: each once, all or none, and nothing that breaks a database."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from consilience.ground.errors import InvalidInput
from consilience.methods.social_agents import adding
from consilience.methods.social_agents.records import Added, NewMessage, Query
from consilience.methods.social_agents.store import Store

NOON = datetime(2024, 5, 2, 12, tzinfo=UTC)


@pytest.fixture(params=["file", "server"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    place = tmp_path / "memory.db" if request.param == "file" else request.getfixturevalue("postgres_url")
    with Store.open(place) as opened:
        for name in ("ann", "bea"):
            opened.add_person(name, name.capitalize())
        opened.conversation(["ann", "bea"])
        yield opened


def named(name: str, text: str = "hello", chat: int = 1) -> NewMessage:
    return NewMessage(chat, 1, NOON, text, "export", name)


def test_what_is_known_is_added_once(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(adding, "BATCH", 3)
    monkeypatch.setattr(adding, "MANY", 3)
    first = store.add_messages(named(str(number)) for number in [*range(7), 0, 6])
    assert (first.new, first.known, len(first.ids)) == (7, 2, 7)
    assert store.add_messages([named("6"), named("7")]).ids == (first.ids[-1] + 1,)
    assert store.add_messages([]) == Added(0, 0)
    other = store.conversation(["ann"])
    assert store.add_messages([named("6", chat=other)]).new == 1
    assert store.add_messages([NewMessage(1, 1, NOON, "no name")] * 2).new == 2


def test_all_are_added_or_none(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(adding, "BATCH", 2)
    flawed = [named("a"), named("b"), named("c"), NewMessage(99, 1, NOON, "nowhere")]
    with pytest.raises(InvalidInput, match="none of number 99"):
        store.add_messages(flawed)
    assert store.memory("ann").recent() == []
    assert store.add_messages(flawed[:3]).new == 3
    assert len(store.memory("ann").recent()) == 3


def test_who_never_was_there_cannot_have_said_it(store: Store) -> None:
    cyd = store.add_person("cyd", "Cyd")
    with pytest.raises(InvalidInput, match="never was in"):
        store.add_messages([NewMessage(1, cyd.id, NOON, "let me in")])


def test_a_time_without_a_zone_is_refused(store: Store) -> None:
    with pytest.raises(InvalidInput, match="zone"):
        store.add_messages([NewMessage(1, 1, NOON.replace(tzinfo=None), "when?")])


def test_clocks_that_go_backwards_lose_nothing(store: Store) -> None:
    moments = [NOON, NOON - timedelta(days=400), datetime(1, 1, 1, tzinfo=UTC), NOON, NOON]
    added = store.add_messages(NewMessage(1, 1, moment, f"tick {at}") for at, moment in enumerate(moments))
    found = store.memory("bea").recent()
    assert [message.sent_at for message in found] == sorted(moments)
    assert [message.id for message in found][-3:] == [added.ids[0], added.ids[3], added.ids[4]]
    assert sum(len(episode.messages) for episode in store.memory("bea").recall("tick", top=10)) == 5


def test_a_message_before_a_conversation_began_is_its_senders_alone(store: Store) -> None:
    chat = store.conversation(["ann", "bea"], began_at=NOON)
    store.add_messages([NewMessage(chat, 1, NOON - timedelta(days=1), "early")])
    assert [message.text for message in store.memory("ann").recent()] == ["early"]
    assert store.memory("bea").recent() == []


def test_a_megabyte_is_kept_and_found(store: Store) -> None:
    told = "needle " + " ".join(f"w{number}" for number in range(150_000)) + " 😀"
    assert len(told) > 1_000_000
    (number,) = store.add_messages([NewMessage(1, 1, NOON, told)]).ids
    (hit,) = store.memory("bea").search(Query(words=("needle",)))
    assert (hit.message.id, hit.message.text) == (number, told)
    assert len(store.memory("bea").recall("needle")[0].summary) < 1000
    with pytest.raises(InvalidInput, match="at most 4,000,000 characters"):
        store.add_messages([NewMessage(1, 1, NOON, "x" * 4_000_001)])


def test_control_characters_and_halves_are_kept_as_can_be(store: Store) -> None:
    told = "bell\x07 null\x00 half\ud83d tab\t line\n \u202eright to left"
    (number,) = store.add_messages([NewMessage(1, 1, NOON, told)]).ids
    kept = store.memory("bea").message(number).text
    assert kept == told.replace("\x00", "�").replace("\ud83d", "�")
    assert store.memory("bea").search(Query(words=("null",), phrases=("right to left",)))


def test_numbers_are_never_given_again(store: Store) -> None:
    before = store.add_messages([named("a"), named("b")]).ids
    store.forget(messages=before)
    after = store.add_messages([named("a")]).ids
    assert min(after) > max(before)
