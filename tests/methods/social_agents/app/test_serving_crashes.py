"""The server as a process: it is killed, interrupted, its database locked, its model broken; nothing kept is lost."""

import json
import os
import re
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from http.cookiejar import CookieJar
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from time import monotonic, sleep

import pytest

from consilience.methods.social_agents.app.accounts import Accounts, Strength
from consilience.methods.social_agents.app.chats import Chats
from consilience.methods.social_agents.app.tasks import Tasks
from consilience.methods.social_agents.audit import AuditLog
from consilience.methods.social_agents.demo import FIRST_QUESTION, QUESTION, furnish_demo
from consilience.methods.social_agents.keys import key_of
from consilience.methods.social_agents.store import Store

pytestmark = pytest.mark.timeout(120)
PASSWORD = "one long password"
START = "import sys; from consilience.cli import main; sys.exit(main())"


class Browser:
    """Keeps cookies, and sends forms as their pages have them."""

    def __init__(self, address: str) -> None:
        self.address = address
        self._opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(CookieJar()))

    def get(self, path: str) -> str:
        return self._ask(path)[1]

    def post(self, path: str, **fields: str) -> tuple[int, str]:
        found = re.search(r'name="csrf" value="([0-9a-f]+)"', self.get("/sign-in"))
        return self._ask(path, urllib.parse.urlencode({"csrf": found[1], **fields}).encode())

    def sign_in(self, handle: str) -> "Browser":
        assert self.post("/sign-in", handle=handle, password=PASSWORD)[0] == 200
        return self

    def _ask(self, path: str, sent: bytes | None = None) -> tuple[int, str]:
        try:
            with self._opener.open(self.address + path, sent, timeout=20) as reply:
                return reply.status, reply.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode()


def wait(done, within_s: float = 30.0):
    deadline = monotonic() + within_s
    while not (found := done()):
        assert monotonic() < deadline, "this did not come to be in time"
        sleep(0.05)
    return found


