"""The page of a run: what it shows, and that nothing a model wrote can do anything there."""

import base64
import hashlib
import json
import re
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consilience.dialogue import graph_details
from consilience.dialogue.graph_page import GraphEdge, GraphNode, Turn, page, write
from consilience.dialogue.graph_run import Run
from consilience.dialogue.messages import Message, Reply, Usage
from consilience.ground.errors import InvalidInput, UnknownName

HOSTILE = (
    "</script><script>document.title='owned'</script><img src=x onerror=\"document.title='owned'\">"
    "<!--<script>\"'`${1}{{ 7 * 7 }}&lt;]]>\u2028\u2029\x00\ud800</style></title></textarea>"
)


class Parsed(HTMLParser):
    """Tags with attributes, and the text of every script."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: list[str] = []
        self._inside = False
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self._inside = tag == "script"
        if self._inside:
            self.scripts.append("")

    def handle_endtag(self, tag: str) -> None:
        self._inside = False

    def handle_data(self, data: str) -> None:
        if self._inside:
            self.scripts[-1] += data

    @property
    def data(self) -> dict:
        return json.loads(self.scripts[0])


def reply(text: str, **given: object) -> Reply:
    return Reply(text=text, model="rehearsal:echo", usage=Usage(100, 20, 0.25), **{"latency_s": 2.0, **given})


def diamond(text: str = "text") -> dict:
    """A run of four nodes: 0 -> 1 failed, and 3 has what came by way of 2."""
    nodes = [
        GraphNode(id="0", kind="actor", artifact="one\ntwo\nthree", started_s=0.0, finished_s=2.0),
        GraphNode(id="1", kind="actor", state="skipped", note=f"because: {text}"),
        GraphNode(id="2", kind="actor", label=text, artifact="one\n2\nthree", started_s=4.0, finished_s=4.0),
        GraphNode(id="3", kind=text, artifact="one\n2\nthree\nfour", started_s=8.0, finished_s=8.0),
    ]
    edges = [
        GraphEdge(source="0", target="1", kind="critic", state="failed", note=text, started_s=2.0, finished_s=3.0),
        GraphEdge(source="0", target="2", kind="critic", artifact="one\n2\nthree", started_s=2.0, finished_s=4.0),
        GraphEdge(source="1", target="3", state="skipped"),
        GraphEdge(source="2", target="3", artifact="one\n2\nthree\nfour", started_s=4.0, finished_s=8.0),
    ]
    asked = (Message("system", ("shared",)), Message("user", ("shared", text)))
    turns = {
        "0": [Turn(speaker="actor", messages=asked, reply=reply(text))],
        "0->1": [Turn(speaker="critic", messages=asked, note=text)],
        "0->2": [Turn(speaker=text, messages=asked, reply=reply("better", replayed=True))],
        "2->3": [Turn(speaker="actor", reply=reply("a")), Turn(speaker="critic", reply=reply("b", finish="length"))],
    }
    return {"nodes": nodes, "edges": edges, "turns": turns}


def element(parsed: Parsed, name: str) -> dict:
    return next(one for one in parsed.data["elements"] if one["id"] == name)


def test_whatever_a_model_writes_stays_text() -> None:
    run = {"title": HOSTILE, "notice": HOSTILE, "facts": {HOSTILE: HOSTILE}, **diamond(HOSTILE)}
    hostile = Parsed(page(**run).encode("utf-8", "replace").decode())
    plain = Parsed(page(title="t", notice="n", facts={"f": "f"}, **diamond()))
    assert [tag for tag, _ in hostile.tags] == [tag for tag, _ in plain.tags]
    assert [set(attributes) for _, attributes in hostile.tags] == [set(attributes) for _, attributes in plain.tags]
    assert not any(name.startswith("on") for _, attributes in hostile.tags for name in attributes)
    assert HOSTILE in hostile.data["texts"]
    assert element(hostile, "2")["label"] == HOSTILE


def test_only_the_page_s_own_script_may_run_and_nothing_is_requested() -> None:
    html = page(title="t", **diamond())
    parsed = Parsed(html)
    policy = next(a["content"] for _, a in parsed.tags if a.get("http-equiv") == "Content-Security-Policy")
    digest = base64.b64encode(hashlib.sha256(parsed.scripts[1].encode()).digest()).decode()
    assert policy.startswith("default-src 'none'")
    assert f"script-src 'sha256-{digest}'" in policy
    assert [a.get("type") for tag, a in parsed.tags if tag == "script"] == ["application/json", None]
    assert not re.search(r"https?://|url\(|@import|\bsrc=|<link|innerHTML|insertAdjacentHTML|eval\(", html)


@pytest.mark.skipif(shutil.which("chromium") is None, reason="needs a chromium to look with")
def test_a_browser_shows_the_page_and_is_not_taken_over(tmp_path: Path) -> None:
    hostile = HOSTILE.replace("\ud800", "")  # half a character: the browser shows it, and cannot write it down
    path = write(tmp_path / "run.html", title="mine", **diamond(hostile))
    command = ["chromium", "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path / 'profile'}"]
    shown = subprocess.run(
        [*command, "--virtual-time-budget=2000", "--dump-dom", f"file://{path}"],
        check=True, capture_output=True, text=True, errors="replace", timeout=120,
    ).stdout  # fmt: skip
    assert "<title>mine</title>" in shown
    body = re.search(r"<body[^>]*>", shown)
    assert body is not None
    assert 'class="live"' in body[0]
    pane = shown[shown.index('id="pane"') :]
    pane = pane[: pane.index("</section>")]
    assert "0 → 1" in pane
    assert "✗ failed" in pane
    assert "&lt;/script&gt;" in pane
    assert "<img" not in shown


@given(st.lists(st.sampled_from("abcd"), max_size=12), st.lists(st.sampled_from("abcd"), max_size=12))
def test_a_diff_leads_from_the_parent_s_artifact_to_the_child_s(before: list[str], after: list[str]) -> None:
    nodes = [GraphNode(id="0", artifact="\n".join(before)), GraphNode(id="1", artifact="\n".join(after))]
    parsed = Parsed(page(title="t", nodes=nodes, edges=[GraphEdge(source="0", target="1")]))
    (change,) = element(parsed, "1")["changes"]
    old, new = ("\n".join(lines).split("\n") for lines in (before, after))
    made, reached = [], 0
    for hunk in change["hunks"]:
        for kind, a, b, c, d in hunk:
            made += old[reached:a] + new[c:d]
            reached = b
            assert (kind == "equal") == (old[a:b] == new[c:d])
    assert made + old[reached:] == new
    assert parsed.data["texts"][change["text"]] == "\n".join(before)


def test_artifacts_are_compared_with_the_parents_and_with_what_met() -> None:
    parsed = Parsed(page(title="t", **diamond()))
    assert [change["of"] for change in element(parsed, "2")["changes"]] == ["0"]
    assert [change["of"] for change in element(parsed, "3")["changes"]] == ["2 → 3", "2"]
    assert element(parsed, "3")["changes"][0]["hunks"] == []
    assert [change["of"] for change in element(parsed, "0->2")["changes"]] == ["0"]
    assert element(parsed, "0->1")["changes"] == []


def test_a_text_travels_once(monkeypatch: pytest.MonkeyPatch) -> None:
    texts = Parsed(page(title="t", **diamond())).data["texts"]
    assert len(set(texts)) == len(texts)
    monkeypatch.setattr(graph_details, "MOST_TEXT", 20)
    html = page(title="t", **diamond())
    assert sum(map(len, Parsed(html).data["texts"])) <= 20
    assert "texts are left out" in html


def test_totals_and_the_critical_path() -> None:
    html = page(title="t", **diamond())
    parsed = Parsed(html)
    assert [one["id"] for one in parsed.data["elements"] if one["critical"]] == ["0", "2", "3", "0->2", "2->3"]
    tiles = re.findall(r'<div class="tile"><b[^>]*>(.*?)</b><span>(.*?)</span>', html)
    assert tiles == [
        ("4", "nodes, 4 edges"),
        ("4", "calls, 1 from the journal"),
        ("480", "tokens, 80 in replies"),
        ("$1.00", "spent"),
        ("8 s", "from start to end"),
        ("8 s", "critical path, 100 % of that"),
        ("1.12×", "at once, 2 at most"),
    ]
    assert parsed.data["elements"][int(re.search(r'data-first="(\d+)"', html)[1])]["id"] == "0->1"
    assert "known for every call" in page(title="t", nodes=[GraphNode(id="0")], turns={"0": [unpriced()]})


def unpriced() -> Turn:
    return Turn(speaker="actor", reply=reply("x", priced=False))


def test_every_element_is_in_the_table_and_can_be_reached_by_keyboard() -> None:
    parsed = Parsed(page(title="t", **diamond()))
    rows = [a["data-e"] for tag, a in parsed.tags if tag == "tr" and "data-e" in a]
    spots = [a for tag, a in parsed.tags if tag == "g"]
    assert rows == [str(index) for index in range(8)]
    assert sorted(a["data-e"] for a in spots) == rows
    assert all(a["role"] == "button" and a["aria-label"] for a in spots)
    assert "0 → 1, critic: failed" in [a["aria-label"] for a in spots]


def test_thousands_of_nodes_are_summed_up() -> None:
    count = 4_000
    nodes = [GraphNode(id="0")] + [
        GraphNode(
            id=str(leaf), state="failed" if leaf == count - 1 else "done", started_s=0.0, finished_s=1.0 + leaf / count
        )
        for leaf in range(1, count)
    ]
    edges = [GraphEdge(source="0", target=str(leaf)) for leaf in range(1, count)]
    html = page(title="t", nodes=nodes, edges=edges)
    assert 'id="graph"' not in html
    assert 'title="3,998 done"' in html
    assert "3,000 of 7,999" in html
    shown = Parsed(html).data["elements"]
    assert len(shown) == 3000
    assert "3999" in {one["id"] for one in shown}


def test_a_chain_of_a_thousand_needs_no_recursion() -> None:
    nodes = [GraphNode(id=str(index)) for index in range(1000)]
    edges = [GraphEdge(source=str(index), target=str(index + 1)) for index in range(999)]
    assert "Too many to draw" in page(title="t", nodes=nodes, edges=edges)


@pytest.mark.parametrize("run", [{"nodes": []}, {"nodes": [GraphNode(id="0", state="waiting")]}])
def test_hardly_anything_is_a_page_too(run: dict) -> None:
    parsed = Parsed(page(title="", **run))
    assert len(parsed.data["elements"]) == len(run["nodes"])


def test_what_is_no_run_is_named() -> None:
    node = GraphNode(id="0")
    with pytest.raises(InvalidInput, match="unique among nodes and edges; '0' is there 2 times"):
        page(title="t", nodes=[node, node])
    with pytest.raises(InvalidInput, match="names '1'"):
        page(title="t", nodes=[node], edges=[GraphEdge(source="0", target="1")])
    with pytest.raises(InvalidInput, match="in a circle"):
        page(title="t", nodes=[node], edges=[GraphEdge(source="0", target="0")])
    with pytest.raises(UnknownName, match="unknown element '1'"):
        page(title="t", nodes=[node], turns={"1": []})


def test_it_opens_at_what_failed_else_at_what_asks_else_at_the_end() -> None:
    for states, first in (
        (("done", "asks", "failed"), 2),
        (("done", "asks", "done"), 1),
        (("done", "done", "done"), 2),
    ):
        nodes = tuple(GraphNode(id=str(number), state=state) for number, state in enumerate(states))
        edges = tuple(GraphEdge(source=str(number), target=str(number + 1)) for number in range(2))
        assert Run(nodes, edges, {}).first == first


def test_a_critical_path_that_is_told_stands() -> None:
    nodes, edges = (GraphNode(id="0"), GraphNode(id="1")), (GraphEdge(source="0", target="1"),)
    html = page(title="Told", nodes=nodes, edges=edges, critical=(2.5, ["0"]))
    assert "2.5 s" in html
    assert Run(nodes, edges, {}, (2.5, ["0"])).on_path == {"0"}
    with pytest.raises(UnknownName, match="unknown element '7'"):
        page(title="Told", nodes=nodes, edges=edges, critical=(2.5, ["7"]))


def test_a_title_goes_on_a_line(tmp_path) -> None:
    path = write(tmp_path / "run.html", title="x" * 91, nodes=[GraphNode(id="0", artifact="draft")])
    assert f"{'x' * 89}…" in path.read_text()
    assert "x" * 90 not in path.read_text()
