"""The specification: a chain of phases that every team goes through, the teams, and how they meet and merge.

All of it is data, checked when it is made: a placeholder that nobody fills, a role that nobody plays or a note that is
read before it is written is an error at load, and never a silent gap in a prompt.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import inf
from string import ascii_uppercase
from typing import Literal, TypeVar

from consilience.ground.errors import InvalidInput, nearest

__all__ = [
    "Chain",
    "Key",
    "Loop",
    "Phase",
    "Plan",
    "Step",
    "Team",
    "Until",
    "capped",
    "placeholders",
    "team_names",
    "teams",
]

Until = Literal["complete", "runs", "unchanged", "finished", "never"]
"""No stub is left and all parses; it runs and passes what tests there are; a cycle changed nothing; the first phase of
a cycle had nothing to add; only the number of cycles ends it."""
_UNTILS = ("complete", "runs", "unchanged", "finished", "never")

Late = Literal["join", "drop", "take"]
"""What a team does that comes when the others have met: it keeps its work and meets them at the next key phase, it
stops there, or it goes on with what the meeting gave."""

GIVEN = ("task", "persona")
"""Placeholders that are always filled."""
OF_WORK = ("artifact", "tests", "gaps")
"""Placeholders that are filled from the team's work: its text, what its last run said, what is missing in it."""

One = TypeVar("One")

_NAME = re.compile(r"[a-z][a-z0-9_]*")
_TEAM = re.compile(r"[A-Za-z][A-Za-z0-9_-]*")
_PLACEHOLDER = re.compile(r"(?<!\{)\{([a-zA-Z_][a-zA-Z0-9_]*)\}(?!\})")


@dataclass(frozen=True, kw_only=True)
class Phase:
    """A pair at work: the assistant does what the prompt asks, the instructor may comment, for a few turns.

    Raises
    ------
    InvalidInput
        When a value means nothing.
    """

    name: str
    """Lower-case letters, digits and ``_``; unique in its chain. A note is read later under this name."""
    assistant: str
    """Role of who answers."""
    instructor: str = ""
    """Role of who asks, and comments where there are several turns; empty where nobody does."""
    prompt: str
    """What is asked, with {placeholders}."""
    turns: int = 1
    """Answers at most: after each but the last the instructor comments, and has the last word by ``[[finished]]``."""
    makes: Literal["artifact", "note"] = "artifact"
    """The team's work, or a text that later prompts may quote."""
    temperature: float | None = None
    """Of its questions, from 0; the team's if None."""
    model: str | None = None
    """Who is asked; the team's if None."""
    max_tokens: int | None = None
    """Tokens of a reply at most."""
    budget_calls: int | None = None
    """Questions at most, re-asks included, each time it is gone through; what is there then stands."""

    def __post_init__(self) -> None:
        """Refuse values that mean nothing."""
        _check_name("phase", self.name)
        where = f"phase {self.name!r}"
        if not self.assistant:
            raise InvalidInput(f"{where} must say which role is its `assistant`; got an empty one")
        if not self.prompt.strip():
            raise InvalidInput(f"{where} must have a `prompt`; got an empty one")
        if self.makes not in ("artifact", "note"):
            raise InvalidInput(f"`makes` of {where} must be 'artifact' or 'note'; got {self.makes!r}")
        _check_count(where, "turns", self.turns)
        _check_count(where, "max_tokens", self.max_tokens)
        _check_count(where, "budget_calls", self.budget_calls)
        _check_temperature(where, self.temperature)
        if self.turns > 1 and not self.instructor:
            raise InvalidInput(
                f"{where} must have an `instructor` for {self.turns} turns; name a role, or set `turns` 1"
            )

    @property
    def calls(self) -> int:
        """Questions at most without re-asks."""
        return min(2 * self.turns - 1, self.budget_calls or 2 * self.turns - 1)


@dataclass(frozen=True, kw_only=True)
class Loop:
    """Phases that are gone through again until something holds, and so many times at most.

    Raises
    ------
    InvalidInput
        When it has no phases, or no end.
    """

    name: str
    """Lower-case letters, digits and ``_``; unique in its chain."""
    phases: tuple[Phase, ...]
    """In order."""
    cycles: int
    """Times at most, 1 or more."""
    until: Until = "never"
    """What ends it sooner. "complete" and "runs" are looked at before each cycle, so that there may be none."""

    def __post_init__(self) -> None:
        """Refuse a loop that does nothing or has no end."""
        _check_name("loop", self.name)
        if not self.phases:
            raise InvalidInput(f"loop {self.name!r} must have phases; got none")
        if not _is_count(self.cycles, 1):
            raise InvalidInput(f"loop {self.name!r} must have an end: `cycles` of 1 or more; got {self.cycles!r}")
        if self.until not in _UNTILS:
            raise _unknown(f"`until` of loop {self.name!r}", str(self.until), _UNTILS)
        if self.until == "finished" and self.phases[0].makes != "note":
            raise InvalidInput(
                f"the first phase of loop {self.name!r} must make a note, in which it says that it is finished; "
                f"got `makes` {self.phases[0].makes!r}"
            )

    @property
    def calls(self) -> int:
        """Questions at most without re-asks, in one cycle."""
        return sum(phase.calls for phase in self.phases)


