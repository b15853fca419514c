"""Courses: runs of teams whose calls take time, and how long they take by the log of the model that was asked."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import nan
from typing import Literal

import numpy as np
from jaxtyping import Float

from consilience.dialogue.faults import Latency
from consilience.dialogue.players import talker
from consilience.dialogue.rehearsal import Rehearsal
from consilience.dialogue.session import Session
from consilience.dialogue.trials.rival import Visit
from consilience.dialogue.work.kinds.text import Text
from consilience.dialogue.work.merging import merge_calls
from consilience.methods.cross_team.aggregation import MeetingFacts
from consilience.methods.cross_team.collaboration import collaborate
from consilience.methods.cross_team.rating import TextRater
from consilience.methods.cross_team.spec import Chain, Key, Phase, Plan, Step, team_names
from consilience.methods.cross_team.studies.rivals import Job, least_s, phase_names

__all__ = ["SEGMENTS", "Course", "chain_of", "course", "gaps", "polled_s"]

SEGMENTS = (3, 2, 3)
"""Phases before, between and after two key phases: eight, as drafting, completing and reviewing have them."""

Merges = Sequence[Sequence[tuple[str, Sequence[str]]]]
"""Of each meeting, every merge with what it merges, what is merged first before what is made of it."""


@dataclass(frozen=True, kw_only=True)
class Course:
    """How long a run took."""

    visits: tuple[Visit, ...]
    """Its calls, by the log of the model."""
    makespan_s: float
    """From the first question to the last reply."""
    bound_s: float
    """The slowest team of each segment and the longest way through each meeting's merges, as long as calls took; not
    a number where some are not waited for."""
    merging_s: float
    """The part of the bound that is spent in merges."""
    teams_s: float
    """All calls of all teams one after another."""
    alone_s: float
    """The same with all merges."""
    gaps_s: tuple[float, ...]
    """At each meeting, from the last team's last reply to the first merge, and from the last merge to the last team's
    next question: what the barrier adds."""
    waiting: float
    """Share of the makespan that a team waits at meetings, merges included; the mean over teams."""

    @property
    def ratio(self) -> float:
        """Makespan over bound."""
        return self.makespan_s / self.bound_s

    @property
    def faster(self) -> float:
        """How many times faster teams are than one after another, merges left out on both sides."""
        return self.teams_s / (self.makespan_s - self.merging_s)


def chain_of(
    segments: Sequence[int],
    *,
    quorum: int | None = None,
    deadline_s: float | None = None,
    late: Literal["join", "drop", "take"] = "join",
) -> Chain:
    """Return a chain of single questions, with key phases ``k0``, ``k1`` and so on between segments.

    Examples
    --------
    >>> [step.name for step in chain_of((2, 1)).steps]
    ['p0', 'p1', 'k0', 'p2']
    """
    steps: list[Step] = []
    for at, names in enumerate(phase_names(segments)):
        if at:
            steps.append(Key(name=f"k{at - 1}", quorum=quorum, deadline_s=deadline_s, late=late))
        for name in names:
            prompt = "{task}\n\n{artifact}\n\nGo on." if steps else "{task}\n\nBegin."
            steps.append(Phase(name=name, assistant="worker", prompt=prompt))
    return Chain(steps=tuple(steps), roles={"worker": "You work on a task."})


async def course(plan: Plan, segments: Sequence[int], latency: Latency) -> Course:
    """Run teams on nothing in particular, and return how long it took.

    Parameters
    ----------
    plan
        Whose chain is `chain_of` the segments.
    segments
        Phases between meetings.
    latency
        Of the model.
    """
    model = Rehearsal(talker, name="talker", latency=latency)
    kind = Text()
    async with Session(model) as session:
        result = await collaborate(
            plan, "Say it.", session, kind=kind, scorer=TextRater(kind), width=2 * len(plan.teams)
        )
    visits = tuple(Visit(one.element, one.arrived_s, one.finished_s) for one in model.attendance.visits)
    job, merges = Job("", len(plan.teams), segments), _merges_of(result.meetings)
    makespan_s = model.attendance.makespan_s
    all_met = len(visits) == len(plan.teams) * sum(segments) + sum(map(len, merges))
    bound_s = least_s(job, visits, merges) if all_met else nan
    waited = [sum(meeting.waited_s.get(team.name, 0.0) for meeting in result.meetings) for team in plan.teams]
    return Course(
        visits=visits,
        makespan_s=makespan_s,
        bound_s=bound_s,
        merging_s=bound_s - least_s(job, visits, ()) if all_met else nan,
        teams_s=_took_s(visit for visit in visits if "+" not in visit.element),
        alone_s=_took_s(visits),
        gaps_s=tuple(gaps(job, visits, merges)) if all_met else (),
        waiting=sum(waited) / len(waited) / makespan_s,
    )


def gaps(job: Job, visits: Sequence[Visit], merges: Merges) -> list[float]:
    """Return what passes at each meeting before the first merge is asked for, and before the last team goes on.

    Examples
    --------
    >>> visits = [Visit("A/p0", 0, 1), Visit("B/p0", 0, 3), Visit("k0+0.0", 3.5, 4), Visit("A/p1", 4.25, 5)]
    >>> gaps(Job("", 2, (1, 1)), visits, [[("k0+0.0", ["A", "B"])]])
    [0.5, 0.25]
    """
    names = phase_names(job.segments)
    found = []
    for at, meeting in enumerate(merges):
        own = {name for name, _ in meeting}
        before = _of_segment(visits, names[at])
        merging = [visit for visit in visits if visit.element in own]
        after = _of_segment(visits, [names[at + 1][0]])
        came_s = max(visit.finished_s for visit in before)
        if not merging:
            found.append(max(visit.arrived_s for visit in after) - came_s)
            continue
        found.append(min(visit.arrived_s for visit in merging) - came_s)
        found.append(max(visit.arrived_s for visit in after) - max(visit.finished_s for visit in merging))
    return found


def _merges_of(meetings: Iterable[MeetingFacts]) -> Merges:
    return [[(merge.element, merge.parents) for merge in meeting.merges] for meeting in meetings if meeting.key]


def _of_segment(visits: Iterable[Visit], names: Sequence[str]) -> list[Visit]:
    return [visit for visit in visits if visit.element.partition("/")[2] in names]


def _took_s(visits: Iterable[Visit]) -> float:
    return sum(visit.finished_s - visit.arrived_s for visit in visits)


def polled_s(job: Job, visits: Sequence[Visit], poll_s: float, chance: np.random.Generator) -> float:
    """Return how long the same teams take in the released scheme, where they look for each other's files.

    A team that is ready looks every `poll_s` whether all files are there. Then it merges them by itself, one group
    after the other, each team its own groups; latencies of merges are drawn as those of the job are.

    Examples
    --------
    >>> visits = [Visit("A/p0", 0, 1), Visit("B/p0", 0, 3.5), Visit("A/p1", 4, 5), Visit("B/p1", 4, 5)]
    >>> polled_s(Job("", 2, (1, 1), mean_s=0.25, sigma=0.0), visits, 1.0, np.random.default_rng(0))
    5.25
    """
    took: dict[str, float] = {}
    for element, arrived_s, finished_s in visits:
        took[element] = took.get(element, 0) + finished_s - arrived_s
    names, merges = team_names(job.teams), merge_calls(job.teams, job.group)
    ready: Float[np.ndarray, " team"] = np.zeros(job.teams)
    for at, phases in enumerate(phase_names(job.segments)):
        if at:
            seen = ready + poll_s * np.ceil((ready.max() - ready) / poll_s)
            drawn = chance.lognormal(np.log(job.mean_s) - job.sigma**2 / 2, job.sigma, (job.teams, merges))
            ready = seen + drawn.sum(axis=1)
        ready = ready + [sum(took[f"{name}/{phase}"] for phase in phases) for name in names]
    return float(ready.max())
