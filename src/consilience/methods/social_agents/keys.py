"""Keys: what the audit log of a database is sealed with, kept outside of it."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from consilience.ground.errors import InvalidInput

__all__ = ["key_of", "key_path"]

_BYTES = 32


def key_path(database: str, given: Path | None = None) -> Path:
    """Return where the key of a database is: as given, or beside its file.

    Examples
    --------
    >>> key_path("family.sqlite").name, key_path("postgresql://db/family").name
    ('family.sqlite.key', 'social-agents.key')
    """
    if given is not None:
        return given
    return Path("social-agents.key") if "://" in database else Path(f"{database}.key")


def key_of(database: str, given: Path | None = None, *, make: bool = False) -> bytes:
    """Return the key of a database.

    Parameters
    ----------
    database
        As `Store.open` takes it.
    given
        Where the key is, if not beside the file.
    make
        Whether one is made if there is none.

    Raises
    ------
    InvalidInput
        When there is none, or it cannot be read.
    """
    path = key_path(database, given)
    try:
        if make and not path.exists():
            handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(handle, "w", encoding="ascii") as file:
                file.write(secrets.token_hex(_BYTES) + "\n")
        key = bytes.fromhex(path.read_text(encoding="ascii").strip())
    except FileNotFoundError as error:
        raise InvalidInput(f"the audit log's key must be at {path}; it is not: name it with --key-file") from error
    except (OSError, ValueError) as error:
        raise InvalidInput(f"the audit log's key must be a line of hexadecimal digits in {path}; {error}") from error
    if len(key) < _BYTES:
        raise InvalidInput(f"the audit log's key must have {_BYTES} bytes; {path} has {len(key)}")
    return key
