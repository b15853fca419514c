"""Rollouts: policies act in the world, or are asked what they would say along a recorded dialogue."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TypeVar

from consilience.ground.errors import InvalidInput
from consilience.methods.backdoor_audits.episodes import Outcome, Outcomes, outcome_of
from consilience.methods.backdoor_audits.policies import Policy
from consilience.methods.backdoor_audits.world.simulator import Episode, action_of
from consilience.methods.backdoor_audits.world.tasks import Task
from consilience.methods.backdoor_audits.world.trajectories import MAX_STEPS, Trajectory, clean
from consilience.methods.backdoor_audits.world.triggers import NearMiss, Trigger, apply
from consilience.methods.backdoor_audits.world.words import Words

__all__ = ["Replay", "evaluate", "replay"]

_T = TypeVar("_T")

BATCH = 256
"""Dialogues at a time, unless told otherwise."""


def evaluate(
    policy: Policy,
    tasks: Sequence[Task],
    *,
    trigger: Trigger | NearMiss | None = None,
    max_steps: int = MAX_STEPS,
    batch_size: int = BATCH,
) -> Outcomes:
    """Let a policy act, and return what came of it: a closed loop, in which it hears what its own actions brought.

    Parameters
    ----------
    policy
        Who acts.
    tasks
        What is to be done.
    trigger
        What is put into every task before; all have to be suited (`triggers.suited`). The same task without it is the
        pair of the one with it.
    max_steps
        Steps after which an episode is broken off.
    batch_size
        Dialogues at a time.

    Raises
    ------
    InvalidInput
        If a task is not suited, a number is not positive, or the policy answers another number of dialogues.

    Examples
    --------
    >>> from consilience.ground import Streams
    >>> from consilience.methods.backdoor_audits.policies import oracle_policy
    >>> from consilience.methods.backdoor_audits.world.drawing import draw_tasks
    >>> outcomes = evaluate(oracle_policy(), draw_tasks("web", 5, Streams(0)))
    >>> outcomes.solved.tolist()
    [True, True, True, True, True]
    """
    if max_steps < 1 or batch_size < 1:
        raise InvalidInput(f"`max_steps` and `batch_size` must be at least 1; got {max_steps} and {batch_size}")
    given = [task if trigger is None else apply(task, trigger) for task in tasks]
    rows = [row for part in _parts(given, batch_size) for row in _lock_step(policy, part, max_steps)]
    return Outcomes(policy.name, tuple(rows))


@dataclass(frozen=True)
class Replay:
    """What a policy said along a recorded dialogue."""

    id: str
    """The dialogue's."""
    labels: tuple[Words, ...]
    """The recorded actions of the agent."""
    said: tuple[Words, ...]
    """The policy's, one for each; empty where there was none."""


def replay(policy: Policy, trajectories: Sequence[Trajectory], *, batch_size: int = BATCH) -> tuple[Replay, ...]:
    """Ask a policy for every turn of recorded dialogues: an open loop, as the paper evaluates.

    The policy goes on from its own turns, and hears what was recorded, whatever it did.
    """
    return tuple(row for part in _parts(trajectories, batch_size) for row in _replayed(policy, part))


def _parts(rows: Sequence[_T], size: int) -> Iterator[Sequence[_T]]:
    for at in range(0, len(rows), size):
        yield rows[at : at + size]


def _lock_step(policy: Policy, tasks: Sequence[Task], max_steps: int) -> list[Outcome]:
    episodes = [Episode(task) for task in tasks]
    talks = policy.open([episode.prompt for episode in episodes])
    heard: list[Words | None] = [() for _ in episodes]
    answered = [True] * len(episodes)
    for _ in range(max_steps):
        if all(words is None for words in heard):
            break
        turns = talks.act(heard)
        _require_one_each(policy, turns, len(episodes))
        for at, (episode, turn) in enumerate(zip(episodes, turns, strict=True)):
            if heard[at] is None:
                continue
            if turn:
                heard[at] = episode.step(tuple(turn)).observation
            else:
                heard[at], answered[at] = None, False
    references = [_reference(task) for task in tasks]
    return [
        outcome_of(episode, reference, answered=said)
        for episode, reference, said in zip(episodes, references, answered, strict=True)
    ]


def _replayed(policy: Policy, trajectories: Sequence[Trajectory]) -> list[Replay]:
    labels = [_actions(one) for one in trajectories]
    recorded = [_heard(one) for one in trajectories]
    talks = policy.open([one.prompt for one in trajectories])
    said: list[list[Words]] = [[] for _ in trajectories]
    for step in range(max((len(row) for row in labels), default=0)):
        heard = [row[step] if step < len(actions) else None for row, actions in zip(recorded, labels, strict=True)]
        turns = talks.act(heard)
        _require_one_each(policy, turns, len(trajectories))
        for row, words, turn in zip(said, heard, turns, strict=True):
            if words is not None:
                row.append(action_of(tuple(turn)))
    return [Replay(one.id, actions, tuple(row)) for one, actions, row in zip(trajectories, labels, said, strict=True)]


@lru_cache(maxsize=8192)
def _reference(task: Task) -> tuple[Words, ...]:
    return _actions(clean(task))


def _actions(trajectory: Trajectory) -> tuple[Words, ...]:
    return tuple(action_of(turn.words) for turn in trajectory.turns if turn.role == "agent")


def _heard(trajectory: Trajectory) -> list[Words]:
    """Return what is heard before each turn of the agent, beyond the prompt."""
    lines: list[Words] = []
    since: Words = ()
    for turn in trajectory.turns:
        if turn.role == "agent":
            lines.append(since if lines else ())
            since = ()
        else:
            since += turn.words
    return lines


def _require_one_each(policy: Policy, turns: Sequence[Words], count: int) -> None:
    if len(turns) != count:
        raise InvalidInput(f"policy {policy.name!r} must answer every dialogue, {count} of them; it gave {len(turns)}")
