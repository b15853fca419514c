"""Policy: who may learn which kind of thing from a person's messages, and for what.

A policy is a list of rules, of which the first that fits decides; what none of them fits is decided by `DEFAULTS`:
secrets never, everything only after asking for somebody who is new, and what concerns health, money and ways to reach
somebody only after asking for anybody. A message with several labels is decided by the strictest of them.

It is applied twice: `Policy.sift` keeps what must never be told out of prompts, and the gate judges what is said.

======= ===============================================================================================================
verdict means
======= ===============================================================================================================
allow   may be told
coarsen may be told coarsely (`labels.coarse`); the model itself sees nothing finer
ask     may be told after the person has agreed
never   is not told, and no model that speaks with that person's agent sees it
======= ===============================================================================================================
"""

from __future__ import annotations

import re
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, Literal, get_args

import tomli_w

from consilience.ground.config import parse_toml
from consilience.ground.errors import InvalidInput
from consilience.methods.social_agents.labels import LABELS, OTHER, SECRET, coarse, labels_of, telling
from consilience.methods.social_agents.records import Message

__all__ = ["DEFAULTS", "GROUPS", "NEW", "PASSED_ON", "RESERVED", "Policy", "Rule", "Ruling", "Verdict"]

Verdict = Literal["allow", "coarsen", "ask", "never"]
"""From the mildest to the strictest."""

ANY: Final = "*"
NEW: Final = "new"
"""The group of all who are in no other group of the policy."""
GROUPS: Final = ("family", "friends", "work")
"""Groups that somebody may be put into without more ado; a rule about one means nobody as long as nobody is in it."""
RESERVED: Final = frozenset({ANY, NEW, *GROUPS, "anyone", "everybody"})
"""What rules and pages call many people by: nobody who comes anew may have it as a handle, in whatever case."""
PASSED_ON: Final = "passed on"
"""The purpose of what somebody else tells on: rules about it decide what may be forwarded."""

_STRICTNESS: Mapping[str, int] = MappingProxyType({verdict: rank for rank, verdict in enumerate(get_args(Verdict))})
_NAME = re.compile(r"[a-z][a-z0-9_-]*\Z")


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One sentence of a policy.

    Raises
    ------
    InvalidInput
        When the verdict is none, or a part is empty.
    """

    who: str = ANY
    """A handle, a group, or ``"*"`` for everybody. A name that is a group's, or in `GROUPS`, never means a handle."""
    label: str = ANY
    """A kind of thing, or ``"*"`` for every kind but a secret, which has to be named."""
    purpose: str = ANY
    """What a task is for, or ``"*"``."""
    verdict: Verdict
    """What then."""

    def __post_init__(self) -> None:
        if self.verdict not in _STRICTNESS:
            raise InvalidInput(f"`verdict` must be one of {', '.join(_STRICTNESS)}; got {self.verdict!r}")
        for name in ("who", "label", "purpose"):
            if not getattr(self, name).strip():
                raise InvalidInput(f"`{name}` of a rule must not be empty; write '*' for all")

    def __str__(self) -> str:
        return f"{self.who} / {self.label} / {self.purpose}: {self.verdict}"


DEFAULTS: Final = (
    Rule(label=SECRET, verdict="never"),
    Rule(who=NEW, verdict="ask"),
    Rule(label="health", verdict="ask"),
    Rule(label="money", verdict="ask"),
    Rule(label="contact", verdict="ask"),
    Rule(verdict="allow"),
)
"""The rules that follow on a person's own."""


@dataclass(frozen=True, slots=True)
class Ruling:
    """What a policy says of a message."""

    verdict: Verdict
    rule: str
    """The rule that says so, in words."""
    labels: frozenset[str] = frozenset()
    """Of the message."""


Granted = Callable[[frozenset[str], int], bool]
"""Whether the owner has agreed to tell a message, by its labels and its number."""


