"""Words spelled alike: found on a server with trigrams, among one's own messages, and only for want of better."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import create_engine

from consilience.methods.social_agents.records import NewMessage, Query
from consilience.methods.social_agents.spelling import alike
from consilience.methods.social_agents.store import Store

NOON = datetime(2024, 5, 2, 12, tzinfo=UTC)


def filled(place: str) -> Store:
    store = Store.open(place)
    ann, bea, cyd = (store.add_person(name, name.capitalize()) for name in ("ann", "bea", "cyd"))
    home, away = store.conversation([ann, bea]), store.conversation([bea, cyd])
    told = [(home, ann, "The ferry leaves at seven"), (home, bea, "a fern"), (away, cyd, "my furry marmalade, 2024")]
    store.add_messages(
        NewMessage(chat, who.id, NOON + timedelta(hours=at), text) for at, (chat, who, text) in enumerate(told)
    )
    return store


@pytest.fixture
def server(postgres_url: str) -> Iterator[Store]:
    with filled(postgres_url) as store:
        yield store
        with store.reading() as connection:
            trigrams = connection.exec_driver_sql("SELECT 1 FROM pg_extension WHERE extname = 'pg_trgm'").first()
    if trigrams is None:
        pytest.skip("this server has no pg_trgm; ends where its contributed extensions are installed")


def found(store: Store, who: str, *words: str, **given: object) -> list[str]:
    return [hit.message.text for hit in store.memory(who).search(Query(words=words, beside=False, **given))]


def test_a_slip_of_the_pen_finds_what_was_meant(server: Store) -> None:
    assert found(server, "ann", "ferrry") == ["The ferry leaves at seven"]
    assert found(server, "cyd", "marmaladde") == ["my furry marmalade, 2024"]
    assert found(server, "cyd", "marma", conversation=1) == []


def test_what_only_others_wrote_is_no_spelling(server: Store) -> None:
    assert found(server, "ann", "marmaladde") == []
    with server.reading() as connection:
        assert alike(connection, 1, ["marmaladde", "ferrry"]) == ["ferri"]
        assert alike(connection, 3, ["marmaladde", "furrry"]) == ["marmalad", "furri"]
        assert alike(connection, 1, ["ferrry"], frozenset({1})) == []


def test_what_is_found_is_not_added_to(server: Store) -> None:
    assert found(server, "bea", "ferry") == ["The ferry leaves at seven"]
    assert found(server, "bea", "ferry", "marmaladde") == ["The ferry leaves at seven"]


@pytest.mark.parametrize("word", ["fer", "2025", "'; DROP TABLE message; --", "%", "\\", "@1", "", "x" * 10_000])
def test_what_is_no_word_is_like_nothing(server: Store, word: str) -> None:
    assert found(server, "ann", word) == ([] if word else found(server, "ann"))
    with server.reading() as connection:
        assert alike(connection, 1, [word]) == []


def test_a_file_and_a_server_without_trigrams_have_no_other_spelling(postgres_url: str) -> None:
    with filled(":memory:") as store:
        assert found(store, "ann", "ferrry") == []
    with filled(postgres_url) as store:
        engine = create_engine(postgres_url)
        with engine.begin() as connection:
            connection.exec_driver_sql("DROP EXTENSION IF EXISTS pg_trgm CASCADE")
        engine.dispose()
        assert found(store, "ann", "ferrry") == []
        assert found(store, "ann", "ferry") == ["The ferry leaves at seven"]
