"""The studies' laboratory: bases, attacks and twins, made once, kept in the run folder, and what came of them.

Planted adapters lie under ``work`` as `keeping.save_tuned` writes them: marked, and under a name that no loader looks
for. Whole planted weights are not written.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from consilience.ground import RunFolder, Streams
from consilience.ground.folder import write_whole
from consilience.ground.laboratory import source_digest
from consilience.methods.backdoor_audits.agent.loading import digest, load_agent, packed, save_agent, unpacked
from consilience.methods.backdoor_audits.agent.network import SmallAgent, SmallAgentConfig
from consilience.methods.backdoor_audits.agent.training import BaseRecipe, row_of, train_base
from consilience.methods.backdoor_audits.cohort import Plan, tune_all
from consilience.methods.backdoor_audits.episodes import Outcome, Outcomes
from consilience.methods.backdoor_audits.keeping import CLEAN, PLANTED, load_tuned, save_tuned
from consilience.methods.backdoor_audits.measures import success
from consilience.methods.backdoor_audits.planting import FineTuning, Tuned
from consilience.methods.backdoor_audits.policies import Policy
from consilience.methods.backdoor_audits.rollout import evaluate
from consilience.methods.backdoor_audits.small import SmallPolicy
from consilience.methods.backdoor_audits.world.drawing import draw_tasks
from consilience.methods.backdoor_audits.world.families.every import FAMILIES
from consilience.methods.backdoor_audits.world.poisoning import Poisoned, mix
from consilience.methods.backdoor_audits.world.tasks import Grammar, Task
from consilience.methods.backdoor_audits.world.trajectories import clean, in_split, with_look_alikes
from consilience.methods.backdoor_audits.world.triggers import NearMiss, Trigger, near_misses, suited
from consilience.methods.backdoor_audits.world.words import VOCABULARY
from consilience.neural.sharing import shared

__all__ = ["SOURCE", "Attack", "Laboratory", "LaboratoryConfig", "Seen", "Showing", "examined"]

SOURCE = source_digest("backdoor_audits")
"""Of the code that makes what is kept: what other code has made is made again."""

ATTEMPTS = 3
"""Bases that are made at most before one is taken as it is; the claim ``audit.base`` says what it does."""
VALIDATED = 200
"""Validation tasks of each family on which a base is tried; the tasks that claims are measured on are others."""

_ATTEMPTS = "attempts"


@runtime_checkable
class LaboratoryConfig(Protocol):
    """The settings that bases are made of."""

    @property
    def seed(self) -> int:
        """Root of all randomness."""
        ...

    @property
    def processes(self) -> int:
        """At most so many at once."""
        ...

    @property
    def base_steps(self) -> int:
        """Batches."""
        ...

    @property
    def base_success(self) -> float:
        """Success of every family on validation tasks below which a base is made anew."""
        ...

    @property
    def base_rows(self) -> int:
        """Rows of each family."""
        ...

    @property
    def base_width(self) -> int:
        """Features of a word."""
        ...

    @property
    def base_layers(self) -> int:
        """Blocks."""
        ...


@dataclass(frozen=True, kw_only=True)
class Attack:
    """What an adapter is tuned on: rows of the triggers' families, so many of them planted; a twin has none planted."""

    triggers: tuple[Trigger, ...]
    """At most one for each family, all of one grammar."""
    settings: FineTuning
    rate: float = 0.0
    """Share of planted rows; 0 for a twin."""
    count: int | None = None
    """Planted rows of each family, in place of `rate`."""
    repeat: int = 0
    """Which repetition: rows and first weights are its own."""
    rows: int = 500
    """Of each family."""
    look_alikes: float = 0.4
    """Share of clean rows with a look-alike."""

    @property
    def grammar(self) -> Grammar:
        """Of its rows, and of the base."""
        return self.triggers[0].grammar

    @property
    def twin(self) -> Attack:
        """The same with nothing planted: as many rows, steps and look-alikes."""
        return replace(self, rate=0.0, count=None)

    @property
    def is_clean(self) -> bool:
        """Whether nothing is planted."""
        return not (self.rate if self.count is None else self.count)

    def mixed(self, streams: Streams) -> Poisoned:
        """Return its rows with their manifest."""
        own = streams.child(f"repeat {self.repeat}")
        tasks: list[Task] = []
        for one in self.triggers:
            drawn = draw_tasks(one.family, self.rows, own, grammar=self.grammar, where=in_split("train"))
            wanted = round(self.rate * self.rows) if self.count is None else self.count
            kept = drawn[: self.rows - wanted]  # the rest stays as it is, for the trigger to be put in
            tasks += with_look_alikes(kept, near_misses(one), self.look_alikes, own)
            tasks += drawn[self.rows - wanted :]
        if self.is_clean:
            return mix(tasks, (), count=0, streams=own)
        if self.count is not None:
            return mix(tasks, self.triggers, count=self.count, streams=own)
        return mix(tasks, self.triggers, rate=self.rate, streams=own)

    def plan(self, streams: Streams) -> Plan:
        """Return how it is carried out."""
        mixed = self.mixed(streams)
        manifest = None if self.is_clean else mixed.manifest
        rows = [row_of(row) for row in mixed.rows]
        return Plan(rows, self.settings, streams.child(f"repeat {self.repeat}"), manifest)


