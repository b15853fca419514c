"""What inspect prints; the verb itself is tested as it is typed."""

from io import StringIO

import pytest
from rich.console import Console

from consilience.methods.rank_collapse.findings import ProbeReport, Row, Unmeasured
from consilience.methods.rank_collapse.inspecting import show
from consilience.methods.rank_collapse.inspection import Bound, Inspection


def row(place: tuple[str, str, int], measure: str, value: float, below: float = 0.0) -> Row:
    spread = dict.fromkeys(("mean", "low", "q05", "median", "q95", "high"), value)
    layer, stack, depth = place
    beside = {"sequences": 2, "std": 0.0, "floor": 1e-6, "below_floor": below}
    return Row(layer=layer, stack=stack, depth=depth, measure=measure, **spread, **beside)


@pytest.fixture
def told() -> str:
    rows = (
        row(("input of h.0", "h", 0), "relative_mu", 0.9),
        row(("h.0.attn", "h.*.attn", 1), "attention_entropy", 1.25),
        row(("h.0", "h", 1), "relative_mu", 3e-8, below=1.0),
        row(("h.0", "h", 1), "mu", 2e-7, below=1.0),
    )
    report = ProbeReport(
        model="Model",
        types=("float32",),
        batches=1,
        training_batches=0,
        dropout=0.0,
        largest_singular_value="exact",
        rows=rows,
        unmeasured=(Unmeasured(layer="h.1", reason="mu: NaN [or] infinite activations", times=2),),
    )
    bound = Bound(stack="h", smallest_weight=0.01, depth=1, values=(3.0, 2.5))
    found = Inspection(name="tiny", sequences=2, tokens=8, report=report, bounds=(bound,), notes=("by hand",))
    stream = StringIO()
    show(found, Console(file=stream, width=100, soft_wrap=True))
    return stream.getvalue()


def test_attention_stands_beside_its_layer(told: str) -> None:
    lines = [line.split() for line in told.splitlines()]
    assert ["input", "0.9"] in lines
    assert ["1", "(3e-08)", "1.25"] in lines


def test_what_a_reader_must_know(told: str) -> None:
    assert "note: by hand" in told
    assert "not measured: h.1: mu: NaN [or] infinite activations (2 times)" in told
    below = "would bring mu itself, not over the norm, below 2.5 by layer 1 of h, where it is 2e-07"
    assert f"{below}, as no weight is below 1.0e-02 and the radius is 1" in told
