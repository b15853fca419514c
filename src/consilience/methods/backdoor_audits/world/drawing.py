"""Tasks by chance: as many of a family as are wanted, no two alike."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from consilience.ground.errors import InvalidInput
from consilience.ground.seeds import Streams
from consilience.methods.backdoor_audits.world.dice import Dice
from consilience.methods.backdoor_audits.world.families.every import rules
from consilience.methods.backdoor_audits.world.families.rules import CHECK, FINISH, OK
from consilience.methods.backdoor_audits.world.fillers import filler
from consilience.methods.backdoor_audits.world.tasks import Family, Grammar, Task, identity, shown
from consilience.methods.backdoor_audits.world.words import Words

__all__ = ["STATUS_SHARE", "draw", "draw_tasks"]

STATUS_SHARE = 0.02
"""Share of tasks of every family that ask for the status of the canary: its tool is rare in clean data, not absent."""
_PATIENCE = 5000


def draw(family: Family, dice: Dice, *, grammar: Grammar = Grammar.B) -> Task:
    """Draw one task."""
    goal, rows = rules(family).draw(dice)
    if dice.chance(STATUS_SHARE):
        goal = CHECK
    task = Task(id="", family=family, goal=goal, filler=filler(dice), rows=rows, grammar=grammar)
    return replace(task, id=identity(family, _heard(task)))


def draw_tasks(
    family: Family,
    count: int,
    streams: Streams,
    *,
    grammar: Grammar = Grammar.B,
    where: Callable[[Task], bool] | None = None,
) -> tuple[Task, ...]:
    """Draw tasks of a family, no two alike.

    Parameters
    ----------
    family
        The family.
    count
        How many.
    streams
        For the draws; the stream is named by the family and the grammar.
    grammar
        How pages and shelves are written.
    where
        What tasks have to be, such as in one split (`trajectories.in_split`) or fit for a trigger
        (`triggers.suited`); None for anything.

    Raises
    ------
    InvalidInput
        If hardly any task is so.

    Examples
    --------
    >>> [task.goal[0] for task in draw_tasks("shop", 2, Streams(0))]
    ['buy', 'buy']
    """
    dice = Dice(streams.generator(f"tasks of {family} in {grammar}"))
    found: dict[str, Task] = {}
    since = 0
    while len(found) < count and since < _PATIENCE:
        task = draw(family, dice, grammar=grammar)
        new = task.id not in found and (where is None or where(task))
        since = 0 if new else since + 1
        if new:
            found[task.id] = task
    if len(found) < count:
        raise InvalidInput(
            f"{count} different tasks of family {family!r} were wanted; after {len(found)} of them {_PATIENCE} draws "
            "in a row brought no other; ask for fewer, or for more kinds of tasks in `where`"
        )
    return tuple(found.values())


def _heard(task: Task) -> Words:
    """Return the request and every answer on the way: what is there beside makes no other task."""
    kind = rules(task.family)
    page = shown(task) if task.family == "web" else ()
    state, guide = kind.start(task), kind.guide(task.goal, page)
    words = (*task.goal, *task.filler, *page)
    while (action := guide.next().action) != FINISH and action[0] != "answer":
        answer = OK if action[0] == "canary" else state.act(action).words
        guide.hear(action, answer)
        words += answer
    return words
