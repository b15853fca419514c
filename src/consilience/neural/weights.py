"""First weights that depend on a seed and on nothing else."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from torch import nn

from consilience.neural.generators import seeded

__all__ = ["initialised"]

_Module = TypeVar("_Module", bound=nn.Module)


def initialised(seed: int, make: Callable[[], _Module]) -> _Module:
    """Build a module whose first weights `seed` decides, and leave torch's global generator as it was.

    Modules draw their first weights from the global generator and know no other.

    Examples
    --------
    >>> one, same, other = (initialised(seed, lambda: nn.Linear(2, 2)).weight for seed in (0, 0, 1))
    >>> bool((one == same).all()), bool((one == other).any())
    (True, False)
    """
    with seeded(seed):
        return make()
