"""What loads late: names behind a room's door, and modules that need an optional dependency."""

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any

from consilience.ground.errors import MissingDependency

__all__ = ["late_module", "late_names"]


def late_names(package: str, homes: Mapping[str, str]) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """Return ``__getattr__`` and ``__dir__`` of a door whose names load when they are first used.

    Parameters
    ----------
    package
        The door, as its ``__name__``.
    homes
        The module within it that each public name comes from, or one of the house's floors by its whole name.

    Examples
    --------
    >>> load, names = late_names("consilience.ground", {"Streams": "seeds"})
    >>> load("Streams").__name__, names()
    ('Streams', ['Streams'])
    """

    def load(name: str) -> Any:
        if name in homes:
            home = homes[name]
            return getattr(import_module(home if home.startswith("consilience.") else f"{package}.{home}"), name)
        raise AttributeError(f"module {package!r} has no attribute {name!r}")

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
    try:
        return import_module(path)
    except MissingDependency:
        raise
    except ImportError as error:
        if (error.name or "").startswith("consilience"):
            raise
        raise MissingDependency(told.format(missing=error.name or usually)) from error
