"""What a probe found, as a record."""

import math

import pytest

from consilience.ground import InvalidInput, UnknownName
from consilience.methods.rank_collapse.findings import ProbeReport, Row, Unmeasured

ROW = Row(
    layer="h.0",
    stack="h",
    depth=1,
    measure="mu",
    sequences=3,
    mean=1.0,
    std=0.5,
    low=0.1,
    q05=0.1,
    median=1.0,
    q95=2.0,
    high=2.0,
    floor=1e-6,
    below_floor=0.0,
)
REPORT = ProbeReport(
    model="Model",
    types=("float32",),
    batches=1,
    training_batches=0,
    dropout=0.0,
    largest_singular_value="exact",
    rows=(ROW, Row(**{**vars(ROW), "measure": "stable_rank", "mean": math.inf, "below_floor": 0.6})),
    unmeasured=(Unmeasured(layer="h.1", reason="NaN", times=2),),
)


def test_it_survives_a_round_trip() -> None:
    assert ProbeReport.from_json(REPORT.to_json()) == REPORT


def test_the_table_is_tidy() -> None:
    table = REPORT.table()
    assert table[["layer", "measure"]].values.tolist() == [["h.0", "mu"], ["h.0", "stable_rank"]]
    assert list(table.columns[:4]) == ["layer", "stack", "depth", "measure"]


def test_rows_of_a_measure() -> None:
    assert REPORT.rows_of("mu") == (ROW,)
    with pytest.raises(UnknownName, match="unknown measure 'stable'; did you mean 'stable_rank'"):
        REPORT.rows_of("stable")


def test_a_row_is_trusted_when_most_of_it_is_above_the_floor() -> None:
    assert [row.trusted for row in REPORT.rows] == [True, False]


@pytest.mark.parametrize("text", ["{}", "nonsense", '{"model": 1}'])
def test_other_text_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput, match="expected a report of a probe; "):
        ProbeReport.from_json(text)