@dataclass(frozen=True)
class Policy:
    """The rules of one person.

    Parameters
    ----------
    owner
        Handle of whose messages it is about.
    rules
        The first that fits decides.
    groups
        Handles by the name of the group. Who is in none is `NEW`.

    Raises
    ------
    InvalidInput
        When a group has a name that means something else.

    Examples
    --------
    >>> policy = Policy("ann", (Rule(who="family", label="health", verdict="allow"),), {"family": frozenset({"bea"})})
    >>> policy.on("I am ill again.", "bea").verdict, policy.on("I am ill again.", "cem").verdict
    ('allow', 'ask')
    >>> policy.on("My password is tulip.", "bea").rule
    '* / secret / *: never (default)'
    """

    owner: str
    rules: tuple[Rule, ...] = ()
    groups: Mapping[str, frozenset[str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in self.groups:
            if name == NEW or not _NAME.match(name):
                raise InvalidInput(
                    f"a group must have a name of small letters, digits, - and _, other than {NEW!r}; got {name!r}"
                )

    @classmethod
    def open(cls, owner: str) -> Policy:
        """Return the policy of somebody who lets everybody learn everything but secrets: for rehearsals."""
        return cls(owner, (Rule(verdict="allow"),))

    @classmethod
    def read(cls, text: str) -> Policy:
        r"""Return a policy from its TOML.

        Raises
        ------
        InvalidInput
            When it is none.

        Examples
        --------
        >>> text = 'owner = "ann"\n[groups]\nfamily = ["bea"]\n[[rules]]\nwho = "family"\nverdict = "allow"\n'
        >>> Policy.read(text).rules[0].verdict
        'allow'
        """
        found = parse_toml(text, "a policy")
        if unknown := set(found) - {"owner", "rules", "groups"}:
            raise InvalidInput(f"a policy has `owner`, `rules` and `groups`; got {sorted(unknown)} as well")
        if not isinstance(found.get("owner"), str):
            raise InvalidInput('a policy must say whose it is; add a line as in owner = "ann"')
        rules, groups = found.get("rules", []), found.get("groups", {})
        if not isinstance(rules, list) or not isinstance(groups, dict):
            raise InvalidInput("`rules` must be [[rules]] tables and `groups` a table")
        return cls(
            found["owner"],
            tuple(_rule(rule) for rule in rules),
            {name: frozenset(_handles(name, members)) for name, members in groups.items()},
        )

    @classmethod
    def load(cls, path: Path) -> Policy:
        """Return a policy from a file.

        Raises
        ------
        InvalidInput
            When the file is not there, or holds none.
        """
        try:
            return cls.read(path.read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError) as error:
            raise InvalidInput(f"a policy must be a TOML file that can be read; got {path}: {error}") from error

    def toml(self) -> str:
        """Return the policy as TOML that `read` understands."""
        rules = [
            {name: getattr(rule, name) for name in ("who", "label", "purpose", "verdict") if getattr(rule, name) != ANY}
            for rule in self.rules
        ]
        groups = {name: sorted(members) for name, members in self.groups.items()}
        return tomli_w.dumps({"owner": self.owner, "groups": groups, "rules": rules})

    def on(self, text: str, counterpart: str, purpose: str = ANY, label: str = "") -> Ruling:
        """Return what is to become of a message.

        Parameters
        ----------
        text
            Of the message.
        counterpart
            Handle of who would learn it.
        purpose
            What for.
        label
            What a person said it tells.
        """
        labels = labels_of(text, label)
        key = (labels, counterpart, purpose)
        if key not in self._rulings:
            self._rulings[key] = self._ruling(*key)
        return self._rulings[key]

    @cached_property
    def _rulings(self) -> dict[tuple[frozenset[str], str, str], Ruling]:
        return {}

    def _ruling(self, labels: frozenset[str], counterpart: str, purpose: str) -> Ruling:
        found = [self._first(counterpart, purpose, one) for one in sorted(labels)]
        rule, default = max(found, key=lambda one: _STRICTNESS[one[0].verdict])
        return Ruling(rule.verdict, f"{rule} (default)" if default else str(rule), labels)

    def sift(
        self,
        rows: Sequence[Message],
        counterpart: str,
        purpose: str = ANY,
        *,
        granted: Granted = lambda _labels, _message: False,
        show_asked: bool = True,
    ) -> list[Message]:
        """Return what an agent may see when it speaks with somebody: what must never be told is not among it.

        Parameters
        ----------
        rows
            Messages of the owner's memory.
        counterpart
            Handle of whose agent it speaks with.
        purpose
            What for.
        granted
            What the owner has agreed to.
        show_asked
            Whether the model sees what would have to be asked about. If it does, it can notice that it is wanted; if
            it does not, it cannot even be made to nod.

        Returns
        -------
        list of Message
            In their order; what may be told coarsely is coarse, and keeps its labels.
        """
        shown = []
        for row in rows:
            ruling = self.on(row.text, counterpart, purpose, row.label)
            if not _is_seen(ruling, row.id, granted, show_asked=show_asked):
                continue
            if ruling.verdict == "coarsen":
                labels = ruling.labels
                shown.append(replace(row, text=coarse(row.text, labels), label=",".join(sorted(labels))))
            else:
                shown.append(row)
        return shown

    def hidden(
        self,
        rows: Iterable[Message],
        counterpart: str,
        purpose: str = ANY,
        *,
        granted: Granted = lambda _labels, _message: False,
        show_asked: bool = True,
    ) -> frozenset[int]:
        """Return the numbers of the messages that an agent does not see: for it, it is as if there were none.

        Parameters
        ----------
        rows, counterpart, purpose, granted, show_asked
            As of `sift`.

        Examples
        --------
        >>> from datetime import UTC, datetime
        >>> when = datetime(2024, 5, 2, tzinfo=UTC)
        >>> rows = [Message(1, 1, 1, "Ann", when, "My PIN is 4711."), Message(2, 1, 1, "Ann", when, "I keep bees.")]
        >>> sorted(Policy.open("ann").hidden(rows, "bea"))
        [1]
        """
        found = []
        unseen: frozenset[Verdict] = frozenset({"never"} if show_asked else {"never", "ask"})
        for row in self._perhaps(unseen, rows, counterpart, purpose):
            ruling = self.on(row.text, counterpart, purpose, row.label)
            if not _is_seen(ruling, row.id, granted, show_asked=show_asked):
                found.append(row.id)
        return frozenset(found)

    def asks(
        self,
        rows: Iterable[Message],
        counterpart: str,
        purpose: str = ANY,
        *,
        granted: Granted = lambda _labels, _message: False,
    ) -> frozenset[int]:
        """Return the numbers of the messages that may be told after their owner has been asked, and has not agreed yet.

        Parameters
        ----------
        rows, counterpart, purpose, granted
            As of `sift`.
        """
        found = []
        for row in self._perhaps(frozenset({"ask"}), rows, counterpart, purpose):
            ruling = self.on(row.text, counterpart, purpose, row.label)
            if ruling.verdict == "ask" and not granted(ruling.labels, row.id):
                found.append(row.id)
        return frozenset(found)

    @cached_property
    def key(self) -> Hashable:
        """What is the same for policies that say the same."""
        return self.owner, self.rules, frozenset(self.groups.items())

    def _perhaps(
        self, verdicts: frozenset[Verdict], rows: Iterable[Message], counterpart: str, purpose: str
    ) -> Iterable[Message]:
        """Give the messages on which one of some verdicts is possible: no others need be labelled.

        A message has the verdict of one of its labels. So where no label has such a verdict, no message has; and where
        what has no label does not have it, only what a person labelled and what tells of a kind that has it.
        """
        named = {rule.label for rule in (*self.rules, *DEFAULTS)}  # among them `ANY`, which stands for all others
        labels = {
            label
            for label in {*LABELS, OTHER, *named}
            if self._first(counterpart, purpose, label)[0].verdict in verdicts
        }
        if not labels or OTHER in labels:
            return rows if labels else ()
        looks = telling(kind for kind in LABELS if kind in labels)
        return (row for row in rows if row.label or looks(row.text))

    def _first(self, counterpart: str, purpose: str, label: str) -> tuple[Rule, bool]:
        for rules, default in ((self.rules, False), (DEFAULTS, True)):
            for rule in rules:
                fits = label == rule.label or (rule.label == ANY and label != SECRET)
                if fits and rule.purpose in (ANY, purpose) and self._means(rule.who, counterpart):
                    return rule, default
        raise AssertionError("the last default fits everything but secrets, and the first one those")

    def _means(self, who: str, counterpart: str) -> bool:
        if who == NEW:
            return not any(counterpart in members for members in self.groups.values())
        if who in self.groups or who in GROUPS:
            return counterpart in self.groups.get(who, ())
        return who in (ANY, counterpart)


def _is_seen(ruling: Ruling, number: int, granted: Granted, *, show_asked: bool) -> bool:
    """Whether an agent sees a message with such a ruling: `Policy.sift` shows it, or else `Policy.hidden` names it."""
    if ruling.verdict == "ask":
        return show_asked or granted(ruling.labels, number)
    return ruling.verdict != "never"


def _rule(found: Any) -> Rule:
    if not isinstance(found, dict) or not all(isinstance(value, str) for value in found.values()):
        raise InvalidInput(f"a rule must be a table of texts; got {found!r}")
    if unknown := set(found) - {"who", "label", "purpose", "verdict"}:
        raise InvalidInput(f"a rule has `who`, `label`, `purpose` and `verdict`; got {sorted(unknown)} as well")
    if "verdict" not in found:
        raise InvalidInput(f"a rule must have a `verdict`, one of {', '.join(_STRICTNESS)}; got {found!r}")
    return Rule(**found)


def _handles(name: str, members: Any) -> list[str]:
    if not isinstance(members, list) or not all(isinstance(member, str) for member in members):
        raise InvalidInput(f"a group must be a list of handles; got {members!r} for {name!r}")
    return members
