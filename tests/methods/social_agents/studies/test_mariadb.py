"""A server of one's own: absent with a reason, or there; and stopped and gone afterwards, whatever happened."""

import os
import stat
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path

import pytest

from consilience.ground.errors import MissingDependency
from consilience.methods.social_agents.studies import mariadb as server
from consilience.methods.social_agents.studies.mariadb import absent, mariadb

HERE = pytest.mark.skipif(bool(absent()), reason=f"{absent()}; ends where MariaDB and its driver are installed")


def runs(process):
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.fixture
def scratch(tmp_path, monkeypatch):
    """Have temporary folders made here."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


@pytest.fixture
def pretended(tmp_path_factory, monkeypatch):
    """Put a program in the place of the server's two."""
    folder = tmp_path_factory.mktemp("bin")

    def put(body):
        path = folder / "program"
        path.write_text(f"#!{sys.executable}\nimport os, signal, sys, time\n{body}\n")
        path.chmod(path.stat().st_mode | stat.S_IXUSR)
        monkeypatch.setattr(server, "_found", lambda _name: str(path))
        monkeypatch.setattr(server, "_driver", lambda: None)
        return folder / "number"

    return put


# --- absent --------------------------------------------------------------------------------------------------------


def test_a_server_that_is_not_there_is_said_to_be_absent(monkeypatch):
    monkeypatch.setattr(server.shutil, "which", lambda *_, **__: None)
    assert "mariadbd" in absent()
    with pytest.raises(MissingDependency, match="install"), mariadb():
        raise AssertionError("there is no server")


def test_a_driver_that_is_not_there_is_said_to_be_absent(monkeypatch):
    def missing(*_, **__):
        raise MissingDependency("MariaDB is reached through pymysql; install consilience[peers]")

    monkeypatch.setattr(server.shutil, "which", lambda name, **__: f"/bin/{name}")
    monkeypatch.setattr(server, "late_module", missing)
    assert absent() == "MariaDB is reached through pymysql; install consilience[peers]"
    with pytest.raises(MissingDependency, match="pymysql"), mariadb():
        raise AssertionError("there is no driver")


# --- a server that goes wrong --------------------------------------------------------------------------------------


def test_a_folder_that_cannot_be_made_is_told_and_nothing_is_left(pretended, scratch):
    pretended("sys.exit('no room on this disk')")
    with pytest.raises(RuntimeError, match="ended with status 1: no room on this disk"), mariadb():
        raise AssertionError("there is no server")
    assert list(scratch.iterdir()) == []


def test_a_server_that_ends_at_once_is_told_with_what_it_said(pretended, scratch):
    pretended("if '--skip-networking' in sys.argv: sys.exit('I cannot begin')")
    with pytest.raises(RuntimeError, match="did not begin; it says: I cannot begin"), mariadb():
        raise AssertionError("there is no server")
    assert list(scratch.iterdir()) == []


@pytest.mark.parametrize("ignores", ["", "signal.signal(signal.SIGTERM, signal.SIG_IGN)"])
def test_a_server_that_never_answers_is_stopped_even_if_it_will_not_stop(pretended, scratch, monkeypatch, ignores):
    monkeypatch.setattr(server, "PATIENCE_S", 1.0)
    number = pretended(
        f"if '--skip-networking' in sys.argv:\n    {ignores or 'pass'}\n"
        f"    open(os.path.join(os.path.dirname(__file__), 'number'), 'w').write(str(os.getpid()))\n"
        "    time.sleep(60)"
    )
    begun = time.monotonic()
    with pytest.raises(RuntimeError, match="did not begin"), mariadb():
        raise AssertionError("it does not answer")
    assert time.monotonic() - begun < 30  # by itself it would end after 60
    process = int(number.read_text())
    try:
        assert not runs(process)
    finally:
        with suppress(ProcessLookupError):
            os.kill(process, 9)
    assert list(scratch.iterdir()) == []


# --- a server that is there ----------------------------------------------------------------------------------------


@HERE
def test_it_is_empty_without_a_network_and_gone_afterwards_even_if_the_body_fails():
    seen = {}

    def fail():
        with mariadb() as connection, connection.cursor() as cursor:
            cursor.execute("SELECT @@datadir, @@pid_file, @@skip_networking, DATABASE()")
            seen["folder"], pid_file, *seen["set"] = cursor.fetchone()
            seen["process"] = int((Path(seen["folder"]) / pid_file).read_text())
            seen["ran"] = runs(seen["process"])
            cursor.execute("SHOW TABLES")
            seen["tables"] = cursor.fetchall()
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert (seen["set"], seen["tables"], seen["ran"]) == ([1, "original"], (), True)
    assert not runs(seen["process"])
    assert not Path(seen["folder"]).parent.exists()
