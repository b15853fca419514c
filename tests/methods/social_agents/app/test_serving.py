"""The application is served at an address, on a file or on PostgreSQL, and says what whoever starts it has to know."""

import re
import socket
import threading
import urllib.request
from contextlib import contextmanager
from pathlib import Path

import pytest

from consilience.ground.errors import InvalidInput
from consilience.methods.social_agents.app.serving import prepared, serve
from consilience.methods.social_agents.audit import AuditLog
from consilience.methods.social_agents.demo import QUESTION
from consilience.methods.social_agents.flags import Serving
from consilience.methods.social_agents.keys import key_of
from consilience.methods.social_agents.policy import Rule
from consilience.methods.social_agents.store import Store


@contextmanager
def running(**settings):
    with prepared(Serving(port=0, **settings)) as server:
        thread = threading.Thread(target=server.runs)
        thread.start()
        try:
            yield server
        finally:
            server.stops()
            thread.join(20)
            assert not thread.is_alive()


def read(url: str) -> str:
    for attempt in range(100):
        try:
            with urllib.request.urlopen(url, timeout=10) as reply:
                assert "server" not in reply.headers
                return reply.read().decode()
        except ConnectionError:
            if attempt == 99:
                raise
            threading.Event().wait(0.05)
    raise AssertionError


def test_it_is_there_and_invites_who_comes_first(tmp_path: Path) -> None:
    database = tmp_path / "family.sqlite"
    with running(database=str(database)) as server:
        assert server.address.startswith("http://127.0.0.1:")
        link = next(found[0] for line in server.told if (found := re.search(r"http://\S+/join/\S+", line)))
        assert "You are the first" in read(link)
        assert read(f"{server.address}/health") == "well"
        assert any("stand-in" in line for line in server.told)
        token = link.rpartition("/")[2]
        server.office.accounts.join(token, handle="ann", name="Ann", password="one long password")
    key = Path(f"{database}.key")
    assert key.stat().st_mode & 0o777 == 0o600
    with prepared(Serving(port=0, database=str(database))) as again:
        assert not any("/join/" in line for line in again.told)
    with Store.open(database) as store:
        assert AuditLog(store, key=key_of(str(database))).verify().ok


def test_a_second_one_runs_on_postgresql(postgres_url: str, tmp_path: Path, within) -> None:
    with running(database=postgres_url, key_file=tmp_path / "key", demo=True) as server:
        assert sum("/sign-in" in line for line in server.told) == 2
        assert "Come in as Ann Weber" in read(f"{server.address}/sign-in")
        ann, ben = (server.office.store.person(handle) for handle in ("ann", "ben"))
        number = server.office.chats.send(ann, ben, "Hello.")
        assert server.office.store.memory(ben).message(number) is not None
        for one, other in ((ann, ben), (ben, ann)):
            server.office.policies.add(one.handle, Rule(who=other.handle, verdict="allow"))
            server.office.chats.trust(one, other, yes=True)
        read(f"{server.address}/health")  # it is serving
        task = server.office.desk.propose(ann, ben, QUESTION)
        over = within(lambda: (found := server.office.tasks.find(task.id)).over and found)
        assert (over.answer, over.ending) == ("same", "known")
        assert [one.counterpart for one in server.office.audit.revealed_about("ben")] == ["ann"]
        assert server.office.audit.verify().ok


def test_a_place_that_is_taken_is_said(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with (
            pytest.raises(InvalidInput, match=f"127.0.0.1:{port}"),
            prepared(Serving(port=port, database=str(tmp_path / "x.sqlite"))),
        ):
            pass


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"host": "0.0.0.0"}, "--address"),
        ({"address": "agents.example"}, "--address"),
        ({"address": "ftp://agents.example"}, "--address"),
        ({"address": "https://agents.example/path"}, "--address"),
        ({"certificate": Path("cert.pem")}, "--private-key"),
        ({"host": "203.0.113.7"}, "free to listen"),
        ({"model": "no such model"}, "model"),
        ({"demo": True, "address": "https://agents.example"}, "this machine only"),
        ({"certificate": Path("no.pem"), "private_key": Path("no.key")}, "PEM files"),
    ],
)
def test_what_does_not_go_together_is_said_before_anything_is_made(tmp_path: Path, settings, told: str) -> None:
    database = tmp_path / "x.sqlite"
    with pytest.raises(Exception, match=told), prepared(Serving(port=0, database=str(database), **settings)):
        pass
    assert not Path(f"{database}.key").exists()


def test_other_machines_are_let_in_by_name_and_the_open_way_is_warned_of(tmp_path: Path) -> None:
    settings = Serving(port=0, database=str(tmp_path / "x.sqlite"), address="http://192.0.2.7:8765/")
    with prepared(settings) as server:
        assert server.address == "http://192.0.2.7:8765"
        assert "192.0.2.7" in server.office.manner.hosts
        assert any("in the clear" in line for line in server.told)
        assert not server.office.manner.secure
    settings = Serving(port=0, database=str(tmp_path / "x.sqlite"), address="https://agents.example")
    with prepared(settings) as server:
        assert server.office.manner.secure
        assert not any("in the clear" in line for line in server.told)


def test_it_says_what_it_has_to_and_ends_by_ctrl_c(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_args, **_more):
        raise KeyboardInterrupt

    monkeypatch.setattr("uvicorn.Server.run", interrupted)
    told: list[str] = []
    serve(Serving(port=0, database=str(tmp_path / "x.sqlite")), told.append)
    assert told[0].startswith("serving http://127.0.0.1:")


def test_a_demo_is_in_a_database_of_its_own(tmp_path: Path) -> None:
    database = str(tmp_path / "x.sqlite")
    with Store.open(database) as store:
        store.add_person("zoe", "Zoe")
    with pytest.raises(InvalidInput, match="of its own"), prepared(Serving(port=0, database=database, demo=True)):
        pass


def test_a_demo_lets_nobody_in_as_a_person_who_is_real(tmp_path: Path) -> None:
    database = str(tmp_path / "own.sqlite")
    with Store.open(database) as store:
        store.add_person("ann", "Ann Weber")
    with pytest.raises(InvalidInput, match="of its own"), prepared(Serving(port=0, database=database, demo=True)):
        pass


def test_without_a_demo_nobody_is_let_in_without_a_password(tmp_path: Path) -> None:
    with running(database=str(tmp_path / "x.sqlite")) as server:
        assert "Come in" not in read(f"{server.address}/sign-in")
