"""Showing: a run read from its folder, with what each team spent in each phase and what was said there."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from consilience.dialogue.command.means import Means
from consilience.dialogue.command.said import plain, talk
from consilience.dialogue.command.telling import if_writable, say
from consilience.dialogue.graph_run import STATES, Turn
from consilience.ground.errors import UnknownName
from consilience.methods.cross_team.account import Account
from consilience.methods.cross_team.job import Job, found
from consilience.methods.cross_team.outcome import accounted, numbers, summary, write_page

__all__ = ["run"]

_PARTS = 40
"""Files and functions whose origin is written out."""


def run(folder: Path, *, element: str | None = None, journal: str | None = None, as_json: bool = False) -> int:
    """Print how a run stands, and return the exit status.

    Parameters
    ----------
    folder
        Of the run.
    element
        A phase of a team or a merge, to print what was said there instead.
    journal
        Where the journal is now.
    as_json
        Print JSON instead of words.
    """
    job = found(folder, Means(journal=journal))
    facts = job.folder.result()
    with job.journal(replay_only=True) as kept:
        account = accounted(job, kept, job.folder.events())
    facts = facts or numbers(job, account, None, trouble="cut off, or still at work")
    with if_writable(job.folder.page):
        write_page(job, account, facts)
    if element is not None:
        told = _said(account, element)
        words = "\n".join(talk(element, told, priced=True))
        say(json.dumps(list(map(plain, told)), indent=2) if as_json else words)
    elif as_json:
        say(json.dumps({**facts, "elements": _elements(account)}, indent=2))
    else:
        say("\n".join([*summary(facts), "", *_grid(facts, account), "", *_path(facts), *_origins(job, facts)]))
    if account.notice:
        say(account.notice, aside=as_json)
    return 0


def _said(account: Account, element: str) -> list[Turn]:
    told = account.said(element)
    if not told and element not in account.elements:
        raise UnknownName("element", element, account.elements)
    return told


def _elements(account: Account) -> list[dict[str, Any]]:
    return [
        {
            "element": name,
            "state": account.state(name),
            **(asdict(account.bills[name]) if name in account.bills else {}),
        }
        for name in account.elements
    ]


def _grid(facts: Mapping[str, Any], account: Account) -> Iterator[str]:
    """Iterate over the lines of the matrix: of each cell its sign and its calls."""
    columns = account.grid.columns
    rows = [
        (name, [_cell(facts["matrix"][name][column]) for column in columns], team)
        for name, team in facts["teams"].items()
    ]
    widths = [max(len(column), *(len(cells[at]) for _, cells, _ in rows)) for at, column in enumerate(columns)]
    heads = "  ".join(f"{column:<{width}}" for column, width in zip(columns, widths, strict=True))
    yield f"{'team':<7} {heads}  {'calls':>6} {'tokens':>9} {'usd':>10}"
    for name, cells, team in rows:
        shown = "  ".join(f"{cell:<{width}}" for cell, width in zip(cells, widths, strict=True))
        yield f"{name:<7} {shown}  {_costs(team)}"
    yield f"{'merges':<7} {' ' * len(heads)}  {_costs(facts['merges'])}"
    yield " · ".join(f"{sign} {word}" for sign, word in STATES.values() if word != "asks a person")


def _cell(cell: Mapping[str, Any]) -> str:
    return f"{STATES[cell['state']][0]} {cell['calls'] or ''}".rstrip()


def _costs(bill: Mapping[str, Any]) -> str:
    usd = "-" if bill["usd"] is None else f"{bill['usd']:.4f}"
    return f"{bill['calls']:>6,} {bill['input_tokens'] + bill['output_tokens']:>9,} {usd:>10}"


def _path(facts: Mapping[str, Any]) -> Iterator[str]:
    nodes = [name for name in facts["critical_path"] if "->" not in name]
    yield f"critical path, {facts['critical_path_s']:.2f} s of calls: {' '.join(nodes)}"


def _origins(job: Job, facts: Mapping[str, Any]) -> Iterator[str]:
    lineage = job.folder.kept_lineage()
    if not lineage or lineage.get("artifact") != facts["digest"]:
        return
    yield ""
    parts = list(lineage["parts"].items())
    width = max(len(part) for part, _ in parts[:_PARTS])
    for part, origin in parts[:_PARTS]:
        yield f"{part:<{width}}  {origin['by']}, in {origin['element']}"
    if len(parts) > _PARTS:
        yield f"and {len(parts) - _PARTS:,} more in {job.folder.lineage}"
