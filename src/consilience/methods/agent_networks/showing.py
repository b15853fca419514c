"""Showing: a run read from its folder, with what each element spent and what was said there."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from consilience.dialogue.command.means import Means
from consilience.dialogue.command.said import plain, talk
from consilience.dialogue.command.telling import if_writable, say
from consilience.dialogue.graph_run import Turn
from consilience.ground.errors import UnknownName
from consilience.methods.agent_networks.account import Account
from consilience.methods.agent_networks.job import found
from consilience.methods.agent_networks.outcome import numbers, summary, write_page

__all__ = ["run"]

_ROWS = 20
"""Elements in the table: those that spent most."""


def run(folder: Path, *, element: str | None = None, journal: str | None = None, as_json: bool = False) -> int:
    """Print how a run stands, and return the exit status.

    Parameters
    ----------
    folder
        Of the run.
    element
        A node or an edge, to print what was said there instead.
    journal
        Where the journal is now.
    as_json
        Print JSON instead of words.
    """
    job = found(folder, Means(journal=journal))
    facts = job.folder.result()
    with job.journal(replay_only=True) as kept:
        account = Account(
            job.blueprint.network,
            job.kind,
            kept,
            job.folder.events(),
            group=job.order.group,
            pending=facts.get("pending", ()),
            over=bool(facts),
        )
    facts = facts or numbers(job, account, None, trouble="cut off, or still at work")
    with if_writable(job.folder.page):
        write_page(job, account, facts)
    if element is not None:
        told = _said(account, element)
        say(json.dumps([plain(turn) for turn in told], indent=2) if as_json else "\n".join(talk(element, told)))
    elif as_json:
        say(json.dumps({**facts, "elements": _elements(account)}, indent=2))
    else:
        say("\n".join([*summary(facts, resume=job.resume), "", *_table(account), "", *_path(account)]))
    if account.notice:
        say(account.notice, aside=as_json)
    return 0


def _said(account: Account, element: str) -> list[Turn]:
    if element not in account.states:
        raise UnknownName("element", element, account.states)
    return account.turns.get(element, [])


def _elements(account: Account) -> list[dict[str, Any]]:
    return [
        {"element": name, "state": state, **(asdict(account.bills[name]) if name in account.bills else {})}
        for name, state in account.states.items()
    ]


def _table(account: Account) -> Iterator[str]:
    bills = sorted(account.bills.items(), key=lambda entry: -(entry[1].input_tokens + entry[1].output_tokens))
    width = max([len("element"), *(len(name) for name, _ in bills[:_ROWS])])
    yield f"{'element':<{width}}  {'state':<8}{'calls':>7}{'tokens in':>11}{'out':>9}{'usd':>10}{'seconds':>10}"
    for name, bill in bills[:_ROWS]:
        usd = "-" if bill.usd is None else f"{bill.usd:.4f}"
        state = account.states.get(name, "")
        tokens = f"{bill.input_tokens:>11,}{bill.output_tokens:>9,}"
        yield f"{name:<{width}}  {state:<8}{bill.calls:>7,}{tokens}{usd:>10}{bill.seconds:>10.2f}"
    if len(bills) > _ROWS:
        yield f"and {len(bills) - _ROWS:,} more that spent less; --json has them all"


def _path(account: Account) -> Iterator[str]:
    seconds, path = account.critical_path
    shown = path if len(path) <= _ROWS else [*path[: _ROWS // 2], "...", *path[-_ROWS // 2 :]]
    yield f"critical path, {seconds:.2f} s of calls: {' '.join(shown)}"
