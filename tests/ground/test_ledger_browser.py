"""The page in a real browser: it asks for nothing, complains of nothing, fits every width, needs no mouse."""

import math
from collections.abc import Iterator
from itertools import pairwise

import numpy as np
import pytest
from chromium import EXECUTABLE, Page, browsing
from looking import SMALLEST_PX, WIDTHS, asked, beyond, smallest_px, unfold
from matplotlib.figure import Figure as Canvas

from consilience.ground import Claim, Evidence, Measurement, Report, RunFolder, Table
from consilience.ground.ledger import collect, write

pytestmark = pytest.mark.skipif(EXECUTABLE is None, reason="needs a chromium to look with")

ROOMS = ("first_room", "a_room_with_a_very_long_name_indeed", "third")
WORD = "pneumonoultramicroscopicsilicovolcanoconiosis" * 2


def canvas(width: float) -> Canvas:
    drawn = Canvas(figsize=(width, 3))
    left, right = drawn.subplots(1, 2)
    left.plot([0, 1, 4], "o-", color="#888888")
    left.set_xlabel("words in grey", color="#888888")
    right.imshow(np.eye(4), cmap="gray")
    return drawn


def claim(room: str, name: str, folder: RunFolder, *measurements: Measurement) -> Claim:
    figures = (folder.figure(name, canvas(4 if name == "holds" else 11), f"What {name} looks like."),)
    table = Table(
        title="A wide table", columns=tuple(f"column {k}" for k in range(14)), rows=((WORD[:20], *range(13)),)
    )
    return Claim(
        room=room, id=f"{room}.{name}", sentence=f"It {name}, by {WORD}.", source=f"arXiv:2406.02806, {WORD}",
        evidence=Evidence(measurements=measurements, figures=figures, tables=(table,)), recipe="small",
        seeds=tuple(range(10**9, 10**9 + 20)), note="" if measurements else "needs more",
    )  # fmt: skip


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> str:
    runs = tmp_path_factory.mktemp("runs")
    for room in ROOMS:
        folder = RunFolder(runs / room / "small-seed0", quiet=True)
        bar = Measurement(name=WORD, value=1.5, low=1.25, high=math.inf, at_least=1.0, note=WORD, unit="parts")
        missed = Measurement(name="a ratio", value=3e-4, at_most=1e-6)
        claims = [claim(room, "holds", folder, bar), claim(room, "stays", folder)]
        if room != "third":
            claims.append(claim(room, "fails", folder, bar, missed))
        report = Report(
            room=room, recipe="small", config={"a_setting": [WORD, 1]}, claims=tuple(claims), picture="fails",
            machine={"processor": WORD, "cores": "2"}, versions={"python": "3"}, measured_at="2026-01-01T10:00:00",
            changed=("script", "persona_chats", "questions") if room == "third" else (),
        )  # fmt: skip
        folder.write("report.json", report.to_json())
    questions = {room: f"Will {room} do, and for {WORD}?" for room in (*ROOMS, "not_run")}
    return f"file://{write(collect(runs), runs, questions)}"


