"""What is shown at each address, of whole runs and of broken ones."""

import json
import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from starlette.testclient import TestClient

Visit = Callable[[Path], TestClient]


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


@pytest.mark.parametrize(
    ("file", "line"),
    [
        ("journal.jsonl", '{"event": [], "time": []}'),
        ("journal.jsonl", '{"event": "step ends", "step": "a\\u0000b"}'),
        ("journal.jsonl", '{"event": "step ends", "step": "\\ud83d"}'),
        ("journal.jsonl", '{"event": "step ends", "step": "' + "a" * 300 + '"}'),
        ("journal.jsonl", '{"event": "step ends", "step": "a", "seconds": 1' + "0" * 400 + "}"),
        ("metrics.jsonl", '{"metric": "a", "value": 1' + "0" * 400 + "}"),
        ("metrics.jsonl", '{"metric": "a", "value": 1, "step": []}'),
        ("metrics.jsonl", '{"metric": "a", "value": 1, "step": 1' + "0" * 400 + "}"),
    ],
)
def test_one_odd_line_takes_no_page_down(runs: Path, visit: Visit, file: str, line: str) -> None:
    run = runs / "coins" / "smoke-seed0"
    (run / "report.json").unlink()
    with (run / file).open("a") as stream:
        stream.write(line + "\n")
    client = visit(runs)
    for address in ("/", "/run/coins/smoke-seed0", "/log/coins/smoke-seed0"):
        assert client.get(address).status_code == 200


def test_no_link_leads_out_of_a_run(runs: Path, visit: Visit, tmp_path: Path) -> None:
    (tmp_path / "secret.toml").write_text('password = "of somebody"')
    (tmp_path / "secret.jsonl").write_text('{"event": "of somebody"}\n')
    run, poem = runs / "coins" / "smoke-seed0", runs / "agent_networks" / "poem"
    for link, target in (
        (run / "config.toml", tmp_path / "secret.toml"),
        (run / "journal.jsonl", tmp_path / "secret.jsonl"),
        (run / "metrics.jsonl", Path("/dev/zero")),
        (poem / "transcript.jsonl", tmp_path / "secret.jsonl"),
        (poem / "result.json", Path("/dev/zero")),
    ):
        link.unlink()
        link.symlink_to(target)
    (poem / "journal.sqlite").rename(tmp_path / "elsewhere.sqlite")
    (poem / "journal.sqlite").symlink_to(tmp_path / "elsewhere.sqlite")
    client = visit(runs)
    for address in ("/", "/run/coins/smoke-seed0", "/log/coins/smoke-seed0", "/run/agent_networks/poem"):
        reply = client.get(address)
        assert reply.status_code == 200
        assert "of somebody" not in reply.text
    assert "The sea." not in client.get("/graph/agent_networks/poem").text
    assert client.get("/said/agent_networks/poem").status_code == 404


def test_a_pipe_keeps_nobody_waiting(runs: Path, visit: Visit) -> None:
    run = runs / "coins" / "smoke-seed0"
    for name in ("journal.jsonl", "metrics.jsonl"):
        (run / name).unlink()
        os.mkfifo(run / name)
    client = visit(runs)
    assert "no plain file" in client.get("/run/coins/smoke-seed0").text
    assert client.get("/").status_code == 200


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


def test_a_single_run_can_be_looked_at(runs: Path, visit: Visit) -> None:
    client = visit(runs / "coins" / "smoke-seed0")
    assert 'href="/run/"' in client.get("/").text
    page = client.get("/run/").text
    assert "The sentence of coin.heads." in page
    [figure] = set(re.findall(r'src="(/file/[^"]+svg)"', page))
    assert client.get(figure).status_code == 200
