"""A run again: what may be others when it goes on, what must be what it was, and where its journal is found."""

from __future__ import annotations

from dataclasses import fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from consilience.dialogue.command.means import Means
from consilience.ground.errors import InvalidInput

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

__all__ = ["allowed", "changed", "placed", "require_shared_journal", "require_unchanged"]


def changed(settings: DataclassInstance, default: DataclassInstance) -> dict[str, Any]:
    """Return the settings that differ from the defaults, by name.

    Examples
    --------
    >>> changed(Means(attempts=2), Means())
    {'attempts': 2}
    """
    values = {item.name: getattr(settings, item.name) for item in fields(settings)}
    return {name: value for name, value in values.items() if value != getattr(default, name)}


def require_unchanged(was: DataclassInstance, now: DataclassInstance, default: DataclassInstance) -> None:
    """Refuse to go on with a run that is to do something else than before.

    Parameters
    ----------
    was
        What the run is to do.
    now
        What was given this time.
    default
        What counts as not given.

    Raises
    ------
    InvalidInput
        For the first setting that is given and differs.
    """
    for name, value in changed(now, default).items():
        before = getattr(was, name)
        if value != before:
            flag = "the task" if name == "task" else f"--{name.replace('_', '-')}"
            raise InvalidInput(
                f"a run that is resumed keeps what it is to do; {flag} was {before!r} and now is {value!r}: leave it "
                "out, or start a run of its own"
            )


def allowed(before: Means, now: Means | None) -> Means:
    """Return what a run may cost now: what differs from the defaults stands for what was allowed before."""
    return before if now is None else placed(replace(before, **changed(now, Means())))


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
