"""Records: what cannot be asked is refused when it is written down."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from consilience.ground.errors import InvalidInput
from consilience.methods.social_agents.records import Query, from_us, to_us


@pytest.mark.parametrize("moment", [datetime(1, 1, 1, tzinfo=UTC), datetime(2024, 2, 29, 23, 59, 59, 999999, UTC)])
def test_a_time_comes_back_to_the_microsecond(moment: datetime) -> None:
    assert from_us(to_us(moment)) == moment


def test_a_time_of_another_zone_is_the_same_moment() -> None:
    there = datetime(2024, 5, 2, 12, tzinfo=timezone(timedelta(hours=2)))
    assert from_us(to_us(there)) == datetime(2024, 5, 2, 10, tzinfo=UTC)


def test_a_time_without_a_zone_is_refused() -> None:
    with pytest.raises(InvalidInput, match="zone"):
        Query(since=datetime(2024, 5, 2))  # noqa: DTZ001


@pytest.mark.parametrize(
    ("flaw", "named"), [({"limit": 0}, "limit"), ({"limit": 1001}, "limit"), ({"context": -1}, "context")]
)
def test_numbers_out_of_range_are_refused(flaw: dict[str, int], named: str) -> None:
    with pytest.raises(InvalidInput, match=named):
        Query(**flaw)


def test_one_text_is_not_a_list_of_words(past_the_types: None) -> None:
    with pytest.raises(InvalidInput, match="`words` must be a tuple"):
        Query(words="ring")
