"""The ledger: the latest report of every room and recipe, as JSON, as a table, and as one page to look at."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table as Grid
from rich.text import Text

from consilience.ground.claims import Claim, Figure, Measurement, Report, Verdict, spell, tally
from consilience.ground.config import RECIPES
from consilience.ground.errors import InvalidInput
from consilience.ground.folder import write_whole
from consilience.ground.gauge import draw
from consilience.ground.inlining import inline_svg

SYMBOLS: Mapping[Verdict, str] = {"holds": "✓", "fails": "✗", "not measured": "○"}
_COLOURS: Mapping[Verdict, str] = {"holds": "green", "fails": "bold red", "not measured": "dim"}


@dataclass(frozen=True)
class Run:
    """A report and the folder that its figures lie in."""

    path: Path
    report: Report


@dataclass(frozen=True)
class Ledger:
    """The latest run of every room and recipe, in the order of rooms and of growing recipes."""

    runs: tuple[Run, ...]
    """One run a room and recipe."""
    unreadable: tuple[str, ...] = ()
    """A line for each folder whose report could not be read, saying why."""

    @property
    def verdicts(self) -> dict[Verdict, int]:
        """How many claims hold, fail and were not measured, over all runs."""
        return tally(claim for run in self.runs for claim in run.report.claims)

    def to_json(self) -> str:
        """Return the ledger as JSON text: every claim as a row, and the machine and versions of each run."""
        record = {
            **rows(run.report for run in self.runs),
            "runs": [
                {
                    "room": run.report.room,
                    "recipe": run.report.recipe,
                    "measured_at": run.report.measured_at,
                    "config": run.report.config,
                    "machine": run.report.machine,
                    "versions": run.report.versions,
                    "fingerprint": run.report.fingerprint(),
                }
                for run in self.runs
            ],
        }
        return json.dumps(record, indent=2, allow_nan=False) + "\n"


def rows(reports: Iterable[Report]) -> dict[str, Any]:
    """Return the claims of `reports` as rows, with their tally, ready for JSON."""
    claims = [claim for report in reports for claim in report.claims]
    return {"claims": [claim.row() for claim in claims], "verdicts": tally(claims)}


def collect(runs: Path | str) -> Ledger:
    """Gather the latest report of each room and recipe from the run folders under `runs`.

    A folder whose report cannot be read, say from an older version, is named in `Ledger.unreadable` and passed over.
    """
    latest: dict[tuple[str, int, str], Run] = {}
    unreadable: list[str] = []
    for path in sorted(Path(runs).glob("*/*/report.json")):
        try:
            report = Report.from_json(path.read_bytes())
        except InvalidInput as error:
            unreadable.append(f"{path}: {error}")
            continue
        key = (report.room, _rank(report.recipe), report.recipe)
        if key not in latest or latest[key].report.measured_at <= report.measured_at:
            latest[key] = Run(path.parent, report)
    return Ledger(tuple(latest[key] for key in sorted(latest)), tuple(unreadable))


def write(ledger: Ledger, runs: Path | str, questions: Mapping[str, str]) -> Path:
    """Write ``ledger.json`` and the page ``index.html`` under `runs`; return the path of the page."""
    write_whole(Path(runs) / "ledger.json", ledger.to_json())
    return write_whole(Path(runs) / "index.html", page(ledger, questions))


def table(claims: Iterable[Claim]) -> Grid:
    """Lay claims out for a terminal, one row each: verdict with a symbol, headline with its interval, bar."""
    grid = Grid(box=SIMPLE_HEAD, pad_edge=False, collapse_padding=True)
    for heading in ("verdict", "claim", "measured", "bar"):
        grid.add_column(heading, no_wrap=heading in ("verdict", "claim"), overflow="fold")
    for claim in claims:
        headline = claim.headline
        grid.add_row(
            Text(f"{SYMBOLS[claim.verdict]} {claim.verdict}", style=_COLOURS[claim.verdict]),
            Text(claim.id, style="bold"),
            Text(_with_interval(headline) if headline else ""),
            Text(headline.bar if headline else ""),
        )
    return grid


def show(claims: Iterable[Claim], console: Console | None = None) -> None:
    """Print the table of claims, why any of them fails or was not measured, and the tally.

    Parameters
    ----------
    claims
        What to show.
    console
        Where to print; standard output unless given.
    """
    shown = tuple(claims)
    console = console or Console(highlight=False)
    console.print(table(shown))
    for claim in shown:
        for reason in _reasons(claim):
            console.print(Text(f"{SYMBOLS[claim.verdict]} {claim.id}: {reason}"), soft_wrap=True)
    counts = tally(shown)
    console.print("  ".join(f"{SYMBOLS[verdict]} {count} {verdict}" for verdict, count in counts.items() if count))


def page(ledger: Ledger, questions: Mapping[str, str]) -> str:
    """Render the ledger as one self-contained HTML page.

    Parameters
    ----------
    ledger
        What to show.
    questions
        The question that each room asks, in a line, by package name.
    """
    environment = Environment(
        loader=PackageLoader("consilience.ground", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(spell=spell, interval=_with_interval, gauge=draw, total_seconds=_total_seconds)
    environment.globals["picture"] = _picture
    template = environment.get_template("page.html.j2")
    return template.render(ledger=ledger, questions=questions, symbols=SYMBOLS)


def _rank(recipe: str) -> int:
    return RECIPES.index(recipe) if recipe in RECIPES else len(RECIPES)


def _with_interval(measurement: Measurement) -> str:
    value = spell(measurement.value, measurement.unit)
    if measurement.low is None or measurement.high is None:
        return value
    return f"{value} [{spell(measurement.low)}, {spell(measurement.high)}]"


def _reasons(claim: Claim) -> list[str]:
    """Say why a claim does not hold: every bar missed, which need not be the headline's, and what was not measured."""
    reasons = [claim.note] if claim.note else []
    for measurement in claim.evidence.measurements:
        if measurement.holds is False:
            reasons.append(f"{measurement.name} is {_with_interval(measurement)}, bar {measurement.bar}")
        elif measurement.barred and measurement.value is None:
            reasons.append(f"{measurement.name} was not measured{': ' * bool(measurement.note)}{measurement.note}")
    return reasons


def _total_seconds(report: Report) -> float:
    return sum(claim.seconds for claim in report.claims)


def _picture(run: Run, figure: Figure, prefix: str) -> Markup:
    """Return a figure of the run as markup, or a note in its place if the file is gone."""
    path = run.path / figure.file
    if not path.is_file():
        return Markup("<p>{}</p>").format(f"The picture {figure.file} is no longer in the run folder.")
    svg = inline_svg(path.read_text(encoding="utf-8"), prefix, figure.caption)
    return Markup(svg)  # noqa: S704  drawn by matplotlib; the page's content policy forbids scripts besides
