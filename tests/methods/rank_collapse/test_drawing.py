"""Pictures of an inspection."""

from io import BytesIO
from typing import Any

import numpy as np
import pytest
from matplotlib.collections import PolyCollection
from matplotlib.figure import Figure

from consilience.methods.rank_collapse.drawing import WORDS, depth_picture, measured
from consilience.methods.rank_collapse.findings import ProbeReport, Row
from consilience.methods.rank_collapse.inspection import Bound, Inspection


def row(depth: int, median: float, measure: str = "relative_mu", stack: str = "h", below: float = 0.0) -> Row:
    spread: dict[str, Any] = dict.fromkeys(("mean", "low", "q05", "median", "q95", "high"), median)
    return Row(
        layer=f"{stack}.{depth}",
        stack=stack,
        depth=depth,
        measure=measure,
        sequences=4,
        std=0.0,
        floor=1e-6,
        below_floor=below,
        **spread,
    )


def inspection(*rows: Row, name: str = "model", bounds: tuple[Bound, ...] = ()) -> Inspection:
    report = ProbeReport(
        model="Model",
        types=("float32",),
        batches=1,
        training_batches=0,
        dropout=0.0,
        largest_singular_value="exact",
        rows=rows,
        unmeasured=(),
    )
    return Inspection(name=name, sequences=4, tokens=8, report=report, bounds=bounds, notes=())


def words_of(canvas: Figure) -> list[str]:
    return [text.get_text() for text in canvas.axes[0].texts]


def test_values_over_depth() -> None:
    canvas = depth_picture([inspection(row(0, 0.9), row(1, 0.8), row(2, 0.6))], "relative_mu")
    line = canvas.axes[0].lines[0]
    assert list(line.get_xdata()) == [0, 1, 2]
    assert list(line.get_ydata()) == [0.9, 0.8, 0.6]
    assert canvas.axes[0].get_title(loc="left") == WORDS["relative_mu"]
    assert canvas.axes[0].get_yscale() == "linear"


def test_the_floor_is_drawn_where_values_come_near_it() -> None:
    falling = [row(0, 0.9), row(1, 1e-3), row(2, 1e-8, below=1.0)]
    axes = depth_picture([inspection(*falling)], "relative_mu").axes[0]
    assert axes.get_yscale() == "log"
    shade = next(part for part in axes.collections if isinstance(part, PolyCollection))
    assert shade.get_paths()[0].vertices[:, 1].max() == pytest.approx(1e-6)
    hollow = [line for line in axes.lines if line.get_markerfacecolor() == "white"]
    assert [list(line.get_xdata()) for line in hollow] == [[2]]


def test_what_is_below_the_picture_is_at_its_edge() -> None:
    axes = depth_picture([inspection(row(0, 0.9), row(1, 1e-30, below=1.0))], "relative_mu").axes[0]
    bottom = axes.get_ylim()[0]
    assert bottom == pytest.approx(1e-8)
    assert min(axes.lines[0].get_ydata()) > bottom


def test_the_bound_is_drawn_over_mu_alone() -> None:
    bound = Bound(stack="h", smallest_weight=0.01, depth=1, values=(30.0, 29.0, 28.0))
    rows = [row(depth, 5.0 - depth, measure) for measure in ("mu", "relative_mu") for depth in (0, 1, 2)]
    drawn = {name: depth_picture([inspection(*rows, bounds=(bound,))], name) for name in ("mu", "relative_mu")}
    assert any(list(line.get_ydata()) == [30.0, 29.0, 28.0] for line in drawn["mu"].axes[0].lines)
    assert "attention alone: ε = 1e-02, r = 1" in words_of(drawn["mu"])
    assert words_of(drawn["relative_mu"]) == ["model"]


def test_models_and_stacks_are_told_apart() -> None:
    one = inspection(row(0, 0.5, stack="encoder.block"), row(0, 0.51, stack="decoder.block"), name="t5")
    other = inspection(row(0, 0.5), name="gpt2")
    axes = depth_picture([one, other], "relative_mu").axes[0]
    assert [text.get_text() for text in axes.texts] == ["t5\nencoder.block", "t5\ndecoder.block", "gpt2"]
    heights = sorted(text.xy[1] for text in axes.texts)
    assert np.diff(heights).min() >= 0.089
    solid, dashed, second = (axes.lines[place] for place in (0, 2, 4))
    assert solid.get_color() == dashed.get_color() != second.get_color()
    assert solid.get_linestyle() != dashed.get_linestyle()


def test_zeros_and_signs_do_not_break_a_picture() -> None:
    for values in ((0.0, 0.0), (0.0, 1e-8), (-0.5, 0.5)):
        rows = [row(place, value, "mean_cosine") for place, value in enumerate(values)]
        depth_picture([inspection(*rows)], "mean_cosine").savefig(BytesIO(), format="png")
        rows = [row(place, abs(value), below=1.0) for place, value in enumerate(values)]
        depth_picture([inspection(*rows)], "relative_mu").savefig(BytesIO(), format="png")


def test_only_what_was_measured_is_drawn() -> None:
    assert measured([inspection(row(0, 1.0, "mu")), inspection(row(0, 1.0, "smallest_edge"))]) == [
        "mu",
        "smallest_edge",
    ]
