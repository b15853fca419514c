"""The partition: each candidate in exactly one group, drawn from a seed or packed under the limit of a prompt."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from consilience.ground.errors import InvalidInput

__all__ = ["groups", "packed", "too_long"]

SMALLEST = 2
RESERVE = 3


def groups(count: int, group: int, chance: np.random.Generator) -> tuple[tuple[int, ...], ...]:
    """Shuffle so many candidates, and cut them into groups; the last group is smaller where they do not come out even.

    Parameters
    ----------
    count
        Candidates, 1 or more.
    group
        Members of a group at most, 2 or more.
    chance
        Where the order comes from.

    Returns
    -------
    tuple
        The numbers of the members, ascending in a group, and groups by their first member.

    Examples
    --------
    >>> groups(5, 2, np.random.default_rng(0))
    ((0, 3), (1,), (2, 4))
    """
    _check(count, group)
    order = [int(number) for number in chance.permutation(count)]
    return tuple(sorted(tuple(sorted(order[start : start + group])) for start in range(0, count, group)))


def packed(sizes: Sequence[int], group: int, budget: int) -> tuple[tuple[int, ...], ...]:
    """Pack candidates into groups whose prompt stays within a budget: the longest first, each where it first fits.

    A group of several fits when its sum and a reserve of three times its longest, for the reply and for a reply that
    has to be asked for again, are within the budget. A candidate that is too long for company is a group of its own.

    Parameters
    ----------
    sizes
        Of the candidates, in tokens.
    group
        Members of a group at most, 2 or more.
    budget
        Tokens of a prompt and its reply.

    Returns
    -------
    tuple
        The numbers of the members, ascending in a group, and groups by their first member.

    Examples
    --------
    >>> packed([100, 300, 100, 900], 2, 1500)
    ((0, 1), (2,), (3,))
    """
    _check(len(sizes), group)
    open_groups: list[list[int]] = []
    for number in sorted(range(len(sizes)), key=lambda at: (-sizes[at], at)):
        for members in open_groups:
            if len(members) < group and not too_long([sizes[at] for at in (*members, number)], budget):
                members.append(number)
                break
        else:
            open_groups.append([number])
    return tuple(sorted(tuple(sorted(members)) for members in open_groups))


def too_long(sizes: Sequence[int], budget: int | None) -> bool:
    """Whether candidates are too long to be merged at once: their sum and three times the longest exceed the budget.

    Examples
    --------
    >>> too_long([100, 300], 1300), too_long([100, 300], 1299), too_long([100, 300], None)
    (False, True, False)
    """
    return budget is not None and sum(sizes) + RESERVE * max(sizes) > budget


def _check(count: int, group: int) -> None:
    if count < 1 or group < SMALLEST:
        raise InvalidInput(
            f"candidates must be 1 or more, in groups of 2 or more; got {count} and a `group` of {group}"
        )
