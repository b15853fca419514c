"""Policies: the rules of each person, kept in the store, and what of them the pages let people say."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from sqlalchemy import Column, Connection, MetaData, String, Table, Text, delete, insert, select

from consilience.ground.errors import InvalidInput
from consilience.methods.social_agents.audit import make
from consilience.methods.social_agents.policy import GROUPS, PASSED_ON, Policy, Rule
from consilience.methods.social_agents.store import Store

__all__ = ["GROUPS", "PASSED_ON", "Policies"]

MOST_RULES = 100
_CHANGING = 0x706F6C69

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
            return _of(connection, owner)

    def put(self, policy: Policy) -> None:
        """Keep a policy in place of the one before."""
        self._change(policy.owner, lambda _: policy)

    def add(self, owner: str, rule: Rule) -> None:
        """Let a rule come before all others.

        Raises
        ------
        InvalidInput
            When there are too many.
        """

        def longer(policy: Policy) -> Policy:
            if len(policy.rules) >= MOST_RULES:
                raise InvalidInput(f"{MOST_RULES} rules are the most; take one away first")
            return replace(policy, rules=(rule, *(one for one in policy.rules if one != rule)))

        self._change(owner, longer)

    def drop(self, owner: str, number: int, rule: str) -> None:
        """Take a rule away.

        Parameters
        ----------
        owner
            Handle of whose it is.
        number
            Its place, from 0, where it was seen.
        rule
            The rule in words (`str`): it is to be in that place still, so that no other goes in its stead.

        Raises
        ------
        InvalidInput
            When it is not there.
        """

        def shorter(policy: Policy) -> Policy:
            if not 0 <= number < len(policy.rules) or str(policy.rules[number]) != rule:
                raise InvalidInput(f"the rule {rule[:200]!r} must be in that place; load the page again, and look")
            return replace(policy, rules=policy.rules[:number] + policy.rules[number + 1 :])

        self._change(owner, shorter)

    def drop_all(self, owner: str) -> None:
        """Forget what somebody has said of who may learn what."""
        with self._store.writing() as connection:
            _wait_for_others(connection)
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

        def sorted_in(policy: Policy) -> Policy:
            groups = {name: members - {other} for name, members in policy.groups.items()}
            if group:
                groups[group] = groups.get(group, frozenset()) | {other}
            return replace(policy, groups={name: members for name, members in groups.items() if members})

        self._change(owner, sorted_in)

    def _change(self, owner: str, changed: Callable[[Policy], Policy]) -> None:
        """Read a policy, change it and keep it, with no other change in between."""
        with self._store.writing() as connection:
            _wait_for_others(connection)
            policy = changed(_of(connection, owner))
            connection.execute(delete(_policy).where(_policy.c.owner == owner))
            connection.execute(insert(_policy).values(owner=owner, toml=policy.toml()))


def _of(connection: Connection, owner: str) -> Policy:
    text = connection.execute(select(_policy.c.toml).where(_policy.c.owner == owner)).scalar()
    return Policy(owner) if text is None else Policy.read(text)


def _wait_for_others(connection: Connection) -> None:
    """Let one at a time change policies; of a file there is one writer anyway."""
    if connection.dialect.name != "sqlite":
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_CHANGING})")
