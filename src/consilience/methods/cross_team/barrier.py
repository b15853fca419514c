"""The barrier: teams stop here until enough of them have come; nobody polls, and who is dead keeps nobody waiting."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Generic, TypeVar

from consilience.ground.errors import InvalidInput, UnknownName

__all__ = ["Barrier"]

Thing = TypeVar("Thing")


class Barrier(Generic[Thing]):
    """A named place where those who are expected bring something, and wait for each other.

    It is met when all who have not withdrawn have come; with a quorum, when so many have; with a deadline, so many
    seconds after the first came. It is never met before one has come, unless all have withdrawn. Who comes after that
    is late. Being met is an event and not a state that somebody looks up: nothing runs while teams wait.

    Parameters
    ----------
    names
        Who is expected, in the order in which they are listed once it is met.
    quorum
        So many are enough; all that live if None.
    deadline_s
        Seconds from the first arrival; no deadline if None.

    Raises
    ------
    InvalidInput
        When nobody is expected or somebody twice, or when a number means nothing.

    Examples
    --------
    >>> async def meet():
    ...     barrier = Barrier(["A", "B", "C"], quorum=2)
    ...     in_time = [barrier.arrive(name, name.lower()) for name in "CAB"]
    ...     return in_time, await barrier.met()
    >>> asyncio.run(meet())
    ([True, True, False], (('A', 'a'), ('C', 'c')))
    """

    def __init__(self, names: Iterable[str], *, quorum: int | None = None, deadline_s: float | None = None) -> None:
        self._names = tuple(names)
        if not self._names or len(set(self._names)) < len(self._names):
            raise InvalidInput(f"a barrier must expect somebody, each once; got {list(self._names)}")
        if quorum is not None and quorum < 1:
            raise InvalidInput(f"`quorum` must be at least 1, or None; got {quorum!r}")
        if deadline_s is not None and not deadline_s > 0:
            raise InvalidInput(f"`deadline_s` must be above 0, or None; got {deadline_s!r}")
        self._quorum = quorum
        self._deadline_s = deadline_s
        self._here: dict[str, Thing] = {}
        self._gone: set[str] = set()
        self._late: dict[str, Thing] = {}
        self._opened = asyncio.Event()
        self._timer: asyncio.TimerHandle | None = None

    def arrive(self, name: str, thing: Thing) -> bool:
        """Come with something, and return whether that is in time.

        Raises
        ------
        UnknownName
            When the name is not expected.
        InvalidInput
            When it came before, or has withdrawn.
        """
        self._check(name)
        if name in self._gone or name in self._here or name in self._late:
            raise InvalidInput(f"{name!r} must come once, and not after it withdrew; it did")
        if self.is_met:
            self._late[name] = thing
            return False
        self._here[name] = thing
        self._look()
        if self._timer is None and self._deadline_s is not None and not self.is_met:
            self._timer = asyncio.get_running_loop().call_later(self._deadline_s, self._open)
        return True

    def withdraw(self, name: str) -> None:
        """Say that somebody will not come; of one who came already it changes nothing.

        Raises
        ------
        UnknownName
            When the name is not expected.
        """
        self._check(name)
        if name not in self._here and name not in self._late:
            self._gone.add(name)
            self._look()

    async def met(self) -> tuple[tuple[str, Thing], ...]:
        """Wait until it is met, and return who came in time with what, in the order of the names."""
        await self._opened.wait()
        return tuple((name, self._here[name]) for name in self._names if name in self._here)

    @property
    def is_met(self) -> bool:
        """Whether it is met: who comes now is late."""
        return self._opened.is_set()

    @property
    def late(self) -> tuple[str, ...]:
        """Who came when it was met, in the order of the names."""
        return tuple(name for name in self._names if name in self._late)

    @property
    def withdrawn(self) -> tuple[str, ...]:
        """Who said that they would not come, in the order of the names."""
        return tuple(name for name in self._names if name in self._gone)

    def _look(self) -> None:
        living = len(self._names) - len(self._gone)
        needed = living if self._quorum is None else min(self._quorum, living)
        if len(self._here) >= needed:
            self._open()

    def _open(self) -> None:
        self._opened.set()
        if self._timer is not None:
            self._timer.cancel()

    def _check(self, name: str) -> None:
        if name not in self._names:
            raise UnknownName("name at the barrier", name, self._names)
