"""The schema says what the migrations make."""

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from consilience.methods.social_agents.database import Database
from consilience.methods.social_agents.schema import METADATA, owner_token
from consilience.methods.social_agents.words import split


@pytest.fixture(params=["file", "server"])
def place(request: pytest.FixtureRequest, tmp_path) -> str:
    return str(tmp_path / "memory.db") if request.param == "file" else request.getfixturevalue("postgres_url")


def _ours(name: str | None, kind: str, *_: object) -> bool:
    """The index is no table of ours, and columns and indexes that only PostgreSQL has are its own."""
    index = (name or "").startswith(("message_index", "message_search", "person_trigrams"))
    index |= (kind, name) == ("column", "search")
    return not index


def test_the_newest_form_is_the_schema(place: str) -> None:
    database = Database(place)
    with database.reading() as connection:
        context = MigrationContext.configure(connection, opts={"include_object": lambda _, n, k, *__: _ours(n, k)})
        assert compare_metadata(context, METADATA) == []
    database.close()


def test_no_text_has_a_word_that_reads_as_an_owner() -> None:
    assert owner_token(17) not in split(f"{owner_token(17)} u17 @17")
