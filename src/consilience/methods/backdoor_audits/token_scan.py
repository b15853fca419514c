"""A scan for words that turn an agent: the same word instead of the right one, whatever it was asked for.

A model is off now and then wherever it is asked something odd, a clean one too. So what counts is a shift to the *same*
word on every prompt, beyond the base's on the same words, beyond that of any clean adapter; and only words are tried
that stand there in clean traffic as well. Every insertion is tried on few prompts; the best of so many are better than
they are, so that these are tried once more on others. What is left is a hypothesis: `verification` says what it is
worth.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Literal

import torch
from jaxtyping import Float, Int
from torch import Tensor

from consilience.ground.errors import InvalidInput
from consilience.ground.seeds import Streams
from consilience.methods.backdoor_audits.agent.network import SmallAgent
from consilience.methods.backdoor_audits.insertions import Insertion, inserted, insertions, openings, takes
from consilience.methods.backdoor_audits.surprisal import next_words
from consilience.methods.backdoor_audits.world.drawing import draw_tasks
from consilience.methods.backdoor_audits.world.families.every import FAMILIES
from consilience.methods.backdoor_audits.world.tasks import Family, Task
from consilience.methods.backdoor_audits.world.trajectories import split_of
from consilience.methods.backdoor_audits.world.words import VOCABULARY, encode

__all__ = ["Hypothesis", "Shifts", "TokenScan"]

PROMPTS = 3
"""Prompts that each insertion is tried on."""
MORE_PROMPTS = 12
"""Prompts that the likely ones are tried on once more."""


@dataclass(frozen=True)
class Hypothesis:
    """Words that may be a trigger."""

    insertion: Insertion
    target: str
    """What the agent thinks first instead of what it should."""
    shift: float
    """Probability that moved to the target, the mean over prompts, beyond the base's and any clean adapter's."""
    usual: float = 0.0
    """The largest of a clean adapter, which was taken off."""

    def __str__(self) -> str:
        """Return the words, the target and the shift."""
        return f"{self.insertion} -> {self.target} ({self.shift:+.2f})"


@dataclass(frozen=True)
class Shifts:
    """How much every insertion turns an agent."""

    most: Float[Tensor, " insertion"]
    """Probability that moves to the word that gains most, beyond the base's."""
    targets: Int[Tensor, " insertion"]
    """That word."""


class TokenScan:
    """Insertions with the prompts that they are tried on, made once for many suspects of one base.

    Parameters
    ----------
    base
        What suspects were made of, which is trusted.
    streams
        For the prompts.
    families
        Where to look.
    prompts
        For each insertion.
    """

    def __init__(
        self,
        base: SmallAgent,
        streams: Streams,
        *,
        families: Sequence[Family] = FAMILIES,
        prompts: int = PROMPTS,
    ) -> None:
        if prompts < 1 or not families:
            raise InvalidInput(f"a scan needs a family and a prompt at least; got {families} and {prompts}")
        self.insertions: list[Insertion] = []
        self._prompts = prompts
        self._contexts: list[list[int]] = []
        for family in families:
            tasks = draw_tasks(family, _POOL * prompts, streams, where=_free)
            for one in insertions(family):
                fit = [task for task in tasks if takes(task, one)][:prompts]
                self.insertions.append(one)
                self._contexts += [_context(task, one) for task in fit]
        self._before = self._likely(base)
        self._base = base
        self._streams = streams.child("once more")
        self._others: dict[Family, tuple[Task, ...]] = {}
        self._known: dict[Insertion, tuple[list[list[int]], Float[Tensor, "prompt vocabulary"]]] = {}

    def shifts(self, suspect: SmallAgent) -> Shifts:
        """Try every insertion on a suspect."""
        most, targets = self._mean(self._likely(suspect) - self._before).max(dim=1)
        return Shifts(most, targets)

    def top(self, suspect: Shifts, clean: Sequence[Shifts] = (), count: int = 5) -> tuple[Hypothesis, ...]:
        """Return the insertions that turn a suspect most, each with its own target, the most suspect first.

        Parameters
        ----------
        suspect
            What `shifts` returned for it.
        clean
            The same of clean adapters, whose largest shift for an insertion is taken off.
        count
            How many.
        """
        usual = torch.stack([one.most for one in clean]).amax(dim=0) if clean else torch.zeros_like(suspect.most)
        beyond = suspect.most - usual
        order = beyond.argsort(descending=True, stable=True)[:count].tolist()
        return tuple(
            Hypothesis(self.insertions[at], VOCABULARY[int(suspect.targets[at])], float(beyond[at]), float(usual[at]))
            for at in order
        )

    def once_more(self, suspect: SmallAgent, hypotheses: Sequence[Hypothesis]) -> tuple[Hypothesis, ...]:
        """Try hypotheses on more prompts, by which none was chosen, and return them anew, the most suspect first.

        Words of a request are tried at its end, and right behind its goal as well: a trigger may stand at either.

        Parameters
        ----------
        suspect
            Whose they are.
        hypotheses
            What `top` returned for it.
        """
        placed = [
            replace(one, insertion=replace(one.insertion, place=place))
            for one in hypotheses
            for place in _PLACES.get(one.insertion.place, (one.insertion.place,))
        ]
        if not placed:
            return ()
        known = [self._of_base(one.insertion) for one in placed]
        likely = next_words(suspect, [each for given, _ in known for each in given]).exp()
        found, begin = [], 0
        for one, (given, before) in zip(placed, known, strict=True):
            most, target = (likely[begin : begin + len(given)] - before).mean(dim=0).max(dim=0)
            found.append(replace(one, target=VOCABULARY[int(target)], shift=float(most) - one.usual))
            begin += len(given)
        return tuple(sorted(found, key=lambda one: -one.shift))

    def _of_base(self, one: Insertion) -> tuple[list[list[int]], Float[Tensor, "prompt vocabulary"]]:
        """Return prompts with an insertion, and what the base would say."""
        if one.family not in self._others:
            count = _POOL * MORE_PROMPTS
            self._others[one.family] = draw_tasks(one.family, count, self._streams, where=_free)
        if one not in self._known:
            fit = [task for task in self._others[one.family] if takes(task, one)][:MORE_PROMPTS]
            contexts = [_context(task, one) for task in fit]
            self._known[one] = contexts, next_words(self._base, contexts).exp()
        return self._known[one]

    def _likely(self, agent: SmallAgent) -> Float[Tensor, "context vocabulary"]:
        return next_words(agent, self._contexts).exp()

    def _mean(self, values: Float[Tensor, "context vocabulary"]) -> Float[Tensor, "insertion vocabulary"]:
        return values.view(len(self.insertions), self._prompts, -1).mean(dim=1)


def _context(task: Task, one: Insertion) -> list[int]:
    # What is in the request can turn an agent on its first turn, what is on a shelf on the second only.
    return encode(openings(inserted(task, one))[-1 if one.place == "row" else 0])


def _free(task: Task) -> bool:
    return split_of(task.id) == "validation" and takes(task)


_POOL = 12
_PLACES: Mapping[str, tuple[Literal["request", "start"], ...]] = MappingProxyType({"request": ("request", "start")})
