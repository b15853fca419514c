"""From the first form to the second: an old memory is opened, and nothing in it is lost."""

from pathlib import Path

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import create_engine

from consilience.methods.social_agents import database
from consilience.methods.social_agents.records import Query
from consilience.methods.social_agents.store import Store

OLD = (
    "INSERT INTO person (id, handle, name, card) VALUES (1, 'ann', 'Ann', ''), (2, 'bea', 'Bea', '')",
    "INSERT INTO conversation (id, title) VALUES (1, 'trip')",
    "INSERT INTO membership (conversation, person, since) VALUES (1, 1, 0), (1, 2, 0)",
    "INSERT INTO audience (id, owners, digest) VALUES (1, '@1 @2', '{digest}')",
    "INSERT INTO audience_member (owner, audience) VALUES (1, 1), (2, 1)",
    (
        "INSERT INTO message (id, conversation, sender, sent_at, text, label, source, source_id, words, audience{more})"
        " VALUES (1, 1, 1, 1000000, 'the ferry leaves at seven', '', 'chat', 'a', 5, 1{search})"
    ),
    "INSERT INTO visibility VALUES (1, 1, 1, 1, 1000000, 5), (2, 1, 1, 1, 1000000, 5)",
    "INSERT INTO holding VALUES (1, 1, 5), (2, 1, 5)",
)
SEARCH = ", to_tsvector('social', 'the ferry leaves at seven') || array_to_tsvector(ARRAY['@1', '@2'])"
DIGEST = "cb8a0c4b1eb7ed4a2a5e0e7a0c6f3b5e2c1d6b9a8f7e6d5c4b3a29181706f5e4"


@pytest.fixture(params=["file", "server"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "file":
        return f"sqlite:///{tmp_path / 'memory.db'}"
    return request.getfixturevalue("postgres_url")


def test_an_old_memory_is_upgraded(place: str) -> None:
    engine = create_engine(place)
    server = engine.dialect.name != "sqlite"
    with engine.begin() as connection:
        database.migrate(connection, "1")
        for statement in OLD:
            told = statement.format(digest=DIGEST, more=", search" * server, search=SEARCH * server)
            connection.exec_driver_sql(told)
    engine.dispose()
    with Store.open(place) as store:
        memory = store.memory("bea")
        assert [hit.message.text for hit in memory.search(Query(words=("ferries",)))] == ["the ferry leaves at seven"]
        (episode,) = memory.recall("when is the ferry?")
        assert (episode.messages, episode.summary) == ((1,), "Ann: the ferry leaves at seven")


def test_the_step_can_be_taken_back(place: str) -> None:
    engine = create_engine(place)
    with engine.begin() as connection:
        database.migrate(connection)
        config = Config(attributes={"connection": connection})
        config.set_main_option("script_location", str(database.MIGRATIONS))
        config.set_main_option("path_separator", "newline")
        command.downgrade(config, "1")
        database.migrate(connection)
        assert connection.exec_driver_sql("SELECT COUNT(*) FROM episode").scalar() == 0
    engine.dispose()
