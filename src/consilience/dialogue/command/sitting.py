"""A sitting: work that may be stopped by money, by a provider or by somebody's hand, and what is said of it then."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from consilience.dialogue.budget import BudgetExhausted
from consilience.dialogue.command.telling import say
from consilience.dialogue.models import Denied, ModelError
from consilience.dialogue.ray_cluster import WorkerLost
from consilience.ground.errors import ConsilienceError

__all__ = ["INTERRUPTED", "MISTAKEN", "STOPPED", "Sat", "sat"]

STOPPED, MISTAKEN, INTERRUPTED = 1, 2, 130
"""Exit statuses: the run can go on; the key or the name of the model is wrong; somebody pressed ctrl-C."""

Outcome = TypeVar("Outcome")


@dataclass(frozen=True, slots=True)
class Sat(Generic[Outcome]):
    """How a sitting ended."""

    outcome: Outcome | None
    """What came of it; None where something stood in the way."""
    trouble: str = ""
    """What that was."""
    status: int = 0
    """The exit status that it gives."""


def sat(
    work: Callable[[], Outcome],
    *,
    resume: str,
    quiet: bool,
    told: Callable[[ConsilienceError], str] = lambda error: "",  # noqa: ARG005  a default that knows nothing
) -> Sat[Outcome]:
    """Work until the end, or until something stands in the way that whoever runs it can mend.

    Parameters
    ----------
    work
        Returns what comes of it.
    resume
        The command that goes on with it, said after an interruption where nothing else says it.
    quiet
        Whether there is no display that would.
    told
        What a room says of troubles of its own; nothing of those it does not know, which pass.

    Returns
    -------
    Sat
        With status 0 and an outcome, or with a trouble and the status that belongs to it.
    """
    try:
        return Sat(work())
    except KeyboardInterrupt:
        if quiet:  # then the display said nothing
            say(f"consilience: interrupted; go on with: {resume}", aside=True)
        return Sat(None, "interrupted", INTERRUPTED)
    except ConsilienceError as error:
        trouble = told(error) or _told(error)
        if not trouble:
            raise
        return Sat(None, trouble, MISTAKEN if isinstance(error, Denied) else STOPPED)


def _told(error: ConsilienceError) -> str:
    if isinstance(error, BudgetExhausted):
        return f"{error.told}; raise --budget-{error.cap.replace('_', '-')}"
    return str(error) if isinstance(error, ModelError | WorkerLost) else ""
