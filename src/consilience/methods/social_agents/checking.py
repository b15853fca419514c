"""Checking at the command line: whether an audit log is as it was written, and what it says."""

from __future__ import annotations

import re
from collections.abc import Callable

from consilience.ground.errors import InvalidInput
from consilience.methods.social_agents.audit import AuditLog, Head
from consilience.methods.social_agents.flags import Checking
from consilience.methods.social_agents.keys import key_of
from consilience.methods.social_agents.places import require_there
from consilience.methods.social_agents.store import Store

__all__ = ["check"]

Tell = Callable[[str], object]


def check(checking: Checking, tell: Tell) -> int:
    """Look at a log, and return 1 where it is not as it was written."""
    deed, database = checking.what
    require_there(database, "DATABASE")
    key = key_of(database, checking.key_file)
    with Store.open(database) as store:
        log = AuditLog(store, key=key)
        if deed == "show":
            _show(log, checking.person, tell)
            return 0
        found = log.verify(_noted(checking.noted) if checking.noted else None)
        for problem in found.problems:
            tell(problem)
        head = log.head()
        tell(f"{found.checked} entries, {'sound' if found.ok else 'NOT as they were written'}")
        tell(f"end of the chain: {head.count}:{head.hash}")
        return 0 if found.ok else 1


def _show(log: AuditLog, person: str | None, tell: Tell) -> None:
    after = 0
    while part := log.entries(person, after=after):
        for one in part:
            messages = ", ".join(f"m{number}" for number in one.messages) or "no message"
            on = f", on the word of {one.approver}" if one.approver else ""
            rule = f", {one.rule}" if one.rule else ""
            tell(
                f"{one.number:>6} {one.at:%Y-%m-%d %H:%M:%S} {one.event:<9} {one.owner} -> {one.counterpart or '-'} "
                f"{one.task or '-'} turn {one.turn}: {messages}{rule}{on}"
            )
        after = part[-1].number
    if not after:
        tell("nothing was revealed" + (f" of {person}" if person else ""))


def _noted(text: str) -> Head:
    found = re.fullmatch(r"(\d{1,15}):([0-9a-f]{64})", text)
    if found is None:
        raise InvalidInput(f"--noted must be an end of the chain as verify prints it, COUNT:HASH; got {text!r}")
    return Head(int(found[1]), found[2])
