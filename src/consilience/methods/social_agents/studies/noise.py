"""Noise: what cross-checking by code is worth where one of ten readings goes wrong, beside plain unions of the same.

============================== =======================================================================================
arm                            is
============================== =======================================================================================
consensus                      the method: the value that leads by two readings; what differs is asked for again
one lead is enough             the same, but nothing is asked for twice; what is in view is read each turn anyway
first reading, the same talks  of the talks of ``consensus``, to the call the same, what either side read first
last reading, talks of its own a union that overwrites: talks anew, whose boards take the last reading, unchecked
last reading, the same talks   shown, and no plain union: those talks read until a value leads, so their last readings
                               are chosen by what they are to be compared with
the original's way             `originally`: what is solved first stays as it is
============================== =======================================================================================

All have the same neighbours, memory, limits and rule for the answer, and abstain where a fact is missing. With chance
:math:`p` of a mistake a union of :math:`k` facts is right in :math:`(1 - p)^k` of tasks at least; for one fact and two
that leaves .10 and .19 to be gained at the very most, for six .47. So the bar is for the sets that join six facts or
more, the mean of all sets stands beside it, and what is barred is the gain over the better of the two plain unions.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Literal

from consilience.ground import Measurement, RunFolder, Streams, Table
from consilience.methods.social_agents.concluding import conclude
from consilience.methods.social_agents.config import Config
from consilience.methods.social_agents.manners import NOISE
from consilience.methods.social_agents.pursuit import PursuitLimits
from consilience.methods.social_agents.rationale import Reading
from consilience.methods.social_agents.record import State, TalkLimits
from consilience.methods.social_agents.scoring import Summary, summary
from consilience.methods.social_agents.studies.originally import originally
from consilience.methods.social_agents.studies.solving import Make, Solved, solved

__all__ = ["BARRED", "Arms", "arms_of", "noise", "noise_table", "of_noise", "readings"]

BARRED = ("schedule-easy", "schedule-medium", "schedule-hard")
"""Sets whose tasks join six facts or more."""
ORIGINALLY = 10
"""Tasks of a set that are done by the original's way, too, which takes three times the calls."""


@dataclass(frozen=True, slots=True)
class Arms:
    """A set, run in several ways."""

    consensus: Solved
    one_lead: Solved
    overwritten: Solved
    originally: Summary
    """The first tasks by the original's way, in which what is solved stays as it is."""

    def union(self, which: Literal["first", "last"]) -> Summary:
        """Return the marks of a union over the talks of the consensus."""
        talks = self.consensus.pursuits
        answers = {
            task.id: conclude(
                task.kind, [slot.text for slot in task.slots], readings(talks[task.id].root.talk.state, which)
            )
            for task in self.consensus.tasks
        }
        return summary(self.consensus.tasks, answers)

    @property
    def scores(self) -> dict[str, float]:
        """Scores by arm."""
        return {
            "consensus": self.consensus.marks.score,
            "one lead is enough": self.one_lead.marks.score,
            "first reading, the same talks": self.union("first").score,
            "last reading, talks of its own": self.overwritten.marks.score,
            "last reading, the same talks": self.union("last").score,
            f"the original's way, {ORIGINALLY} tasks": self.originally.score,
        }


PLAIN = ("first reading, the same talks", "last reading, talks of its own")
"""Plain unions."""


def noise(config: Config, streams: Streams, folder: RunFolder, sets: Mapping[str, Make]) -> dict[str, Arms]:
    """Run all sets with noisy neighbours.

    Parameters
    ----------
    config
        ``success_noisy_tasks``; with 0 nothing is run.
    streams
        For worlds and misreadings.
    folder
        For the record.
    sets
        How worlds are made, by the name of the set.
    """
    seed = streams.integer("misreadings")
    found: dict[str, Arms] = {}
    if not config.success_noisy_tasks:
        return found
    for name, make in sets.items():
        world = make(config.success_noisy_tasks, streams.generator(f"noisy {name}"))
        ways = (TalkLimits(), TalkLimits(support=1), TalkLimits(support=1, rule="last"))
        one, two, three = (solved(world, "neighbour-noisy", seed, limits=PursuitLimits(talk=way)) for way in ways)
        few = replace(world, tasks=world.tasks[:ORIGINALLY])
        found[name] = Arms(one, two, three, originally(few, noise=NOISE, seed=seed))
        folder.record("success", set=name, noisy=found[name].scores)
    return found


