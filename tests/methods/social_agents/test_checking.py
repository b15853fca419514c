"""Whoever has the database and its key can see whether the log is as it was written."""

from pathlib import Path

import pytest

from consilience.ground.errors import InvalidInput
from consilience.methods.social_agents.audit import AuditLog
from consilience.methods.social_agents.checking import check
from consilience.methods.social_agents.flags import Checking
from consilience.methods.social_agents.keys import key_of
from consilience.methods.social_agents.store import Store


@pytest.fixture
def database(tmp_path: Path) -> str:
    path = str(tmp_path / "people.sqlite")
    with Store.open(path) as store:
        log = AuditLog(store, key=key_of(path, make=True))
        log.add("disclosed", owner="ann", counterpart="ben", task="task-1", turn=2, messages=[7], approver="ann")
        log.add("blocked", owner="cyd", counterpart="ben", rule="it has a word")
    return path


def checked(database: str, what: str = "verify", **settings) -> tuple[int, list[str]]:
    told: list[str] = []
    return check(Checking(what=(what, database), **settings), told.append), told


def test_a_log_as_it_was_written_is_sound(database: str) -> None:
    status, told = checked(database)
    assert (status, told[0]) == (0, "2 entries, sound")
    end = told[1].rpartition(" ")[2]
    assert checked(database, noted=end)[0] == 0
    assert checked(database, noted=f"1:{'a' * 64}")[0] == 1


def test_one_that_was_changed_is_not(database: str) -> None:
    with Store.open(database) as store, store.writing() as connection:
        connection.exec_driver_sql("UPDATE audit SET messages = '[8]' WHERE number = 1")
    status, told = checked(database)
    assert status == 1
    assert "entry 1 is not as it was written" in told


def test_with_another_key_it_does_not_hold(database: str, tmp_path: Path) -> None:
    key_of("x", tmp_path / "other", make=True)
    assert checked(database, key_file=tmp_path / "other")[0] == 1
    with pytest.raises(InvalidInput, match="key"):
        checked(database, key_file=tmp_path / "none")


def test_it_is_shown_of_all_or_of_one(database: str) -> None:
    assert len(checked(database, "show")[1]) == 2
    (line,) = checked(database, "show", person="ann")[1]
    assert "ann -> ben task-1 turn 2: m7" in line
    assert "on the word of ann" in line
    assert checked(database, "show", person="zoe")[1] == ["nothing was revealed of zoe"]


@pytest.mark.parametrize("noted", ["", "x", "1:abc", "1", f"-1:{'a' * 64}"])
def test_an_end_that_is_none_is_said(database: str, noted: str) -> None:
    if noted:
        with pytest.raises(InvalidInput, match="noted"):
            checked(database, noted=noted)
