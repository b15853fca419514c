"""The ledger: the latest of each room and recipe, and a page that needs nothing but itself."""

import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from io import StringIO
from pathlib import Path

import pytest
from matplotlib.figure import Figure as Canvas
from rich.console import Console

from consilience.ground import Claim, Evidence, Figure, InvalidInput, Measurement, Report, RunFolder, Table
from consilience.ground.ledger import collect, page, rows, show, write

HIT = Measurement(name="accuracy <of> a & b", value=98.9, low=98.0, high=99.5, at_least=98.6, unit="%")
MISS = Measurement(name="time ratio", value=3e-4, at_most=1e-6, timing=True)


def claim(
    name: str, *measurements: Measurement, room: str = "room", recipe: str = "smoke", **evidence: object
) -> Claim:
    return Claim(
        room=room,
        id=name,
        sentence="It is <b>so</b>.",
        source="derived",
        evidence=Evidence(measurements=measurements, **evidence),
        recipe=recipe,
        seeds=(0,),
        note="" if measurements else "needs the paper's scale",
    )


def report(*claims: Claim, room: str = "room", recipe: str = "smoke", at: str = "2026-01-01") -> Report:
    return Report(room=room, recipe=recipe, config={"seed": 0}, claims=claims, machine={"cores": "2"}, measured_at=at)


def put(runs: Path, name: str, content: Report) -> None:
    RunFolder(runs / content.room / name).write("report.json", content.to_json())


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    folder = RunFolder(tmp_path / "room" / "smoke-seed0")
    canvas = Canvas(figsize=(3, 2))
    canvas.subplots().plot([0, 1])
    figures = (folder.figure("line", canvas, 'A "line" & more'),)
    tables = (Table(title="Numbers", columns=("a", "b"), rows=((1, None), ("<i>", 2.5))),)
    content = report(
        claim("room.hit", HIT, figures=figures, tables=tables), claim("room.miss", HIT, MISS), claim("room.open")
    )
    folder.write("report.json", content.to_json())
    put(tmp_path, "small-seed0", report(claim("room.hit", HIT, recipe="small", figures=figures), recipe="small"))
    return tmp_path


def test_recipes_grow_and_the_latest_counts(tmp_path: Path) -> None:
    for at, name in (("2026-01-02", "smoke-seed1"), ("2026-01-01", "smoke-seed0")):
        put(tmp_path, name, report(at=at))
    put(tmp_path, "paper-seed0", report(recipe="paper"))
    put(tmp_path, "small-seed0", report(recipe="small"))
    put(tmp_path, "smoke-seed0", report(room="another"))
    found = [(run.report.room, run.report.recipe, run.report.measured_at) for run in collect(tmp_path).runs]
    assert found == [
        ("another", "smoke", "2026-01-01"),
        ("room", "smoke", "2026-01-02"),
        ("room", "small", "2026-01-01"),
        ("room", "paper", "2026-01-01"),
    ]


def test_what_cannot_be_read_is_named_and_passed_over(runs: Path) -> None:
    (runs / "room" / "old").mkdir()
    (runs / "room" / "old" / "report.json").write_text("{}")
    ledger = collect(runs)
    assert len(ledger.runs) == 2
    assert "old/report.json: expected a report" in ledger.unreadable[0]
    assert "Passed over" in page(ledger, {})


def test_rows_carry_what_the_interface_promises(runs: Path) -> None:
    record = json.loads(json.dumps(rows(run.report for run in collect(runs).runs), allow_nan=False))
    promised = {"room", "id", "sentence", "source", "measured", "low", "high", "bar", "verdict", "recipe", "seeds"}
    assert all(promised <= row.keys() for row in record["claims"])
    assert record["verdicts"] == {"holds": 2, "fails": 1, "not measured": 1}


def test_the_ledger_as_json_is_strict(runs: Path) -> None:
    put(
        runs,
        "paper-seed0",
        report(claim("room.inf", Measurement(name="m", value=float("inf"), at_most=1.0)), recipe="paper"),
    )

    def refuse(constant: str) -> None:
        raise AssertionError(constant)

    record = json.loads(collect(runs).to_json(), parse_constant=refuse)
    assert record["runs"][0]["fingerprint"] == collect(runs).runs[0].report.fingerprint()


