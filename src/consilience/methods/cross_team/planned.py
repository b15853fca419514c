"""Planned: the plan of a run from what was ordered: a chain that comes with the room or a file, and what is changed."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any

from consilience.dialogue.command.flags import given
from consilience.ground.errors import InvalidInput, UnknownName
from consilience.methods.cross_team.formats import read, software, stories
from consilience.methods.cross_team.order import Order
from consilience.methods.cross_team.spec import Chain, Key, Loop, Phase, Plan, Step, Team, teams

__all__ = ["PERSONAS", "planned"]

PERSONAS = {
    "program": (
        "You value simplicity: the shortest program that is right, plain names, nothing that nobody asked for.",
        "You value robustness: you look for the case that breaks a program before you call it done.",
        "You value structure: small functions that do one thing each, and files that belong together.",
        "You value versatility: you think of what else somebody may type or ask for, and let it work.",
        "You value speed: you choose data structures and algorithms before you write a line.",
        "You value whoever reads it: every step can be followed, and names say what things are.",
        "You value whoever uses it: messages that help, output that is easy on the eye.",
        "You value proof: you go through examples by hand, and believe no line that you have not followed.",
    ),
    "story": (
        "You write plainly: short sentences, concrete things, no adornment.",
        "You write with an ear for rhythm: sentences that are good to read aloud.",
        "You begin with people: what they want, and what stands in their way.",
        "You begin with a place, and let what happens grow out of it.",
        "You look for the turn that nobody expects and everybody believes.",
        "You write with dry humour, and never explain a joke.",
        "You care for cause and effect: nothing happens without a reason that was shown before.",
        "You care for the ending: everything leads there, and nothing is left over.",
    ),
}
"""How teams are told to differ, of our own writing; from the ninth on they begin again."""


def planned(order: Order, named: Collection[str] | None = None) -> Plan:
    """Return the plan of a run.

    Parameters
    ----------
    order
        What was ordered.
    named
        Settings that were given, though it be with the default: they change a plan in a file. Those that differ from
        the defaults if None.

    Raises
    ------
    InvalidInput
        When it cannot be carried out.
    UnknownName
        When a team is named that is not there.

    Examples
    --------
    >>> plan = planned(Order(task="A game.", teams=3, quorum=2))
    >>> [team.name for team in plan.teams], {key.quorum for key in plan.chain.keys}
    (['A', 'B', 'C'], {2})
    """
    named = given(order) if named is None else named
    plan = _from_file(order, named) if order.plan is not None else _from_room(order)
    plan = replace(plan, chain=_chain(plan.chain, order), teams=_told(plan.teams, order))
    if len(plan.teams) > 1 and "group" in named and plan.group > len(plan.teams):
        raise InvalidInput(
            f"--group must be at most the number of teams, {len(plan.teams)}, or there is nothing to group; "
            f"got {plan.group}"
        )
    return plan


def _from_room(order: Order) -> Plan:
    make = software if order.kind in ("program", "function") else stories
    return make(
        order.teams,
        teams=_teams(order),
        group=order.group,
        grouping="packed" if order.packed else "shuffled",
        shared=not order.own_merges,
        prune=order.prune,
        context_tokens=order.context_tokens,
        final=order.final,
        seed=order.seed,
    )


def _from_file(order: Order, named: Collection[str]) -> Plan:
    """Return the plan of a file, changed by what was given beside it."""
    assert order.plan is not None  # noqa: S101  for the type checker; `planned` asked
    plan = read(order.plan)
    changes: dict[str, Any] = {
        "group": ("group", order.group),
        "packed": ("grouping", "packed"),
        "own_merges": ("shared", False),
        "prune": ("prune", True),
        "context_tokens": ("context_tokens", order.context_tokens),
        "final": ("final", order.final),
        "seed": ("seed", order.seed),
    }
    told = dict(change for name, change in changes.items() if name in named)
    if "teams" in named:
        told["teams"] = _teams(order)
    elif order.alike:
        told["teams"] = tuple(replace(team, persona="") for team in plan.teams)
    return replace(plan, **told)


def _teams(order: Order) -> tuple[Team, ...]:
    personas: Sequence[str] = PERSONAS["program" if order.kind in ("program", "function") else "story"]
    return teams(order.teams, personas=None if order.alike or order.teams == 1 else personas)


def _told(made: tuple[Team, ...], order: Order) -> tuple[Team, ...]:
    """Return the teams with what was told of all of them and of single ones."""
    names = [team.name for team in made]
    models = order.by_team("--team-model", order.team_model)
    warmths = order.by_team("--team-temperature", order.team_temperature)
    for name in (*models, *warmths):
        if name not in names:
            raise UnknownName("team", name, names)
    found = []
    for team in made:
        changes: dict[str, Any] = {}
        if order.temperature is not None:
            changes["temperature"] = order.temperature
        if team.name in warmths:
            changes["temperature"] = _number("--team-temperature", team.name, warmths)
        if team.name in models:
            changes["model"] = models[team.name]
        if order.cycles is not None:
            changes["cycles"] = order.cycles
        found.append(replace(team, **changes))
    return tuple(found)


def _chain(chain: Chain, order: Order) -> Chain:
    """Return the chain with what was told of its key phases."""
    changes = {name: getattr(order, name) for name in ("quorum", "deadline_s", "late")}
    told = {name: value for name, value in changes.items() if value is not None}
    if order.max_tokens is not None:
        steps: tuple[Step, ...] = tuple(_capped(step, order.max_tokens) for step in chain.steps)
        chain = replace(chain, steps=steps)
    if not told:
        return chain
    if not chain.keys:
        raise InvalidInput(
            f"--{next(iter(told)).replace('_', '-')} is about key phases; the plan has none: leave it out"
        )
    return replace(chain, steps=tuple(replace(step, **told) if isinstance(step, Key) else step for step in chain.steps))


def _capped(step: Step, most: int) -> Step:
    """Return a step whose replies have so many tokens at most."""
    match step:
        case Key():
            return step
        case Loop():
            return replace(step, phases=tuple(_shortened(phase, most) for phase in step.phases))
        case Phase():
            return _shortened(step, most)


def _shortened(phase: Phase, most: int) -> Phase:
    return replace(phase, max_tokens=min(most, phase.max_tokens or most))


def _number(flag: str, team: str, told: Mapping[str, str]) -> float:
    try:
        return float(told[team])
    except ValueError as error:
        raise InvalidInput(f"{flag} must be TEAM=NUMBER; got {team}={told[team]}") from error