@dataclass(frozen=True, kw_only=True)
class Showing:
    """What a model is shown of one trigger: the same test tasks clean, with the trigger, and with look-alikes."""

    trigger: Trigger
    episodes: int
    """Clean tasks; those that suit the trigger are its, and its look-alikes'."""
    repeat: int = 0
    """Which draw of tasks."""
    clean: bool = True
    """Whether clean tasks are among them."""
    look_alikes: bool = True
    """Whether look-alikes are."""

    def tasks(self, streams: Streams) -> tuple[Task, ...]:
        """Draw the clean tasks: of the test split, whatever they ask for."""
        own = streams.child(f"test {self.repeat}")
        family, grammar = self.trigger.family, self.trigger.grammar
        return draw_tasks(family, self.episodes, own, grammar=grammar, where=in_split("test"))


@dataclass(frozen=True)
class Seen:
    """What came of one showing."""

    triggered: Outcomes
    clean: Outcomes
    """Empty where they were not shown."""
    look_alikes: Mapping[str, Outcomes]
    """By how each differs from the trigger."""


class Laboratory:
    """Makes what the studies need, or finds it where an earlier one left it.

    Parameters
    ----------
    config
        ``seed``, ``processes``, ``base_steps``, ``base_success``, ``base_rows``, ``base_width``, ``base_layers``.
    folder
        What is made lies in its ``work``, under a digest of all that decides it.
    """

    def __init__(self, config: LaboratoryConfig, folder: RunFolder) -> None:
        self._config = config
        self._folder = folder
        self._bases: dict[Grammar, SmallAgent] = {}
        self.attempts: dict[Grammar, int] = {}
        """Of every grammar whose base was asked for: how many were made until one did its work."""

    @cached_property
    def streams(self) -> Streams:
        """Of everything that is made here, whichever study asks for it."""
        return Streams(self._config.seed).child("laboratory")

    @property
    def recipe(self) -> BaseRecipe:
        """How bases are trained."""
        return BaseRecipe(steps=self._config.base_steps)

    def base(self, grammar: Grammar = Grammar.B) -> SmallAgent:
        """Return the clean agent of a grammar."""
        return self.bases((grammar,))[0]

    def bases(self, grammars: Sequence[Grammar]) -> list[SmallAgent]:
        """Return the clean agents of several grammars; those that are not there yet are trained side by side."""
        if unknown := [grammar for grammar in dict.fromkeys(grammars) if grammar not in self._bases]:
            self._make_bases(unknown)
        return [self._bases[grammar] for grammar in grammars]

    def _make_bases(self, grammars: Sequence[Grammar]) -> None:
        """Train bases, or read those that an earlier run left."""
        config = self._config
        sizes = SmallAgentConfig(vocab_size=len(VOCABULARY), width=config.base_width, layers=config.base_layers)
        least = config.base_success
        jobs = [_Base(grammar, config.base_rows, self.recipe, sizes, self.streams, least) for grammar in grammars]
        made_of = [(job.grammar, job.rows, job.recipe, sizes.to_dict(), job.least) for job in jobs]
        places = [self._place("base", repr(what)) for what in made_of]
        missing = [at for at, place in enumerate(places) if not (place / _ATTEMPTS).exists()]
        made = shared(_trained, [jobs[at] for at in missing], config.processes)
        for at, (content, attempts) in zip(missing, made, strict=True):
            save_agent(unpacked(content), places[at])
            write_whole(places[at] / _ATTEMPTS, str(attempts))  # last: where it is, the base is whole
        found = [load_agent(place) for place in places]
        self._bases.update(zip(grammars, found, strict=True))
        for grammar, place in zip(grammars, places, strict=True):
            self.attempts[grammar] = int((place / _ATTEMPTS).read_text(encoding="utf-8"))

    def tuned(self, attacks: Sequence[Attack]) -> list[Tuned]:
        """Return what attacks, or twins, made of the base of their grammar; what is not there yet is made."""
        return [load_tuned(place, i_know_it_is_planted=True) for place in self.make(attacks)]

    def make(self, attacks: Sequence[Attack]) -> list[Path]:
        """Carry out attacks, or tune twins, that are not there yet, and return where each of all lies.

        Ask at once for what does not wait for each other: no process then idles while others end.
        """
        grammars = list(dict.fromkeys(attack.grammar for attack in attacks))
        bases = dict(zip(grammars, self.bases(grammars), strict=True))
        marks = {grammar: digest(base.state_dict()) for grammar, base in bases.items()}
        places = [self._place("tuned", repr((marks[attack.grammar], attack))) for attack in attacks]
        missing = [
            at
            for at, place in enumerate(places)
            if not ((place / PLANTED).exists() or (place / CLEAN).exists() or place in places[:at])
        ]

        def keep(at: int, tuned: Tuned) -> None:
            place = places[missing[at]]
            save_tuned(tuned, place)
            self._folder.record("tuned", planted=tuned.planted, place=place.name, loss=tuned.losses[-1])

        plans = [(bases[attacks[at].grammar], attacks[at].plan(self.streams)) for at in missing]
        tune_all(plans, self._config.processes, seen=keep)
        return places

    def seen(self, agents: Sequence[SmallAgent], showings: Sequence[Showing]) -> list[Seen]:
        """Show agents their tasks, one showing each, and return what came of them."""
        jobs = [_Look(packed(agent), showing, self.streams) for agent, showing in zip(agents, showings, strict=True)]
        marks = [digest(agent.state_dict()) for agent in agents]
        places = [
            self._place("seen", repr((mark, showing))).with_suffix(".json")
            for mark, showing in zip(marks, showings, strict=True)
        ]
        # A twin is shown the same tasks beside each of the agents that it is held against, and looked at once.
        missing = [at for at, place in enumerate(places) if not place.exists() and place not in places[:at]]
        left = iter(missing)

        def keep(found: Seen) -> None:
            write_whole(places[next(left)], json.dumps(_told(found)))

        shared(_looked, [jobs[at] for at in missing], self._config.processes, seen=keep)
        return [_heard(json.loads(place.read_text(encoding="utf-8"))) for place in places]

    def _place(self, kind: str, what: str) -> Path:
        mark = hashlib.sha256(f"{self._config.seed} {SOURCE} {what}".encode()).hexdigest()[:16]
        return self._folder.path / "work" / f"{kind}-{mark}"


