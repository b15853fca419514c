"""Laws of a memory: nobody reads what they were not told, and nothing that they read depends on it."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consilience.methods.social_agents.memory import Memory
from consilience.methods.social_agents.records import NewMessage, Query
from consilience.methods.social_agents.store import Store

NOON = datetime(2024, 5, 2, 12, tzinfo=UTC)
PEOPLE = 4
WORDS = ("ring", "rings", "boat", "cake", "monday", "10", "thé")

texts = st.lists(st.sampled_from(WORDS), min_size=1, max_size=4).map(" ".join)
members = st.sets(st.integers(1, PEOPLE), min_size=1, max_size=3).map(sorted)
chats = st.lists(members, min_size=1, max_size=4)
asked = st.fixed_dictionaries(
    {
        "words": st.lists(st.sampled_from(WORDS), max_size=2).map(tuple),
        "phrases": st.lists(texts, max_size=1).map(tuple),
        "prefixes": st.lists(st.sampled_from(("ri", "mo", "1")), max_size=1).map(tuple),
        "context": st.integers(0, 2),
    }
)
secrets = st.tuples(texts, texts)
said = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 2), st.integers(0, 600), texts), max_size=12)


def furnished(talks: Sequence[Sequence[int]], lines: Sequence[tuple[int, int, int, str]]) -> Store:
    store = Store.open(":memory:")
    for number in range(1, PEOPLE + 1):
        store.add_person(f"p{number}", "Sam")
    numbers = [store.conversation(list(talk)) for talk in talks]
    store.add_messages(
        NewMessage(
            numbers[chat % len(talks)],
            talks[chat % len(talks)][who % len(talks[chat % len(talks)])],
            NOON + timedelta(minutes=minute),
            text,
        )
        for chat, who, minute, text in lines
    )
    return store


def answers(memory: Memory, query: dict[str, Any]) -> str:
    """Return all that a memory shows when it is asked: texts, numbers, scores and order."""
    shown = (
        memory.search(Query(**query)),
        memory.search(Query()),
        memory.recent(limit=100),
        memory.recall(" ".join((*query["words"], *query["phrases"], "cake")), top=9),
        [memory.around(number, 2) for number in range(15)],
        memory.messages(list(range(15))),
        memory.friends(),
    )
    return repr(shown)


@given(talks=chats, lines=said, query=asked)
def test_nobody_reads_what_they_were_not_told(
    talks: list[list[int]], lines: list[tuple[int, int, int, str]], query: dict[str, Any]
) -> None:
    with furnished(talks, lines) as store:
        for person in store.people():
            mine = {number for number, _ in store.conversations_of(person)}
            memory = store.memory(person)
            hits = memory.search(Query(**query))
            shown = [each for hit in hits for each in (hit.message, *hit.before, *hit.after)]
            shown += memory.recent(limit=100) + memory.messages(list(range(15)))
            assert {message.conversation for message in shown} <= mine
            told = {message.id for message in memory.recent(limit=100)}
            for episode in memory.recall("ring boat cake monday", top=99):
                assert episode.conversation in mine
                assert set(episode.messages) <= told
            count = sum(talks[chat % len(talks)].count(person.id) for chat, *_ in lines)
            assert len(told) == count


@given(talks=chats, lines=said, query=asked, told_apart=secrets, owner=st.integers(1, PEOPLE))
def test_nothing_depends_on_what_others_say_to_one_another(
    talks: list[list[int]],
    lines: list[tuple[int, int, int, str]],
    query: dict[str, Any],
    told_apart: tuple[str, str],
    owner: int,
) -> None:
    """Not a score, not an order, not a number: two worlds that differ in a secret look the same to the rest."""
    rest = [number for number in range(1, PEOPLE + 1) if number != owner]
    shown = []
    for told in told_apart:
        with furnished([*talks[:3], rest], lines) as store:
            hidden = store.conversation(rest)
            store.add_messages(NewMessage(hidden, rest[0], NOON + timedelta(minutes=at), told) for at in range(3))
            for number in rest:
                store.memory(number).rebuild_episodes()
            memory = store.memory(owner)
            shown.append(answers(memory, query))
    assert shown[0] == shown[1]


@given(talks=chats, lines=said, query=asked)
def test_to_forget_somebody_takes_their_memory_and_no_others(
    talks: list[list[int]], lines: list[tuple[int, int, int, str]], query: dict[str, Any]
) -> None:
    with furnished(talks, lines) as store:
        before = [[message.text for message in store.memory(n).recent(limit=100)] for n in range(2, PEOPLE + 1)]
        scores = [
            [(hit.message.id, pytest.approx(hit.score)) for hit in store.memory(n).search(Query(**query))]
            for n in (2, 3)
        ]
        store.forget(owner=1)
        assert store.memory(1).recent() == []
        after = [[message.text for message in store.memory(n).recent(limit=100)] for n in range(2, PEOPLE + 1)]
        assert after == before
        assert [
            [(hit.message.id, hit.score) for hit in store.memory(n).search(Query(**query))] for n in (2, 3)
        ] == scores
