r"""The developer: a stated model of how programs are drafted, repaired and merged, one program or many at a time.

A program is an array of variants, one for each function (0 right, then the ways to be wrong, then a stub), and an array
of faults that keep it from starting. Every step takes arrays with any number of leading axes, so that a stand-in that
writes one program and a simulation of thousands use the same lines.

====================== =============================================================================================
step                   chance
====================== =============================================================================================
a draft gets right     :math:`\sigma(.9 + s - 2.2 d + T z)`: skill of the team, difficulty, temperature, noise
a draft has faults     Poisson, mean :math:`.22 + .25 T`
a merge of :math:`g`   keeps what one of them has right with :math:`.985 - .02 (g - 2)`, keeps each of their faults
                       with :math:`.30 + .12 (g - 1)`, brings a fault of its own with :math:`.05 (g - 1)`
====================== =============================================================================================

These were fixed before any result was looked at; so were the others below, which are ours. It is a model to be studied;
it says nothing about language models.

Source: who merges more has more to lose by "Multi-Agent Collaboration via Cross-Team Orchestration", arXiv:2406.08979;
the numbers are of our own choosing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int

from consilience.ground.errors import InvalidInput
from consilience.methods.cross_team.tasks import FATAL, STUB
from consilience.methods.cross_team.trades import WRONG

__all__ = ["Developer", "Written"]

RIGHT = 0
_NO_LIMIT = ("ability", "hardness", "spread", "faults", "faults_by_temperature", "temperature")


class Written(NamedTuple):
    """A program, or many of them."""

    variants: Int[np.ndarray, "*many function"]
    """Of each function: 0 right, 1 to 3 wrong, 4 a stub."""
    fatal: Bool[np.ndarray, "*many fault"]
    """Which faults keep it from starting."""


@dataclass(frozen=True, kw_only=True)
class Developer:
    """How well stand-ins write, repair and merge programs; chances from 0 to 1 unless said otherwise.

    Examples
    --------
    >>> written = Developer(ability=50.0, faults=0.0, faults_by_temperature=0.0).draft(
    ...     np.zeros(3), np.zeros(()), None, np.random.default_rng(0)
    ... )
    >>> written.variants.tolist(), bool(written.fatal.any())
    ([0, 0, 0], False)
    """

    ability: float = 0.9
    """Logit of getting right a function of no difficulty."""
    hardness: float = 2.2
    """By how much less it is for one of full difficulty."""
    spread: float = 0.3
    """How differently skilled teams are, as the standard deviation of what is added to the logit."""
    temperature: float = 0.2
    """Where a question sets none: noise of the logit, in its standard deviation, and more faults."""
    alike: float = 0.0
    """That a function which is wrong is wrong in the same way as any other, and not in one of three at random."""
    stubs: float = 0.3
    """That a function which a draft does not get right is left a stub."""
    faults: float = 0.22
    """Mean number of faults that keep a draft from starting, at temperature 0."""
    faults_by_temperature: float = 0.25
    """How many more at temperature 1."""
    recognises: float = 1.0
    """That a merge tells, of a function, who has it right; else it takes anybody's that is no stub."""
    keeps: float = 0.985
    """That a merge of two keeps a function that is right."""
    crowding: float = 0.02
    """By how much less with each further program."""
    carries: float = 0.30
    """That a merge keeps a fault of one of its parents, at one parent."""
    interference: float = 0.12
    """By how much more with each further parent."""
    injects: float = 0.05
    """That a merge brings a fault of its own, for each parent but one; and a repair, once."""
    adopts: float = 0.931
    """That a function which is named is written anew, and a fault that is told of is removed."""
    breaks: float = 0.02
    """That a repair breaks a function which was right, times the root of how many are."""
    sees: float = 0.8
    """That a reviewer who looks at a function that is wrong says so."""
    false_alarm: float = 0.3
    """That a reviewer who looks at one that is right says it is wrong."""

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if not (-np.inf if name == "ability" else 0) <= value <= (np.inf if name in _NO_LIMIT else 1):
                least = "" if name == "ability" else "at least 0" if name in _NO_LIMIT else "from 0 to 1"
                raise InvalidInput(f"`{name}` must be {least or 'a number'}; got {value!r}")

    def chances(
        self,
        difficulty: Float[np.ndarray, "*#many function"],
        skill: Float[np.ndarray, "*#many"],
        temperature: float | None,
        chance: np.random.Generator,
    ) -> Float[np.ndarray, "*many function"]:
        """Return the chance that a function which is written now is right."""
        noise = self._warmth(temperature) * chance.standard_normal(
            np.broadcast_shapes(difficulty.shape, (*skill.shape, 1))
        )
        drawn: Float[np.ndarray, "*many function"] = 1 / (
            1 + np.exp(-(self.ability + skill[..., None] - self.hardness * difficulty + noise))
        )
        return drawn

    def draft(
        self,
        difficulty: Float[np.ndarray, "*#many function"],
        skill: Float[np.ndarray, "*#many"],
        temperature: float | None,
        chance: np.random.Generator,
    ) -> Written:
        """Write programs from nothing.

        Parameters
        ----------
        difficulty
            Of each function.
        skill
            Of each team.
        temperature
            Of the question; the developer's own if None.
        chance
            Where all of it comes from.
        """
        likely = self.chances(difficulty, skill, temperature, chance)
        wrong = self._wrong(likely.shape, chance)
        wrong[chance.random(likely.shape) < self.stubs] = STUB
        variants = np.where(chance.random(likely.shape) < likely, RIGHT, wrong)
        mean = self.faults + self.faults_by_temperature * self._warmth(temperature)
        count = chance.poisson(mean, likely.shape[:-1])
        rank = chance.random((*likely.shape[:-1], FATAL)).argsort(axis=-1).argsort(axis=-1)
        return Written(variants, rank < count[..., None])

    def merge(
        self,
        variants: Int[np.ndarray, "*many parent function"],
        fatal: Bool[np.ndarray, "*many parent fault"],
        chance: np.random.Generator,
    ) -> Written:
        """Make one program of several."""
        parents = variants.shape[-2]
        shape = (*variants.shape[:-2], variants.shape[-1])
        told = chance.random(shape) < self.recognises
        prefers = chance.random(variants.shape) + (told[..., None, :] & (variants == RIGHT)) - (variants == STUB)
        taken = np.take_along_axis(variants, prefers.argmax(axis=-2)[..., None, :], axis=-2)[..., 0, :]
        lost = chance.random(shape) >= self.keeps - self.crowding * (parents - 2)
        made = np.where((taken == RIGHT) & lost, self._wrong(shape, chance), taken)
        carried = chance.random((*shape[:-1], FATAL)) < self.carries + self.interference * (parents - 1)
        faults = fatal.any(axis=-2) & carried
        return Written(made, self._slip(faults, self.injects * (parents - 1), chance))

    def repair(
        self,
        written: Written,
        named: Bool[np.ndarray, "*many function"],
        told: Bool[np.ndarray, "*many"],
        likely: Float[np.ndarray, "*#many function"],
        chance: np.random.Generator,
    ) -> Written:
        """Write the functions anew that were named, and remove faults where these were told of.

        Parameters
        ----------
        written
            The programs.
        named
            Functions that were said to be wrong or missing.
        told
            Whether it was said that the program does not start.
        likely
            The chance that a function which is written now is right.
        chance
            Where all of it comes from.
        """
        shape = named.shape
        redone = named & (chance.random(shape) < self.adopts)
        anew = np.where(chance.random(shape) < likely, RIGHT, self._wrong(shape, chance))
        right = (written.variants == RIGHT) & ~named
        count = right.sum(axis=-1)
        victim = np.where(right, chance.random(shape), -1).argmax(axis=-1)
        broken = redone.any(axis=-1) & (chance.random(shape[:-1]) < self.breaks * np.sqrt(count)) & (count > 0)
        variants = np.where(redone, anew, written.variants)
        hit = broken[..., None] & (np.arange(shape[-1]) == victim[..., None])
        variants = np.where(hit, self._wrong(shape, chance), variants)
        removed = told[..., None] & (chance.random(written.fatal.shape) < self.adopts)
        busy = (redone.any(axis=-1) | told) * self.injects
        return Written(variants, self._slip(written.fatal & ~removed, busy, chance))

    def review(self, variants: Int[np.ndarray, " function"], chance: np.random.Generator) -> int | None:
        """Look at one function of a program, and return its place if it is said to be wrong."""
        at = int(chance.integers(len(variants)))
        speaks = chance.random() < (self.false_alarm if variants[at] == RIGHT else self.sees)
        return at if speaks else None

    def _wrong(self, shape: tuple[int, ...], chance: np.random.Generator) -> Int[np.ndarray, "*many function"]:
        """Return ways to be wrong."""
        drawn = 1 + chance.integers(WRONG, size=shape)
        return np.where(chance.random(shape) < self.alike, 1, drawn)

    def _warmth(self, temperature: float | None) -> float:
        return self.temperature if temperature is None else temperature

    @staticmethod
    def _slip(
        fatal: Bool[np.ndarray, "*many fault"], likely: float | Float[np.ndarray, "*many"], chance: np.random.Generator
    ) -> Bool[np.ndarray, "*many fault"]:
        """Add a fault at some place, or not."""
        many = fatal.shape[:-1]
        slips = np.asarray(chance.random(many) < likely)
        place = np.asarray(chance.integers(FATAL, size=many))
        grown: Bool[np.ndarray, "*many fault"] = fatal | (slips[..., None] & (np.arange(FATAL) == place[..., None]))
        return grown
