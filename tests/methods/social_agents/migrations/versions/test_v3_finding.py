"""From the second form to the third: an old memory is opened; indexes, and an extension, come to be where they can."""

from pathlib import Path

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import create_engine, inspect

from consilience.methods.social_agents import database
from consilience.methods.social_agents.migrations.versions import v3_finding
from consilience.methods.social_agents.records import Query
from consilience.methods.social_agents.schema import METADATA
from consilience.methods.social_agents.store import Store

OLD = (
    "INSERT INTO person (id, handle, name, card) VALUES (1, 'ann', 'Ann', ''), (2, 'bea', 'Bea', '')",
    "INSERT INTO conversation (id, title) VALUES (1, 'trip')",
    "INSERT INTO membership (conversation, person, since) VALUES (1, 1, 0), (1, 2, 0)",
    "INSERT INTO audience (id, owners, digest) VALUES (1, '@1 @2', 'digest')",
    "INSERT INTO audience_member (owner, audience) VALUES (1, 1), (2, 1)",
    (
        "INSERT INTO message (id, conversation, sender, sent_at, text, label, source, source_id, words, audience{more})"
        " VALUES (1, 1, 1, 1000000, 'the ferry leaves at seven', '', 'chat', 'a', 5, 1{search})"
    ),
    "INSERT INTO visibility VALUES (1, 1, 1, 1, 1000000, 5), (2, 1, 1, 1, 1000000, 5)",
    "INSERT INTO holding VALUES (1, 1, 5), (2, 1, 5)",
    "INSERT INTO loose VALUES (1, 1, 1, 1000000)",
)
SEARCH = ", to_tsvector('social', 'the ferry leaves at seven') || array_to_tsvector(ARRAY['@1', '@2'])"


@pytest.fixture(params=["file", "server"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "file":
        return f"sqlite:///{tmp_path / 'memory.db'}"
    return request.getfixturevalue("postgres_url")


def indexes(place: str) -> set[str]:
    engine = create_engine(place)
    found = {str(each["name"]) for table in METADATA.tables for each in inspect(engine).get_indexes(table)}
    engine.dispose()
    return found


def test_an_old_memory_is_upgraded(place: str) -> None:
    engine = create_engine(place)
    server = engine.dialect.name != "sqlite"
    with engine.begin() as connection:
        database.migrate(connection, "2")
        for statement in OLD:
            connection.exec_driver_sql(statement.format(more=", search" * server, search=SEARCH * server))
    engine.dispose()
    with Store.open(place) as store:
        memory = store.memory("bea")
        assert [hit.message.text for hit in memory.search(Query(words=("ferries",)))] == ["the ferry leaves at seven"]
        assert memory.recall("when is the ferry?")[0].messages == (1,)
    assert {"message_audience", "episode_conversation"} <= indexes(place)


def test_the_step_can_be_taken_back(place: str) -> None:
    engine = create_engine(place)
    with engine.begin() as connection:
        database.migrate(connection)
        config = Config(attributes={"connection": connection})
        config.set_main_option("script_location", str(database.MIGRATIONS))
        config.set_main_option("path_separator", "newline")
        command.downgrade(config, "2")
        assert connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar() == "2"
        database.migrate(connection)
    engine.dispose()
    assert "message_audience" in indexes(place)


def test_names_have_trigrams_where_the_server_has_them(postgres_url: str) -> None:
    Store.open(postgres_url).close()
    engine = create_engine(postgres_url)
    with engine.begin() as connection:
        asked = "SELECT COUNT(*) FROM pg_available_extensions WHERE name = 'pg_trgm'"
        there = connection.exec_driver_sql(asked).scalar()
    engine.dispose()
    assert ("person_trigrams" in indexes(postgres_url)) == bool(there)


def test_an_extension_that_may_not_be_made_is_gone_without(postgres_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its name is known, and making it fails within the step; what comes after is made."""
    asked = v3_finding.sa.text
    monkeypatch.setattr(v3_finding.sa, "text", lambda said: asked("SELECT 1") if "available" in said else asked(said))
    real = v3_finding.op.execute

    def refusing(told: str) -> None:
        real("CREATE EXTENSION no_such_extension" if "EXTENSION" in told else told)

    monkeypatch.setattr(v3_finding.op, "execute", refusing)
    with Store.open(postgres_url) as store:
        ann = store.add_person("ann", "Ann")
        assert store.memory(ann).recall("anything") == store.memory(ann).search(Query(words=("anything",))) == []
    found = indexes(postgres_url)
    assert "message_audience" in found
    assert "person_trigrams" not in found
