"""The first form: what a row says is in the index, and out of it when the row goes."""

from pathlib import Path

import pytest
from sqlalchemy import create_engine

from consilience.methods.social_agents.database import migrate
from consilience.methods.social_agents.migrations.versions import v1_messages


def test_the_index_follows_the_rows(tmp_path: Path) -> None:
    engine = create_engine(f"sqlite:///{tmp_path / 'memory.db'}")
    with engine.begin() as connection:
        migrate(connection, "1")
        for statement in (
            "INSERT INTO person VALUES (1, 'ann', 'Ann', '')",
            "INSERT INTO conversation VALUES (1, '')",
            "INSERT INTO audience VALUES (1, '@1', 'x'), (2, '@2', 'y')",
            "INSERT INTO message VALUES (1, 1, 1, 0, 'golden rings', '', '', '', 2, 1)",
        ):
            connection.exec_driver_sql(statement)

        def found(query: str) -> list[int]:
            statement = "SELECT rowid FROM message_index WHERE message_index MATCH ?"
            return list(connection.exec_driver_sql(statement, (query,)).scalars())

        assert found('owners:"@1" AND text:"ring"') == [1]
        assert found('owners:"@2" AND text:"ring"') == []
        connection.exec_driver_sql("UPDATE message SET audience = 2")
        assert found('owners:"@1" AND text:"ring"') == []
        assert found('owners:"@2" AND text:"ring"') == [1]
        connection.exec_driver_sql("UPDATE message SET text = 'a boat'")
        assert (found('text:"ring"'), found('text:"boats"')) == ([], [1])
        connection.exec_driver_sql("DELETE FROM message")
        assert found('text:"boats"') == []
        connection.exec_driver_sql("INSERT INTO message_index(message_index, rank) VALUES ('integrity-check', 1)")
    engine.dispose()


def test_there_is_nothing_before_it() -> None:
    with pytest.raises(NotImplementedError, match="first form"):
        v1_messages.downgrade()
