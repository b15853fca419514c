"""What is answered at each address: to who means well, and to who does not."""

import json
import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from consilience.ground.errors import InvalidInput
from consilience.studio.application import application

Visit = Callable[[Path], TestClient]

NASTY = "<img src=x onerror=alert(1)>"


def test_every_run_is_in_the_list_with_its_verdicts_and_state(runs: Path, visit: Visit) -> None:
    page = visit(runs).get("/").text
    for told in ("coins/smoke-seed0", "coins/smoke-seed1", "agent_networks/poem", "seed 1", "finished", "3 calls"):
        assert told in page
    assert 'title="1 holds"' in page
    assert 'title="1 fails"' in page


def test_the_list_is_of_one_method_where_that_is_asked(runs: Path, visit: Visit) -> None:
    page = visit(runs).get("/?room=coins").text
    assert "coins/smoke-seed0" in page
    assert "agent_networks/poem" not in page


def test_a_run_shows_claims_measurements_tables_figures_numbers_and_log(runs: Path, visit: Visit) -> None:
    client = visit(runs)
    page = client.get("/run/coins/smoke-seed0").text
    for told in (
        "The sentence of coin.heads.",
        "share of heads",
        "bar: at least 0.4",
        "needs a thinner coin",
        "Tosses",
        "How often heads came up.",
        "along step",
        "run begins",
    ):
        assert told in page
    [figure] = set(re.findall(r'src="(/file/[^"]+svg)"', page))
    reply = client.get(figure)
    assert reply.headers["content-type"] == "image/svg+xml"
    assert "sandbox" in reply.headers["content-security-policy"]


def test_every_link_and_picture_of_every_page_is_there(runs: Path, visit: Visit) -> None:
    client, seen, left = visit(runs), set(), ["/"]
    while left:
        address = left.pop()
        reply = client.get(address)
        assert reply.status_code == 200, address
        seen.add(address)
        if not reply.headers["content-type"].startswith("text/html") or address.startswith(("/graph", "/drawn")):
            continue
        for found in re.findall(r'(?:href|src)="([^"#]+)"', reply.text):
            whole = found.replace("&amp;", "&")
            whole = address.partition("?")[0] + whole if whole.startswith("?") else whole
            assert whole.startswith("/"), whole
            if whole not in seen and whole not in left:
                left.append(whole)
    assert len(seen) > 15


def test_two_runs_are_laid_side_by_side(runs: Path, visit: Visit) -> None:
    page = visit(runs).get("/compare?of=coins/smoke-seed0&of=coins/smoke-seed1").text
    for told in ("<code>seed</code>", "the verdict differs", "-0.17", "overlap", "1 cell differs", "Difference"):
        assert told in page


def test_two_runs_of_agents_are_laid_side_by_side(runs: Path, visit: Visit, make_agents) -> None:
    make_agents(runs / "agent_networks" / "other", text="The moon.")
    page = visit(runs).get("/compare?of=agent_networks/poem&of=agent_networks/other").text
    assert "The moon." in page
    assert "in both, and another" in page


@pytest.mark.parametrize(
    "address",
    ["/compare", "/compare?of=coins/smoke-seed0", "/compare?of=coins/smoke-seed0&of=agent_networks/poem"],
)
def test_what_cannot_be_compared_is_said(runs: Path, visit: Visit, address: str) -> None:
    reply = visit(runs).get(address)
    assert reply.status_code == 422
    assert "compared" in reply.text


def test_what_was_said_is_shown_by_run_and_element(runs: Path, visit: Visit) -> None:
    client = visit(runs)
    page = client.get("/said/agent_networks/poem").text
    assert page.count('class="call"') == 3 + 3
    assert "What does 0-&gt;1 say?" in page
    assert client.get("/said/agent_networks/poem?element=1").text.count('class="call"') == 1 + 1
    assert client.get("/said/agent_networks/poem?run=nobody").status_code == 404
    assert client.get("/said/agent_networks/poem?file=run.json").status_code == 404


def test_the_graph_is_drawn_and_lets_no_script_run_but_its_own(runs: Path, visit: Visit) -> None:
    reply = visit(runs).get("/graph/agent_networks/poem")
    assert "0-\\u003e1" in reply.text
    policy = reply.headers["content-security-policy"]
    own = re.search(r"script-src ('sha256-[^']+')", reply.text)
    assert own is not None
    assert own[1] in policy
    assert "sandbox allow-scripts" in policy
    assert "unsafe-inline'; img-src data:" in policy


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
    os.rename(run, odd)
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


