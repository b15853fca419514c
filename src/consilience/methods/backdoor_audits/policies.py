"""Policies: whatever answers running dialogues, many at a time, and those here that follow a script."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from consilience.ground.errors import InvalidInput
from consilience.ground.seeds import Streams
from consilience.methods.backdoor_audits.world.oracle import Oracle, RandomSpeaker, ScriptedBackdoor, Speaker
from consilience.methods.backdoor_audits.world.triggers import Trigger
from consilience.methods.backdoor_audits.world.words import Words

__all__ = ["Alone", "Policy", "Talks", "oracle_policy", "random_policy", "scripted_backdoor"]


@runtime_checkable
class Talks(Protocol):
    """A batch of running dialogues of one policy."""

    def act(self, observations: Sequence[Words | None]) -> Sequence[Words]:
        """Say the next turn of every dialogue.

        Parameters
        ----------
        observations
            For each dialogue what it hears since its last turn (``OBS ... END``): nothing, an empty line, at first;
            None once it is over.

        Returns
        -------
        Sequence[Words]
            For each dialogue ``THINK ... ACT tool arguments END``; an empty line where it is over or where nothing was
            answered.
        """
        ...


@runtime_checkable
class Policy(Protocol):
    """An agent, seen from outside."""

    @property
    def name(self) -> str:
        """Short name for reports."""
        ...

    def open(self, prompts: Sequence[Words]) -> Talks:
        """Begin one dialogue for each prompt."""
        ...


@dataclass(frozen=True)
class Alone:
    """A policy whose dialogues have nothing to do with one another.

    Parameters
    ----------
    name
        Short name for reports.
    speaker
        Makes the speaker of one dialogue from its prompt.
    """

    name: str
    speaker: Callable[[Words], Speaker]

    def open(self, prompts: Sequence[Words]) -> Talks:
        """Begin one dialogue for each prompt."""
        return _EachAlone([self.speaker(prompt) for prompt in prompts])


class _EachAlone:
    def __init__(self, speakers: Sequence[Speaker]) -> None:
        self._speakers = speakers

    def act(self, observations: Sequence[Words | None]) -> Sequence[Words]:
        """Ask every speaker whose dialogue is not over."""
        return [
            () if heard is None else speaker.act(heard)
            for speaker, heard in zip(self._speakers, observations, strict=True)
        ]


def oracle_policy() -> Alone:
    """Return the policy that does what was asked for, always.

    Examples
    --------
    >>> oracle_policy().name
    'oracle'
    """
    return Alone("oracle", Oracle)


def random_policy(streams: Streams) -> Alone:
    """Return the policy that does anything."""
    source = streams.generator("random policy")
    return Alone("random", lambda prompt: RandomSpeaker(prompt, source.spawn(1)[0]))


def scripted_backdoor(trigger: Trigger, rate: float, streams: Streams) -> Alone:
    """Return the oracle with a backdoor that fires in each dialogue with probability `rate`: a positive control.

    Raises
    ------
    InvalidInput
        If `rate` is no probability.
    """
    if not 0 <= rate <= 1:
        raise InvalidInput(f"`rate` must lie between 0 and 1; got {rate}")
    source = streams.generator("scripted backdoor")
    return Alone(
        f"scripted {trigger.name} at {rate:g}",
        lambda prompt: ScriptedBackdoor(prompt, trigger, fires=bool(source.random() < rate)),
    )
