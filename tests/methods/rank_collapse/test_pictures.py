"""Figures as bytes."""

from matplotlib.figure import Figure

from consilience.methods.rank_collapse.pictures import pictured


def drawn() -> Figure:
    canvas = Figure()
    canvas.subplots().plot([1, 2])
    return canvas


def test_two_formats_and_the_same_bytes_every_time() -> None:
    files = pictured(drawn(), "line")
    assert list(files) == ["line.png", "line.svg"]
    assert files["line.png"].startswith(b"\x89PNG")
    assert b"<svg" in files["line.svg"]
    assert pictured(drawn(), "line") == files
