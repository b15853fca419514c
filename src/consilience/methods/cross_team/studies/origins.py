"""Whether it is known of every file and function of a program which team gave it, and whether that is right."""

from __future__ import annotations

import ast
import asyncio
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from consilience.dialogue.rehearsal import REHEARSAL_NOTICE, Rehearsal
from consilience.dialogue.session import Session
from consilience.dialogue.work.artifact import Artifact
from consilience.dialogue.work.kinds.repository import files_of
from consilience.ground import Evidence, Measurement, RunFolder, Streams, Table
from consilience.methods.cross_team.collaboration import collaborate
from consilience.methods.cross_team.config import Config
from consilience.methods.cross_team.lineage import Origin
from consilience.methods.cross_team.rating import TextRater
from consilience.methods.cross_team.result import Result
from consilience.methods.cross_team.spec import Plan, teams
from consilience.methods.cross_team.stand_ins import Programmer
from consilience.methods.cross_team.studies.courses import chain_of
from consilience.methods.cross_team.studies.histories import FUNCTIONS, ROUNDS, TEAMS, History, drawn
from consilience.methods.cross_team.tasks import Toolbox

__all__ = ["origins"]


@dataclass(frozen=True)
class _Found:
    """What was asked and answered."""

    parts: int
    answered: int
    right: int
    by_merges: int


def origins(config: Config, streams: Streams, folder: RunFolder) -> Evidence:
    """Measure the claim ``ctc.lineage``.

    In histories that are drawn it is known who wrote every function, through layouts that change, functions that move
    to another file and merges that write anew. In runs of teams the answers are compared with a search through
    everything that was made, by source text and not by syntax tree.

    Parameters
    ----------
    config
        ``lineage_histories``, ``lineage_runs``.
    streams
        For histories and runs.
    folder
        For the record.
    """
    source = streams.generator("histories")
    known = _together([_checked(drawn(source)) for _ in range(config.lineage_histories)])
    seeds = [streams.child("runs").integer(f"{number}") % 2**31 for number in range(config.lineage_runs)]
    results = [asyncio.run(_run(seed)) for seed in seeds]
    found = _together([_looked_up(result) for result in results])
    folder.record("lineage", histories=config.lineage_histories, runs=len(results))
    return Evidence(
        measurements=(*_of_runs(found, config), *_of_histories(known, config)),
        tables=(_table(results[0]),),
    )


# --- histories --------------------------------------------------------------------------------------------------------


def _checked(history: History) -> _Found:
    """Compare what the lineage says of every work with who wrote it in truth."""
    answers = [(element, history.lineage.of(artifact)) for element, artifact in history.works.items()]
    functions = [
        (history.truth[element][part.partition("::")[2]], origin.element)
        for element, found in answers
        for part, origin in found.items()
        if "::" in part
    ]
    return _Found(
        parts=len(history.works) * FUNCTIONS,
        answered=len(functions),
        right=sum(truth == told for truth, told in functions),
        by_merges=sum("+" in truth for truth, _ in functions),
    )


# --- runs -------------------------------------------------------------------------------------------------------------


async def _run(seed: int) -> Result:
    box = Toolbox(number=seed % 1000, functions=FUNCTIONS)
    plan = Plan(chain=chain_of((2, 1, 1)), teams=teams(TEAMS), prune=False, final="merge", seed=seed)
    async with Session(Rehearsal(Programmer().play, name="developer", seed=seed)) as session:
        return await collaborate(plan, box.task, session, kind=box.kind, scorer=TextRater(box.kind))


def _looked_up(result: Result) -> _Found:
    if result.artifact is None:
        raise RuntimeError("the run came to no end")
    told = result.lineage.of(result.artifact)
    parts = _parts(result.artifact)
    had = {part: _had(result, source, part) for part, source in parts.items()}
    return _Found(
        parts=len(parts),
        answered=sum(part in told for part in parts),
        right=sum(part in told and told[part].element in had[part] for part in parts),
        by_merges=sum(told[part].team is None for part in parts if part in told),
    )


def _parts(artifact: Artifact) -> dict[str, str]:
    """Return the source of every file and function, without comments, layout and docstrings."""
    found: dict[str, str] = {}
    for path, text in files_of(artifact.text).items():
        tree = ast.parse(text)
        found[path] = _plain(tree)
        for node in tree.body:
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                found[f"{path}::{node.name}"] = _plain(node)
    return found


def _plain(node: ast.AST) -> str:
    for each in ast.walk(node):
        if isinstance(each, ast.Module | ast.FunctionDef | ast.ClassDef) and ast.get_docstring(each) is not None:
            each.body = each.body[1:] or [ast.Pass()]
    return ast.unparse(node)


def _had(result: Result, source: str, part: str) -> set[str]:
    """Return the elements that had a part in this form, and whose parents had not."""
    whole = "::" not in part
    having = {
        made.element
        for made in result.made
        if any(text == source and ("::" not in name) == whole for name, text in _readable(made.artifact).items())
    }
    parents = {made.element: set(made.parents) for made in result.made}
    return {element for element in having if not parents[element] & having}


def _readable(artifact: Artifact) -> Mapping[str, str]:
    try:
        return _parts(artifact)
    except SyntaxError:
        return {}


# --- what came of it --------------------------------------------------------------------------------------------------


def _together(some: Sequence[_Found]) -> _Found:
    return _Found(
        parts=sum(one.parts for one in some),
        answered=sum(one.answered for one in some),
        right=sum(one.right for one in some),
        by_merges=sum(one.by_merges for one in some),
    )


def _of_runs(found: _Found, config: Config) -> Iterator[Measurement]:
    yield Measurement(
        name="files and functions of final programs whose origin is told",
        value=100 * found.answered / found.parts,
        at_least=100.0,
        unit="%",
        note=f"{found.parts} parts of {config.lineage_runs} programs by {TEAMS} teams that met twice and merged at the "
        f"end; {REHEARSAL_NOTICE}",
    )
    yield Measurement(
        name="of those, had by whom it is told and by nobody it was made from",
        value=100 * found.right / found.parts,
        at_least=100.0,
        unit="%",
        note=f"found by searching the source of everything that was made; merges wrote {found.by_merges} of them anew",
    )


def _of_histories(known: _Found, config: Config) -> Iterator[Measurement]:
    yield Measurement(
        name="functions of drawn histories whose writer is told rightly",
        value=100 * known.right / known.parts,
        at_least=100.0,
        unit="%",
        note=f"{known.parts} functions in all works of {config.lineage_histories} histories of {TEAMS} teams that meet "
        f"{ROUNDS} times; {known.by_merges} are by merges; functions move between files and change layout",
    )


def _table(result: Result) -> Table:
    told: Mapping[str, Origin] = {} if result.artifact is None else result.lineage.of(result.artifact)
    return Table(
        title="Who gave the parts of the first program",
        columns=("part", "by", "first in"),
        rows=tuple((part, str(origin), origin.element) for part, origin in told.items()),
    )
