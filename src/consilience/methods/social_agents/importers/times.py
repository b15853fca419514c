"""Times of exports: local ones without a zone become moments."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from consilience.ground.errors import InvalidInput

__all__ = ["LocalClock", "find_zone", "from_unix", "read_time"]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECONDS = 100_000_000_000
"""A number above this, as seconds, would be after the year 5000: it counts milliseconds."""


def find_zone(name: str) -> tzinfo:
    """Return a time zone by its name.

    Raises
    ------
    InvalidInput
        When there is none.

    Examples
    --------
    >>> str(find_zone("Europe/Berlin"))
    'Europe/Berlin'
    """
    if name == "UTC":
        return UTC
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise InvalidInput(f"a time zone reads like 'Europe/Berlin' or 'UTC'; got {name!r}") from error


class LocalClock:
    """A clock on a wall, read in the order in which messages were written.

    When it is set back in autumn an hour comes twice: a time earlier than the one before it is of the second.

    Parameters
    ----------
    zone
        Where the wall is.

    Examples
    --------
    >>> clock = LocalClock(find_zone("Europe/Berlin"))
    >>> for minute in (50, 10):
    ...     print(clock.moment(datetime(2024, 10, 27, 2, minute)))
    2024-10-27 00:50:00+00:00
    2024-10-27 01:10:00+00:00
    """

    def __init__(self, zone: tzinfo) -> None:
        self._zone = zone
        self._before: datetime | None = None

    def moment(self, shown: datetime) -> datetime:
        """Return in UTC what the clock showed, given without a zone."""
        first, second = (shown.replace(tzinfo=self._zone, fold=fold).astimezone(UTC) for fold in (0, 1))
        before = self._before
        twice = second > first
        back = before is not None and first < before <= second and before - first < timedelta(hours=2)
        self._before = second if twice and back else first
        return self._before


def from_unix(number: float | str) -> datetime:
    """Return the moment of seconds since 1970, or of milliseconds where they would be far ahead.

    Raises
    ------
    ValueError
        When it is no number, or no time that a calendar has.

    Examples
    --------
    >>> from_unix("1714644900.000200")
    datetime.datetime(2024, 5, 2, 10, 15, 0, 200, tzinfo=datetime.timezone.utc)
    """
    whole, _, part = str(number).strip().partition(".")
    seconds, micros = int(whole), int((part + "000000")[:6])
    try:
        if abs(seconds) >= _MILLISECONDS:
            return _EPOCH + timedelta(milliseconds=seconds, microseconds=micros // 1000)
        return _EPOCH + timedelta(seconds=seconds, microseconds=micros)
    except OverflowError as error:
        raise ValueError(f"no calendar has {number}") from error


def read_time(told: object, clock: LocalClock) -> datetime:
    """Return a time as programs write it: a number since 1970, or a date with or without a zone.

    Raises
    ------
    ValueError
        When it is neither.

    Examples
    --------
    >>> read_time("2024-05-02 12:15", LocalClock(find_zone("Europe/Berlin")))
    datetime.datetime(2024, 5, 2, 10, 15, tzinfo=datetime.timezone.utc)
    """
    text = str(told).strip()
    if text.lstrip("-").replace(".", "", 1).isdecimal():
        return from_unix(text)
    when = datetime.fromisoformat(text)
    try:
        return clock.moment(when) if when.tzinfo is None else when.astimezone(UTC)
    except OverflowError as error:
        raise ValueError(f"no calendar has {text}") from error
