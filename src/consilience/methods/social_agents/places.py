"""Places: a database that has to be there already."""

from __future__ import annotations

from pathlib import Path

from consilience.ground.errors import InvalidInput

__all__ = ["require_there"]


def require_there(database: str, what: str = "--database") -> None:
    """Refuse a file that is not there, before one is made by looking; of a server nothing is known yet.

    Raises
    ------
    InvalidInput
        When there is none.
    """
    if "://" not in database and not Path(database).is_file():
        raise InvalidInput(f"{what} must be a database that is there; {database} is not: serve or import makes one")