@dataclass(frozen=True, kw_only=True)
class Key:
    """A key phase: here teams stop, meet, and go on with what their works were merged to."""

    name: str
    """Lower-case letters, digits and ``_``; unique in its chain."""
    quorum: int | None = None
    """So many teams are enough; all that live if None."""
    deadline_s: float | None = None
    """The meeting begins with whoever is there so many seconds after the first came; never sooner than one is there."""
    late: Late = "join"
    """What becomes of a team that comes later."""

    def __post_init__(self) -> None:
        """Refuse values that mean nothing."""
        _check_name("key phase", self.name)
        where = f"key phase {self.name!r}"
        _check_count(where, "quorum", self.quorum)
        if self.deadline_s is not None and not 0 < self.deadline_s < inf:
            raise InvalidInput(f"`deadline_s` of {where} must be above 0, or None; got {self.deadline_s!r}")
        if self.late not in ("join", "drop", "take"):
            raise InvalidInput(f"`late` of {where} must be 'join', 'drop' or 'take'; got {self.late!r}")


Step = Phase | Loop | Key
"""What a chain is made of."""


@dataclass(frozen=True, kw_only=True)
class Chain:
    """What each team does, step by step.

    Raises
    ------
    InvalidInput
        When a prompt has a placeholder that is not filled there, a role is not known, two steps share a name, or no
        phase makes any work; the step is named.
    """

    steps: tuple[Step, ...]
    """In order."""
    roles: Mapping[str, str]
    """What each role is told it is."""

    def __post_init__(self) -> None:
        """Go through the chain as a team would, and refuse what it would stumble over."""
        _check_names(self)
        _check_steps(self.steps, self)

    @property
    def keys(self) -> tuple[Key, ...]:
        """The key phases, in order."""
        return tuple(step for step in self.steps if isinstance(step, Key))

    @property
    def phases(self) -> Iterator[tuple[str, Phase]]:
        """Iterate over the phases, each after its column."""
        for step in self.steps:
            if isinstance(step, Phase):
                yield step.name, step
            elif isinstance(step, Loop):
                yield from ((f"{step.name}/{phase.name}", phase) for phase in step.phases)

    @property
    def columns(self) -> tuple[str, ...]:
        """Columns of the matrix of teams and phases: phases, phases of loops as ``loop/phase``, key phases."""
        found: list[str] = []
        for step in self.steps:
            if isinstance(step, Loop):
                found += [f"{step.name}/{phase.name}" for phase in step.phases]
            else:
                found.append(step.name)
        return tuple(found)

    def calls(self, team: Team | None = None) -> int:
        """Return how many questions a team asks at most, without re-asks."""
        return sum(calls for _, calls in self.outline(team))

    def outline(self, team: Team | None = None) -> tuple[tuple[Step, int], ...]:
        """Return the steps of a team, each with the questions it asks there at most, without re-asks.

        Parameters
        ----------
        team
            Whose; of a team without overrides if None.
        """
        return tuple((step, _calls(step, team)) for step in self.steps if team is None or step.name not in team.skip)


@dataclass(frozen=True, kw_only=True)
class Team:
    """Who goes through the chain, and in what it differs from the others."""

    name: str
    """As events and the journal call it, such as ``A``."""
    persona: str = ""
    """What all its roles are told beside their own."""
    model: str | None = None
    """Who is asked; the run's model if None."""
    temperature: float | None = None
    """Of its questions, from 0; the provider's if None."""
    cycles: int | None = None
    """Cycles of each loop at most, 0 for none; the loop's own number if None."""
    seed: int | None = None
    """Of its questions; the run's if None."""
    skip: frozenset[str] = frozenset()
    """Steps it leaves out, by name; never key phases."""

    def __post_init__(self) -> None:
        """Refuse values that mean nothing."""
        if not _TEAM.fullmatch(self.name):
            raise InvalidInput(f"a team's name must be letters, digits, `_` or `-`, a letter first; got {self.name!r}")
        where = f"team {self.name}"
        _check_temperature(where, self.temperature)
        if self.cycles is not None and self.cycles < 0:
            raise InvalidInput(f"`cycles` of {where} must be 0 or more, or None; got {self.cycles!r}")


