"""What is answered to who asks for what is not there, or not theirs, or means ill."""

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from consilience.ground.errors import InvalidInput
from consilience.studio.site import application

Visit = Callable[[Path], TestClient]

NASTY = "<img src=x onerror=alert(1)>"


@pytest.mark.parametrize(
    "name",
    [
        "../secret.json",
        "coins/../../secret.json",
        "%2e%2e/secret.json",
        "coins%2f..%2f..%2fsecret.json",
        "coins/smoke-seed0/..%2f..%2f..%2fsecret.json",
        "//etc/hostname.txt",
        "%2Fetc%2Fhostname.txt",
        "coins/smoke-seed0/%00.json",
        "coins/smoke-seed0/link.json",
        "coins/smoke-seed0/away/secret.json",
        "coins/smoke-seed0/.hidden.json",
        "coins/smoke-seed0/model.safetensors",
        "agent_networks/poem/journal.sqlite",
        "beside.json",
        "coins/beside.json",
    ],
)
def test_no_file_is_given_that_is_not_of_a_run(runs: Path, visit: Visit, name: str) -> None:
    (runs.parent / "secret.json").write_text('"secret"')
    run = runs / "coins" / "smoke-seed0"
    (run / "link.json").symlink_to(runs.parent / "secret.json")
    (run / "away").symlink_to(runs.parent)
    for path in (run / ".hidden.json", run / "model.safetensors", runs / "beside.json", runs / "coins" / "beside.json"):
        path.write_text('"secret"')
    client = visit(runs)
    assert client.get("/file/coins/smoke-seed0/report.json").status_code == 200
    reply = client.get(f"/file/{name}")
    assert reply.status_code == 404
    assert '"secret"' not in reply.text


@pytest.mark.parametrize("page", ["run", "log", "said", "graph", "drawn"])
@pytest.mark.parametrize("name", ["", "nowhere", "coins", "%2e%2e", "coins/smoke-seed0/figures", "%00", "a%FFb"])
def test_where_no_run_is_there_is_no_page(runs: Path, visit: Visit, page: str, name: str) -> None:
    reply = visit(runs).get(f"/{page}/{name}")
    if (page, name) != ("run", "coins/smoke-seed0/figures"):  # a folder of pictures may be looked at
        assert reply.status_code == 404


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
def test_nothing_can_be_sent(runs: Path, visit: Visit, method: str) -> None:
    assert visit(runs).request(method, "/run/coins/smoke-seed0").status_code == 405


def test_it_answers_to_no_other_name(runs: Path, visit: Visit) -> None:
    client = visit(runs)
    assert client.get("/", headers={"host": "evil.example"}).status_code == 421
    assert client.get("/", headers={"host": "127.0.0.1.evil.example:8770"}).status_code == 421
    for name in ("localhost:8770", "127.0.0.1", "[::1]:9"):
        assert client.get("/", headers={"host": name}).status_code == 200


def test_every_reply_forbids_what_is_not_its_own(runs: Path, visit: Visit) -> None:
    client = visit(runs)
    for address in ("/", "/nowhere", "/compare", "/static/studio.js", "/file/coins/smoke-seed0/report.json"):
        reply = client.get(address)
        assert reply.headers["content-security-policy"].startswith("default-src 'none'")
        assert reply.headers["x-content-type-options"] == "nosniff"
    page = client.get("/run/coins/smoke-seed0").text
    assert not re.search(r'(?:src|href|action)="(?:https?:)?//', page)
    assert not re.search(r"<script(?! src=\"/static/studio.js\")", page)
    assert " style=" not in page


def test_markup_in_names_and_texts_stays_text(runs: Path, visit: Visit) -> None:
    run = runs / "coins" / "smoke-seed0"
    told = json.loads((run / "report.json").read_text())
    claim = told["claims"][0]
    claim["id"] = claim["sentence"] = claim["evidence"]["measurements"][0]["name"] = NASTY
    claim["evidence"]["figures"][0]["caption"] = f'"{NASTY}'
    claim["evidence"]["tables"][0]["rows"][0][0] = NASTY
    told["config"][NASTY] = NASTY
    (run / "report.json").write_text(json.dumps(told))
    with (run / "journal.jsonl").open("a") as journal:
        journal.write(json.dumps({"event": NASTY, NASTY: NASTY}) + "\n")
    with (run / "metrics.jsonl").open("a") as metrics:
        metrics.write(json.dumps({"metric": NASTY, "value": 1.0, "arm": NASTY}) + "\n")
    (run / f"{NASTY}.png").write_bytes(b"")
    odd = runs / "coins" / f"{NASTY}&?#+ é"
    run.rename(odd)
    client = visit(runs)
    addresses = re.findall(r'href="(/run/[^"]+)"', client.get("/").text)
    assert len(addresses) == 3
    for address in addresses:
        reply = client.get(address)
        assert reply.status_code == 200
        assert "<img src=x" not in reply.text
        assert "<b>the sea" not in reply.text
    for address in ("/", f"/?room={NASTY}", f"/run/{NASTY}", f"/compare?of={NASTY}&of={NASTY}"):
        assert "<img src=x" not in client.get(address).text
    graph = client.get("/graph/agent_networks/poem").text
    assert "<b>the sea" not in graph


def test_a_folder_that_is_not_there_is_one(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="there is no folder"):
        application(tmp_path / "nowhere")


def test_a_bug_is_no_mistake_of_who_looks(runs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from consilience.studio import pages

    def broken(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(pages, "rows_of", broken)
    client = TestClient(application(runs), base_url="http://127.0.0.1", raise_server_exceptions=False)
    reply = client.get("/")
    assert reply.status_code == 500
    assert "ZeroDivisionError" in reply.text
