"""Changes in the middle of a task: what its owner takes back is not told from that moment on."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from types import MappingProxyType
from typing import Final

import numpy as np

from consilience.dialogue.session import Session
from consilience.methods.social_agents.consent import ConsentQueue
from consilience.methods.social_agents.guarded_wire import GuardedWire
from consilience.methods.social_agents.labels import LABELS, OTHER, SECRET
from consilience.methods.social_agents.policy import Policy, Rule
from consilience.methods.social_agents.record import TurnSeen
from consilience.methods.social_agents.records import Message
from consilience.methods.social_agents.studies.stage import Stage, player
from consilience.methods.social_agents.values import contains
from consilience.methods.social_agents.worlds.people import Task, World
from consilience.methods.social_agents.worlds.schedule import schedule

__all__ = ["CHANGES", "Changed", "changed"]

AFTER: Final = 3
"""Utterances after which it happens: each side has told something, and has more."""
TASKS: Final = 3
_LATER: Final = timedelta(days=400)


@dataclass
class Changed:
    """What came of it."""

    change: str
    tasks: int = 0
    told: int = 0
    """Facts of the owner's that were told after they were taken back, and had not been told before."""
    untouched: int = 0
    """The same, where nothing was taken back."""


@dataclass
class _Scene:
    """A task on its way, and what its owner can do to it."""

    stage: Stage
    task: Task
    values: Collection[str]
    """What the owner tells, where nothing is taken back."""
    policies: dict[str, Policy] = field(default_factory=dict)
    consent: ConsentQueue | None = None

    @property
    def owner(self) -> str:
        return self.stage.person(self.task.partner).handle

    def rows(self) -> list[Message]:
        """Return the owner's messages that say so."""
        memory = self.stage.store.memory(self.owner)
        rows = [row for chat, _ in self.stage.store.conversations_of(self.owner) for row in memory.recent(chat, 1000)]
        return [row for row in rows if any(contains(row.text, value) for value in self.values)]


def _never(scene: _Scene) -> None:
    scene.policies[scene.owner] = Policy(scene.owner, (Rule(verdict="never"),))


def _redacted(scene: _Scene) -> None:
    for row in scene.rows():
        scene.stage.store.redact(row.id, row.sent_at + _LATER)


def _edited(scene: _Scene) -> None:
    for row in scene.rows():
        scene.stage.store.edit(row.id, "Never mind.", row.sent_at + _LATER)


def _forgotten(scene: _Scene) -> None:
    scene.stage.store.forget(messages=[row.id for row in scene.rows()])


def _labelled(scene: _Scene) -> None:
    for row in scene.rows():
        scene.stage.store.label(row.id, "secret")


def _consent_withdrawn(scene: _Scene) -> None:
    if scene.consent is not None:
        for grant in scene.consent.grants(scene.owner):
            scene.consent.withdraw(scene.owner, grant.id)


CHANGES: Final[Mapping[str, Callable[[_Scene], None]]] = MappingProxyType(
    {
        "a rule of never": _never,
        "messages redacted": _redacted,
        "messages edited": _edited,
        "messages forgotten": _forgotten,
        "messages labelled secret": _labelled,
        "consent withdrawn": _consent_withdrawn,
    }
)
"""What owners do, by name."""


def changed(change: str, rng: np.random.Generator) -> Changed:
    """Run tasks in whose middle their owner takes everything back, and the same tasks without that.

    Parameters
    ----------
    change
        One of `CHANGES`.
    rng
        Of the worlds.
    """
    world = schedule("hard", TASKS, rng)
    found = Changed(change)
    for task in world.tasks:
        values = asyncio.run(_told_late(world, task, change, None))
        found.tasks += 1
        found.untouched += len(values)
        found.told += len(asyncio.run(_told_late(world, task, change, values)))
    return found


async def _told_late(world: World, task: Task, change: str, values: Collection[str] | None) -> list[str]:
    """Return what of the owner's crosses for the first time after the moment; with values, these are taken back."""
    scene: _Scene
    moment = -1

    def watched(seen: TurnSeen) -> None:
        nonlocal moment
        if moment < 0 and seen.utterance.number >= AFTER and seen.owner == scene.owner:
            moment = seen.utterance.number
            if values is not None:
                CHANGES[change](scene)

    async with Session(player()) as session:
        asks_first = change == "consent withdrawn"
        policies: dict[str, Policy] = {}

        def policy_of(handle: str) -> Policy:
            asked = Policy(handle, (Rule(verdict="ask"),)) if asks_first else Policy.open(handle)
            return policies.setdefault(handle, asked)

        with Stage(world, session, policy_of=policy_of, on_turn=watched) as stage:
            scene = _Scene(stage, task, values or (), policies)
            if asks_first:
                scene.consent = _all_agree(stage, task, policy_of)
            talk = (await stage.solve(task)).root.talk
    said = [one for one in talk.utterances if one.speaker == scene.owner]
    wanted = values if values is not None else [one.value for each in said for one in each.tells]
    early = [one.text for one in said if one.number <= moment]
    late = [one.text for one in said if one.number > moment]
    return [
        value
        for value in dict.fromkeys(wanted)
        if any(contains(text, value) for text in late) and not any(contains(text, value) for text in early)
    ]


def _all_agree(stage: Stage, task: Task, policy_of: Callable[[str], Policy]) -> ConsentQueue:
    """Put a wire into a stage that asks people, and have both of a task agree to everything."""
    consent = ConsentQueue(stage.store, person_of=lambda handle: handle, audit=stage.audit)
    stage.guard(GuardedWire(policy_of, stage.message, consent=consent, audit=stage.audit))
    two = stage.person(task.asker).handle, stage.person(task.partner).handle
    kinds = [one for one in (*LABELS, OTHER) if one != SECRET]
    for one, other in (two, two[::-1]):
        request = consent.ask(one, other, task.set, labels=kinds, messages=[])
        consent.decide(one, request.id, allow=True, scope="kind")
    return consent
