"""Write what was measured into README.md: a table of methods and one of the house between markers, and a picture.

Usage: ``python benchmarks/readme.py RUNS README.md PICTURE.svg``, after ``consilience reproduce --recipe small``. Of
each method the largest recipe that was run is shown; without any run its table and the picture stay as they are. The
house is shown as ``benchmarks/house/measure.py`` left it.
"""

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.figure import Figure

from consilience.catalogue import METHODS
from consilience.ground.claims import Measurement, spell
from consilience.ground.folder import write_whole
from consilience.ground.gauge import draw
from consilience.ground.ledger import SYMBOLS, Run, collect

START, END = "<!-- measured: begin -->", "<!-- measured: end -->"
HOUSE_START, HOUSE_END = "<!-- house: begin -->", "<!-- house: end -->"
HOUSE = Path(__file__).parent / "house" / "results" / "house.json"
COLOURS = {"holds": "#17734a", "fails": "#b3261e", "not measured": "#666c75"}


def largest(runs: Path) -> dict[str, Run]:
    """Return of each method the run of its largest recipe; the ledger lists recipes in growing order."""
    return {run.report.room: run for run in collect(runs).runs}


def measured(headline: Measurement | None) -> str:
    """Write the headline with its interval, or a dash."""
    if headline is None or headline.value is None:
        return "–"
    interval = (
        "" if headline.low is None or headline.high is None else f" [{spell(headline.low)}, {spell(headline.high)}]"
    )
    return f"{spell(headline.value, headline.unit)}{interval}"


def table(chosen: dict[str, Run]) -> str:
    """Return the claims of the chosen runs as a Markdown table, one row each."""
    lines = ["| method | claim | measured | bar | verdict |", "|---|---|---|---|---|"]
    for entry in METHODS:
        for claim in chosen[entry.name].report.claims if entry.name in chosen else ():
            bar = claim.headline.bar if claim.headline else ""
            verdict = f"{SYMBOLS[claim.verdict]} {claim.verdict}"
            sentence = claim.sentence.replace("|", "\\|")
            cells = (
                f"[{entry.name}](docs/methods/{entry.name}.md)",
                f"`{claim.id}` {sentence}",
                measured(claim.headline),
                bar,
                verdict,
            )
            lines.append(f"| {' | '.join(cells)} |")
    facts = [
        f"{name}: recipe {run.report.recipe}, {run.report.machine.get('processor', '')}, {run.report.measured_at[:10]}"
        for name, run in chosen.items()
    ]
    return "\n".join(
        [
            *lines,
            "",
            f"Measured in one run each ({'; '.join(facts)}). Headline of each claim; the page has every check.",
        ]
    )


def house(record: Mapping[str, Any]) -> str:
    """Return the claims of the house as a Markdown table, one row each, as they were written down.

    Of a claim that fails the number is shown that misses its bar, of others the first.
    """
    lines = ["| the house | measured | bar | verdict |", "|---|---|---|---|"]
    for row in record["claims"]:
        verdict = f"{SYMBOLS[row['verdict']]} {row['verdict']}"
        cells = (f"`{row['id']}` {row['sentence']}", *_decisive(row["checks"]), verdict)
        lines.append(f"| {' | '.join(cells)} |")
    (run,) = record["runs"]
    machine = run["machine"]
    facts = f"{machine['processor']}, {machine['cores']} cores, {run['measured_at'][:10]}"
    every = "[every number](benchmarks/house/results/house.json)"
    return "\n".join([*lines, "", f"Measured by `python benchmarks/house/measure.py` ({facts}); {every}."])


def _decisive(checks: Sequence[Mapping[str, Any]]) -> tuple[str, str]:
    """Return the number that stands for a claim, with its name, and its bar."""
    if not checks:
        return "–", ""
    one = next((check for check in checks if check["holds"] is False), checks[0])
    found = Measurement(name=one["name"], value=one["measured"], low=one["low"], high=one["high"], unit=one["unit"])
    return f"{measured(found)} {found.name}", str(one["bar"])


def between(text: str, start: str, end: str, told: str) -> str:
    """Return a text with `told` between two markers, in place of what stood there."""
    before, _, rest = text.partition(start)
    return f"{before}{start}\n\n{told}\n\n{end}{rest.partition(end)[2]}"


def picture(chosen: dict[str, Run]) -> Figure:
    """Draw every headline that has a bar: shaded where the bar is cleared, a dot with its interval where we are."""
    claims = [claim for run in chosen.values() for claim in run.report.claims]
    drawn = [(claim, gauge) for claim in claims if claim.headline and (gauge := draw(claim.headline))]
    figure = Figure(figsize=(8, 0.6 + 0.42 * len(drawn)), layout="constrained")
    axes = figure.subplots()
    for row, (claim, gauge) in enumerate(reversed(drawn)):
        axes.barh(row, gauge.pass_to - gauge.pass_from, 0.5, gauge.pass_from, color=COLOURS["holds"], alpha=0.15)
        axes.plot([gauge.low, gauge.high], [row, row], color=COLOURS[claim.verdict], linewidth=3, alpha=0.6)
        axes.plot(gauge.value, row, "o", color=COLOURS[claim.verdict])
        axes.annotate(
            f"{measured(claim.headline)}   (bar: {claim.headline.bar})",
            (1.01, row),
            xycoords=("axes fraction", "data"),
            va="center",
            fontsize=8,
        )
    axes.set(xlim=(0, 100), ylim=(-0.6, len(drawn) - 0.4), xticks=[], yticks=range(len(drawn)))
    axes.set_yticklabels([f"{SYMBOLS[claim.verdict]} {claim.id}" for claim, _ in reversed(drawn)])
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    return figure


def main(runs: Path, readme: Path, target: Path, house_json: Path = HOUSE) -> int:
    """Update the README and the picture; exit 2 when there is nothing to show or no place for it."""
    chosen = largest(runs)
    text = readme.read_text(encoding="utf-8")
    markers = (START, END, HOUSE_START, HOUSE_END)
    if not (chosen or house_json.exists()) or any(marker not in text for marker in markers):
        print(f"expected runs in {runs} and the markers {', '.join(markers)} in {readme}", file=sys.stderr)
        return 2
    if house_json.exists():
        text = between(text, HOUSE_START, HOUSE_END, house(json.loads(house_json.read_text(encoding="utf-8"))))
    if not chosen:
        print(f"no runs in {runs}: the table of methods and its picture stay as they are", file=sys.stderr)
        write_whole(readme, text)
        return 0
    write_whole(readme, between(text, START, END, table(chosen)))
    target.parent.mkdir(parents=True, exist_ok=True)
    with mpl.rc_context({"svg.hashsalt": "readme", "svg.fonttype": "path"}):
        picture(chosen).savefig(
            target, metadata={"Date": None, "Creator": None}, facecolor="white", bbox_inches="tight"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main(*(Path(word) for word in sys.argv[1:4])))
