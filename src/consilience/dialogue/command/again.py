"""A run again: what may be others when it goes on, what must be what it was, and where its journal is found."""

from __future__ import annotations

from dataclasses import fields, replace
from pathlib import Path
from typing import TYPE_CHECKING

from consilience.dialogue.command.flags import given
from consilience.dialogue.command.means import Means
from consilience.ground.errors import InvalidInput

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

__all__ = ["allowed", "placed", "require_shared_journal", "require_unchanged"]


def require_unchanged(was: DataclassInstance, said: DataclassInstance, now: DataclassInstance) -> None:
    """Refuse to go on with a run that is to do something else than before.

    Parameters
    ----------
    was
        What the run is to do.
    said
        What was given this time, a default that was typed included.
    now
        What follows from that, once the files are read that it names.

    Raises
    ------
    InvalidInput
        For the first setting that was given, or follows, and differs.
    """
    named = given(said)
    for name in (item.name for item in fields(was)):
        value, before = getattr(now, name), getattr(was, name)
        if value != before and (name in named or value != getattr(said, name)):
            flag = "the task" if name == "task" else f"--{name.replace('_', '-')}"
            raise InvalidInput(
                f"a run that is resumed keeps what it is to do; {flag} was {before!r} and now is {value!r}: leave it "
                "out, or start a run of its own"
            )


def allowed(before: Means, now: Means | None) -> Means:
    """Return what a run may cost now: what is given stands for what was allowed before."""
    return before if now is None else placed(replace(before, **given(now)))


def placed(means: Means) -> Means:
    """Have a journal in a file found from any folder."""
    if means.journal is None or "://" in means.journal:
        return means
    return replace(means, journal=str(Path(means.journal).absolute()))


def require_shared_journal(means: Means) -> None:
    """Refuse to share a run among processes over a journal that only one of them can write.

    Raises
    ------
    InvalidInput
        For the engine ray without a database.
    """
    scheme, named, _ = (means.journal or "").partition("://")
    if means.engine == "ray" and not (named and scheme.startswith("postgresql")):
        raise InvalidInput(
            "--engine ray needs a journal that several processes can write; give --journal postgresql+psycopg://user@host/db"
        )
