"""Write what was measured into README.md: a table of methods and one of the house between markers, and a picture.

Usage: ``python benchmarks/readme.py [RUNS]`` from the root of the repository. Reports of the folders under RUNS are
first laid down as ``benchmarks/METHOD/results/RECIPE.json``, whole: every number, with commit, versions, machine and
seeds. README shows what lies there and nothing else, of each method the largest recipe. The house is shown as
``benchmarks/house/measure.py`` left it.
"""

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.figure import Figure

from consilience.catalogue import METHODS
from consilience.ground.claims import Claim, Measurement, Report, spell
from consilience.ground.folder import write_whole
from consilience.ground.gauge import draw
from consilience.ground.ledger import SYMBOLS, collect

START, END = "<!-- measured: begin -->", "<!-- measured: end -->"
HOUSE_START, HOUSE_END = "<!-- house: begin -->", "<!-- house: end -->"
ROOT = Path(__file__).resolve().parents[1]
HOUSE, PICTURE = Path("house", "results", "house.json"), Path("docs", "pictures", "measured.svg")
KEPT = ("paper", "small")
"""Recipes whose figures are quoted, the largest first."""
COLOURS = {"holds": "#17734a", "fails": "#b3261e", "not measured": "#666c75"}


def lay_down(runs: Path, benchmarks: Path) -> list[Path]:
    """Copy the latest report of each method and recipe to where what was measured is kept; smoke proves nothing."""
    return [
        write_whole(benchmarks / report.room / "results" / f"{report.recipe}.json", report.to_json())
        for report in (run.report for run in collect(runs).runs)
        if report.recipe in KEPT
    ]


def kept(benchmarks: Path) -> dict[str, Report]:
    """Return of each method the report of its largest recipe that is kept, in the order of methods."""
    there = {
        entry.name: [
            path for recipe in KEPT if (path := benchmarks / entry.name / "results" / f"{recipe}.json").exists()
        ]
        for entry in METHODS
    }
    return {name: Report.from_json(paths[0].read_bytes()) for name, paths in there.items() if paths}


def decisive(claim: Claim) -> Measurement | None:
    """Return the number that stands for a claim: of one that fails the first that misses its bar, else the first."""
    missed = (one for one in claim.evidence.measurements if one.holds is False)
    return next(missed, claim.headline)


def measured(headline: Measurement) -> str:
    """Write a number with its interval, or a dash."""
    if headline.value is None:
        return "–"
    interval = (
        "" if headline.low is None or headline.high is None else f" [{spell(headline.low)}, {spell(headline.high)}]"
    )
    return f"{spell(headline.value, headline.unit)}{interval}"


def table(chosen: Mapping[str, Report]) -> str:
    """Return the claims of the chosen runs as a Markdown table, one row each."""
    lines = ["| method | claim | measured | bar | verdict |", "|---|---|---|---|---|"]
    for entry in METHODS:
        for claim in chosen[entry.name].claims if entry.name in chosen else ():
            number = decisive(claim)
            verdict = f"{SYMBOLS[claim.verdict]} {claim.verdict}"
            sentence = claim.sentence.replace("|", "\\|")
            cells = (
                f"[{entry.name}](docs/methods/{entry.name}.md)",
                f"`{claim.id}` {sentence}",
                f"{measured(number)} {number.name}" if number else "–",
                number.bar if number else "",
                verdict,
            )
            lines.append(f"| {' | '.join(cells)} |")
    facts = [
        f"[{name}](benchmarks/{name}/results/{report.recipe}.json): recipe {report.recipe}, "
        f"{report.machine.get('processor', 'unknown')}, {report.measured_at[:10]}"
        for name, report in chosen.items()
    ]
    told = (
        "One number stands for each claim: of a claim that fails the one that misses its bar, of others the first. "
        "Every check, with seeds, versions and commit, is in the linked file."
    )
    return "\n".join([*lines, "", f"Measured in one run each ({'; '.join(facts)}). {told}"])


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


def picture(chosen: Mapping[str, Report]) -> Figure:
    """Draw the number of every claim that has a bar: shaded where the bar is cleared, a dot where we are."""
    claims = [claim for report in chosen.values() for claim in report.claims]
    drawn = [(claim, one, gauge) for claim in claims if (one := decisive(claim)) and (gauge := draw(one))]
    figure = Figure(figsize=(8, 0.6 + 0.42 * len(drawn)), layout="constrained")
    axes = figure.subplots()
    for row, (claim, one, gauge) in enumerate(reversed(drawn)):
        axes.barh(row, gauge.pass_to - gauge.pass_from, 0.5, gauge.pass_from, color=COLOURS["holds"], alpha=0.15)
        axes.plot([gauge.low, gauge.high], [row, row], color=COLOURS[claim.verdict], linewidth=3, alpha=0.6)
        axes.plot(gauge.value, row, "o", color=COLOURS[claim.verdict])
        axes.annotate(
            f"{measured(one)}   (bar: {one.bar})",
            (1.01, row),
            xycoords=("axes fraction", "data"),
            va="center",
            fontsize=8,
        )
    axes.set(xlim=(0, 100), ylim=(-0.6, len(drawn) - 0.4), xticks=[], yticks=range(len(drawn)))
    axes.set_yticklabels([f"{SYMBOLS[claim.verdict]} {claim.id}" for claim, _, _ in reversed(drawn)])
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    return figure


def main(runs: Path | None, root: Path = ROOT) -> int:
    """Lay down what was run, and update README and picture; exit 2 when there is nothing to show or no place for it."""
    readme, benchmarks = root / "README.md", root / "benchmarks"
    for path in lay_down(runs, benchmarks) if runs else ():
        print(f"readme: {path.relative_to(root)}")
    chosen, text = kept(benchmarks), readme.read_text(encoding="utf-8")
    told = benchmarks / HOUSE
    markers = (START, END, HOUSE_START, HOUSE_END)
    if not (chosen and told.exists()) or any(marker not in text for marker in markers):
        print(f"expected results in {benchmarks} and the markers {', '.join(markers)} in {readme}", file=sys.stderr)
        return 2
    text = between(text, HOUSE_START, HOUSE_END, house(json.loads(told.read_text(encoding="utf-8"))))
    write_whole(readme, between(text, START, END, table(chosen)))
    with mpl.rc_context({"svg.hashsalt": "readme", "svg.fonttype": "path"}):
        picture(chosen).savefig(
            root / PICTURE, metadata={"Date": None, "Creator": None}, facecolor="white", bbox_inches="tight"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]) if sys.argv[1:] else None))
