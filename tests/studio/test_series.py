"""Numbers along the way, as lines."""

import math

from consilience.studio.series import MOST_LINES, MOST_POINTS, charts


def record(value: float, **tags: object) -> dict[str, object]:
    return {"time": "t", "metric": "loss", "value": value, **tags}


def test_lines_go_along_what_varies_and_are_told_apart_by_the_rest() -> None:
    [chart] = charts(
        record(step * scale, step=step, arm=arm) for step in range(5) for arm, scale in (("a", 1), ("b", 2))
    )
    assert (chart.along, [line.name for line in chart.lines], chart.count) == ("step", ["arm a", "arm b"], 10)
    assert chart.extent == (0, 4, 0, 8)
    assert chart.lines[1].last == 8
    assert chart.lines[0].path.split()[0] == "0.00,100.00"
    assert chart.lines[1].path.split()[-1] == "100.00,0.00"


def test_without_such_a_tag_the_order_counts_and_a_seed_is_none() -> None:
    [chart] = charts([record(1.0, seed=1), record(2.0, seed=2)])
    assert (chart.along, len(chart.lines)) == ("in order", 2)


def test_two_decades_are_drawn_logarithmically() -> None:
    [chart] = charts([record(1.0, step=0), record(10.0, step=1), record(100.0, step=2)])
    assert chart.logarithmic
    assert chart.lines[0].path.split()[1] == "50.00,50.00"


def test_what_is_no_number_is_counted_and_not_drawn() -> None:
    [chart] = charts([record(math.nan, step=0), record(math.inf, step=1), record(1.0, step=2)])
    assert (chart.count, [len(line.points) for line in chart.lines]) == (3, [1])
    [empty] = charts([record(math.nan)])
    assert empty.lines == ()


def test_records_of_another_form_are_passed_over() -> None:
    assert charts([{}, {"metric": 3, "value": 1.0}, {"metric": "a", "value": "b"}]) == ()


def test_a_chart_stays_small() -> None:
    [chart] = charts(record(float(step), step=step) for step in range(50_000))
    assert len(chart.lines[0].path.split()) < 2 * MOST_POINTS + 2
    [many] = charts(record(1.0, arm=str(arm)) for arm in range(MOST_LINES + 5))
    assert (len(many.lines), many.left_out) == (MOST_LINES, 5)
