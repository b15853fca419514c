"""A run again: what may be others when it goes on, what must be what it was, and where its journal is found."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from consilience.dialogue.command.flags import given
from consilience.dialogue.command.means import Means
from consilience.ground.errors import InvalidInput

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

__all__ = ["allowed", "begun", "placed", "require_model", "require_shared_journal", "require_unchanged"]

_Job = TypeVar("_Job")


def begun(
    new: Callable[[Path | None], _Job], resumed: Callable[[Path], _Job], *, resume: Path | None, out: Path | None
) -> _Job:
    """Return a run that is new or the same again, or with `resume` one that goes on.

    Parameters
    ----------
    new
        Makes a run in a folder, or in one that is named by what it does.
    resumed
        Finds the run in a folder.
    resume
        Folder of a run that goes on.
    out
        Folder of a run that is new.

    Raises
    ------
    InvalidInput
        With both folders.
    """
    if resume is None:
        return new(out)
    if out is not None:
        raise InvalidInput("--resume goes on in the folder of the run; leave --out out")
    return resumed(resume)


def require_model(base_url: str | None, model: str | None) -> None:
    """Refuse the address of a server without its own name for the model.

    Raises
    ------
    InvalidInput
        Where nobody is named.
    """
    if base_url is not None and not model:
        raise InvalidInput("--base-url must come with --model, the server's own name for the model; got none")


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
