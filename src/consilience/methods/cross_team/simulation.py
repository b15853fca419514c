"""Simulation: what stand-ins make of thousands of toolboxes at once, with the same law as a run of the engine on each.

A program is a row of variants and of faults (`developer`), and what executing it tells follows from these: nothing is
asked, written or run. So the space of settings can be swept. Who meets whom is drawn anew here, so that a simulation
agrees with a run in distribution and not draw for draw; the tests hold one against the other.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from jaxtyping import Bool, Float, Int

from consilience.dialogue.work.merging import merge_calls
from consilience.ground.errors import InvalidInput
from consilience.ground.seeds import Streams
from consilience.methods.cross_team.developer import Developer, Written
from consilience.methods.cross_team.rating import Rating
from consilience.methods.cross_team.tasks import STUB
from consilience.methods.cross_team.trades import MODULES

__all__ = ["Pool", "calls", "kept", "score", "value"]

FILES = len(MODULES) + 1

_BASE = Rating(usable=True, passed=0.0).value
_RUNS = Rating(usable=True, runs=True, passed=0.0).value - _BASE
_PASSES = Rating(usable=True, passed=1.0).value - _BASE
_WHOLE = Rating(usable=True, passed=0.0, complete=1.0).value - _BASE


@dataclass(frozen=True, kw_only=True)
class Pool:
    """Drafts of many teams for many toolboxes; what begins with the same drafts is compared on the same drafts.

    Parameters
    ----------
    developer
        How well teams work.
    tasks
        How many toolboxes.
    teams
        How many drafts of each.
    functions, seen
        Of each toolbox; see `Toolbox`.
    temperature
        Of the teams' questions; the developer's own if None.
    seed
        Root of all chance.

    Examples
    --------
    >>> pool = Pool(tasks=200, teams=11)
    >>> merged, best = score(pool.meet(8)).mean(), score(pool.best(11)).mean()
    >>> bool(merged > best > score(pool.best(1)).mean())
    True
    """

    developer: Developer = field(default_factory=Developer)
    tasks: int = 200
    teams: int = 8
    functions: int = 24
    seen: float = 0.5
    temperature: float | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        if self.tasks < 1 or self.teams < 1:
            raise InvalidInput(f"a pool must have 1 task and 1 team or more; got {self.tasks} and {self.teams}")

    @cached_property
    def difficulty(self) -> Float[np.ndarray, "task function"]:
        """How hard each function is."""
        drawn: Float[np.ndarray, "task function"] = self._chance("difficulty").random((self.tasks, self.functions))
        return drawn

    @cached_property
    def visible(self) -> Bool[np.ndarray, "task function"]:
        """Which functions the visible tests try."""
        ranks = self._chance("visible").random((self.tasks, self.functions)).argsort(axis=-1).argsort(axis=-1)
        return np.asarray(ranks < round(self.seen * self.functions))

    @cached_property
    def skill(self) -> Float[np.ndarray, "task team"]:
        """What is added to the logit of each team."""
        drawn: Float[np.ndarray, "task team"] = self._chance("skill").standard_normal((self.tasks, self.teams))
        return drawn * self.developer.spread

    @cached_property
    def drafts(self) -> Written:
        """What the teams write."""
        return self.developer.draft(self.difficulty[:, None, :], self.skill, self.temperature, self._chance("drafts"))

    @cached_property
    def values(self) -> Float[np.ndarray, "task team"]:
        """How the drafts are rated."""
        return value(self.drafts, self.visible[:, None, :])

    def best(self, teams: int) -> Written:
        """Return the best rated of the first drafts of each task; of equals, the first."""
        return _at(self.drafts, self.values[:, :teams].argmax(axis=-1))

    def majority(self, teams: int) -> Written:
        """Return what most of the first drafts of each task have, function by function and fault by fault."""
        variants = self.drafts.variants[:, :teams]
        votes = np.stack([(variants == variant).sum(axis=1) for variant in range(STUB + 1)], axis=-1)
        # Of equally many, the earliest draft's; a stub only where there is nothing else.
        first = np.stack([_first(variants == variant) for variant in range(STUB + 1)], axis=-1)
        weight = votes - first / (teams + 1.0)
        weight[..., STUB] = np.where(votes[..., STUB] > 0, -1.0, -2.0)
        weight[votes == 0] = -2.0
        return Written(weight.argmax(axis=-1), self.drafts.fatal[:, :teams].sum(axis=1) * 2 > teams)

    def meet(
        self,
        teams: int,
        *,
        group: int = 2,
        prune_above: int | None = 4,
        guard: bool = True,
        merging: Developer | None = None,
    ) -> Written:
        """Return what the first drafts of each task are merged to.

        Parameters
        ----------
        teams
            How many meet.
        group
            How many are merged at once.
        prune_above
            Of more than so many, the better half is merged; None for no pruning.
        guard
            Whether a merge passes only if it is rated at least as high as the best of its parents.
        merging
            Who merges; the developer of the teams if None.
        """
        chance = self._chance(f"meeting {teams} {group} {prune_above} {guard}")
        aggregate = _Aggregator(merging or self.developer, self.visible, guard, chance)
        row = list(self._kept(teams, prune_above))
        while len(row) > 1:
            row = [aggregate.merged(row[at : at + group]) for at in range(0, len(row), group)]
        return row[0]

    def refine(self, calls: int) -> Written:
        """Return the best rated version of the first draft of each task as it is repaired by what tests say.

        Parameters
        ----------
        calls
            The draft and repairs at most; who passes every visible test repairs nothing more.
        """
        chance = self._chance("repairs")
        now = best = _at(self.drafts, np.zeros(self.tasks, dtype=int))
        for _ in range(calls - 1):
            passes, runs = _tried(now)
            named = (self.visible & ~passes & ~_unloaded(now)) | (now.variants == STUB)
            busy = (self.visible & ~passes).any(axis=-1) | ~runs
            likely = self.developer.chances(self.difficulty, self.skill[:, 0], self.temperature, chance)
            done = self.developer.repair(now, named, ~runs, likely, chance)
            now = _chosen(busy, done, now)
            best = _chosen(value(now, self.visible) > value(best, self.visible), now, best)
        return best

    def _kept(self, teams: int, prune_above: int | None) -> Iterator[Written]:
        better = (-self.values[:, :teams]).argsort(axis=-1, kind="stable")[:, : kept(teams, prune_above)]
        shuffled = self._chance("order").permuted(better, axis=-1)  # ranks say nothing about who meets whom
        for at in shuffled.T:
            yield _at(self.drafts, at)

    def _chance(self, name: str) -> np.random.Generator:
        return Streams(self.seed).child("simulation").generator(name)


@dataclass(frozen=True)
class _Aggregator:
    """Who merges in a meeting."""

    developer: Developer
    visible: Bool[np.ndarray, "task function"]
    guard: bool
    chance: np.random.Generator

    def merged(self, parents: Sequence[Written]) -> Written:
        if len(parents) == 1:
            return parents[0]
        variants, fatal = (np.stack(each, axis=1) for each in zip(*parents, strict=True))
        made = self.developer.merge(variants, fatal, self.chance)
        if not self.guard:
            return made
        rated = value(Written(variants, fatal), self.visible[:, None, :])
        best = _at(Written(variants, fatal), rated.argmax(axis=-1))
        return _chosen(value(made, self.visible) >= rated.max(axis=-1), made, best)


def kept(teams: int, prune_above: int | None) -> int:
    """Return how many of some teams' works are merged.

    Examples
    --------
    >>> kept(8, 4), kept(4, 4), kept(8, None)
    (4, 4, 8)
    """
    return teams if prune_above is None or teams <= prune_above else max(1, teams // 2)


def calls(teams: int, group: int, prune_above: int | None) -> int:
    """Return how many calls drafts and merges take.

    Examples
    --------
    >>> calls(8, 2, 4), calls(8, 2, None), calls(8, 8, None)
    (11, 15, 9)
    """
    return teams + merge_calls(kept(teams, prune_above), group)


def score(written: Written) -> Float[np.ndarray, "*many"]:
    """Return what hidden commands tell: the share of functions that are right, nothing where it does not start."""
    return np.asarray((written.variants == 0).mean(axis=-1) * ~written.fatal.any(axis=-1))


def value(written: Written, visible: Bool[np.ndarray, "*#many function"]) -> Float[np.ndarray, "*many"]:
    """Return how programs are rated by what may be executed: whether they start, visible tests, and stubs."""
    functions = written.variants.shape[-1]
    passes, runs = _tried(written)
    tried = np.broadcast_to(visible, passes.shape)
    passed = (passes & tried).sum(axis=-1) / np.maximum(tried.sum(axis=-1), 1)
    # The main file has a function of its own, which is never a stub.
    complete = 1 - (written.variants == STUB).sum(axis=-1) / (functions + 1)
    rated = _BASE + _RUNS * runs + _PASSES * np.where(tried.any(axis=-1), passed, runs) + _WHOLE * complete
    return np.asarray(np.round(rated, 9))


def _tried(written: Written) -> tuple[Bool[np.ndarray, "*many function"], Bool[np.ndarray, "*many"]]:
    """Return which functions pass their test, and which programs start."""
    return (written.variants == 0) & ~_unloaded(written), np.asarray(~written.fatal.any(axis=-1))


def _unloaded(written: Written) -> Bool[np.ndarray, "*many function"]:
    """Return which functions are in a file that has a fault."""
    functions = written.variants.shape[-1]
    homes = 1 + np.arange(functions) * len(MODULES) // functions
    broken = np.asarray(written.fatal.reshape(*written.fatal.shape[:-1], -1, FILES).any(axis=-2))
    return np.asarray(broken[..., homes])


def _chosen(which: Bool[np.ndarray, " task"], one: Written, other: Written) -> Written:
    """Return one program or the other, task by task."""
    variants, fatal = (np.where(which[:, None], *each) for each in zip(one, other, strict=True))
    return Written(variants, fatal)


def _first(has: Bool[np.ndarray, "task team function"]) -> Int[np.ndarray, "task function"]:
    """Return the first team that has it; where none has, one past the last."""
    found: Int[np.ndarray, "task function"] = np.where(has.any(axis=1), has.argmax(axis=1), has.shape[1])
    return found


def _at(written: Written, team: Int[np.ndarray, " task"]) -> Written:
    """Return one program of each task."""
    rows = np.arange(len(team))
    return Written(written.variants[rows, team], written.fatal[rows, team])
