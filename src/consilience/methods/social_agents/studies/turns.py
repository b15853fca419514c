"""What thirty turns cost, with the memory of a town behind them: time that is not the model's, calls and characters."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

import numpy as np

from consilience.dialogue.faults import Latency
from consilience.dialogue.journal import Journal
from consilience.dialogue.messages import Question
from consilience.dialogue.rehearsal import REHEARSAL_NOTICE, Rehearsal
from consilience.dialogue.session import Session
from consilience.ground import Evidence, Measurement, RunFolder, Streams, Table
from consilience.methods.social_agents.config import Config
from consilience.methods.social_agents.pursuit import PursuitLimits
from consilience.methods.social_agents.record import TalkLimits
from consilience.methods.social_agents.responder import neighbour
from consilience.methods.social_agents.scoring import mark
from consilience.methods.social_agents.studies.place import bars, in_place, spoken
from consilience.methods.social_agents.studies.stage import Parts, Stage
from consilience.methods.social_agents.worlds.friends import friends_long
from consilience.methods.social_agents.worlds.people import World

__all__ = ["ORIGINAL_CALLS", "ORIGINAL_CHARACTERS", "TURNS", "among", "turns"]

TURNS = 30
FACTS = 28
"""Facts that two sides who give one a turn, and ask for one, put together in thirty turns or a few more."""
MOST_TURNS = 36
ORIGINAL_CALLS, ORIGINAL_CHARACTERS = 123, 581_000
"""What thirty utterances of the original take with its memory of keywords: eight calls for each two, and three."""
_TRIES = 100


@dataclass(frozen=True)
class _Cost:
    """What a talk cost."""

    said: int
    calls: int
    characters: int
    own_s: float
    """By the clock: all but the seconds in which a reply was waited for."""
    cpu_s: float
    """Of the processor, over all threads of the process: all but what the stand-in took to think of its replies."""
    model_cpu_s: float
    """Of the processor, for the stand-in's replies."""
    whole_s: float
    latency_s: float
    right: bool

    @property
    def of_thirty(self) -> float:
        """What thirty utterances are, of what this talk has."""
        return TURNS / self.said

    @property
    def at_a_second(self) -> float:
        """How long it takes, or would, if the model took a second for a reply; calls come one after the other."""
        return self.whole_s if self.latency_s == 1 else self.own_s + self.calls


def turns(config: Config, streams: Streams, folder: RunFolder) -> Evidence:
    """Measure the claim ``iagents.turns``.

    Two people of the town with many messages were told fourteen facts each, by as many people, and one of them asks for
    the least of all. As one fact is told a turn, that takes thirty turns or a few more. The wire has its gate and
    its log, the store and the journal are files, and a turn is safe in the journal before anybody sees it.

    Own time is the processor time of the whole process while the talk lasts, less that of the stand-in within its
    replies: other programs do not change it. The time by the clock stands beside it.

    Parameters
    ----------
    config
        ``turns_talks``, ``turns_latency_s``, and the place.
    streams
        Of the place, the facts and the model.
    folder
        For the record.
    """
    place = in_place(config, streams)
    costs = []
    for number in range(config.turns_talks):
        last = number == config.turns_talks - 1
        chance = streams.child(f"talk {number}")
        world = among(place, chance)
        costs.append(_talked(world, chance.integer("model"), config.turns_latency_s if last else 0.0))
        folder.record("turns", turns=costs[-1].said, calls=costs[-1].calls, own_s=costs[-1].own_s)
    where = spoken(config, place)
    return Evidence(measurements=tuple(_measurements(costs, place, where)), tables=(_table(costs, where),))


def among(place: World, streams: Streams) -> World:
    """Return the place in which two people with many messages were told facts, with the task that joins them.

    Messages of the place are left out for those that tell the facts, so that there are as many as before.
    """
    seen = {handle: sum(len(place.lines_of[chat]) for chat in chats) for handle, chats in place.chats_of.items()}
    asker, partner = max(place.contacts, key=lambda pair: min(seen[one] for one in pair))
    names = {one.name for one in place.people} | {one.handle for one in place.people}
    for number in range(_TRIES):
        facts = friends_long(1, streams.generator(f"facts {number}"), facts=FACTS, length=4)
        task = facts.tasks[0]
        tellers = [one for one in facts.people if one.handle not in (task.asker, task.partner)]
        if names.isdisjoint(name for one in tellers for name in (one.name, one.handle)):
            break
    known = {task.asker: asker, task.partner: partner}

    def of(handle: str) -> str:
        return known.get(handle, handle)

    chats = tuple(replace(chat, members=tuple(map(of, chat.members))) for chat in facts.conversations)
    first = len(place.conversations)
    lines = tuple(replace(line, chat=first + line.chat, sender=of(line.sender)) for line in facts.messages)
    return World(
        (*place.people, *tellers),
        tuple(dict.fromkeys((*place.contacts, *((of(one), of(two)) for one, two in facts.contacts)))),
        (*place.conversations, *chats),
        (*place.messages[: len(place.messages) - len(lines)], *lines),
        (
            replace(
                task,
                asker=asker,
                partner=partner,
                slots=tuple(replace(slot, holder=of(slot.holder)) for slot in task.slots),
            ),
        ),
    )


