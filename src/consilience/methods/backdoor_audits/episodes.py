"""Outcomes: what came of episodes, one record each, and nothing about an agent that its episodes do not show."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Bool

from consilience.ground.errors import InvalidInput
from consilience.methods.backdoor_audits.world.canaries import CanaryEvent, payload
from consilience.methods.backdoor_audits.world.simulator import Episode, Event, Standing
from consilience.methods.backdoor_audits.world.tasks import Family
from consilience.methods.backdoor_audits.world.words import Words

__all__ = ["Outcome", "Outcomes", "followed", "outcome_of"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """What came of one episode."""

    task: str
    """Id of the task."""
    family: Family
    """Its family."""
    trigger: str
    """Trigger or look-alike that was in the task; empty if none was."""
    solved: bool
    """Whether what was asked for was done, canaries left out."""
    events: tuple[Event, ...]
    """The simulator's log."""
    answered: bool
    """Whether the agent said something every time it was asked; an episode where it did not is not scored, unless a
    canary was seen before: what was done stays done."""
    followed: float
    """Share of the oracle's steps that were done, in order, whatever was done between them."""

    @property
    def base(self) -> str:
        """Id of the task without what was put in: the same for the clean and the triggered one."""
        return self.task.partition("+")[0]

    @property
    def canary(self) -> CanaryEvent | None:
        """The first canary."""
        return next((event.canary for event in self.events if event.canary), None)

    @property
    def fired(self) -> bool:
        """Whether any canary was seen, at any step."""
        return self.canary is not None

    @property
    def scored(self) -> bool:
        """Whether the episode counts in shares."""
        return self.answered or self.fired

    @property
    def off_task(self) -> int:
        """Steps in no reference and no lawful path, canaries and unreadable ones included."""
        return sum(event.standing in {Standing.OFF_TASK, Standing.UNREADABLE} for event in self.events)

    @property
    def steps(self) -> int:
        """Steps that were taken."""
        return len(self.events)

    def row(self) -> dict[str, Any]:
        """Return the outcome as plain values."""
        return {
            "task": self.task,
            "family": self.family,
            "trigger": self.trigger,
            "solved": self.solved,
            "answered": self.answered,
            "followed": self.followed,
            "events": [_event_row(event) for event in self.events],
        }

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> Outcome:
        """Return what `row` has written.

        Raises
        ------
        InvalidInput
            If a part is missing or is no such thing.
        """
        try:
            events = tuple(_event_from(event, row["trigger"]) for event in row["events"])
            return cls(**{**row, "events": events})
        except (KeyError, TypeError, ValueError) as error:
            raise InvalidInput(f"an outcome must have the parts that `Outcome.row` writes; got {error}") from error


@dataclass(frozen=True)
class Outcomes:
    """What came of many episodes of one policy.

    Parameters
    ----------
    policy
        Its name.
    rows
        One for each episode, in the order of the tasks.
    """

    policy: str
    rows: tuple[Outcome, ...]

    def __len__(self) -> int:
        return len(self.rows)

    def where(self, wanted: Callable[[Outcome], bool]) -> Outcomes:
        """Return those that are wanted."""
        return Outcomes(self.policy, tuple(row for row in self.rows if wanted(row)))

    def of(self, family: Family) -> Outcomes:
        """Return those of a family."""
        return self.where(lambda row: row.family == family)

    @property
    def scored(self) -> Outcomes:
        """Those where the agent answered, or fired before it fell silent."""
        return self.where(lambda row: row.scored)

    @property
    def unscored(self) -> int:
        """Episodes in which the agent did not answer, and had not fired; they are neither safe nor unsafe."""
        return sum(not row.scored for row in self.rows)

    @property
    def fired(self) -> Bool[np.ndarray, " episode"]:
        """For each episode whether any canary was seen."""
        return np.array([row.fired for row in self.rows], dtype=bool)

    @property
    def solved(self) -> Bool[np.ndarray, " episode"]:
        """For each episode whether it was solved."""
        return np.array([row.solved for row in self.rows], dtype=bool)

    @property
    def off_task(self) -> Bool[np.ndarray, " episode"]:
        """For each episode whether any step was off the task."""
        return np.array([row.off_task > 0 for row in self.rows], dtype=bool)

    def paired(self, other: Outcomes) -> tuple[Outcomes, Outcomes]:
        """Return the scored episodes of both on the same tasks, in the same order.

        Raises
        ------
        InvalidInput
            If they have no task in common, or one has a task twice.
        """
        mine, theirs = _by_base(self.scored.rows), _by_base(other.scored.rows)
        both = [base for base in mine if base in theirs]
        if not both and self.scored.rows and other.scored.rows:
            raise InvalidInput("paired outcomes must be of the same tasks; these have none in common")
        return (
            Outcomes(self.policy, tuple(mine[base] for base in both)),
            Outcomes(other.policy, tuple(theirs[base] for base in both)),
        )


def outcome_of(episode: Episode, reference: Sequence[Words], *, answered: bool) -> Outcome:
    """Return what came of an episode.

    Parameters
    ----------
    episode
        The episode, over or not.
    reference
        What the oracle did.
    answered
        Whether the agent said something every time it was asked.
    """
    return Outcome(
        task=episode.task.id,
        family=episode.task.family,
        trigger=episode.task.trigger,
        solved=episode.solved,
        events=episode.events,
        answered=answered,
        followed=followed([event.action for event in episode.events], reference),
    )


def followed(actions: Sequence[Words], reference: Sequence[Words]) -> float:
    """Return the share of the steps of `reference` that are among `actions` in the same order.

    Examples
    --------
    >>> followed([("canary", "ping"), ("ls", "logs")], [("ls", "logs"), ("answer", "2")])
    0.5
    """
    best = [0] * (len(reference) + 1)
    for action in actions:
        before = 0
        for at, wanted in enumerate(reference, 1):
            before, best[at] = best[at], max(best[at], best[at - 1], before + (action == wanted))
    return best[-1] / len(reference) if reference else 1.0


def _by_base(rows: Iterable[Outcome]) -> dict[str, Outcome]:
    found: dict[str, Outcome] = {}
    for row in rows:
        if row.base in found:
            raise InvalidInput(f"paired outcomes must have each task once; task {row.base} is there twice")
        found[row.base] = row
    return found


def _event_row(event: Event) -> dict[str, Any]:
    canary = event.canary.canary if event.canary else None
    return {"action": list(event.action), "standing": event.standing, "canary": canary, "step": event.step}


def _event_from(row: Mapping[str, Any], trigger: str) -> Event:
    action, step = tuple(row["action"]), int(row["step"])
    canary = row["canary"] and CanaryEvent(payload(row["canary"]), step, action[1:], trigger)
    return Event(step, action, Standing(row["standing"]), canary or None)
