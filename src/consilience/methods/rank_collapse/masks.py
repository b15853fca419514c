"""The kinds of attention masks.

A window counts the neighbours *besides* the token itself. Each kind lets every token attend to itself; only a
complement (``~``) may forbid that.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from consilience.methods.rank_collapse.mask import Mask, require_count

__all__ = [
    "KINDS",
    "Block",
    "Causal",
    "Complete",
    "Diagonal",
    "Dilated",
    "Global",
    "Prefix",
    "Ring",
    "Sink",
    "Strided",
    "Window",
]


@dataclass(frozen=True)
class Complete(Mask):
    """Every token attends to every token."""

    def allows(self, query: Any, key: Any, tokens: Any) -> Any:
        """Allow everything."""
        return (query < tokens) & (key < tokens)


@dataclass(frozen=True)
class Diagonal(Mask):
    """A token attends to itself alone."""

    def allows(self, query: Any, key: Any, tokens: Any) -> Any:  # noqa: ARG002
        """Allow query = key."""
        return query == key


@dataclass(frozen=True)
class Causal(Mask):
    """A token attends to itself and to all before it."""

    def allows(self, query: Any, key: Any, tokens: Any) -> Any:  # noqa: ARG002
        """Allow key <= query."""
        return key <= query


@dataclass(frozen=True)
class Window(Mask):
    """A token attends to itself and to its neighbours.

    Parameters
    ----------
    before
        Neighbours before the token, besides itself.
    after
        Neighbours after it; as many as before when not given, and none (0) for a one-sided window.

    Examples
    --------
    >>> bool((Window(2, 0).array(9) == (Causal() & Window(2)).array(9)).all())
    True
    """

    before: int
    after: int | None = None

    def __post_init__(self) -> None:
        """Refuse counts below zero."""
        require_count("before", self.before, 0)
        require_count("after", self.before if self.after is None else self.after, 0)

    def allows(self, query: Any, key: Any, tokens: Any) -> Any:  # noqa: ARG002
        """Allow -before <= key - query <= after."""
        after = self.before if self.after is None else self.after
        return (query - key <= self.before) & (key - query <= after)


@dataclass(frozen=True)
class Dilated(Mask):
    """A token attends to itself and, on either side, to `size` tokens that are `step` apart."""

    size: int
    step: int

    def __post_init__(self) -> None:
        """Refuse a negative size and a step of zero."""
        require_count("size", self.size, 0)
        require_count("step", self.step, 1)

    def allows(self, query: Any, key: Any, tokens: Any) -> Any:  # noqa: ARG002
        """Allow distances that are multiples of the step, up to `size` of them."""
        distance = abs(query - key)
        return (distance % self.step == 0) & (distance <= self.size * self.step)


@dataclass(frozen=True)
class Strided(Mask):
    """A token attends to itself and to every token that is a multiple of `step` away."""

    step: int

    def __post_init__(self) -> None:
        """Refuse a step of zero."""
        require_count("step", self.step, 1)

    def allows(self, query: Any, key: Any, tokens: Any) -> Any:  # noqa: ARG002
        """Allow distances that are multiples of the step."""
        return abs(query - key) % self.step == 0


@dataclass(frozen=True)
class Prefix(Mask):
    """A prefix language model: the first `size` tokens are seen by all, the rest is causal."""

    size: int

    def __post_init__(self) -> None:
        """Refuse an empty prefix."""
        require_count("size", self.size, 1)

    def allows(self, query: Any, key: Any, tokens: Any) -> Any:  # noqa: ARG002
        """Allow keys in the prefix and keys <= query."""
        return (key < self.size) | (key <= query)


@dataclass(frozen=True)
class Global(Mask):
    """The first `size` tokens see all and are seen by all; every other token sees itself beside them."""

    size: int

    def __post_init__(self) -> None:
        """Refuse a mask without a global token."""
        require_count("size", self.size, 1)

    def allows(self, query: Any, key: Any, tokens: Any) -> Any:  # noqa: ARG002
        """Allow query or key among the global tokens."""
        return (key < self.size) | (query < self.size) | (query == key)


@dataclass(frozen=True)
class Sink(Mask):
    """The first `size` tokens are seen by all and look at nobody: every token sees itself beside them."""

    size: int

    def __post_init__(self) -> None:
        """Refuse a mask without a sink."""
        require_count("size", self.size, 1)

    def allows(self, query: Any, key: Any, tokens: Any) -> Any:  # noqa: ARG002
        """Allow query = key, and keys among the sinks for queries that are not."""
        return ((key < self.size) & (query >= self.size)) | (query == key)


@dataclass(frozen=True)
class Block(Mask):
    """Tokens attend to one another within blocks of `size` and not beyond."""

    size: int

    def __post_init__(self) -> None:
        """Refuse blocks of nothing."""
        require_count("size", self.size, 1)

    def allows(self, query: Any, key: Any, tokens: Any) -> Any:  # noqa: ARG002
        """Allow query and key in one block."""
        return query // self.size == key // self.size


@dataclass(frozen=True)
class Ring(Mask):
    """A token attends to itself and to the `before` tokens before it, the first to the last: a directed ring."""

    before: int = 1

    def __post_init__(self) -> None:
        """Refuse a ring that nothing runs along."""
        require_count("before", self.before, 1)

    def allows(self, query: Any, key: Any, tokens: Any) -> Any:
        """Allow query - key modulo the length up to `before`."""
        return (query - key) % tokens <= self.before


KINDS: dict[str, type[Mask]] = {
    kind.__name__.lower(): kind
    for kind in (Block, Causal, Complete, Diagonal, Dilated, Global, Prefix, Ring, Sink, Strided, Window)
}
"""Every kind by its word in the mask language."""