@pytest.fixture(scope="module")
def page(address: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    with browsing(tmp_path_factory.mktemp("browser")) as browser:
        opened = browser.page(width=1440)
        opened.go(address)
        yield opened


def shown(page: Page, selector: str) -> list[str]:
    found = page.run(f"[...document.querySelectorAll({selector!r})].filter(e => e.checkVisibility()).map(e => e.id)")
    return [str(one) for one in found]


def test_it_asks_for_nothing_and_complains_of_nothing(page: Page, address: str) -> None:
    assert address in page.browser.requests
    assert asked(page, address) == []
    assert page.browser.complaints == []
    assert page.run("document.scripts.length") == 0


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("folded", [False, True])
def test_nothing_is_wider_than_the_window(page: Page, width: int, folded: bool) -> None:
    page.resize(width, 900)
    unfold(page, whether=not folded)
    assert beyond(page) == []


def test_what_is_wider_than_the_window_would_be_seen(page: Page) -> None:
    page.resize(375, 900)
    page.run("document.querySelector('h1').style.width = '500px'")
    assert beyond(page)[0].startswith("H1.")
    page.run("document.querySelector('h1').style.width = ''")


@pytest.mark.parametrize("width", WIDTHS)
def test_words_are_large_enough_to_read(page: Page, width: int) -> None:
    page.resize(width, 900)
    assert smallest_px(page) >= SMALLEST_PX


@pytest.mark.parametrize(
    ("verdict", "ends"), [("holds", ["holds"] * 3), ("fails", ["fails"] * 2), ("not-measured", ["stays"] * 3)]
)
def test_claims_are_sorted_by_verdict_without_a_script(page: Page, verdict: str, ends: list[str]) -> None:
    page.resize(1440, 900)
    page.run("location.hash = ''")
    page.run(f"document.getElementById('only-{verdict}').click()")
    assert [name.rpartition(".")[2] for name in shown(page, ".claim")] == ends
    assert len(shown(page, ".room")) == len(ends)
    page.run("document.getElementById('only-all').click()")
    assert len(shown(page, ".claim")) == 8


def test_verdicts_are_chosen_by_the_arrows_of_the_keyboard(page: Page) -> None:
    page.run("document.getElementById('only-all').focus()")
    for kind in ("keyDown", "keyUp"):
        page.call("Input.dispatchKeyEvent", type=kind, key="ArrowRight", code="ArrowRight", windowsVirtualKeyCode=39)
    assert page.run("document.activeElement.id") == "only-holds"
    assert len(shown(page, ".claim")) == 3
    page.run("document.getElementById('only-all').click()")


def test_a_mark_leads_to_its_claim_even_when_others_are_hidden(page: Page) -> None:
    page.run("document.getElementById('only-holds').click()")
    page.run("location.hash = 'first_room-small-first_room.fails'")
    assert "first_room-small-first_room.fails" in shown(page, ".claim")
    page.run("document.getElementById('only-all').click(); location.hash = ''")


def test_by_night_pictures_turn_and_rasters_stay(page: Page) -> None:
    page.resize(1440, 900)

    def look(scheme: str) -> tuple[str, str, str]:
        page.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
        words = "getComputedStyle(document.querySelector('.picture text[style*=tint]')).fill"
        paper = "getComputedStyle(document.body).backgroundColor"
        raster = "(e => getComputedStyle(e).filter + e.getAttribute('href'))(document.querySelector('.picture image'))"
        return tuple(str(page.run(script)) for script in (words, paper, raster))  # type: ignore[return-value]

    day, night = look("light"), look("dark")
    assert day[0] != night[0]
    assert day[1] != night[1]
    assert day[2] == night[2]
    assert day[2].startswith("none")
    page.call("Emulation.setEmulatedMedia", features=[])


def test_on_paper_it_is_light_and_what_is_folded_takes_no_room(page: Page) -> None:
    unfold(page, whether=False)
    page.call("Emulation.setEmulatedMedia", media="print", features=[{"name": "prefers-color-scheme", "value": "dark"}])
    assert page.run("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert page.run("getComputedStyle(document.body).color") == "rgb(29, 33, 38)"
    assert shown(page, "details:not([open])") == []
    assert len(shown(page, ".claim")) == 8
    page.call("Emulation.setEmulatedMedia", media="", features=[])


def test_a_screen_reader_finds_headings_captions_and_words_for_pictures(page: Page) -> None:
    levels = page.run("[...document.querySelectorAll('h1, h2, h3')].map(e => Number(e.tagName[1]))")
    assert levels[0] == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))
    for each in (
        "[...document.querySelectorAll('table')].every(e => e.caption?.textContent.trim())",
        "[...document.querySelectorAll('svg[role=img]')].every(e => e.getAttribute('aria-label'))",
        "[...document.querySelectorAll('.picture > svg')].every(e => e.getAttribute('role') === 'img')",
        "[...document.querySelectorAll('a[href^=\"#\"]')].every(e => document.getElementById(e.hash.slice(1)))",
        "[...document.querySelectorAll('[aria-labelledby]')].every(e => e.ariaLabelledByElements[0].textContent)",
        "document.documentElement.lang === 'en' && !!document.querySelector('main')",
    ):
        assert page.run(each), each