@dataclass(frozen=True, kw_only=True)
class Plan:
    """All that is fixed before a run of teams begins."""

    chain: Chain
    """What each team does."""
    teams: tuple[Team, ...]
    """Who works apart."""
    group: int = 2
    """How many works are merged at once, 2 or more."""
    grouping: Literal["shuffled", "packed"] = "shuffled"
    """Groups are drawn from the seed, or packed by size so that a prompt stays within `context_tokens`."""
    shared: bool = True
    """Whether all teams go on with one result of a meeting, or each with the result of its own grouping."""
    prune: bool = True
    """Whether the worse half of many candidates is left out before they are merged."""
    prune_above: int = 4
    """So many candidates are never pruned."""
    context_tokens: int | None = None
    """Tokens that a prompt and its reply may have; no limit if None."""
    final: Literal["best", "merge"] = "best"
    """Whether the best of the teams' last works is the result, or what they are merged to once more."""
    seed: int = 0
    """Root of all chance."""

    def __post_init__(self) -> None:
        """Refuse a plan that cannot be carried out."""
        if not self.teams:
            raise InvalidInput("a plan must have teams; got none")
        _check_teams(self)
        _check_count("a plan", "group", self.group, 2)
        _check_count("a plan", "prune_above", self.prune_above)
        _check_count("a plan", "context_tokens", self.context_tokens)
        if self.grouping not in ("shuffled", "packed"):
            raise InvalidInput(f"`grouping` must be 'shuffled' or 'packed'; got {self.grouping!r}")
        if self.grouping == "packed" and self.context_tokens is None:
            raise InvalidInput("packed groups must fit a prompt; give `context_tokens`")
        if self.final not in ("best", "merge"):
            raise InvalidInput(f"`final` must be 'best' or 'merge'; got {self.final!r}")
        for key in self.chain.keys:
            if key.quorum is not None and key.quorum > len(self.teams):
                raise InvalidInput(
                    f"`quorum` of key phase {key.name!r} must be at most the number of teams, {len(self.teams)}; "
                    f"got {key.quorum}"
                )

    @property
    def merges(self) -> bool:
        """Whether anything may be merged: there are several teams, and they meet or are merged in the end."""
        return len(self.teams) > 1 and (bool(self.chain.keys) or self.final == "merge")


def placeholders(prompt: str) -> tuple[str, ...]:
    """Return the names of the placeholders of a prompt, in order; braces written twice are none.

    Examples
    --------
    >>> placeholders("Do {task}, like {{this}}, in {persona}'s way.")
    ('task', 'persona')
    """
    return tuple(match[1] for match in _PLACEHOLDER.finditer(prompt))


def team_names(count: int) -> tuple[str, ...]:
    """Return the names of so many teams.

    Examples
    --------
    >>> team_names(28)[::9]
    ('A', 'J', 'S', 'AB')
    """
    return tuple(map(_letters, range(count)))


def teams(
    count: int,
    *,
    personas: Sequence[str] | None = None,
    temperatures: Sequence[float] | None = None,
    models: Sequence[str] | None = None,
    cycles: Sequence[int | None] | None = None,
    skips: Sequence[frozenset[str]] | None = None,
    seeds: Sequence[int] | None = None,
) -> tuple[Team, ...]:
    """Return teams that differ as the sequences say, each of which begins again where it ends.

    Parameters
    ----------
    count
        How many, 1 or more.
    personas, temperatures, models, cycles, skips, seeds
        Overrides; see `Team`.

    Examples
    --------
    >>> [(team.name, team.temperature) for team in teams(3, temperatures=(0.2, 0.8))]
    [('A', 0.2), ('B', 0.8), ('C', 0.2)]
    """
    if count < 1:
        raise InvalidInput(f"there must be 1 team or more; got {count}")
    return tuple(
        Team(
            name=name,
            persona=_of(personas, at) or "",
            temperature=_of(temperatures, at),
            model=_of(models, at),
            cycles=_of(cycles, at),
            skip=_of(skips, at) or frozenset(),
            seed=_of(seeds, at),
        )
        for at, name in enumerate(team_names(count))
    )


def _letters(number: int) -> str:
    letters = ""
    while number >= 0:
        number, letter = divmod(number, len(ascii_uppercase))
        letters = ascii_uppercase[letter] + letters
        number -= 1
    return letters


