"""Colours of pictures: by day as drawn, by night turned over, legible in both."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consilience.ground.tints import day, night, stylesheet, tint

LIGHT_CARD, DARK_CARD = "#ffffff", "#1c1f25"
"""What pictures stand on, in ``house.css``."""
DRAWN = ("#3b7dd8", "#d9722e", "#0072b2", "#d55e00", "#009e73", "#8a5fb0", "#b8478f", "#444444", "#c1121f", "#000000")
colours = st.integers(0, 0xFFFFFF).map(lambda number: f"#{number:06x}")


def luminance(colour: str) -> float:
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@given(colours)
def test_a_colour_by_day_and_by_night_is_a_colour(colour: str) -> None:
    assert re.fullmatch(r"#[0-9a-f]{6}", day(colour))
    assert re.fullmatch(r"#[0-9a-f]{6}", night(colour))


@given(st.integers(0, 254))
def test_what_is_lighter_by_day_is_darker_by_night(value: int) -> None:
    darker, lighter = (f"#{3 * f'{one:02x}'}" for one in (value, value + 1))
    assert luminance(night(darker)) >= luminance(night(lighter))


@pytest.mark.parametrize("colour", DRAWN)
def test_lines_that_stand_out_by_day_stand_out_by_night(colour: str) -> None:
    assert contrast(night(colour), DARK_CARD) >= 4.5


@pytest.mark.parametrize("grey", ["#777777", "#888888", "#808080"])
def test_grey_words_can_be_read_in_both(grey: str) -> None:
    assert contrast(day(grey), LIGHT_CARD) >= 4.5
    assert contrast(night(grey), DARK_CARD) >= 4.5


def test_paper_becomes_the_dark_page() -> None:
    assert contrast(night("#ffffff"), DARK_CARD) < 1.2


def test_every_colour_of_a_picture_has_a_value_in_both_and_no_raster_is_touched() -> None:
    svg = (
        '<g style="fill: #FF0000; stroke:#00ff00"><image href="data:image/png;base64,AA#0000ff"/><a id="#123456"/></g>'
    )
    turned = tint(svg)
    assert turned == svg.replace("#FF0000", "var(--tint-ff0000)").replace("#00ff00", "var(--tint-00ff00)")
    sheet = stylesheet([turned])
    assert sheet.count("--tint-ff0000:") == sheet.count("--tint-00ff00:") == 2
    assert "prefers-color-scheme: dark" in sheet


def test_without_pictures_there_is_no_sheet() -> None:
    assert stylesheet([]) == stylesheet(["<p>#ff0000</p>"]) == ""
