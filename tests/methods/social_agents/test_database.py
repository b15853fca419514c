"""The database: opened or refused, and errors that say what to do."""

import sqlite3
import stat
from pathlib import Path

import pytest

from consilience.ground.errors import InvalidInput, MissingDependency
from consilience.methods.social_agents.database import HEAD, Database
from consilience.methods.social_agents.records import StoreLocked, StoreUnavailable


def test_it_is_made_once_and_then_found(tmp_path: Path) -> None:
    path = tmp_path / "folder" / "100%.db"
    Database(path).close()
    before = path.read_bytes()
    database = Database(f"sqlite:///{path}")
    with database.reading() as connection:
        assert connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar() == HEAD
    database.close()
    database.close()
    assert path.read_bytes() == before


def test_nobody_else_on_the_machine_reads_it(tmp_path: Path) -> None:
    path = tmp_path / "memory.db"
    database = Database(path)
    with database.writing() as connection:
        connection.exec_driver_sql("INSERT INTO conversation (title) VALUES ('x')")
        assert [stat.S_IMODE(one.stat().st_mode) for one in tmp_path.iterdir()] == [0o600] * 3
    database.close()
    path.chmod(0o640)
    Database(path).close()
    assert stat.S_IMODE(path.stat().st_mode) == 0o640


@pytest.mark.parametrize("text", ["not a database at all, but long enough to be one" * 10])
def test_another_file_is_refused_and_untouched(tmp_path: Path, text: str) -> None:
    path = tmp_path / "letter.txt"
    path.write_text(text)
    with pytest.raises(InvalidInput, match="must be a memory"):
        Database(path)
    assert path.read_text() == text


def test_another_database_is_refused_and_untouched(tmp_path: Path) -> None:
    path = tmp_path / "other.db"
    with sqlite3.connect(path) as other:
        other.execute("CREATE TABLE message (id INTEGER)")
    other.close()
    with pytest.raises(InvalidInput, match="another database"):
        Database(path)
    with sqlite3.connect(path) as other:
        assert other.execute("SELECT name FROM sqlite_master").fetchall() == [("message",)]
    other.close()


def test_a_newer_form_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "memory.db"
    Database(path).close()
    with sqlite3.connect(path) as other:
        other.execute("UPDATE alembic_version SET version_num = '99'")
    other.close()
    with pytest.raises(InvalidInput, match="newer than"):
        Database(path)


@pytest.mark.parametrize("place", ["mysql://host/x", "postgresql://host:port/x", "."])
def test_an_address_of_nothing_is_refused(place: str) -> None:
    with pytest.raises(InvalidInput, match=r"an address reads|a memory is a"):
        Database(place)


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InvalidInput, match="cannot be made"):
        Database(tmp_path / "file" / "memory.db")


def test_a_server_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(StoreUnavailable, match="see that the server runs"):
        Database(f"postgresql://somebody:secret@/none?host={tmp_path}", wait_s=2)


def test_a_password_is_not_told(tmp_path: Path) -> None:
    with pytest.raises(StoreUnavailable) as told:
        Database(f"postgresql://somebody:secret@/none?host={tmp_path}", wait_s=2)
    assert "secret" not in str(told.value)


def test_a_writer_waits_and_then_tells(tmp_path: Path) -> None:
    database = Database(tmp_path / "memory.db", wait_s=0.05)
    other = sqlite3.connect(tmp_path / "memory.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreLocked, match="try again"), database.writing():
        pass
    with database.reading() as connection:
        assert connection.exec_driver_sql("SELECT COUNT(*) FROM person").scalar() == 0
    other.execute("ROLLBACK")
    other.close()
    with database.writing() as connection:
        connection.exec_driver_sql("INSERT INTO conversation (title) VALUES ('x')")
    database.close()


def test_a_full_disk_changes_nothing(tmp_path: Path) -> None:
    database = Database(tmp_path / "memory.db")
    with database.writing() as connection:
        connection.exec_driver_sql("INSERT INTO conversation (title) VALUES ('before')")

    def fill() -> None:
        with database.writing() as connection:
            connection.exec_driver_sql("PRAGMA max_page_count=10")
            connection.exec_driver_sql("INSERT INTO conversation (title) VALUES (?)", ("x" * 1_000_000,))

    with pytest.raises(StoreUnavailable, match="safe"):
        fill()
    with database.reading() as connection:
        assert connection.exec_driver_sql("SELECT title FROM conversation").scalars().all() == ["before"]
    database.close()


def test_a_bug_stays_a_bug(tmp_path: Path) -> None:
    database = Database(tmp_path / "memory.db")
    with pytest.raises(Exception, match="no such table") as told, database.reading() as connection:
        connection.exec_driver_sql("SELECT * FROM nowhere")
    assert not isinstance(told.value, (InvalidInput, StoreUnavailable, MissingDependency))
    database.close()


def test_what_is_deleted_is_zeroed(tmp_path: Path) -> None:
    database = Database(tmp_path / "memory.db")
    with database.reading() as connection:
        found = [
            connection.exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("journal_mode", "secure_delete", "foreign_keys", "temp_store")
        ]
    database.close()
    assert found == ["wal", 1, 1, 2]
    assert stat.S_ISREG((tmp_path / "memory.db").stat().st_mode)