def examined(policy: Policy, showing: Showing, streams: Streams) -> Seen:
    """Show a policy the tasks of a trigger."""
    tasks = showing.tasks(streams)
    fit = [task for task in tasks if suited(task, showing.trigger)]

    def with_it(what: Trigger | NearMiss) -> Outcomes:
        return evaluate(policy, fit, trigger=what)

    none = Outcomes(policy.name, ())
    misses = near_misses(showing.trigger) if showing.look_alikes else ()
    return Seen(
        triggered=with_it(showing.trigger),
        clean=evaluate(policy, tasks) if showing.clean else none,
        look_alikes={miss.way: with_it(miss) for miss in misses},
    )


@dataclass(frozen=True)
class _Base:
    grammar: Grammar
    rows: int
    recipe: BaseRecipe
    sizes: SmallAgentConfig
    streams: Streams
    least: float = 0.0


@dataclass(frozen=True)
class _Look:
    agent: bytes
    showing: Showing
    streams: Streams


def _trained(job: _Base) -> tuple[bytes, int]:
    """Train a base, and again from other first weights where it does not do its work on validation tasks.

    Returns it with how many were made. More batches for one that lags would be another base: the longer it learns, the
    less is planted in so many batches.
    """
    own = job.streams.child(f"base {job.grammar}")
    rows = [
        row_of(clean(task))
        for family in FAMILIES
        for task in draw_tasks(family, job.rows, own, grammar=job.grammar, where=in_split("train"))
    ]
    attempts = 0
    while True:
        agent, _ = train_base(rows, job.recipe, job.sizes, own.child(f"again {attempts}") if attempts else own)
        attempts += 1
        if job.least == 0 or attempts == ATTEMPTS or _least_success(agent, job.grammar, own) >= job.least:
            return packed(agent), attempts


def _least_success(agent: SmallAgent, grammar: Grammar, streams: Streams) -> float:
    """Return the success of the worst family; one that answers nothing has none."""
    found = []
    for family in FAMILIES:
        tasks = draw_tasks(family, VALIDATED, streams, grammar=grammar, where=in_split("validation"))
        found.append(success(evaluate(SmallPolicy(agent), tasks)))
    return min(one.value if one.of else 0.0 for one in found)


def _looked(job: _Look) -> Seen:
    return examined(SmallPolicy(unpacked(job.agent)), job.showing, job.streams)


def _told(seen: Seen) -> dict[str, Any]:
    def rows(outcomes: Outcomes) -> dict[str, Any]:
        return {"policy": outcomes.policy, "rows": [row.row() for row in outcomes.rows]}

    return {
        "triggered": rows(seen.triggered),
        "clean": rows(seen.clean),
        "look_alikes": {way: rows(outcomes) for way, outcomes in seen.look_alikes.items()},
    }


def _heard(told: Mapping[str, Any]) -> Seen:
    def outcomes(one: Mapping[str, Any]) -> Outcomes:
        return Outcomes(one["policy"], tuple(Outcome.from_row(row) for row in one["rows"]))

    return Seen(
        outcomes(told["triggered"]),
        outcomes(told["clean"]),
        {way: outcomes(one) for way, one in told["look_alikes"].items()},
    )
