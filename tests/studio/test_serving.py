"""The studio is served at an address, ends on ctrl-C, and is looked at in a real browser."""

import json
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import chromium
import pytest

from consilience.cli import main
from consilience.ground import RunFolder
from consilience.ground.errors import InvalidInput
from consilience.studio.serving import Server, prepared


@contextmanager
def served(runs: Path) -> Iterator[Server]:
    with prepared(runs, port=0) as server:
        thread = threading.Thread(target=server.runs)
        thread.start()
        try:
            until(server.ready)
            yield server
        finally:
            server.stops()
            thread.join(20)
            assert not thread.is_alive()


def until(holds, *, within_s: float = 30.0) -> None:
    end = time.monotonic() + within_s
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.02)


def read(address: str) -> str:
    with urllib.request.urlopen(address, timeout=20) as reply:
        assert "server" not in reply.headers
        text: str = reply.read().decode()
        return text


def test_it_serves_this_machine(runs: Path) -> None:
    (runs / "coins" / "smoke-seed0").rename(runs / "coins" / "100%25 <b>&")
    with served(runs) as server:
        assert server.address.startswith("http://127.0.0.1:")
        page = read(server.address)
        assert "/run/coins/100%2525%20%3Cb%3E%26" in page
        assert "The sentence of coin.heads." in read(f"{server.address}run/coins/100%2525%20%3Cb%3E%26")


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.7", "example.org", ""])
def test_other_machines_are_let_in_only_where_that_is_meant(runs: Path, host: str) -> None:
    with pytest.raises(InvalidInput, match="--i-know"), prepared(runs, host=host, port=0):
        pass


def test_it_may_be_meant(runs: Path) -> None:
    with prepared(runs, host="0.0.0.0", port=0, known=True) as server:
        assert server.address.startswith("http://127.0.0.1:")


def test_a_port_that_is_taken_is_one_line_and_exit_2(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        assert main(["studio", str(runs), "--port", port]) == 2
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err.count("\n") == 1
    assert f"127.0.0.1:{port}" in told.err


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["nowhere"], "no folder nowhere"),
        ([".", "--port", "99999"], "99999"),
        ([".", "--host", "0.0.0.0"], "--i-know"),
        ([".", "--prot", "1"], "--port"),
    ],
)
def test_a_mistake_is_one_line_and_exit_2(
    words: list[str], told: str, runs: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(runs)
    assert main(["studio", *words]) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert told in said


def test_ctrl_c_ends_it_without_a_word(runs: Path) -> None:
    command = [sys.executable, "-m", "consilience", "studio", str(runs), "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as studio:
        assert studio.stdout is not None
        line = studio.stdout.readline()
        address = next(word for word in line.replace(";", " ").split() if word.startswith("http://"))
        assert "Consilience studio" in read(address)
        studio.send_signal(signal.SIGINT)
        out, err = studio.communicate(timeout=30)
    assert (studio.returncode, out, err) == (0, "", "")


needs_a_browser = pytest.mark.skipif(chromium.EXECUTABLE is None, reason="no Chromium on this machine")


@needs_a_browser
@pytest.mark.timeout(280)
def test_every_page_is_whole_in_a_browser(runs: Path, tmp_path: Path) -> None:
    addresses = (
        "",
        "run/coins/smoke-seed0",
        "run/agent_networks/poem",
        "log/coins/smoke-seed0",
        "said/agent_networks/poem",
        "graph/agent_networks/poem",
        "compare?of=coins/smoke-seed0&of=coins/smoke-seed1",
    )
    with served(runs) as server, chromium.browsing(tmp_path / "profile") as browser:
        page = browser.page()
        for address in addresses:
            page.go(server.address + address)
            for width in (375, 768, 1440):
                page.resize(width, 900)
                assert page.run("document.documentElement.scrollWidth") <= width, (address, width)
        page.go(f"{server.address}graph/agent_networks/poem")
        assert page.run("document.body.classList.contains('live') || !!document.querySelector('.live')")
        assert browser.complaints == []
        assert all(asked.startswith((server.address, "data:")) for asked in browser.requests)


@needs_a_browser
@pytest.mark.timeout(280)
def test_a_run_is_seen_to_grow_and_what_was_opened_stays_open(runs: Path, tmp_path: Path) -> None:
    path = runs / "coins" / "smoke-seed2"
    folder = RunFolder(path, quiet=True)
    folder.write("config.toml", 'recipe = "smoke"\nseed = 2\n')
    with served(runs) as server, chromium.browsing(tmp_path / "profile") as browser:
        page = browser.page()
        with folder.at_work():
            folder.record("run begins", room="coins", claims={"coin.heads": "Heads come up.", "coin.edge": "None."})
            folder.record("step begins", step="coin.heads")
            page.go(f"{server.address}run/coins/smoke-seed2")
            page.sees("#head", "running")
            page.sees("#progress", "0 of 2 claims")
            page.run("document.querySelector('#the-settings').open = true; window.stays = true")
            done = json.loads((runs / "coins" / "smoke-seed0" / "steps" / "coin.heads.json").read_text())
            done["evidence"]["figures"] = []
            folder.write("steps/coin.heads.json", json.dumps(done))
            folder.record("step ends", step="coin.heads", seconds=1.0)
            page.sees("#progress", "1 of 2 claims")
            page.sees("#claims", "Heads come up.")
            page.sees("#log", "step ends")
            assert page.run("window.stays && document.querySelector('#the-settings').open")
        page.sees("#head", "interrupted")
        assert browser.complaints == []


@needs_a_browser
@pytest.mark.timeout(280)
def test_two_are_ticked_and_compared(runs: Path, tmp_path: Path) -> None:
    with served(runs) as server, chromium.browsing(tmp_path / "profile") as browser:
        page = browser.page()
        page.go(server.address)
        assert page.run("getComputedStyle(document.querySelector('#choice')).display") == "none"
        for name in ("agent_networks/poem", "coins/smoke-seed0", "coins/smoke-seed1"):
            page.run(f"document.querySelector('input[value=\"{name}\"]').click()")
        assert page.run("document.querySelectorAll('input:checked').length") == 2
        page.click("#choice button")
        page.sees("h1", "Two runs side by side")
        page.sees("#settings", "seed")
        drawn = "[...document.images].length > 0 && [...document.images].every(one => one.complete)"
        page.run("document.querySelectorAll('img').forEach(one => one.loading = 'eager')")
        page.wait(drawn)
        assert page.run("[...document.images].every(one => one.naturalWidth > 0)")
        assert browser.complaints == []


def test_nothing_of_a_run_is_changed_by_looking(runs: Path) -> None:
    def state() -> dict[str, tuple[int, int]]:
        return {str(path): (path.stat().st_mtime_ns, path.stat().st_size) for path in runs.rglob("*") if path.is_file()}

    before = state()
    with served(runs) as server:
        for address in ("", "run/coins/smoke-seed0", "run/agent_networks/poem", "said/agent_networks/poem"):
            read(server.address + address)
        for _ in range(3):
            read(f"{server.address}graph/agent_networks/poem")
    assert state() == before