def _talked(world: World, seed: int, latency_s: float) -> _Cost:
    latency = Latency.const(latency_s) if latency_s else Latency()
    thought_s = [0.0]

    def thinking(question: Question, chance: np.random.Generator) -> str:
        began = time.process_time()
        reply = neighbour(question, chance)
        thought_s[0] += time.process_time() - began
        return reply

    model = Rehearsal(thinking, name="neighbour", seed=seed, latency=latency)
    limits = PursuitLimits(talk=TalkLimits(turns=MOST_TURNS, calls=ORIGINAL_CALLS))

    async def solve(folder: Path) -> _Cost:
        task = world.tasks[0]
        with Journal.open(folder / "journal.sqlite", "talk") as journal:
            async with Session(model, journal=journal) as session:
                with Stage(
                    world,
                    session,
                    parts=Parts(recursion=False),
                    path=folder / "store.sqlite",
                    limits=limits,
                    journal=journal,
                ) as stage:
                    began = time.process_time()
                    found = await stage.solve(task)
                    cpu_s = time.process_time() - began - thought_s[0]
        return _Cost(
            said=len(found.root.talk.utterances),
            calls=found.calls,
            characters=found.prompt_characters,
            own_s=found.own_s,
            cpu_s=cpu_s,
            model_cpu_s=thought_s[0],
            whole_s=found.seconds,
            latency_s=latency_s,
            right=mark(task, found.answer).score == 1,
        )

    with TemporaryDirectory() as scratch:
        return asyncio.run(solve(Path(scratch)))


def _measurements(costs: list[_Cost], place: World, where: str) -> Iterator[Measurement]:
    talks = f"for thirty utterances; median of {len(costs)} talks, with extremes; {REHEARSAL_NOTICE}"
    said = f"{median(one.said for one in costs):g} utterances"

    def typical(
        name: str, each: list[float], note: str, at_most: float, *, unit: str = "", timing: bool = False
    ) -> Measurement:
        return Measurement(
            name=name,
            value=median(each),
            low=min(each),
            high=max(each),
            unit=unit,
            timing=timing,
            note=f"{note}; {talks}",
            **bars(place, at_most=at_most),
        )

    yield typical(
        "time of a talk that is not the model's",
        [one.cpu_s * one.of_thirty for one in costs],
        f"processor time of the process, all threads, less what the stand-in took for its replies: {said}, in {where}; "
        "with gate, log, and a journal on disk in which each call and each turn is safe before it goes on",
        1.0,
        unit="s",
        timing=True,
    )
    yield Measurement(
        name="the same by the clock",
        value=median(one.own_s * one.of_thirty for one in costs),
        low=min(one.own_s * one.of_thirty for one in costs),
        high=max(one.own_s * one.of_thirty for one in costs),
        unit="s",
        timing=True,
        note="waiting for the disk included, and for whatever else the machine does; without the waiting for replies",
    )
    yield typical(
        "calls of a talk",
        [one.calls * one.of_thirty for one in costs],
        f"{said}; the original makes {ORIGINAL_CALLS}",
        ORIGINAL_CALLS / 2,
    )
    yield typical(
        "characters of all its prompts",
        [one.characters * one.of_thirty for one in costs],
        f"the original's are {ORIGINAL_CHARACTERS:,}",
        ORIGINAL_CHARACTERS / 2,
    )
    waited = [one for one in costs if one.latency_s == 1]
    yield typical(
        "time of a talk at a second a call",
        [one.at_a_second * one.of_thirty for one in waited or costs],
        "by the clock" if waited else "reckoned: calls come one after the other",
        60.0,
        unit="s",
        timing=True,
    )
    yield Measurement(
        name="talks that end with the right answer",
        value=100 * sum(one.right for one in costs) / len(costs),
        unit="%",
        note=f"of {len(costs)}; a talk that fails early is no cheap one",
        **bars(place, at_least=100.0),
    )
    yield Measurement(
        name="utterances of a talk",
        value=median(one.said for one in costs),
        low=min(one.said for one in costs),
        high=max(one.said for one in costs),
        note=f"costs are for {TURNS}: what a talk cost, times {TURNS} over its utterances",
    )


def _table(costs: list[_Cost], where: str) -> Table:
    return Table(
        title="Talks that join twenty-eight facts",
        columns=(
            "talk",
            "utterances",
            "calls",
            "characters of prompts",
            "own processor time, s",
            "own time by the clock, s",
            "stand-in, s",
            "whole time, s",
            "right",
        ),
        rows=tuple(
            (
                number,
                one.said,
                one.calls,
                one.characters,
                round(one.cpu_s, 3),
                round(one.own_s, 3),
                round(one.model_cpu_s, 3),
                round(one.whole_s, 2),
                one.right,
            )
            for number, one in enumerate(costs, 1)
        ),
        note=f"In {where}. {REHEARSAL_NOTICE.capitalize()}.",
        timing=True,
    )
