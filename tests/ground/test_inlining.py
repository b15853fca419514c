"""Pictures in a page: every id and every reference renamed alike, no prologue, a label."""

import re
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from matplotlib.figure import Figure as Canvas

from consilience.ground import RunFolder
from consilience.ground.inlining import inline_svg, slim


def picture(tmp_path: Path) -> str:
    canvas = Canvas(figsize=(3, 2))
    axes = canvas.subplots()
    axes.plot([0, 1, 2], [0, 1, 4], "o-", label="a")
    axes.imshow([[0, 1], [1, 0]])
    axes.legend()
    return (tmp_path / RunFolder(tmp_path).figure("p", canvas, "A line.").file).read_text()


def test_ids_and_references_agree_under_the_prefix(tmp_path: Path) -> None:
    svg = inline_svg(picture(tmp_path), "x1-", "A line")
    ids = set(re.findall(r'\sid="([^"]+)"', svg))
    references = set(re.findall(r'href="#([^"]+)"|url\(#([^)]+)\)', svg))
    assert references
    assert all(name.startswith("x1-") for name in ids)
    assert {one or other for one, other in references} <= ids


def test_it_is_an_element_that_asks_for_nothing(tmp_path: Path) -> None:
    svg = inline_svg(picture(tmp_path), "x1-", "A line")
    assert svg.startswith("<svg")
    assert not re.search(r"<\?xml|<!DOCTYPE|<metadata|<script", svg)
    assert not re.search(r'(?:href|src)="https?:', svg)


def test_the_label_is_text() -> None:
    root = ET.fromstring(inline_svg('<svg viewBox="0 0 1 1"></svg>', "p-", 'a < b & "c"'))
    assert root.get("aria-label") == 'a < b & "c"'


def test_a_slim_picture_is_the_same_within_a_hundredth_of_a_point(tmp_path: Path) -> None:
    svg = picture(tmp_path)
    thin = slim(svg)
    assert len(thin) < 0.9 * len(svg)
    before, after = (re.findall(r'\bd="([^"]*)"', text) for text in (svg, thin))
    assert len(before) == len(after)
    for drawn, kept in zip(before, after, strict=True):
        assert re.findall("[A-Za-z]", drawn) == re.findall("[A-Za-z]", kept)
        numbers = [[float(one) for one in re.findall(r"-?\d+\.?\d*", text)] for text in (drawn, kept)]
        assert numbers[1] == pytest.approx(numbers[0], abs=0.0051)


def test_a_slim_picture_has_no_sheet_of_its_own_and_keeps_what_is_referred_to(tmp_path: Path) -> None:
    thin = slim(picture(tmp_path))
    ET.fromstring(thin.partition("?>")[2].partition(".dtd")[2].partition(">")[2])
    assert "<style" not in thin
    ids = set(re.findall(r'\sid="([^"]+)"', thin))
    references = {one or other for one, other in re.findall(r'href="#([^"]+)"|url\(#([^)]+)\)', thin)}
    assert ids == references
