"""Gauges: inside the axis, in the order of the values, on the right side of the bar."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consilience.ground import Measurement
from consilience.ground.gauge import draw

finite = st.floats(-1e6, 1e6).map(lambda number: round(number, 3))
positive = st.floats(1e-12, 1e6)


@given(finite, finite)
def test_the_dot_lies_on_the_side_that_the_verdict_says(value: float, bar: float) -> None:
    measurement = Measurement(name="m", value=value, at_least=bar)
    gauge = draw(measurement)
    assert gauge is not None
    assert (gauge.value >= gauge.pass_from) == measurement.holds or math.isclose(gauge.value, gauge.pass_from)


@given(st.lists(positive, min_size=3, max_size=3).map(sorted), positive)
def test_marks_keep_their_order_and_stay_on_the_axis(marks: list[float], bar: float) -> None:
    low, value, high = marks
    gauge = draw(Measurement(name="m", value=value, low=low, high=high, at_most=bar))
    assert gauge is not None
    assert 0 <= gauge.low <= gauge.value <= gauge.high <= 100
    assert gauge.pass_from == 0
    assert gauge.logarithmic == (max(*marks, bar) / min(*marks, bar) >= 50)


@pytest.mark.parametrize(
    "measurement",
    [
        Measurement(name="m", value=1.0),
        Measurement(name="m", value=None, at_least=1.0),
        Measurement(name="m", value=math.nan, at_least=1.0),
        Measurement(name="m", value=math.inf, at_most=1.0),
    ],
)
def test_nothing_to_draw(measurement: Measurement) -> None:
    assert draw(measurement) is None


def test_an_infinite_interval_ends_at_the_edge() -> None:
    gauge = draw(Measurement(name="m", value=1.0, low=-math.inf, high=math.inf, at_least=0.5))
    assert gauge is not None
    assert (gauge.low, gauge.high) == (0.0, 100.0)


@pytest.mark.parametrize("value", [0.0, 1.0, -3.0, 1e-15])
def test_a_value_on_its_bar_stands_in_the_middle(value: float) -> None:
    gauge = draw(Measurement(name="m", value=value, at_least=value))
    assert gauge is not None
    assert (gauge.value, gauge.pass_from) == (50.0, 50.0)