class Outline(HTMLParser):
    """Collects ids, and what a browser would fetch, and checks that elements close in order."""

    def __init__(self) -> None:
        super().__init__()
        self.ids: list[str] = []
        self.fetched: list[str] = []
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        values = dict(attributes)
        self.ids += [values["id"] or ""] if "id" in values else []
        if tag in ("script", "link", "iframe", "img", "object") or "src" in values:
            self.fetched.append(tag)
        if tag not in ("meta", "br", "hr", "img", "input", "link"):
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attributes)
        self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_the_page_is_well_formed_and_fetches_nothing(runs: Path) -> None:
    html = page(collect(runs), {"room": "Is it <so>?"})
    outline = Outline()
    outline.feed(html)
    assert outline.open == []
    assert outline.fetched == []
    assert len(outline.ids) == len(set(outline.ids))
    assert not re.search(r"@import|url\((?!#)", html)
    assert "default-src 'none'" in html


def test_the_page_shows_failures_as_it_shows_successes(runs: Path) -> None:
    html = page(collect(runs), {"room": "Is it <so>?"})
    assert html.count('<article class="claim holds"') == 2
    assert html.count('<article class="claim fails"') == 1
    assert "time ratio: 0.0003, bar: at most 1e-06" in html
    assert "needs the paper&#39;s scale" in html


def test_every_claim_of_the_largest_recipe_is_a_mark_that_leads_to_it(runs: Path) -> None:
    put(runs, "smoke-seed0", report(claim("other.bad", MISS, room="other"), room="other"))
    html = page(collect(runs), {"other": "Why?", "room": "Is it?", "absent": "Where?"})
    marks = re.findall(r'<a class="mark ([a-z-]+)" href="#([^"]+)"', html)
    assert marks == [("fails", "other-smoke-other.bad"), ("holds", "room-small-room.hit")]
    assert all(f'id="{name}"' in html for _, name in marks)
    assert "consilience reproduce absent" in html
    folded = html.partition('<details class="other">')[2]
    assert "The same at recipe smoke" in folded
    assert 'id="room-smoke-room.miss"' in folded


def test_claims_are_counted_once_whatever_recipes_there_are(runs: Path) -> None:
    html = page(collect(runs), {})
    shown = dict(re.findall(r'id="only-([a-z-]+)"[^>]*><b>(\d+)</b>', html))
    assert shown == {"all": "1", "holds": "1", "fails": "0", "not-measured": "0"}
    assert html.count(" disabled") == 2


def test_papers_are_linked_and_what_stands_around_is_escaped(tmp_path: Path) -> None:
    told = replace(claim("room.hit", HIT), source="arXiv:2406.02806, <table> 1")
    put(tmp_path, "smoke-seed0", report(told))
    html = page(collect(tmp_path), {})
    assert '<a href="https://arxiv.org/abs/2406.02806" rel="noreferrer">arXiv:2406.02806</a>, &lt;table&gt; 1' in html


def test_a_number_that_misses_its_bar_stands_for_its_claim(runs: Path) -> None:
    (runs / "room" / "small-seed0" / "report.json").unlink()
    digest = page(collect(runs), {}).partition('<table class="digest')[2].partition("</table>")[0]
    assert re.findall(r'<td class="number">([^<]*)</td>', digest) == ["98.9 %", "0.0003"]


def test_many_seeds_are_counted_and_told_below(tmp_path: Path) -> None:
    seeds = tuple(range(100, 120))
    put(tmp_path, "smoke-seed0", report(replace(claim("room.hit", HIT), seeds=seeds)))
    html = page(collect(tmp_path), {})
    assert "20 seeds" in html
    assert html.count(", ".join(map(str, seeds))) == 1


