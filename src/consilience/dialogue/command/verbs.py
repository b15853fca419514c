"""Verbs that rooms of agents share: to plan a run before anybody is asked, and to replay it without asking."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from consilience.dialogue.command.flags import Verb, with_flags
from consilience.dialogue.command.manner import Assumptions, Replaying, Sitting, Which
from consilience.dialogue.command.means import Means

__all__ = ["plan_verb", "replay_verb"]


def plan_verb(order: type, late: Callable[[str], Any]) -> Verb:
    """Return the verb that says what a run will take.

    Parameters
    ----------
    order
        The dataclass of what a run is to do; the field ``task`` is given without a flag.
    late
        Imports a module of the room when the verb is called; it is ``planning`` whose ``run`` does the work.
    """

    @with_flags(order, Means, Sitting, Assumptions, positional="task")
    def plan(order: Any, means: Means, sitting: Sitting, assumptions: Assumptions) -> int:
        """Say what a run will take, before anything is asked: calls, tokens, money, time and the longest prompt.

        It takes the flags of run, and assumptions about how long texts are and how fast a model is.
        """
        status: int = late("planning").run(order, means, assumptions, resume=sitting.resume, as_json=sitting.json)
        return status

    return plan


def replay_verb(late: Callable[[str], Any]) -> Verb:
    """Return the verb that does a run again from its journal.

    Parameters
    ----------
    late
        Imports a module of the room when the verb is called; it is ``replaying`` whose ``run`` does the work.
    """

    @with_flags(Which, Replaying, positional="run")
    def replay(which: Which, replaying: Replaying) -> int:
        """Do a run again from its journal, without asking anybody, and say whether the same comes out.

        Nothing is written.
        """
        status: int = late("replaying").run(which.run, journal=replaying.journal, as_json=replaying.json)
        return status

    return replay
