"""Policies: the rules of each person, kept in the store, and what of them the pages let people say."""

from __future__ import annotations

from dataclasses import replace

from sqlalchemy import Column, MetaData, String, Table, Text, delete, insert, select

from consilience.ground.errors import InvalidInput
from consilience.methods.social_agents.audit import make
from consilience.methods.social_agents.policy import GROUPS, PASSED_ON, Policy, Rule
from consilience.methods.social_agents.store import Store

__all__ = ["GROUPS", "PASSED_ON", "Policies"]

MOST_RULES = 100

_METADATA = MetaData()
_policy = Table(
    "policy",
    _METADATA,
    Column("owner", String(64), primary_key=True),
    Column("toml", Text, nullable=False),
)


class Policies:
    """The policies of a store's people; who has said nothing has the defaults.

    Examples
    --------
    >>> with Store.open(":memory:") as store:
    ...     policies = Policies(store)
    ...     policies.put_in_group("ann", "bea", "family")
    ...     policies.of("ann").on("My pet is a parrot.", "bea").verdict, policies.group("ann", "bea")
    ('allow', 'family')
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        with store.writing() as connection:
            make(connection, _METADATA)

    def of(self, owner: str) -> Policy:
        """Return somebody's policy, by handle."""
        with self._store.reading() as connection:
            text = connection.execute(select(_policy.c.toml).where(_policy.c.owner == owner)).scalar()
        return Policy(owner) if text is None else Policy.read(text)

    def put(self, policy: Policy) -> None:
        """Keep a policy in place of the one before."""
        with self._store.writing() as connection:
            connection.execute(delete(_policy).where(_policy.c.owner == policy.owner))
            connection.execute(insert(_policy).values(owner=policy.owner, toml=policy.toml()))

    def add(self, owner: str, rule: Rule) -> None:
        """Let a rule come before all others.

        Raises
        ------
        InvalidInput
            When there are too many.
        """
        policy = self.of(owner)
        if len(policy.rules) >= MOST_RULES:
            raise InvalidInput(f"{MOST_RULES} rules are the most; take one away first")
        self.put(replace(policy, rules=(rule, *(one for one in policy.rules if one != rule))))

    def drop(self, owner: str, number: int) -> None:
        """Take a rule away, by its place from 0.

        Raises
        ------
        InvalidInput
            When there is none.
        """
        policy = self.of(owner)
        if not 0 <= number < len(policy.rules):
            raise InvalidInput(f"there must be a rule in that place; got {number}")
        self.put(replace(policy, rules=policy.rules[:number] + policy.rules[number + 1 :]))

    def drop_all(self, owner: str) -> None:
        """Forget what somebody has said of who may learn what."""
        with self._store.writing() as connection:
            connection.execute(delete(_policy).where(_policy.c.owner == owner))

    def group(self, owner: str, other: str) -> str:
        """Return the group that somebody has put another into; empty where they are new."""
        return next((name for name, members in self.of(owner).groups.items() if other in members), "")

    def put_in_group(self, owner: str, other: str, group: str) -> None:
        """Put somebody into a group and no other, or, with the empty text, into none.

        Raises
        ------
        InvalidInput
            When there is no such group.
        """
        if group and group not in GROUPS:
            raise InvalidInput(f"`group` must be one of {', '.join(GROUPS)}; got {group!r}")
        policy = self.of(owner)
        groups = {name: members - {other} for name, members in policy.groups.items()}
        if group:
            groups[group] = groups.get(group, frozenset()) | {other}
        self.put(replace(policy, groups={name: members for name, members in groups.items() if members}))
