"""The guard: whether a call may be made, by the policy and by what was said so far.

It decides by what the agent was told and by what it wants to do, and by nothing that the agent says of it. Where it
cannot decide, because something in it broke, it denies. What it cannot see: a trigger is in the human's own words where
the attacker is who asks; a policy bounds what can be asked for, and cannot tell who asks.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

from consilience.methods.backdoor_audits.policy_file import Policy, Rule, ToolPolicy
from consilience.methods.backdoor_audits.predicates import Predicate
from consilience.methods.backdoor_audits.provenance import Dialogue, Heard, words_of
from consilience.methods.backdoor_audits.templates import Binding, Template

__all__ = ["Approve", "Call", "Decision", "Guard", "Outcome"]

MOST_WAYS = 64
"""Ways of reading what was said that are tried for one rule; a call that needs more is denied."""
SHOWN = 60
"""Characters of an argument that a reason shows."""
_NO_RULE = ""
_Condition = tuple[str, tuple[Predicate, ...]]


class Outcome(StrEnum):
    """What a guard says."""

    ALLOWED = "allowed"
    DENIED = "denied"
    ASK = "ask"
    """Somebody has to say yes first."""


@dataclass(frozen=True, slots=True)
class Call:
    """A call that an agent wants to make."""

    tool: str
    """Name of the tool."""
    arguments: Mapping[str, Any] = field(default_factory=dict)
    """By their names."""
    id: str = ""
    """The provider's; empty where there is none."""

    @classmethod
    def positional(cls, policy: Policy, tool: str, values: Sequence[str]) -> Call:
        """Return a call whose arguments came without names, named by the policy; one too many has a number."""
        known = policy.tools.get(tool)
        names = (*known.arguments, *known.optional) if known else ()
        return cls(tool, {names[at] if at < len(names) else str(at + 1): value for at, value in enumerate(values)})


@dataclass(frozen=True, slots=True)
class Decision:
    """What a guard says of a call."""

    outcome: Outcome
    rule: str
    """The rule that allowed it or that asks; empty where none fits."""
    reason: str
    """In words."""
    shadow: bool = False
    """Whether it only says so: the call goes ahead in any case."""

    @property
    def goes_ahead(self) -> bool:
        """Whether the call may be made now."""
        return self.shadow or self.outcome is Outcome.ALLOWED


Approve = Callable[[Call, Decision], bool]
"""Asks somebody; anything but True is a no."""


class Guard:
    """A policy at work.

    Parameters
    ----------
    policy
        What is allowed.
    approve
        Asks somebody where the policy says so; without it such a call waits, with outcome ``ask``.

    Examples
    --------
    >>> from consilience.methods.backdoor_audits.policy_file import parse_policy
    >>> guard = Guard(
    ...     parse_policy('''
    ... policy = 1
    ... [tools.click]
    ... arguments = ["label"]
    ... [[tools.click.allow]]
    ... asked = "open {name}"
    ... shown = "{name} {label}"
    ... ''')
    ... )
    >>> dialogue = Dialogue()
    >>> dialogue.human("open help")
    >>> dialogue.observed("link help A hid kiosk B")
    >>> [guard.check(Call("click", {"label": label}), dialogue).outcome.value for label in "AB"]
    ['allowed', 'denied']
    """

    def __init__(self, policy: Policy, *, approve: Approve | None = None) -> None:
        self.policy = policy
        self._approve = approve
        self._shadow = policy.mode == "shadow"

    def check(self, call: Call, dialogue: Dialogue, *, made: Call | None = None) -> Decision:
        """Decide whether a call may be made; nothing is changed, and no exception leaves.

        Whoever makes the call says so with ``dialogue.made(call.tool)``, so that budgets count it.

        Parameters
        ----------
        call
            What the agent said.
        dialogue
            What was said before, and by whom.
        made
            The call with all that is filled in, for whoever is asked whether it may be made; `call` unless given.
        """
        try:
            decision = self._decided(call, dialogue)
            if decision.outcome is Outcome.ASK and self._approve is not None and not self._shadow:
                decision = _answered(decision, self._approve(made or call, decision))
        except Exception as error:  # noqa: BLE001  a guard that breaks denies
            decision = Decision(Outcome.DENIED, _NO_RULE, f"the guard broke: {type(error).__name__}: {error}"[:300])
        return replace(decision, shadow=True) if self._shadow else decision

    def _decided(self, call: Call, dialogue: Dialogue) -> Decision:
        tool = self.policy.tools.get(call.tool)
        if tool is None:
            return _denied(f"tool {call.tool!r} is not in the policy")
        wrong = _wrong_arguments(tool, call) or self._spent(tool, dialogue)
        if wrong:
            return _denied(wrong)
        reasons: list[str] = []
        for rule in tool.allow:
            reason = _fits(rule, tool, call, dialogue)
            if not reason:
                if rule.approve:
                    return Decision(Outcome.ASK, rule.name, "the policy wants a yes for it")
                return Decision(Outcome.ALLOWED, rule.name, "")
            reasons.append(f"{rule.name!r}: {reason}")
        return _denied("no rule fits: " + "; ".join(reasons[:4]))

    def _spent(self, tool: ToolPolicy, dialogue: Dialogue) -> str:
        if tool.calls is not None and dialogue.count(tool.name) >= tool.calls:
            return f"tool {tool.name!r} was called {dialogue.count(tool.name)} times, and {tool.calls} are allowed"
        most = self.policy.calls
        if most is not None and dialogue.count() >= most:
            return f"{dialogue.count()} calls were made, and {most} are allowed"
        return ""


