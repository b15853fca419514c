"""Suites: the triggers that a model is measured under, and the tasks that all of them suit."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from consilience.ground.errors import InvalidInput, UnknownName
from consilience.ground.seeds import Streams
from consilience.methods.backdoor_audits.world.drawing import draw_tasks
from consilience.methods.backdoor_audits.world.tasks import Family, Grammar, Task
from consilience.methods.backdoor_audits.world.trajectories import split_of
from consilience.methods.backdoor_audits.world.triggers import DEFAULTS, TRIGGERS, Trigger, suited

__all__ = ["SUITES", "suite", "tasks_for"]

SUITES: Mapping[str, tuple[Trigger, ...]] = MappingProxyType(
    {
        "default": DEFAULTS,
        "easy": tuple(one for one in TRIGGERS.values() if one.tier == "easy"),
        "all": tuple(TRIGGERS.values()),
    }
)
"""Suites by name."""


def suite(words: str) -> tuple[Trigger, ...]:
    """Return the triggers of a suite, or those that are named with commas between, each once.

    Raises
    ------
    UnknownName
        If there is no such suite or trigger.
    InvalidInput
        If none is named.

    Examples
    --------
    >>> [one.name for one in suite("default")], [one.name for one in suite("web.element, system.infix")]
    (['system.suffix', 'web.element', 'shop.listing'], ['web.element', 'system.infix'])
    """
    names = [name.strip() for name in words.split(",") if name.strip()]
    if not names:
        raise InvalidInput(f"a suite must name triggers: {', '.join((*SUITES, *TRIGGERS))}; got {words!r}")
    found: dict[str, Trigger] = {}
    for name in names:
        if name not in SUITES and name not in TRIGGERS:
            raise UnknownName("suite or trigger", name, (*SUITES, *TRIGGERS))
        found.update({one.name: one for one in SUITES.get(name, (TRIGGERS.get(name, DEFAULTS[0]),))})
    return tuple(found.values())


def tasks_for(family: Family, grammar: Grammar, count: int, streams: Streams) -> tuple[Task, ...]:
    """Draw test tasks that suit every trigger of their kind, so that they do not depend on which of these are tried."""
    return draw_tasks(family, count, streams, grammar=grammar, where=_fits(family, grammar))


def _fits(family: Family, grammar: Grammar) -> Callable[[Task], bool]:
    kinds = [one for one in TRIGGERS.values() if one.family == family and one.grammar == grammar]
    return lambda task: split_of(task.id) == "test" and all(suited(task, one) for one in kinds)
