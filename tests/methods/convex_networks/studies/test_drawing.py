"""Pictures lose half of their frame and keep a grey that reads on light and on dark."""

from matplotlib.colors import to_rgb
from matplotlib.figure import Figure

from consilience.methods.convex_networks.studies.drawing import COLOURS, GREY, plain


def test_plain_axes_and_colours_between_light_and_dark() -> None:
    axes = Figure().subplots()
    plain(axes)
    assert [axes.spines[side].get_visible() for side in ("top", "right", "left", "bottom")] == [
        False,
        False,
        True,
        True,
    ]
    for colour in (*COLOURS, GREY):
        assert 0.25 < sum(to_rgb(colour)) / 3 < 0.75
