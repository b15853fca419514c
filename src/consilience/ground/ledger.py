"""The ledger: the latest report of every room and recipe, as JSON, as a table, and as one page to look at."""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape
from markupsafe import Markup, escape
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table as Grid
from rich.text import Text

from consilience.ground.arranging import Run, arrange, rank
from consilience.ground.claims import Claim, Measurement, Report, Verdict, spell, tally
from consilience.ground.errors import InvalidInput
from consilience.ground.folder import write_whole
from consilience.ground.gauge import draw
from consilience.ground.tints import stylesheet

__all__ = [
    "MEANINGS",
    "SYMBOLS",
    "Ledger",
    "Run",
    "collect",
    "page",
    "require_own_page",
    "rows",
    "show",
    "table",
    "titled",
    "write",
]

SYMBOLS: Mapping[Verdict, str] = {"holds": "✓", "fails": "✗", "not measured": "○"}
MEANINGS: Mapping[Verdict, str] = {
    "holds": "every bar is cleared",
    "fails": "a bar is missed",
    "not measured": "by this recipe on this machine",
}
"""What the verdicts mean, in words of a legend."""
_ARXIV = re.compile(r"\barXiv:(\d{4}\.\d{4,5})\b")
_WORD = 3
_TITLE = b"<title>Consilience: the ledger</title>"
_HEAD = 2**16
"""Bytes from the beginning of a page, where its title stands."""
_COLOURS: Mapping[Verdict, str] = {"holds": "green", "fails": "bold red", "not measured": "dim"}


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
                    "changed": run.report.changed,
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
    """Return the claims of `reports` as rows, with their tally, ready for JSON.

    Each row says by ``changed`` which settings were not the recipe's.
    """
    told = [(report, claim) for report in reports for claim in report.claims]
    return {
        "claims": [claim.row() | {"changed": list(report.changed)} for report, claim in told],
        "verdicts": tally(claim for _, claim in told),
    }


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
        key = (report.room, rank(report.recipe), report.recipe)
        if key not in latest or latest[key].report.measured_at <= report.measured_at:
            latest[key] = Run(path.parent, report)
    return Ledger(tuple(latest[key] for key in sorted(latest)), tuple(unreadable))


def write(ledger: Ledger, runs: Path | str, questions: Mapping[str, str]) -> Path:
    """Write ``ledger.json`` and the page ``index.html`` under `runs`; return the path of the page.

    Raises
    ------
    InvalidInput
        If there is another page of that name.
    """
    require_own_page(runs)
    write_whole(Path(runs) / "ledger.json", ledger.to_json())
    return write_whole(Path(runs) / "index.html", page(ledger, questions))


def require_own_page(runs: Path | str) -> None:
    """Refuse to replace a page that the ledger has not written; call it before anything is measured.

    Raises
    ------
    InvalidInput
        If there is another page of that name.
    """
    index = Path(runs) / "index.html"
    try:
        with index.open("rb") as stream:
            begins = stream.read(_HEAD)
    except OSError:
        return
    if begins and _TITLE not in begins:
        raise InvalidInput(f"{index} is not a page of the ledger, and is not replaced; give another folder with --runs")


def table(claims: Iterable[Claim]) -> Grid:
    """Lay claims out for a terminal, one row each: verdict with a symbol, headline with its interval, bar.

    Of several recipes each row names its own.
    """
    shown = tuple(claims)
    several = len({claim.recipe for claim in shown}) > 1
    grid = Grid(box=SIMPLE_HEAD, pad_edge=False, collapse_padding=True)
    for heading in ("verdict", "claim", *(["recipe"] if several else []), "measured", "bar"):
        grid.add_column(heading, no_wrap=heading in ("verdict", "claim", "recipe"), overflow="fold")
    for claim in shown:
        headline = claim.headline
        grid.add_row(
            Text(f"{SYMBOLS[claim.verdict]} {claim.verdict}", style=_COLOURS[claim.verdict]),
            Text(claim.id, style="bold"),
            *([Text(claim.recipe)] if several else []),
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
    """Render the ledger as one self-contained HTML page, without a script.

    Of each room the largest recipe is shown, with one picture first; smaller ones are folded beneath it, and not
    counted.

    Parameters
    ----------
    ledger
        What to show.
    questions
        The question that each room asks, in a line, by package name; rooms stand in this order, and those that were
        not run are named.
    """
    environment = Environment(
        loader=PackageLoader("consilience.ground", "."),
        autoescape=select_autoescape(enabled_extensions=("html.j2",), default=True),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        spell=spell,
        interval=_with_interval,
        gauge=draw,
        total_seconds=_total_seconds,
        titled=titled,
        linked=_linked,
        decisive=_decisive,
    )
    environment.globals["symbols"] = SYMBOLS
    shown = arrange(ledger.runs, questions)
    pictures = [picture.markup for room in shown for run in (room.lead, *room.smaller) for picture in run.pictures]
    return environment.get_template("page.html.j2").render(
        ledger=ledger,
        rooms=shown,
        absent=[name for name in questions if name not in {room.name for room in shown}],
        counts=tally(claim for room in shown for claim in room.lead.report.claims),
        meanings=MEANINGS,
        tints=Markup(stylesheet(pictures)),  # noqa: S704  names and values of colours
    )


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


def _decisive(claim: Claim) -> Measurement | None:
    """Return the number that stands for a claim in a row: the first one that misses its bar, or else the headline."""
    missed = (one for one in claim.evidence.measurements if one.holds is False)
    return next(missed, claim.headline)


def titled(name: str) -> str:
    """Return the name of a package as a heading; words of two letters are initials.

    Examples
    --------
    >>> titled("rank_collapse"), titled("em_diffusion")
    ('Rank collapse', 'EM diffusion')
    """
    words = [word.upper() if len(word) < _WORD else word for word in name.split("_")]
    return " ".join(words)[:1].upper() + " ".join(words)[1:]


def _linked(source: str) -> Markup:
    """Return a source in which each arXiv identifier leads to the paper."""
    return Markup(  # noqa: S704  what is around the links is escaped
        _ARXIV.sub(r'<a href="https://arxiv.org/abs/\1" rel="noreferrer">arXiv:\1</a>', str(escape(source)))
    )