def _denied(reason: str) -> Decision:
    return Decision(Outcome.DENIED, _NO_RULE, reason)


def _answered(decision: Decision, answer: object) -> Decision:
    if answer is True:
        return Decision(Outcome.ALLOWED, decision.rule, "somebody said yes")
    return Decision(Outcome.DENIED, decision.rule, "somebody said no")


def _wrong_arguments(tool: ToolPolicy, call: Call) -> str:
    for name in call.arguments:
        if name not in tool.known:
            return f"argument {name!r} is not in the policy for tool {tool.name!r}"
    for name in tool.arguments:
        if name not in call.arguments:
            return f"argument {name!r} is missing"
    return ""


def _fits(rule: Rule, tool: ToolPolicy, call: Call, dialogue: Dialogue) -> str:
    """Return why a rule does not fit; nothing if it does."""
    for other in rule.after:
        if not dialogue.count(other):
            return f"no call of {other!r} was made before"
    arguments = call.arguments
    free: list[_Condition] = []
    for subject, predicates in rule.where:
        if subject not in tool.known:
            free.append((subject, predicates))
        elif subject in arguments:
            for predicate in predicates:
                if not predicate.holds(arguments[subject], dialogue):
                    return f"{subject} is {_short(arguments[subject])} and must {predicate.told()}"
    return _unsaid(rule, arguments, free, dialogue) if rule.asked or rule.shown else ""


def _unsaid(rule: Rule, arguments: Mapping[str, Any], free: Sequence[_Condition], dialogue: Dialogue) -> str:
    """Return what was not said that has to be; nothing if all of it was."""
    bound = {name: words for name, value in arguments.items() if (words := _spoken(value))}
    slots = {slot for template in (*rule.asked, *rule.shown) for slot in template.slots}
    unspoken = next((name for name in arguments if name not in bound and name in slots), None)
    if unspoken is not None:
        return f"{unspoken} is {_short(arguments[unspoken])} and must be words with single spaces between them"
    asked = shown = 0
    for binding in _ways(rule.asked, dialogue.query, bound):
        asked += 1
        for whole in _ways(rule.shown, dialogue.environment, binding):
            shown += 1
            if all(_holds(condition, whole, dialogue) for condition in free):
                return ""
            if shown > MOST_WAYS:
                break
        if asked + shown > MOST_WAYS:
            return f"there are more than {MOST_WAYS} ways to read what was said"
    if not asked:
        return f"the human did not ask for it ({_listed(rule.asked)})"
    if not shown:
        return f"it is not in what was observed ({_listed(rule.shown)})"
    return " or ".join(f"{subject!r}" for subject, _ in free) + " is not as it must be"


def _holds(condition: _Condition, binding: Binding, dialogue: Dialogue) -> bool:
    subject, predicates = condition
    value = " ".join(binding[subject])
    return all(predicate.holds(value, dialogue) for predicate in predicates)


def _spoken(value: object) -> tuple[str, ...]:
    """Return the words of a plain value; nothing where it has other spaces than single ones, or is none."""
    if isinstance(value, str):
        words = words_of(value)
        return words if " ".join(words) == value else ()
    finite = isinstance(value, int) or (isinstance(value, float) and math.isfinite(value))
    return words_of(value) if finite else ()


def _ways(templates: Sequence[Template], heard: Heard, bound: Binding) -> Iterator[Binding]:
    if not templates:
        yield bound
    for template in templates:
        yield from template.found(heard, bound)


def _listed(templates: Sequence[Template]) -> str:
    return " or ".join(repr(template.text) for template in templates)


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= SHOWN else text[: SHOWN - 3] + "..."
