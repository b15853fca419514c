"""How migrations run: on a connection that is handed over, and within its transaction."""

from pathlib import Path

import pytest
from sqlalchemy import create_engine

from consilience.methods.social_agents.database import migrate
from consilience.methods.social_agents.migrations import env


def test_to_be_imported_runs_nothing() -> None:
    assert env.__all__ == ["run"]


def test_a_migration_that_is_rolled_back_leaves_nothing(tmp_path: Path) -> None:
    engine = create_engine(f"sqlite:///{tmp_path / 'memory.db'}")
    with engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA journal_mode=WAL")
        connection.connection.isolation_level = None
        connection.exec_driver_sql("BEGIN")
        migrate(connection)
        assert connection.exec_driver_sql("SELECT COUNT(*) FROM person").scalar() == 0
        connection.exec_driver_sql("ROLLBACK")
        assert connection.exec_driver_sql("SELECT COUNT(*) FROM sqlite_master").scalar() == 0
    engine.dispose()


def test_to_migrate_twice_is_to_migrate_once(tmp_path: Path) -> None:
    engine = create_engine(f"sqlite:///{tmp_path / 'memory.db'}")
    with engine.begin() as connection:
        migrate(connection)
        before = connection.exec_driver_sql("SELECT sql FROM sqlite_master ORDER BY name").all()
        migrate(connection)
        assert connection.exec_driver_sql("SELECT sql FROM sqlite_master ORDER BY name").all() == before
    engine.dispose()


def test_an_unknown_form_is_a_bug(tmp_path: Path) -> None:
    engine = create_engine(f"sqlite:///{tmp_path / 'memory.db'}")
    with engine.begin() as connection, pytest.raises(Exception, match="nowhere"):
        migrate(connection, "nowhere")
    engine.dispose()