def test_the_page_escapes_what_it_shows(runs: Path) -> None:
    html = page(collect(runs), {"room": "Is it <so>?"})
    assert "Is it &lt;so&gt;?" in html
    assert "<b>so</b>" not in html
    assert "<i>" not in html


def test_a_lost_picture_leaves_a_word(runs: Path) -> None:
    (runs / "room" / "smoke-seed0" / "figures" / "line.svg").unlink()
    assert "is not in the run folder" in page(collect(runs), {})


@pytest.mark.parametrize("file", ["{elsewhere}", "../../elsewhere.svg", "figures/link.svg", "a\0b"])
def test_a_picture_that_lies_elsewhere_is_not_shown(tmp_path: Path, file: str) -> None:
    (tmp_path / "elsewhere.svg").write_text("<svg>a secret</svg>")
    folder = RunFolder(tmp_path / "runs" / "room" / "smoke-seed0")
    (folder.path / "figures").mkdir()
    (folder.path / "figures" / "link.svg").symlink_to(tmp_path / "elsewhere.svg")
    picture = Figure(name="line", caption="A line.", file=file.format(elsewhere=tmp_path / "elsewhere.svg"))
    folder.write("report.json", report(claim("room.hit", HIT, figures=(picture,))).to_json())
    html = page(collect(tmp_path / "runs"), {})
    assert "is not in the run folder" in html
    assert "a secret" not in html


def test_settings_that_were_changed_are_named_beside_the_recipe(tmp_path: Path) -> None:
    put(tmp_path, "smoke-seed0-ab", replace(report(claim("room.hit", HIT)), changed=("gates", "data.rows")))
    found = collect(tmp_path)
    assert "smoke, with gates, data.rows changed" in page(found, {})
    assert json.loads(found.to_json())["runs"][0]["changed"] == ["gates", "data.rows"]


def test_an_empty_ledger_has_a_page(tmp_path: Path) -> None:
    path = write(collect(tmp_path), tmp_path, {})
    assert "Nothing has been measured yet" in path.read_text()
    assert json.loads((tmp_path / "ledger.json").read_text())["claims"] == []


@pytest.mark.parametrize("mine", ["<!doctype html><title>My site</title>", "x"])
def test_a_page_of_somebody_else_is_not_replaced(runs: Path, mine: str) -> None:
    (runs / "index.html").write_text(mine)
    with pytest.raises(InvalidInput, match=r"index.html is not a page of the ledger, and is not replaced"):
        write(collect(runs), runs, {})
    assert (runs / "index.html").read_text() == mine
    assert not (runs / "ledger.json").exists()


def test_its_own_page_and_an_empty_one_are_replaced(runs: Path) -> None:
    (runs / "index.html").touch()
    for _ in range(2):
        assert "room.hit" in write(collect(runs), runs, {}).read_text()


def test_settings_that_were_changed_are_in_every_row(runs: Path) -> None:
    changed = replace(report(claim("room.hit", HIT)), changed=("steps",))
    assert [row["changed"] for row in rows([changed, report(claim("room.hit", HIT))])["claims"]] == [["steps"], []]


def test_claims_of_several_recipes_say_of_which(runs: Path) -> None:
    console = Console(width=100, record=True, file=StringIO())
    show([claim("room.hit", HIT), claim("room.hit", HIT, recipe="small")], console)
    words = [line.split()[:4] for line in console.export_text().splitlines() if "room.hit" in line]
    assert words == [["✓", "holds", "room.hit", "smoke"], ["✓", "holds", "room.hit", "small"]]
    show([claim("room.hit", HIT)], console)
    assert "recipe" not in console.export_text()


def test_the_terminal_tells_which_bar_was_missed() -> None:
    console = Console(width=100, record=True, file=StringIO())
    show([claim("room.hit", HIT), claim("room.miss", HIT, MISS), claim("room.open")], console)
    text = console.export_text()
    assert "✓ holds" in text
    assert "✗ room.miss: time ratio is 0.0003, bar at most 1e-06" in text
    assert "○ room.open: needs the paper's scale" in text
    assert "✓ 1 holds  ✗ 1 fails  ○ 1 not measured" in text
