"""Beside: what an owner read right before and after; nothing of another conversation, of others, of what is hidden."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from consilience.methods.social_agents.beside import beside
from consilience.methods.social_agents.hiding import NOTHING, Hidden
from consilience.methods.social_agents.records import NewMessage
from consilience.methods.social_agents.store import Store

NOON = datetime(2024, 5, 2, 12, tzinfo=UTC)


@pytest.fixture(params=["file", "server"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    """Messages 1 to 6 of Ann and Bea by turns with 7 to 12 of Bea and Cyd."""
    place = tmp_path / "memory.db" if request.param == "file" else request.getfixturevalue("postgres_url")
    with Store.open(place) as opened:
        ann, bea, cyd = (opened.add_person(name, name.capitalize()) for name in ("ann", "bea", "cyd"))
        chats = opened.conversation([ann, bea]), opened.conversation([bea, cyd])
        for chat in chats:
            opened.add_messages(NewMessage(chat, bea.id, NOON + timedelta(minutes=at), f"{at}") for at in range(6))
        yield opened


def sides(
    store: Store, who: str, numbers: list[int], k: int, hidden: Hidden = NOTHING
) -> dict[int, tuple[list[int], list[int]]]:
    with store.reading() as connection:
        found = beside(connection, store.person(who).id, numbers, k, hidden)
    return {number: (list(before), list(after)) for number, (before, after) in found.items()}


def test_the_nearest_come_first(store: Store) -> None:
    assert sides(store, "bea", [3, 7], 2) == {3: ([2, 1], [4, 5]), 7: ([], [8, 9])}


def test_nothing_is_asked_for_nothing(store: Store) -> None:
    assert sides(store, "bea", [], 2) == sides(store, "bea", [3], 0) == {}


def test_of_others_nothing_is_told(store: Store) -> None:
    assert sides(store, "ann", [3, 9, 99], 1) == {3: ([2], [4])}


def test_what_is_hidden_is_as_if_it_were_not_there(store: Store) -> None:
    hidden = Hidden(frozenset({2, 4}), frozenset({1}), 2)
    assert sides(store, "bea", [3, 4, 9], 1, hidden) == {3: ([1], [5]), 9: ([8], [10])}
