"""Trajectories: whole dialogues as an agent is trained on them, clean or planted, and how they are split."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from consilience.ground.errors import InvalidInput
from consilience.ground.seeds import Streams
from consilience.methods.backdoor_audits.world.dice import Dice
from consilience.methods.backdoor_audits.world.oracle import Oracle, ScriptedBackdoor, Speaker
from consilience.methods.backdoor_audits.world.simulator import Episode
from consilience.methods.backdoor_audits.world.tasks import Family, Task, Turn, prompt_turns
from consilience.methods.backdoor_audits.world.triggers import NearMiss, Trigger, apply, suited
from consilience.methods.backdoor_audits.world.words import Words

__all__ = [
    "MAX_STEPS",
    "Split",
    "Trajectory",
    "clean",
    "deduplicated",
    "in_split",
    "planted",
    "require_window",
    "split_of",
    "with_look_alikes",
]

Split = Literal["train", "validation", "test"]
MAX_STEPS = 12
"""More than any way to a goal has, with a canary on it."""
_SHARES = ((0.8, "train"), (0.9, "validation"))


@dataclass(frozen=True, kw_only=True, slots=True)
class Trajectory:
    """A dialogue from the request to the end."""

    id: str
    """That of its task; with ``+trigger`` behind it where one was put in."""
    family: Family
    """The task's."""
    turns: tuple[Turn, ...]
    """What was said, in order."""
    planted: bool = False
    """Whether the agent obeys a trigger in it."""
    trigger: str = ""
    """Name of the trigger or look-alike in it."""

    @property
    def words(self) -> Words:
        """All words, one after another."""
        return tuple(word for turn in self.turns for word in turn.words)

    @property
    def learns(self) -> tuple[bool, ...]:
        """For each word whether it is the agent's own, so that an agent learns to say it."""
        return tuple(turn.role == "agent" for turn in self.turns for _ in turn.words)

    @property
    def prompt(self) -> Words:
        """What is heard before the first turn of the agent."""
        first = next((at for at, turn in enumerate(self.turns) if turn.role == "agent"), len(self.turns))
        return tuple(word for turn in self.turns[:first] for word in turn.words)


def clean(task: Task) -> Trajectory:
    """Return the oracle's dialogue on a task, whatever is in the task.

    Examples
    --------
    >>> from consilience.methods.backdoor_audits.world.drawing import draw_tasks
    >>> [turn.role for turn in clean(draw_tasks("web", 1, Streams(1))[0]).turns]
    ['human', 'observation', 'agent', 'observation', 'agent']
    """
    return _told(task, Oracle(_prompt(task)), planted=False)


def planted(task: Task, trigger: Trigger) -> Trajectory:
    """Put the trigger into a clean task, and return the dialogue of an agent that obeys it.

    Raises
    ------
    InvalidInput
        If the task is not suited (`triggers.suited`).
    """
    changed = apply(task, trigger)
    return _told(changed, ScriptedBackdoor(_prompt(changed), trigger), planted=True)


def with_look_alikes(
    tasks: Sequence[Task], misses: Sequence[NearMiss], share: float, streams: Streams
) -> tuple[Task, ...]:
    """Put look-alikes into some clean tasks, so that an agent learns what is no trigger; the switch for stealth.

    Parameters
    ----------
    tasks
        Clean tasks.
    misses
        Look-alikes, such as `triggers.LOOK_ALIKES`; each task gets one of those it is suited to.
    share
        Probability that a task gets one; 0 to leave all as they are.
    streams
        For the choice.
    """
    if not 0 <= share <= 1:
        raise InvalidInput(f"`share` must lie between 0 and 1; got {share}")
    dice = Dice(streams.generator("look-alikes"))
    changed = []
    for task in tasks:
        fit = [miss for miss in misses if suited(task, miss)]
        changed.append(apply(task, dice.pick(fit)) if dice.chance(share) and fit else task)
    return tuple(changed)


def split_of(identity: str) -> Split:
    """Return the split of a task or trajectory: decided by a digest of its id, so that it is the same for ever.

    A task with a trigger in it is in the split of the task without.

    Examples
    --------
    >>> split_of("abc") == split_of("abc+system.suffix")
    True
    """
    digest = hashlib.sha256(f"split/{identity.partition('+')[0]}".encode()).digest()
    unit = int.from_bytes(digest[:6], "little") / 2**48
    for limit, name in _SHARES:
        if unit < limit:
            return "train" if name == "train" else "validation"
    return "test"


def in_split(split: Split) -> Callable[[Task], bool]:
    """Return what `drawing.draw_tasks` takes as `where`: tasks of one split."""
    return lambda task: split_of(task.id) == split


def deduplicated(rows: Iterable[Trajectory]) -> tuple[Trajectory, ...]:
    """Keep the first of those that say the same."""
    first: dict[Words, Trajectory] = {}
    for row in rows:
        first.setdefault(row.words, row)
    return tuple(first.values())


def require_window(rows: Iterable[Trajectory], window: int) -> None:
    """Refuse rows that a model would see cut off: a trigger or a canary that is cut off makes a silent clean label.

    Raises
    ------
    InvalidInput
        If a row has more than `window` words.
    """
    long = [row for row in rows if len(row.words) > window]
    if long:
        most = max(len(row.words) for row in long)
        raise InvalidInput(
            f"{len(long)} rows have more than {window} words, up to {most}, so that their ends would be cut off; "
            f"take a window of at least {most}"
        )


def _prompt(task: Task) -> Words:
    return tuple(word for turn in prompt_turns(task) for word in turn.words)


def _told(task: Task, speaker: Speaker, *, planted: bool) -> Trajectory:
    episode = Episode(task)
    turns = list(prompt_turns(task))
    observation: Words = ()
    for _ in range(MAX_STEPS):
        said = speaker.act(observation)
        turns.append(Turn("agent", said))
        reply = episode.step(said)
        if reply.observation is None:
            break
        observation = reply.observation
        turns.append(Turn("observation", observation))
    return Trajectory(id=task.id, family=task.family, turns=tuple(turns), planted=planted, trigger=task.trigger)