def test_a_broken_run_says_what_is_broken_and_the_others_stand(runs: Path, visit: Visit) -> None:
    run = runs / "coins" / "smoke-seed0"
    (run / "report.json").write_text('{"half": ')
    (run / "config.toml").write_text("= = =")
    (run / "journal.jsonl").write_bytes(b'nonsense\n[1]\n{"event": "run begins"}\n\xff\xfe\n{"event": "half')
    (run / "metrics.jsonl").write_text('{"metric": 3}\n{"metric": "a", "value": "b"}\n{"metric": "n", "value": NaN}\n')
    (runs / "agent_networks" / "poem" / "transcript.jsonl").write_text("nonsense\n")
    (runs / "agent_networks" / "poem" / "result.json").write_text("[]")
    (runs / "agent_networks" / "poem" / "journal.sqlite").write_bytes(b"no database at all" * 99)
    client = visit(runs)
    assert client.get("/").text.count("unreadable in part") == 2
    page = client.get("/run/coins/smoke-seed0").text
    for told in ("report.json: expected a report", "config.toml cannot be read", "3 lines of journal.jsonl"):
        assert told in page
    page = client.get("/run/agent_networks/poem").text
    for told in ("transcript.jsonl:", "result.json must hold a JSON object"):
        assert told in page
    for address in ("/said/agent_networks/poem", "/graph/agent_networks/poem"):
        reply = client.get(address)
        assert reply.status_code == 422
        assert "journal" in reply.text


def test_ten_thousand_events_are_shown_some_at_a_time(runs: Path, visit: Visit) -> None:
    run = runs / "coins" / "smoke-seed0"
    with (run / "journal.jsonl").open("a") as journal:
        for number in range(10_000):
            record = {"time": "2026-01-01T00:00:00.000+00:00", "event": f"event {number}", "number": number}
            journal.write(json.dumps(record) + "\n")
    client = visit(runs)
    page = client.get("/run/coins/smoke-seed0").text
    assert len(page) < 100_000
    assert "event 9999" in page
    first = client.get("/log/coins/smoke-seed0").text
    assert first.count("<li>") == 200
    [last] = re.findall(r'href="\?from=(\d+)">the last', first)
    assert "event 9999" in client.get(f"/log/coins/smoke-seed0?from={last}").text
    assert client.get("/log/coins/smoke-seed0?from=99999999").status_code == 200
    assert "1 to 200 here" in client.get("/log/coins/smoke-seed0?from=-1").text
    assert client.get("/log/coins/smoke-seed0?from=nonsense").status_code == 200


def test_what_has_not_changed_is_not_sent_again(runs: Path, visit: Visit) -> None:
    client = visit(runs)
    for address in ("/", "/run/coins/smoke-seed0", "/run/agent_networks/poem", "/log/coins/smoke-seed0"):
        tag = client.get(address).headers["etag"]
        assert client.get(address, headers={"If-None-Match": tag}).status_code == 304
    tag = client.get("/").headers["etag"]
    with (runs / "coins" / "smoke-seed0" / "journal.jsonl").open("a") as journal:
        journal.write('{"event": "more"}\n')
    assert client.get("/", headers={"If-None-Match": tag}).status_code == 200


def test_no_runs_yet_is_no_mistake(tmp_path: Path, visit: Visit) -> None:
    assert "There is no run here yet" in visit(tmp_path).get("/").text


def test_a_folder_that_is_not_there_is_one(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="there is no folder"):
        application(tmp_path / "nowhere")


def test_a_single_run_can_be_looked_at(runs: Path, visit: Visit) -> None:
    client = visit(runs / "coins" / "smoke-seed0")
    assert 'href="/run/"' in client.get("/").text
    page = client.get("/run/").text
    assert "The sentence of coin.heads." in page
    [figure] = set(re.findall(r'src="(/file/[^"]+svg)"', page))
    assert client.get(figure).status_code == 200


def test_a_bug_is_no_mistake_of_who_looks(runs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from consilience.studio import pages

    def broken(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(pages, "rows_of", broken)
    client = TestClient(application(runs), base_url="http://127.0.0.1", raise_server_exceptions=False)
    reply = client.get("/")
    assert reply.status_code == 500
    assert "ZeroDivisionError" in reply.text
