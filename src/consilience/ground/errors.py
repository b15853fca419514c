"""Errors a caller can act on, in one tree.

A `ConsilienceError` says that the caller asked for something that cannot be done and what to do instead. The command
line prints its message as one line and exits 2. Everything else is a bug and keeps its traceback.
"""

from collections.abc import Iterable
from difflib import get_close_matches


class ConsilienceError(Exception):
    """Root of every error that is the caller's to mend."""


class InvalidInput(ConsilienceError, ValueError):
    """A value is outside what the function accepts: the message says expected, got, and what to do."""


class MissingDependency(ConsilienceError, ImportError):
    """An optional package is absent: the message names the extra that brings it.

    Examples
    --------
    >>> str(MissingDependency("onnx export needs skl2onnx; install consilience[onnx]"))
    'onnx export needs skl2onnx; install consilience[onnx]'
    """


class UnknownName(ConsilienceError, LookupError):
    """A name is not among the known ones: the message leads with the nearest of them.

    Parameters
    ----------
    kind
        What the name was meant to be, for example ``"room"``.
    name
        The name as it was given.
    known
        Every name that would have been accepted.

    Examples
    --------
    >>> str(UnknownName("recipe", "smal", ["smoke", "small", "paper"]))
    "unknown recipe 'smal'; did you mean 'small'? (one of: paper, small, smoke)"
    >>> str(UnknownName("room", "kitchen", []))
    "unknown room 'kitchen'; there is none"
    """

    def __init__(self, kind: str, name: str, known: Iterable[str]) -> None:
        self.kind = kind
        self.name = name
        self.known = tuple(sorted(known))
        self.nearest = nearest(name, self.known)
        super().__init__(self._sentence())

    def _sentence(self) -> str:
        start = f"unknown {self.kind} {self.name!r}; "
        if not self.known:
            return start + "there is none"
        listed = ", ".join(self.known)
        if self.nearest is None:
            return f"{start}expected one of: {listed}"
        return f"{start}did you mean {self.nearest!r}? (one of: {listed})"

    def __reduce__(self) -> tuple[type["UnknownName"], tuple[str, str, tuple[str, ...]]]:
        """Pickle by the three arguments, so that the error crosses a process boundary whole."""
        return type(self), (self.kind, self.name, self.known)


def nearest(name: str, known: Iterable[str]) -> str | None:
    """Return the known name that reads most like `name`, or None when none comes close.

    Case and the choice between ``-`` and ``_`` do not count as a difference.

    Examples
    --------
    >>> nearest("convex-network", ["convex_networks", "rank_collapse"])
    'convex_networks'
    >>> nearest("zebra", ["convex_networks"]) is None
    True
    """
    by_plain_name = {_plain(candidate): candidate for candidate in known}
    matches = get_close_matches(_plain(name), by_plain_name, n=1, cutoff=0.5)
    return by_plain_name[matches[0]] if matches else None


def _plain(name: str) -> str:
    return name.lower().replace("-", "_")
