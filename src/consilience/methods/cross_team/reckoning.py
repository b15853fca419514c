"""A reckoning of a run of teams: what it will take, counted on its plan before anybody is asked anything.

The least is a run in which every instructor is content, every loop ends as soon as it may, and all works are equal
where teams meet. The most is one in which no loop ends early and no work is left out that need not be. Both are for a
run in which nothing fails and nothing has to be asked again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from consilience.dialogue.command.forecast import Pace, Span, seconds_with
from consilience.dialogue.messages import Usage
from consilience.dialogue.work.merging import merge_calls, merge_levels
from consilience.ground.errors import InvalidInput
from consilience.methods.cross_team.spec import Key, Loop, Phase, Plan, Step, Team, capped, placeholders

__all__ = ["Lengths", "Reckoning", "Segment", "reckon"]

_OF_WORK = "artifact"
_GIVEN = ("task", "persona")


@dataclass(frozen=True, kw_only=True)
class Lengths:
    """How long texts are taken to be, in tokens."""

    task: int = 150
    """The task."""
    instructions: int = 250
    """What a role is told, and the words of a phase."""
    artifact: int = 700
    """The work of a team, and what works are merged to."""
    note: int = 120
    """A note, a comment, a report of tests."""

    def __post_init__(self) -> None:
        for name, tokens in vars(self).items():
            if tokens < 0:
                raise InvalidInput(f"`{name}` must be at least 0 tokens; got {tokens}.")


class _Amount(NamedTuple):
    """What some calls take, one after the other."""

    calls: float = 0.0
    input_tokens: float = 0.0
    output_tokens: float = 0.0
    seconds: float = 0.0

    def plus(self, other: _Amount) -> _Amount:
        return _Amount(*(mine + its for mine, its in zip(self, other, strict=True)))

    def times(self, count: float) -> _Amount:
        return _Amount(*(count * mine for mine in self))


class Segment(NamedTuple):
    """What lies between two meetings of the teams, with the meeting at its end."""

    slowest: str
    """The team that takes longest at most."""
    steps: tuple[str, ...]
    """Its steps."""
    key: str
    """The key phase; empty after the last one."""
    levels: int
    """Merges that follow one upon the other there at most."""


@dataclass(frozen=True, kw_only=True)
class Reckoning:
    """What a run will take, if nothing fails."""

    teams: dict[str, Span]
    """Calls of each team."""
    merges: Span
    """Calls of aggregators."""
    calls: Span
    """All calls."""
    input_tokens: Span
    """Tokens of all questions."""
    output_tokens: Span
    """Tokens of all answers."""
    usd: Span | None
    """Money; None where a price is not known."""
    seconds: Span
    """Time of the slowest path, when as many are asked at once as can be."""
    work_s: Span
    """Time of all answers, one after the other."""
    turns: Span
    """Calls on the slowest path, each of which waits for the one before."""
    largest_prompt: int
    """Tokens of the longest question, which is a merge where teams meet."""
    critical_path: tuple[Segment, ...]
    """The slowest team of each stretch between two meetings."""

    def seconds_with(self, at_once: int) -> Span:
        """Return how long the run takes at least with so many calls at once."""
        return seconds_with(self, at_once)


def reckon(
    plan: Plan,
    *,
    lengths: Lengths = Lengths(),
    pace: Pace = Pace(),  # noqa: B008  frozen
    price: Callable[[str | None, Usage], float | None] | None = None,
) -> Reckoning:
    """Count what a plan will take.

    Parameters
    ----------
    plan
        Of the run.
    lengths
        How long texts are taken to be.
    pace
        How fast a model is taken to answer.
    price
        What a call costs of a model, which is None for the run's own; no money is counted without it.

    Examples
    --------
    >>> from consilience.methods.cross_team.spec import Chain, Key, Phase, teams
    >>> steps = Phase(name="draft", assistant="w", prompt="{task}"), Key(name="meet")
    >>> found = reckon(Plan(chain=Chain(steps=steps, roles={"w": "You write."}), teams=teams(4)))
    >>> found.calls, found.merges, found.turns
    (Span(least=4.0, most=7.0), Span(least=0.0, most=3.0), Span(least=1.0, most=3.0))
    """
    return _Counting(plan, lengths, pace, price).done()


class _Counting:
    def __init__(
        self, plan: Plan, lengths: Lengths, pace: Pace, price: Callable[[str | None, Usage], float | None] | None
    ) -> None:
        self._plan = plan
        self._lengths = lengths
        self._pace = pace
        self._price = price
        self._usd: list[float] | None = None if price is None else [0.0, 0.0]
        self._largest = 0.0

    def done(self) -> Reckoning:
        teams = {team.name: (_Amount(), _Amount()) for team in self._plan.teams}
        merging = (_Amount(), _Amount())
        path = (_Amount(), _Amount())
        segments = []
        for steps, key in _stretches(self._plan):
            worked = {team: self._stretch(team, steps) for team in self._plan.teams}
            for team, (least, most) in worked.items():
                before = teams[team.name]
                teams[team.name] = (before[0].plus(least), before[1].plus(most))
            slowest = max(self._plan.teams, key=lambda team: worked[team][1].seconds)
            path = (
                path[0].plus(max((low for low, _ in worked.values()), key=lambda one: one.seconds)),
                path[1].plus(worked[slowest][1]),
            )
            levels = 0
            if key is not None:
                count, levels, own = self._merges()
                merge = self._merge()
                merging = merging[0], merging[1].plus(merge.times(count * own))
                path = path[0], path[1].plus(merge.times(levels))
            names = tuple(step.name for step in steps if step.name not in slowest.skip)
            segments.append(Segment(slowest.name, names, "" if key is None else key, levels))
        total = tuple(_sum(*(both[at] for both in teams.values()), merging[at]) for at in (0, 1))
        return Reckoning(
            teams={name: Span(low.calls, high.calls) for name, (low, high) in teams.items()},
            merges=Span(merging[0].calls, merging[1].calls),
            calls=Span(total[0].calls, total[1].calls),
            input_tokens=Span(total[0].input_tokens, total[1].input_tokens),
            output_tokens=Span(total[0].output_tokens, total[1].output_tokens),
            usd=None if self._usd is None else Span(*self._usd),
            seconds=Span(path[0].seconds, path[1].seconds),
            work_s=Span(total[0].seconds, total[1].seconds),
            turns=Span(path[0].calls, path[1].calls),
            largest_prompt=round(self._largest),
            critical_path=tuple(segments),
        )

    def _stretch(self, team: Team, steps: Iterable[Step]) -> tuple[_Amount, _Amount]:
        low = high = _Amount()
        for step in steps:
            if step.name in team.skip or isinstance(step, Key):
                continue
            phases = step.phases if isinstance(step, Loop) else (step,)
            for at, phase in enumerate(phases):
                fewest, most = _cycles(step, team, first=not at)
                answer, comment = self._answer(phase, team, most), self._comment(phase, team, most)
                once = answer.plus(comment) if phase.turns > 1 and (phase.budget_calls or 2) > 1 else answer
                low = low.plus(once.times(fewest))
                whole = answer.times(phase.turns).plus(comment.times(phase.turns - 1))
                whole = whole.times(phase.calls / max(whole.calls, 1))
                high = high.plus(whole.times(most))
                self._pay(phase.model or team.model, once.times(fewest), whole.times(most))
        return low, high

    def _answer(self, phase: Phase, team: Team, times: int) -> _Amount:
        lengths = self._lengths
        asked = lengths.instructions + sum(map(self._filling, placeholders(phase.prompt)))
        said = lengths.artifact if phase.makes == "artifact" else lengths.note
        return self._call(asked + len(team.persona) // 4, said, times)

    def _comment(self, phase: Phase, team: Team, times: int) -> _Amount:
        lengths = self._lengths
        asked = lengths.instructions + lengths.task + lengths.artifact
        return self._call(asked + len(team.persona) // 4, lengths.note, times if phase.turns > 1 else 0)

    def _merge(self) -> _Amount:
        lengths = self._lengths
        works = min(self._plan.group, len(self._plan.teams))
        amount = self._call(lengths.instructions + lengths.task + works * lengths.artifact, lengths.artifact, 1)
        count, _, own = self._merges()
        self._pay(None, _Amount(), amount.times(count * own))
        return amount

    def _merges(self) -> tuple[int, int, int]:
        """Return how many merges a meeting takes at most, how deep they are, and how many groupings there are."""
        plan = self._plan
        count = len(plan.teams)
        counts = [count]
        if plan.prune and count > plan.prune_above:
            counts = [plan.prune_above, max(1, count // 2)]
        own = 1 if plan.shared else count
        if plan.grouping == "packed":  # no more than two may fit a prompt, and no others beside them
            return max(counts) - 1, max(counts) - 1, own
        calls = max(merge_calls(some, plan.group) for some in counts)
        levels = max(merge_levels(some, plan.group) for some in counts)
        return calls, levels, own

    def _call(self, asked: float, said: float, times: int) -> _Amount:
        if times:
            self._largest = max(self._largest, asked)
        return _Amount(1.0, asked, said, self._pace.seconds(said))

    def _filling(self, name: str) -> int:
        lengths = self._lengths
        return lengths.task if name == "task" else lengths.artifact if name == _OF_WORK else lengths.note

    def _pay(self, model: str | None, least: _Amount, most: _Amount) -> None:
        if self._usd is None or self._price is None:
            return
        costs = [self._price(model, Usage(round(one.input_tokens), round(one.output_tokens))) for one in (least, most)]
        if None in costs:
            self._usd = None
            return
        self._usd = [before + (cost or 0.0) for before, cost in zip(self._usd, costs, strict=True)]


def _stretches(plan: Plan) -> Iterator[tuple[list[Step], str | None]]:
    """Iterate over the steps between meetings, each with the key phase or the final merge at its end."""
    steps: list[Step] = []
    for step in plan.chain.steps:
        if isinstance(step, Key):
            yield steps, step.name
            steps = []
        else:
            steps.append(step)
    yield steps, "" if plan.final == "merge" else None


def _cycles(step: Step, team: Team, *, first: bool) -> tuple[int, int]:
    """Return how often a phase of a step is gone through, at least and at most."""
    if not isinstance(step, Loop):
        return 1, 1
    most = capped(step, team)
    match step.until:
        case "complete" | "runs":
            return 0, most
        case "finished":
            return min(int(first), most), most
        case "unchanged":
            return min(1, most), most
        case "never":
            return most, most


def _sum(*amounts: _Amount) -> _Amount:
    total = _Amount()
    for amount in amounts:
        total = total.plus(amount)
    return total
