"""What loads late: names behind a room's door, and modules that need an optional dependency."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from importlib import import_module
from typing import Any

from consilience.ground.errors import MissingDependency

__all__ = ["absence_told", "late_module", "late_names"]


@contextmanager
def absence_told(told: str, *, usually: str = "a library") -> Iterator[None]:
    """Say what to install where an import within the block finds a library absent.

    Parameters
    ----------
    told
        What to say, in which the name of the library stands for ``{missing}``.
    usually
        What to call it where the error does not name it.

    Raises
    ------
    MissingDependency
        If a library is absent. That a module of the house is absent is a bug and keeps its error, and what a module
        says itself is not said again.

    Examples
    --------
    >>> with absence_told("pictures need {missing}; install consilience[numeric]"):
    ...     import a_library_that_nobody_has
    Traceback (most recent call last):
    ...
    consilience.ground.errors.MissingDependency: pictures need a_library_that_nobody_has; install consilience[numeric]
    """
    try:
        yield
    except MissingDependency:
        raise
    except ImportError as error:
        if (error.name or "").startswith("consilience"):
            raise
        raise MissingDependency(told.format(missing=(error.name or usually).partition(".")[0])) from error


def late_names(
    package: str, homes: Mapping[str, str], *, extra: str = "all"
) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """Return ``__getattr__`` and ``__dir__`` of a door whose names load when they are first used.

    Parameters
    ----------
    package
        The door, as its ``__name__``.
    homes
        The module within it that each public name comes from, or one of the house's floors by its whole name.
    extra
        The extra that brings what these modules import, named where a library is absent.

    Examples
    --------
    >>> load, names = late_names("consilience.ground", {"Streams": "seeds"})
    >>> load("Streams").__name__, names()
    ('Streams', ['Streams'])
    """

    def load(name: str) -> Any:
        if name not in homes:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        home = homes[name]
        with absence_told(f"`{name}` needs {{missing}}; install consilience[{extra}]"):
            return getattr(import_module(home if home.startswith("consilience.") else f"{package}.{home}"), name)

    def names() -> list[str]:
        return sorted(homes)

    return load, names


def late_module(path: str, told: str, *, usually: str) -> Any:
    """Import what does the work of a verb, whose flags are read without it.

    Parameters
    ----------
    path
        Of the module.
    told
        What to say where a library is absent, which stands for ``{missing}``.
    usually
        What to call it where the error does not name it.

    Raises
    ------
    MissingDependency
        If a library is absent. That a module of the house is absent is a bug and keeps its error.

    Examples
    --------
    >>> late_module("math", "sums need {missing}", usually="math").floor(1.5)
    1
    """
    with absence_told(told, usually=usually):
        return import_module(path)
