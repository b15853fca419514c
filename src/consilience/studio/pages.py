"""Pages: what is shown at each address. Nothing is written, whatever is asked for."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, Response

from consilience import __version__, catalogue
from consilience.ground.claims import Figure
from consilience.ground.config import unfolded
from consilience.ground.errors import InvalidInput
from consilience.studio.agents import JOURNAL, AgentRun
from consilience.studio.comparing import compare, differing
from consilience.studio.graphs import graph_of
from consilience.studio.keeping import kept
from consilience.studio.lines import read_lines
from consilience.studio.measured import MeasuredRun
from consilience.studio.pictures import SHOWN, files_of
from consilience.studio.places import Absent, Place, Places, content_of
from consilience.studio.rendering import render
from consilience.studio.runs import rows_of
from consilience.studio.said import CALLS_A_PAGE, Said, journals, look, whole
from consilience.studio.series import charts
from consilience.studio.shield import DRAWN, PICTURE

__all__ = ["Pages"]

EVENTS_A_PAGE = 200
"""Events of a journal that one page shows."""
SOON_S, LATER_S = 1.0, 5.0
"""How often a page asks what is new: of a run that goes on, and otherwise."""
MOST_CHART_RECORDS = 200_000
_AS_TEXT = (".json", ".jsonl", ".toml", ".csv", ".md", ".txt", ".py", ".yaml", ".html")


@dataclass(frozen=True)
class Pages:
    """Every page over some folders."""

    places: Places
    """The folders with runs."""

    def index(self, request: Request) -> Response:
        """Show the list of runs."""
        rows = rows_of(self.places)
        chosen = request.query_params.get("room", "")
        facts = {
            "rows": [row for row in rows if chosen in ("", row.room)],
            "rooms": sorted({row.room for row in rows} - {""}),
            "chosen": chosen,
            "root": self.places.root,
        }
        running = any(row.state == "running" for row in rows)
        return _page(request, "index", tuple(row.stamp for row in rows), facts, soon=running)

    def run(self, request: Request) -> Response:
        """Show a run, whatever its kind."""
        place = self._named(request)
        if place.kind == "measured":
            return self._measured(request, MeasuredRun(place))
        if place.kind == "agents":
            return self._agents(request, AgentRun(place))
        found = files_of(place)
        return _page(request, "pictures", (len(found.images), len(found.files)), {"place": place, "found": found})

    def log(self, request: Request) -> Response:
        """Show the journal of a measured run, some events at a time."""
        place = self._named(request, "measured")
        lines = read_lines(place.path / "journal.jsonl")
        start = _number(request, "from")
        told = [lines.trouble] if lines.trouble else []
        if lines.broken:
            told.append(f"{lines.broken} lines are no JSON objects and are passed over")
        facts = {
            "place": place,
            "records": lines.records[start : start + EVENTS_A_PAGE],
            "total": len(lines.records),
            "start": start,
            "size": EVENTS_A_PAGE,
            "told": told,
        }
        return _page(request, "log", (len(lines.records), lines.broken), facts)

    def said(self, request: Request) -> Response:
        """Show what a journal keeps, some calls at a time."""
        place = self._named(request)
        file = request.query_params.get("file", JOURNAL)
        element = request.query_params.get("element", "")
        path = self.places.file(f"{place.name}/{file}", (".sqlite",))
        looking = partial(
            look, run=request.query_params.get("run", ""), element=element, start=_number(request, "from")
        )
        facts = {"place": place, "file": file, "element": element, "said": _read(path, looking), "size": CALLS_A_PAGE}
        return HTMLResponse(render("said", **facts))

    def graph(self, request: Request) -> Response:
        """Draw the graph of a run of agents as it stands."""
        run = AgentRun(self._named(request, "agents"))
        said = _read(run.journal, partial(whole, run=run.name)) if run.journal else Said((), None)
        graph = graph_of(run.events, said.calls, said.artifacts, over=not run.at_work)
        facts = {"run": run.name, "state": run.state, "model": str(run.result.get("model", ""))}
        if said.more:
            facts["texts"] = f"of the first {len(said.calls):,} calls"
        page = graph.page(run.task or run.name, {name: told for name, told in facts.items() if told})
        headers = {"Content-Security-Policy": DRAWN}
        return HTMLResponse(page.encode("utf-8", "replace"), headers=headers)

    def drawn(self, request: Request) -> Response:
        """Show the page that the room drew of a run of agents."""
        place = self._named(request, "agents")
        path = self.places.file(f"{place.name}/page.html", (".html",))
        return FileResponse(path, media_type="text/html", headers={"Content-Security-Policy": DRAWN})

    def compare(self, request: Request) -> Response:
        """Show two runs side by side."""
        names = request.query_params.getlist("of")
        if len(names) != 2:  # noqa: PLR2004  two
            raise InvalidInput(f"two runs are compared; {len(names)} were chosen: go back and tick two")
        places = [self.places.run(name) for name in names]
        if {place.kind for place in places} == {"measured"}:
            return _compare_measured(request, *(MeasuredRun(place) for place in places))
        if {place.kind for place in places} == {"agents"}:
            return _compare_agents(request, *(AgentRun(place) for place in places))
        raise InvalidInput("runs of the same kind are compared; one was measured and the other is of agents")

    def file(self, request: Request) -> Response:
        """Give a file of a run: pictures to be looked at, tables and texts to be read."""
        path = self.places.file(request.path_params["name"], SHOWN)
        kind = "text/plain; charset=utf-8" if path.suffix.lower() in _AS_TEXT else None
        return FileResponse(path, media_type=kind, headers={"Content-Security-Policy": PICTURE})

    def _measured(self, request: Request, run: MeasuredRun) -> Response:
        drawn = [figure.file for claim in run.claims for figure in claim.evidence.figures]
        metrics = read_lines(run.place.path / "metrics.jsonl").records
        found = files_of(run.place, drawn)
        facts = {
            "run": run,
            "question": _question(run.room),
            "others": [place for place in self.places if _beside(place, run)],
            "kinds": _kinds(run),
            "charts": charts(metrics[:MOST_CHART_RECORDS]),
            "found": found,
            "journals": journals(run.place.path),
            "settings_told": unfolded(run.report.config if run.report else run.settings),
        }
        stamp = (*run.stamp, len(found.images), len(found.files))
        return _page(request, "run", stamp, facts, soon=run.at_work)

    def _agents(self, request: Request, run: AgentRun) -> Response:
        facts = {
            "run": run,
            "found": files_of(run.place),
            "journals": [name for name in journals(run.place.path) if name != JOURNAL],
            "order": unfolded(run.order),
            "means": unfolded(run.means),
            "result": unfolded(run.result),
        }
        return _page(request, "agents", run.stamp, facts, soon=run.at_work)

    def _named(self, request: Request, kind: str = "") -> Place:
        place = self.places.run(request.path_params["name"])
        if kind not in ("", place.kind):
            raise Absent(f"{place.name} has nothing of that kind")
        return place


def _page(
    request: Request, name: str, stamp: tuple[object, ...], facts: Mapping[str, Any], *, soon: bool = False
) -> Response:
    """Return a page, or that it is as the browser has it."""
    tag = hashlib.blake2b(repr((__version__, str(request.url), stamp)).encode(), digest_size=12).hexdigest()
    headers = {"ETag": f'"{tag}"'}
    if request.headers.get("if-none-match") == headers["ETag"]:
        return Response(status_code=304, headers=headers)
    every = SOON_S if soon else LATER_S
    return HTMLResponse(render(name, tag=tag, every=every, **facts), headers=headers)


def _number(request: Request, name: str) -> int:
    told = request.query_params.get(name, "0")
    return int(told) if told.isascii() and told.isdecimal() and len(told) < 10 else 0  # noqa: PLR2004


def _read(path: Path, looking: Any) -> Said:
    try:
        found: Said = looking(path)
    except sqlite3.Error as error:
        raise InvalidInput(f"{path.name} cannot be read: {error}") from error
    return found


def _question(room: str) -> str:
    return catalogue.questions().get(room, "")


def _beside(place: Place, run: MeasuredRun) -> bool:
    return place.kind == "measured" and place != run.place and MeasuredRun(place).room == run.room


def _kinds(run: MeasuredRun) -> dict[str, str]:
    """Say how each picture of a run stands in the dark: drawings are turned about, photographs stay on white."""
    figures = (figure.file for claim in run.claims for figure in claim.evidence.figures)
    return {file: kept(run.place.path / file, _kind) for file in figures}


def _kind(path: Path) -> str:
    if path.suffix.lower() != ".svg":
        return "photograph"
    try:
        return "photograph" if b"<image" in content_of(path) else "drawing"
    except OSError:
        return "drawing"


def _compare_measured(request: Request, a: MeasuredRun, b: MeasuredRun) -> Response:
    compared = compare(a, b)
    facts = {
        "a": a,
        "b": b,
        "settings_told": differing(*(run.report.config if run.report else run.settings for run in (a, b))),
        "claims": compared,
        "same": {claim.id: [_same(a, b, *pair) for pair in claim.figures] for claim in compared},
        "kinds": {(run.place.name, file): kind for run in (a, b) for file, kind in _kinds(run).items()},
    }
    return _page(request, "compare", (a.stamp, b.stamp), facts, soon=a.at_work or b.at_work)


def _same(a: MeasuredRun, b: MeasuredRun, first: Figure | None, second: Figure | None) -> bool:
    """Whether a picture of both runs is the same to the byte."""
    if first is None or second is None:
        return False
    try:
        return content_of(a.place.path / first.file) == content_of(b.place.path / second.file)
    except OSError:
        return False


def _compare_agents(request: Request, a: AgentRun, b: AgentRun) -> Response:
    facts = {
        "a": a,
        "b": b,
        "order": differing(a.order, b.order),
        "means": differing(a.means, b.means),
        "result": differing(a.result, b.result),
        "made": _made_otherwise(a, b),
    }
    return _page(request, "compare_agents", (a.stamp, b.stamp), facts, soon=a.at_work or b.at_work)


def _made_otherwise(a: AgentRun, b: AgentRun) -> list[tuple[str, str | None, str | None]] | None:
    if a.journal is None or b.journal is None:
        return None
    made = [
        {one.element: one.text for one in _read(path, partial(look, run=name, most=0)).artifacts}
        for path, name in ((a.journal, a.name), (b.journal, b.name))
    ]
    names = sorted({*made[0], *made[1]})
    return [(name, made[0].get(name), made[1].get(name)) for name in names if made[0].get(name) != made[1].get(name)]