def arms_of(arms: Mapping[str, Arms]) -> list[Solved]:
    """Return all that was run."""
    return [one for each in arms.values() for one in (each.consensus, each.one_lead, each.overwritten)]


def readings(state: State, which: Literal["first", "last"]) -> dict[str, str]:
    """Return for each slot, by its text, what was read first or last: in own messages, or else heard.

    Parameters
    ----------
    state
        Of a talk; of two sides that read in the same turn, the one that asked counts first.
    which
        Of all readings of a slot.
    """
    found: dict[str, list[Reading]] = {}
    for board in (state.a, state.b):
        for one in board:
            found.setdefault(one.text, []).extend(one.readings)
    values = {}
    for text, all_of_them in found.items():
        # What was told is what the teller's board held, and no reading: it counts only where there is none.
        ordered = sorted([one for one in all_of_them if one.direct] or all_of_them, key=lambda one: one.turn)
        if ordered:
            values[text] = ordered[0 if which == "first" else -1].value
    return values


def of_noise(arms: Mapping[str, Arms]) -> Iterator[Measurement]:
    """Give the measurements: the gain over the better plain union, its parts, and wrong answers."""
    if not arms:
        yield Measurement(
            name=f"with {NOISE:.0%} of readings mistaken: consensus by code above a plain union",
            value=None,
            at_least=0.15,
            note="in this recipe nobody misreads",
        )
        return
    barred = _means({name: arms[name] for name in BARRED})
    whole = _means(arms)
    name = max(PLAIN, key=barred.__getitem__)
    plain = barred[name]
    yield Measurement(
        name=f"with {NOISE:.0%} of readings mistaken: consensus by code above a plain union",
        value=barred["consensus"] - plain,
        at_least=0.15,
        note=f"{barred['consensus']:.3f} against {plain:.3f}, sets that join six facts or more; the better of two "
        f"unions ({name}); over all sets {whole['consensus'] - max(whole[one] for one in PLAIN):+.3f}",
    )
    yield Measurement(
        name="of it: by counting what is read anyway",
        value=barred["one lead is enough"] - plain,
        note="nothing is asked for a second time; the rest of the gain is by asking again",
    )
    yield Measurement(
        name="of it: by asking a second time",
        value=barred["consensus"] - barred["one lead is enough"],
        note="until a value leads by two readings",
    )
    yield Measurement(
        name="consensus by code above the last readings of its own talks",
        value=barred["consensus"] - barred["last reading, the same talks"],
        note="what is left of the gain where a union is given readings that consensus has asked for, and stopped at",
    )
    counts = [(one.consensus.marks.wrong * len(one.consensus.tasks), len(one.consensus.tasks)) for one in arms.values()]
    yield Measurement(
        name="wrong answers among them",
        value=sum(wrong for wrong, _ in counts) / sum(tasks for _, tasks in counts),
        at_most=0.05,
        note=f"share of all {sum(tasks for _, tasks in counts)} tasks that were answered and not wholly right, "
        f"{', '.join(arms)}",
    )


def _means(arms: Mapping[str, Arms]) -> dict[str, float]:
    each = [one.scores for one in arms.values()]
    return {name: sum(one[name] for one in each) / len(each) for name in each[0]}


def noise_table(arms: Mapping[str, Arms]) -> Table:
    """Return all arms of all sets."""
    scores = {name: one.scores for name, one in arms.items()}
    return Table(
        title=f"With {NOISE:.0%} of readings mistaken",
        columns=("set", "tasks", *next(iter(scores.values())), "wrong", "abstained", "calls", "calls, union's own"),
        rows=tuple(
            (
                name,
                len(one.consensus.tasks),
                *(round(value, 3) for value in scores[name].values()),
                round(one.consensus.marks.wrong, 3),
                round(one.consensus.marks.abstained, 3),
                round(one.consensus.calls, 1),
                round(one.overwritten.calls, 1),
            )
            for name, one in arms.items()
        ),
        note="Scores of the arms; wrong answers, abstentions and calls a task of the consensus. The last readings of "
        "the same talks are chosen by the consensus, which reads until a value leads: they are no plain union.",
    )
