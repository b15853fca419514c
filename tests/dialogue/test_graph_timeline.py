"""When elements were at work, on a page."""

from itertools import pairwise

import pytest

from consilience.dialogue.graph_timeline import area, packed, seconds, ticks


def test_bars_of_the_timeline_share_a_row_only_one_after_the_other() -> None:
    spans = [(0.0, 3.0), (0.0, 1.0), (1.0, 2.0), (1.5, 4.0), (3.0, 5.0)]
    rows, lanes = packed(spans)
    assert rows == 3
    for lane in range(rows):
        own = [span for span, at in zip(spans, lanes, strict=True) if at == lane]
        assert all(one[1] <= other[0] for one, other in pairwise(own))


def test_the_area_is_as_high_as_many_ran_at_a_time() -> None:
    shares = [share for _, share in area([(0.0, 4.0), (0.0, 2.0), (1.0, 2.0), (1.0, 2.0)], 0.0, 4.0)]
    assert [shares[place] for place in (10, 90, 200)] == [50.0, 100.0, 25.0]


@pytest.mark.parametrize(("length", "last"), [(0.003, "3 ms"), (47.0, "40 s"), (600.0, "10 min"), (9000.0, "2.5 h")])
def test_ticks_are_few_and_round(length: float, last: str) -> None:
    found = ticks(length)
    assert 2 <= len(found) <= 7
    assert found[0] == (0.0, "0 s")
    assert found[-1][1] == last


@pytest.mark.parametrize(
    ("value", "words"),
    [(None, "–"), (0.0, "0 s"), (0.0123, "12.3 ms"), (59.96, "60 s"), (300.0, "5 min"), (36000.0, "10 h")],
)
def test_seconds_are_put_in_words(value: float | None, words: str) -> None:
    assert seconds(value) == words
