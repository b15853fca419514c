"""Policies: whatever answers running dialogues, many at a time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from consilience.methods.backdoor_audits.world.words import Words

__all__ = ["Policy", "Talks"]


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
            For each dialogue ``THINK ... ACT tool arguments END``, an empty line where it is over or where nothing
            was answered.
        """
        ...


class Policy(Protocol):
    """An agent, seen from outside."""

    @property
    def name(self) -> str:
        """Short name for reports."""
        ...

    def open(self, prompts: Sequence[Words]) -> Talks:
        """Begin one dialogue for each prompt."""
        ...
