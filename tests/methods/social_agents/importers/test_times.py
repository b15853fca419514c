"""Clocks on walls: forward, back, and numbers."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consilience.ground.errors import InvalidInput
from consilience.methods.social_agents.importers.times import LocalClock, find_zone, from_unix, read_time


@given(st.integers(0, 4_000_000_000))
def test_a_moment_comes_back_from_its_number(second):
    assert int(from_unix(second).timestamp()) == second
    assert from_unix(f"{second}.250") == from_unix(second * 1000 + 250) or second < 100_000_000


@given(st.lists(st.integers(0, 3 * 3600), min_size=1, max_size=20, unique=True))
def test_around_the_hour_that_comes_twice_moments_are_kept_as_far_as_a_clock_tells(seconds):
    zone = find_zone("Europe/Berlin")
    start = datetime(2024, 10, 26, 23, 30, tzinfo=UTC)
    clock = LocalClock(zone)
    moments = [from_unix(int(start.timestamp()) + second) for second in sorted(seconds)]
    read = [clock.moment(moment.astimezone(zone).replace(tzinfo=None, fold=0)) for moment in moments]
    assert read == sorted(read)
    assert [each.astimezone(zone).strftime("%H:%M:%S") for each in read] == [
        each.astimezone(zone).strftime("%H:%M:%S") for each in moments
    ]


def test_an_hour_that_never_was_is_a_time_all_the_same():
    clock = LocalClock(find_zone("Europe/Berlin"))
    assert clock.moment(datetime.fromisoformat("2024-03-31T02:30")) == datetime(2024, 3, 31, 1, 30, tzinfo=UTC)


@pytest.mark.parametrize("told", ["", "soon", "1.2.3", "9" * 40, None, "0001-01-01T00:00+23:00"])
def test_what_is_no_time(told):
    with pytest.raises(ValueError):  # noqa: PT011 - readers catch it by kind
        read_time(told, LocalClock(UTC))


@pytest.mark.parametrize("name", ["", "Nowhere", "../etc/passwd", "/etc/passwd", "a\0b"])
def test_what_is_no_zone(name):
    with pytest.raises(InvalidInput, match="time zone"):
        find_zone(name)