@contextmanager
def served(*words: str) -> Iterator[tuple[subprocess.Popen, str, list[str]]]:
    """Give the server as a process of its own, its address, and the lines that it told."""
    process = subprocess.Popen(
        [sys.executable, "-c", START, "social-agents", "serve", *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )
    told: list[str] = []
    reader = threading.Thread(target=lambda: told.extend(iter(process.stdout.readline, "")))
    reader.start()
    try:
        line = wait(lambda: next((one for one in told if one.startswith("serving ")), "") or process.poll())
        assert isinstance(line, str), told
        address = line.split()[1]

        def answers() -> bool:
            try:
                return Browser(address).get("/health") == "well"
            except OSError:
                return False

        wait(answers)
        yield process, address, told
    finally:
        process.kill()
        process.wait(20)
        reader.join(20)
        process.stdout.close()


@pytest.fixture
def database(tmp_path: Path) -> Path:
    """Return a database in which Ann and Ben have accounts, and Ann's tasks ask Ben's agent unasked."""
    path = tmp_path / "dinner.sqlite"
    with Store.open(path) as store:
        furnish_demo(store)
        accounts, chats = Accounts(store, strength=Strength(1, 8, 1)), Chats(store)
        for handle in ("ann", "ben"):
            accounts.join(accounts.invite(handle=handle, admin=True), handle=handle, name="", password=PASSWORD)
        chats.between(store.person("ann"), store.person("ben"))
        chats.trust(store.person("ben"), store.person("ann"), yes=True)
    return path


def said(database: Path, number: int) -> list[str]:
    with Store.open(database) as store:
        tasks = Tasks(store)
        state = tasks.state(tasks.find(number))
        return [] if state is None else [one.text for one in state.utterances]


def requests_of(browser: Browser) -> list[str]:
    return re.findall(r'action="(/consent/\d+)"', browser.get("/consent"))


def test_after_a_kill_in_the_middle_of_a_task_it_goes_on_and_nothing_is_lost(database: Path) -> None:
    words = ("--port", "0", "--database", str(database))
    with served(*words) as (process, address, _):
        ann, ben = Browser(address).sign_in("ann"), Browser(address).sign_in("ben")
        ann.post("/chats/ben", text="Written before the kill.")
        ann.post("/chats/ben", text=f"@task {QUESTION}")
        wait(lambda: requests_of(ben))
        before = wait(lambda: said(database, 1))
        os.kill(process.pid, signal.SIGKILL)
        process.wait(10)
    with Store.open(database) as store:
        assert Tasks(store).find(1).standing == "running"
        assert AuditLog(store, key=key_of(str(database))).verify().ok
    with served(*words) as (_, address, told):
        ann, ben = Browser(address).sign_in("ann"), Browser(address).sign_in("ben")
        assert "Written before the kill." in ben.get("/chats/ann")

        def over() -> bool:
            for path in requests_of(ben):
                ben.post(path, allow="yes")
            return "answered" in ann.get("/tasks/1")

        wait(over)
        assert "Traceback" not in "".join(told)
    after = said(database, 1)
    assert after[: len(before)] == before
    with Store.open(database) as store:
        assert Tasks(store).find(1).answer == "same"
        log = AuditLog(store, key=key_of(str(database)))
        assert log.verify().ok
        assert {one.approver for one in log.revealed_about("ben")} == {"ben"}


def test_ctrl_c_ends_it_in_a_line_and_the_port_is_free(database: Path) -> None:
    with served("--port", "0", "--database", str(database)) as (process, address, told):
        port = int(address.rpartition(":")[2])
        Browser(address).sign_in("ann").get("/")
        taken = subprocess.run(
            [sys.executable, "-c", START, "social-agents", "serve", "--port", str(port), "--database", f"{database}2"],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert (taken.returncode, "Traceback" in taken.stderr) == (2, False)
        assert f"127.0.0.1:{port}" in taken.stderr
        process.send_signal(signal.SIGINT)
        assert process.wait(15) == 0
        assert "Traceback" not in "".join(told)
        socket.create_server(("127.0.0.1", port)).close()


def test_the_demo_needs_nothing_and_two_agents_solve_a_task_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))  # it is killed in the end, and what it leaves goes with the test's
    begun = monotonic()
    with served("--demo", "--port", "0") as (_, address, told):
        links = wait(lambda: (found := re.findall(r"http://\S+/sign-in", "".join(told))) and len(found) == 2 and found)
        assert [one.split("/")[2].partition(":")[0] for one in links] == ["127.0.0.1", "localhost"]
        ann = Browser(address)
        assert "Come in as Ann Weber" in ann.get("/")
        assert "Try it" in ann.post("/sign-in", handle="ann")[1]
        ann.post("/chats/ben", text=FIRST_QUESTION, **{"as": "task"})
        page = wait(lambda: (found := ann.get("/tasks/1")) and "answered" in found and found)
        assert "different" in page
        assert monotonic() - begun < 60


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_demo_that_is_told_to_stop_leaves_nothing(
    number: signal.Signals, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    with served("--demo", "--port", "0") as (process, address, told):
        assert list(tmp_path.iterdir())
        assert "Come in as Ann Weber" in Browser(address).get("/")
        process.send_signal(number)
        assert process.wait(20) == 0
        assert "Traceback" not in "".join(told)
        assert not list(tmp_path.iterdir())


def test_while_the_database_is_locked_it_is_said_and_later_it_goes_on(people, office, dinner) -> None:
    office.store._database.close()
    ann = people.sign_in("ann")
    office.store._database._engine.dispose()
    with sqlite3.connect(office.store._database.path) as other:
        other.execute("BEGIN IMMEDIATE")
        for connection in (office.store,):
            with connection.reading() as some:
                some.exec_driver_sql("PRAGMA busy_timeout = 50")
        reply = ann.post("/chats/ben", text="Hello?")
        assert reply.status_code == 503
        assert "Traceback" not in reply.text
        assert "try again" in reply.text
        assert ann.get("/chats/ben").status_code == 200
        other.rollback()
    other.close()
    assert ann.post("/chats/ben", text="Hello!").status_code == 303


def test_when_the_disk_is_full_it_is_said_and_what_was_there_is_read(people, office, dinner) -> None:
    ann = people.sign_in("ann")
    ann.post("/chats/ben", text="Before.")
    with office.store.reading() as some:
        pages = some.exec_driver_sql("PRAGMA page_count").scalar()
        some.exec_driver_sql(f"PRAGMA max_page_count = {pages}")
    replies = [ann.post("/chats/ben", text="x" * 19_000) for _ in range(8)]
    full = [one for one in replies if one.status_code == 503]
    assert full
    assert all("Traceback" not in one.text for one in replies)
    assert "Before." in ann.get("/chats/ben").text
    with office.store.reading() as some:
        some.exec_driver_sql("PRAGMA max_page_count = 1000000")
    assert ann.post("/chats/ben", text="After.").status_code == 303


@contextmanager
def endpoint(status: int, body: bytes) -> Iterator[str]:
    class Odd(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers.get("content-length", 0)))
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Odd)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/v1"
    finally:
        server.shutdown()
        server.server_close()
        thread.join(10)


def chat(content: str) -> bytes:
    choice = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": content}}
    return json.dumps(
        {"id": "x", "object": "chat.completion", "created": 1, "model": "odd", "choices": [choice],
         "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}}
    ).encode()  # fmt: skip


@pytest.mark.parametrize(
    ("status", "body", "told"),
    [
        (401, b'{"error": {"message": "no such key"}}', "401"),
        (200, b"<html>not what was asked for</html>", ""),
        (200, chat("{{{ no form at all"), ""),
    ],
)
def test_a_model_that_fails_fails_its_task_in_words_and_nothing_else(database: Path, status, body, told) -> None:
    with (
        endpoint(status, body) as base,
        served("--port", "0", "--database", str(database), "--model", "odd", "--base-url", base) as (_, address, lines),
    ):
        ann = Browser(address).sign_in("ann")
        ann.post("/chats/ben", text=f"@task {QUESTION}")
        page = wait(lambda: (found := ann.get("/tasks/1")) and "no answer" in found and found, 60)
        assert told in page
        assert "Traceback" not in page + "".join(lines)
        assert Browser(address).get("/health") == "well"
