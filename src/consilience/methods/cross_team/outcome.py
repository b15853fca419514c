"""The outcome of a sitting, as a run folder keeps it: the program, its lineage, numbers and a page; and a summary."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from consilience.dialogue import graph_page
from consilience.dialogue.command.bill import Bill, spent_facts, spent_told
from consilience.dialogue.graph_page import Section, SectionCell
from consilience.dialogue.graph_run import State
from consilience.dialogue.journal import Journal
from consilience.dialogue.prices import money
from consilience.dialogue.transcript import Event
from consilience.dialogue.work.artifact import Artifact
from consilience.ground.wording import many
from consilience.methods.cross_team.account import END, Account
from consilience.methods.cross_team.aggregation import MeetingFacts
from consilience.methods.cross_team.grid import FINAL
from consilience.methods.cross_team.job import Job
from consilience.methods.cross_team.rating import Rating, rater_for
from consilience.methods.cross_team.result import CellState, Result, TeamFacts
from consilience.methods.cross_team.turns import AGGREGATE

__all__ = ["accounted", "keep", "numbers", "summary", "write_page"]

_PARTS = 400
"""Rows of the lineage on a page."""
_STATES: Mapping[CellState, State] = {
    "waiting": "waiting", "working": "waiting", "done": "done", "skipped": "skipped", "failed": "failed",
}  # fmt: skip


def keep(
    job: Job,
    journal: Journal,
    events: Sequence[Event],
    result: Result | None,
    *,
    trouble: str = "",
    seconds: float = 0.0,
) -> dict[str, Any]:
    """Write down what came of a sitting, and return the numbers.

    Parameters
    ----------
    job
        The run.
    journal
        What was said in it.
    events
        What happened in it.
    result
        What came of it; None where it was stopped.
    trouble
        What stopped it.
    seconds
        How long the sitting took.
    """
    meetings = [] if result is None else list(map(_meeting, result.meetings))
    account = Account(job.plan, journal, events, meetings=meetings, winner="" if result is None else result.winner)
    facts = numbers(job, account, result, trouble=trouble, seconds=seconds)
    if result is not None and result.artifact is not None:
        facts["artifact"] = str(job.folder.keep_artifact(result.artifact, job.order))
        facts["hidden"] = _hidden(job, result.artifact)
        lineage = _lineage(result, result.artifact)
        facts["lineage"] = str(job.folder.keep_lineage(lineage))
        facts["lineage_digest"] = lineage["digest"]
        facts["shares"] = lineage["shares"]
    job.folder.keep_result(facts)
    write_page(job, account, facts)
    return facts


def accounted(job: Job, journal: Journal, events: Sequence[Event]) -> Account:
    """Return the account of a run that lies in a folder."""
    facts = job.folder.result()
    return Account(
        job.plan,
        journal,
        events,
        meetings=facts.get("meetings", ()),
        winner=facts.get("winner", ""),
        over=bool(facts),
    )


def numbers(
    job: Job, account: Account, result: Result | None, *, trouble: str = "", seconds: float = 0.0
) -> dict[str, Any]:
    """Return what can be said of a run in numbers and a few words, as JSON takes it."""
    artifact = None if result is None else result.artifact
    rating = None if result is None else result.rating
    return {
        "run": job.record.run,
        "outcome": "stopped" if result is None else result.outcome,
        "trouble": trouble,
        "notice": account.notice,
        "model": job.model_name,
        "title": job.title,
        "kind": job.order.kind,
        "digest": None if artifact is None else artifact.digest,
        "winner": "" if result is None else result.winner,
        "why": "" if result is None else result.why,
        "rating": None if rating is None else _rated(rating),
        "hidden": None,
        "fault": "" if rating is None else rating.fault,
        "artifact": None,
        "tests": str(job.folder.tests) if job.folder.tests.is_dir() else None,
        "lineage": None,
        "lineage_digest": None,
        "shares": {},
        "teams": {
            name: _team(account.rows[name], None if result is None else result.teams[name])
            for name in account.grid.rows
        },
        "merges": asdict(account.rows[AGGREGATE]),
        "meetings": [] if result is None else list(map(_meeting, result.meetings)),
        "matrix": _matrix(account, result),
        "states": dict(Counter(node.state for node in account.nodes if node.id != END)),
        **spent_facts(
            account.bill,
            replayed=0 if result is None else result.spent.replayed,
            seconds=seconds,
            critical=account.run.critical,
        ),
        "page": str(job.folder.page),
    }


def summary(facts: Mapping[str, Any]) -> Iterator[str]:
    """Say in a few lines how a run stands.

    Parameters
    ----------
    facts
        As `keep` returns them.
    """
    spent, time = spent_told(facts)
    yield f"{facts['run']}: {_OUTCOMES[facts['outcome']]}"
    if facts["trouble"]:
        yield f"  trouble   {facts['trouble']}"
    yield f"  teams     {facts['title']}; {_states(facts)}"
    yield f"  model     {facts['model']}"
    yield f"  spent     {spent}"
    yield f"  time      {time}"
    for meeting in facts["meetings"]:
        yield f"  met       {_met(meeting)}"
    if facts["digest"]:
        yield f"  chosen    {facts['why']}"
        yield f"  quality   {_quality(facts)}"
        yield f"  made by   {_shares(facts['shares'])}"
        yield f"  result    {facts['artifact']}, hash {facts['digest']}"
    if facts["fault"]:
        yield f"  fault     {facts['fault'].splitlines()[0]}"
    for name in ("tests", "lineage", "page"):
        if facts[name]:
            yield f"  {name:<8}  {facts[name]}"


_OUTCOMES = {
    "done": "done",
    "kept": "no team came to its end; the best so far is kept",
    "stopped": "stopped",
}


def write_page(job: Job, account: Account, facts: Mapping[str, Any]) -> None:
    """Write the page of a run."""
    task = next((line for line in job.order.task.splitlines() if line.strip()), "").strip("# ")
    shown = {
        "outcome": f"{facts['outcome']}: {facts['trouble']}" if facts["trouble"] else _OUTCOMES[facts["outcome"]],
        "teams": f"{facts['title']}, {_states(facts)}",
        "merged": f"{job.plan.group} at once{', pruned' if job.plan.prune else ''}",
        "model": facts["model"],
        "seed": str(job.plan.seed),
        "chosen": facts["why"] or "nothing yet",
        "hash": facts["digest"] or "none yet",
    }
    if facts["rating"] is not None:
        shown["quality"] = _quality(facts)
    graph_page.write(
        job.folder.page,
        title=task,
        notice=account.notice,
        nodes=account.nodes,
        edges=account.edges,
        turns=account.turns,
        facts=shown,
        sections=[*_sections(job, account, facts)],
    )


# --- what is kept ---------------------------------------------------------------------------------------------------


def _rated(rating: Rating) -> dict[str, Any]:
    return {
        "value": rating.value,
        "runs": rating.runs,
        "passed": rating.passed,
        "complete": rating.complete,
        "stubs": list(rating.stubs),
        "ended": rating.ended,
    }


def _team(bill: Bill, facts: TeamFacts | None) -> dict[str, Any]:
    told = {**asdict(bill), "state": "stopped", "reason": "", "rating": None, "wall_s": None}
    if facts is not None:
        rating = None if facts.rating is None else facts.rating.value
        told |= {"state": facts.state, "reason": facts.reason, "rating": rating, "wall_s": round(facts.seconds, 3)}
    return told


def _meeting(facts: MeetingFacts) -> dict[str, Any]:
    return {
        "key": facts.key,
        "members": list(facts.members),
        "late": list(facts.late),
        "absent": list(facts.absent),
        "dropped": dict(facts.dropped),
        "merges": [
            {
                "element": merge.element,
                "parents": list(merge.parents),
                "accepted": merge.accepted,
                "gives": merge.gives,
                "digest": merge.artifact.digest,
                "rating": merge.rating,
                "best_parent": merge.best_parent,
                "proposed_rating": merge.proposed_rating,
                "reason": merge.reason,
            }
            for merge in facts.merges
        ],
        "gave": dict(facts.gave),
        "waited_s": {team: round(seconds, 4) for team, seconds in facts.waited_s.items()},
    }


def _matrix(account: Account, result: Result | None) -> dict[str, dict[str, Any]]:
    """Return cells by team and column: how each stands, how often it was gone through, and what it cost."""
    found: dict[str, dict[str, Any]] = {}
    for row in account.grid.rows:
        for column in account.grid.columns:
            heard, bill = account.grid[row, column], account.cells.get((row, column))
            cell = None if result is None else result.matrix[row][column]
            state = heard.state if cell is None else _STATES[cell.state]
            found.setdefault(row, {})[column] = {
                "state": "waiting" if state == "running" else state,
                "turns": heard.cycles if cell is None else cell.turns,
                "calls": 0 if bill is None else bill.calls,
                "tokens": 0 if bill is None else bill.input_tokens + bill.output_tokens,
                "usd": 0.0 if bill is None else bill.usd,
                "seconds": round(0.0 if bill is None else bill.seconds, 4),
                "waited_s": round(cell.seconds, 4) if cell is not None and bill is None else 0.0,
            }
    return found


def _lineage(result: Result, artifact: Artifact) -> dict[str, Any]:
    """Return which team gave each file and function, and how much of it each gave."""
    parts = {
        part: {"by": str(origin), "element": origin.element} for part, origin in result.lineage.of(artifact).items()
    }
    functions = [part for part in parts if "::" in part] or list(parts)
    shares = Counter(parts[part]["by"] for part in functions)
    return {
        "artifact": artifact.digest,
        "digest": result.lineage.digest,
        "parts": parts,
        "shares": dict(shares.most_common()),
        "elements": {one.element: {"digest": one.artifact.digest, "parents": list(one.parents)} for one in result.made},
    }


def _hidden(job: Job, artifact: Artifact) -> dict[str, Any] | None:
    """Try tests that nobody was shown."""
    order = job.order
    if not order.hidden_tests.strip() or order.kind not in ("program", "function"):
        return None
    return _rated(asyncio.run(rater_for(job.kind, tests=order.hidden_tests, stdin=order.stdin).rate(artifact)))


# --- in words -------------------------------------------------------------------------------------------------------


def _states(facts: Mapping[str, Any]) -> str:
    counts = Counter(team["state"] for team in facts["teams"].values())
    told = ", ".join(f"{count:,} {state}" for state, count in counts.items())
    reasons = [f"{name}: {team['reason']}" for name, team in facts["teams"].items() if team["reason"]]
    return f"{told} ({'; '.join(reasons[:2])}{'; ...' if len(reasons) > 2 else ''})" if reasons else told  # noqa: PLR2004


def _met(meeting: Mapping[str, Any]) -> str:
    merges = meeting["merges"]
    passed = sum(merge["accepted"] for merge in merges)
    told = f"{meeting['key'] or FINAL}: {len(meeting['members']):,} teams"
    if meeting["dropped"]:
        told += f", {len(meeting['dropped']):,} works left out"
    told += f", {many(len(merges), 'merge')}"
    if merges:
        told += f", {passed:,} let through"
        refused = [f"{merge['element']}: {merge['reason']}" for merge in merges if not merge["accepted"]]
        told += f" ({refused[0]}{'; ...' if len(refused) > 1 else ''})" if refused else ""
    missing = [*meeting["late"], *meeting["absent"]]
    return f"{told}; without {', '.join(missing)}" if missing else told


def _quality(facts: Mapping[str, Any]) -> str:
    rating = facts["rating"]
    told = [f"{rating['value']:.3f}"]
    if facts["kind"] in ("story", "text"):
        told += [] if rating["passed"] is None else [f"{rating['passed']:.0%} of the words that were asked for occur"]
        return ", ".join(told)
    told.append("it runs" if rating["runs"] else "it does not run")
    if rating["passed"] is not None:
        told.append(f"{rating['passed']:.0%} of the visible tests pass")
    told.append(f"{rating['complete']:.0%} complete")
    if facts["hidden"] is not None and facts["hidden"]["passed"] is not None:
        told.append(f"{facts['hidden']['passed']:.0%} of the hidden tests pass")
    return ", ".join(told)


def _shares(shares: Mapping[str, int]) -> str:
    whole = sum(shares.values())
    return ", ".join(f"{by} {count / whole:.0%}" for by, count in shares.items())


# --- the page -------------------------------------------------------------------------------------------------------


def _sections(job: Job, account: Account, facts: Mapping[str, Any]) -> Iterator[Section]:
    yield _grid_section(job, account, facts)
    if facts["meetings"]:
        yield _meetings_section(facts)
    lineage = job.folder.kept_lineage()
    if lineage and lineage.get("artifact") == facts["digest"]:
        yield _lineage_section(lineage)


def _grid_section(job: Job, account: Account, facts: Mapping[str, Any]) -> Section:
    keys = {key.name for key in job.plan.chain.keys}
    columns = account.grid.columns
    rows = []
    for name, team in facts["teams"].items():
        cells = [_grid_cell(name, column, facts["matrix"][name][column]) for column in columns]
        ended: State = "done" if team["state"] == "done" else "failed" if team["state"] == "dead" else "skipped"
        rated = "no rating" if team["rating"] is None else f"{team['rating']:.3f}"
        last = SectionCell(text=rated, beneath=team["reason"][:120], state=ended)
        rows.append((name, *cells, last, *_costs(account.rows[name])))
    merges = [_merge_cell(account, column) if column in keys else SectionCell() for column in columns]
    rows.append(("merges", *merges, SectionCell(), *_costs(account.rows[AGGREGATE])))
    return Section(
        title="Teams and phases",
        note="Calls and what they cost in each phase; ◇ is a key phase, where teams wait for each other and meet.",
        head=("team", *(_head(name, is_key=name in keys) for name in columns), "end", "calls", "tokens", "cost"),
        rows=rows,
    )


def _head(column: str, *, is_key: bool) -> str:
    """Return what a column is called, which may be broken after the name of a loop."""
    return f"◇\u00a0{column}" if is_key else column.replace("/", "/\u200b")


def _grid_cell(team: str, column: str, cell: Mapping[str, Any]) -> SectionCell:
    cost = "" if not cell["calls"] or cell["usd"] is None else money(cell["usd"])
    waited = f"waited\u00a0{cell['waited_s']:.2f}\u00a0s" if cell["waited_s"] else ""
    cycles = f"{cell['turns']}\u00a0cycles" if cell["turns"] > 1 else ""
    return SectionCell(
        text=f"{cell['calls']:,}" if cell["calls"] else "",
        beneath=", ".join(filter(None, (cycles, cost, waited))),
        state=cell["state"],
        element=f"{team}/{column.partition('/')[0]}",
    )


def _merge_cell(account: Account, column: str) -> SectionCell:
    bill = account.cells.get((AGGREGATE, column))
    if bill is None:
        return SectionCell()
    return SectionCell(text=f"{bill.calls:,}", beneath=money(bill.usd), state="done")


def _costs(bill: Bill) -> tuple[SectionCell, ...]:
    told = (f"{bill.calls:,}", f"{bill.input_tokens + bill.output_tokens:,}", money(bill.usd))
    return tuple(SectionCell(text=text, number=True) for text in told)


def _meetings_section(facts: Mapping[str, Any]) -> Section:
    rows: list[tuple[str | SectionCell, ...]] = []
    for meeting in facts["meetings"]:
        for merge in meeting["merges"]:
            proposed = "-" if merge["proposed_rating"] is None else f"{merge['proposed_rating']:.3f}"
            passes = SectionCell(text=merge["gives"], state="done" if merge["accepted"] else "skipped")
            merged = SectionCell(text=merge["element"], element=merge["element"])
            rows.append(
                (
                    merged,
                    ", ".join(merge["parents"]),
                    SectionCell(text=f"{merge['best_parent']:.3f}", number=True),
                    SectionCell(text=proposed, number=True),
                    passes,
                    merge["reason"],
                )
            )
        for team, reason in meeting["dropped"].items():
            left = SectionCell(text="left out", state="skipped")
            rows.append((f"{meeting['key'] or FINAL}", team, SectionCell(), SectionCell(), left, reason))
    return Section(
        title="Meetings and merges",
        note="A merge is let through only if it is rated at least as high as the best of what it was made from.",
        head=("merge", "of", "best of these", "rated", "passes", "why not"),
        rows=rows,
    )


def _lineage_section(lineage: Mapping[str, Any]) -> Section:
    rows = [
        (part, SectionCell(text=origin["by"]), SectionCell(text=origin["element"], element=_node(origin["element"])))
        for part, origin in list(lineage["parts"].items())[:_PARTS]
    ]
    left = len(lineage["parts"]) - len(rows)
    note = f"Who first had each file and function in the form that it has: {_shares(lineage['shares'])}."
    return Section(
        title="Whose work it is",
        note=f"{note} {left:,} more are in lineage.json." if left > 0 else note,
        head=("file or function", "by", "in"),
        rows=rows,
    )


def _node(element: str) -> str:
    team, _, step = element.partition("/")
    return f"{team}/{step.partition('/')[0].partition('.')[0]}" if step else element
