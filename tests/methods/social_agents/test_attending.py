"""Attending: who was in a conversation when."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Connection

from consilience.ground.errors import InvalidInput, UnknownName
from consilience.methods.social_agents.acquaintance import add_person
from consilience.methods.social_agents.attending import begin, conversations_of, join, leave, members
from consilience.methods.social_agents.database import Database

NOON = datetime(2024, 5, 2, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


@pytest.fixture
def connection() -> Iterator[Connection]:
    database = Database(":memory:")
    with database.writing() as opened:
        for handle in ("ann", "bea", "cyd"):
            add_person(opened, handle, handle.title(), "")
        yield opened
    database.close()


def there(connection: Connection, number: int, at: datetime | None = None) -> list[str]:
    return [one.handle for one in members(connection, number, at)]


def test_one_comes_goes_and_comes_again(connection: Connection) -> None:
    number = begin(connection, ["ann", "ann", "bea"], "trip", NOON)
    assert there(connection, number, NOON - HOUR) == []
    join(connection, number, "cyd", NOON + HOUR)
    leave(connection, number, "cyd", NOON + 2 * HOUR)
    join(connection, number, "cyd", NOON + 3 * HOUR)
    for hours, present in ((0, False), (1, True), (2, False), (3, True)):
        assert there(connection, number, NOON + hours * HOUR) == ["ann", "bea", *["cyd"] * present]
    assert there(connection, number) == ["ann", "bea", "cyd"]
    assert conversations_of(connection, "cyd") == [(number, "trip")]


def test_what_changes_nothing_is_refused(connection: Connection) -> None:
    number = begin(connection, ["ann"], "", None)
    with pytest.raises(InvalidInput, match="nothing to do"):
        join(connection, number, "ann", NOON)
    with pytest.raises(InvalidInput, match="nothing to do"):
        leave(connection, number, "bea", NOON)
    with pytest.raises(InvalidInput, match="no conversation"):
        join(connection, number + 1, "bea", NOON)
    with pytest.raises(UnknownName):
        join(connection, number, "nobody", NOON)
