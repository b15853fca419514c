"""Times, sizes and facts in words; what no page may do."""

from pathlib import Path

import pytest
from jinja2 import UndefinedError

from consilience.studio import rendering
from consilience.studio.rendering import moment, render, words


def test_text_is_escaped_and_halves_of_characters_are_marked() -> None:
    assert b"&lt;b&gt; ?" in render("refused", status=404, reason="<b> \udcff")


def test_what_a_page_lacks_is_a_bug() -> None:
    with pytest.raises(UndefinedError):
        render("refused", status=404)


@pytest.mark.parametrize(
    ("seconds", "told"), [(0, "0 s"), (0.25, "250 ms"), (9.96, "10.0 s"), (125, "2 min 05 s"), (7380, "2 h 03 min")]
)
def test_how_long(seconds: float, told: str) -> None:
    assert rendering._lasted(seconds) == told


def test_sizes(tmp_path: Path) -> None:
    for size, told in ((0, "0 bytes"), (1024, "1 KB"), (3 * 1024**2, "3 MB")):
        (tmp_path / "file").write_bytes(b"0" * size)
        assert rendering._size(tmp_path / "file") == told
    assert rendering._size(tmp_path / "nowhere") == ""


def test_names_times_and_facts() -> None:
    assert words("em_diffusion") == "Em diffusion"
    assert moment(0) == ""
    assert moment(1.5) == "1970-01-01T00:00:01.500+00:00"
    assert rendering._when("2026-11-27T10:39:58.544+00:00") == "2026-11-27 10:39"
    assert rendering._when("soon") == "soon"
    record = {"event": "x", "ratio": 1.23456789, "names": ["a"], "text": "b"}
    assert rendering._extra(record, "event") == 'ratio 1.2346, names ["a"], text b'