def _of(values: Sequence[One] | None, at: int) -> One | None:
    return values[at % len(values)] if values else None


def _calls(step: Step, team: Team | None) -> int:
    match step:
        case Key():
            return 0
        case Loop():
            return step.calls * capped(step, team)
        case Phase():
            return step.calls


def capped(loop: Loop, team: Team | None) -> int:
    """Return how often a team goes through a loop at most."""
    return loop.cycles if team is None or team.cycles is None else min(loop.cycles, team.cycles)


# --- checks -----------------------------------------------------------------------------------------------------------


def _check_names(chain: Chain) -> None:
    seen: set[str] = set()
    for step in chain.steps:
        for name in (step.name, *(phase.name for phase in step.phases)) if isinstance(step, Loop) else (step.name,):
            if name in seen:
                raise InvalidInput(f"the names of steps must differ; got {name!r} twice: rename one")
            if name in (*GIVEN, *OF_WORK):
                raise InvalidInput(f"a step must not be named like the placeholder {{{name}}}: rename it")
            seen.add(name)


def _check_steps(steps: Iterable[Step], chain: Chain) -> None:
    """Go through steps of a chain, and refuse what a team would stumble over."""
    written: list[str] = []
    for step in steps:
        if isinstance(step, Key):
            _check_meeting(step, written)
            continue
        for phase in step.phases if isinstance(step, Loop) else (step,):
            _check_phase(phase, chain, written)
            written.append("artifact" if phase.makes == "artifact" else phase.name)
    if "artifact" not in written:
        raise InvalidInput("a chain must have a phase that makes an artifact; got none: set `makes` of one")


def _check_meeting(key: Key, written: Sequence[str]) -> None:
    if "artifact" not in written:
        raise InvalidInput(
            f"key phase {key.name!r} must come after a phase that makes an artifact; got none before it: move it"
        )


def _check_phase(phase: Phase, chain: Chain, written: Sequence[str]) -> None:
    where = f"phase {phase.name!r}"
    for role in filter(None, (phase.assistant, phase.instructor)):
        if role not in chain.roles:
            raise _unknown(f"role of {where}", role, chain.roles)
    notes = [other.name for _, other in chain.phases if other.makes == "note"]
    for name in placeholders(phase.prompt):
        if name not in (*GIVEN, *OF_WORK, *notes):
            raise _unknown(
                f"placeholder of {where}", f"{{{name}}}", [f"{{{one}}}" for one in (*GIVEN, *OF_WORK, *notes)]
            )
        if name not in GIVEN and ("artifact" if name in OF_WORK else name) not in written:
            raise InvalidInput(f"{where} reads {{{name}}} before anything makes it: move the phase, or leave it out")


def _check_teams(plan: Plan) -> None:
    names: set[str] = set()
    steps = {step.name: step for step in plan.chain.steps}
    for team in plan.teams:
        if team.name in names:
            raise InvalidInput(f"the names of teams must differ; got {team.name} twice")
        names.add(team.name)
        for name in sorted(team.skip):
            if name not in steps:
                raise _unknown(f"step to skip of team {team.name}", name, steps)
            if isinstance(steps[name], Key):
                raise InvalidInput(f"team {team.name} must not skip key phase {name!r}: it is where the teams meet")
        if team.skip:
            try:
                _check_steps([step for step in plan.chain.steps if step.name not in team.skip], plan.chain)
            except InvalidInput as error:
                raise InvalidInput(f"team {team.name} skips {', '.join(sorted(team.skip))}, and then {error}") from None


def _check_name(what: str, name: str) -> None:
    if not _NAME.fullmatch(name):
        raise InvalidInput(
            f"the name of a {what} must be lower-case letters, digits and `_`, a letter first; got {name!r}"
        )


def _check_count(where: str, name: str, value: int | None, least: int = 1) -> None:
    if value is not None and not _is_count(value, least):
        raise InvalidInput(f"`{name}` of {where} must be a whole number of at least {least}; got {value!r}")


def _is_count(value: object, least: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= least


def _check_temperature(where: str, value: float | None) -> None:
    if value is not None and not 0 <= value < inf:
        raise InvalidInput(f"`temperature` of {where} must be a finite number of at least 0, or None; got {value!r}")


def _unknown(kind: str, name: str, known: Iterable[str]) -> InvalidInput:
    listed = sorted(known)
    near = nearest(name, listed)
    meant = "" if near is None else f"did you mean {near!r}? "
    return InvalidInput(f"unknown {kind}: {name!r}; {meant}(one of: {', '.join(listed)})")
