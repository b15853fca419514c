"""Write what was measured into README.md: a table of methods and one of the house between markers, and a picture.

Usage: ``python benchmarks/readme.py [RUNS]`` from the root of the repository. What the folders under RUNS hold is first
laid down as ``benchmarks/METHOD/results/RECIPE.json``: every check, with commit, versions, machine and seeds. README
shows what lies there and nothing else, of each method the largest recipe. The house is shown as
``benchmarks/house/measure.py`` left it.
"""

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.figure import Figure

from consilience.catalogue import METHODS
from consilience.ground.claims import Measurement, spell
from consilience.ground.folder import write_whole
from consilience.ground.gauge import draw
from consilience.ground.ledger import SYMBOLS, Ledger, collect

START, END = "<!-- measured: begin -->", "<!-- measured: end -->"
HOUSE_START, HOUSE_END = "<!-- house: begin -->", "<!-- house: end -->"
ROOT = Path(__file__).resolve().parents[1]
HOUSE, PICTURE = Path("house", "results", "house.json"), Path("docs", "pictures", "measured.svg")
KEPT = ("paper", "small")
"""Recipes whose figures are quoted, the largest first."""
COLOURS = {"holds": "#17734a", "fails": "#b3261e", "not measured": "#666c75"}


Record = Mapping[str, Any]
"""A ledger as it is written down: ``claims`` with their checks, and ``runs`` with what they depend on."""


def lay_down(runs: Path, benchmarks: Path) -> list[Path]:
    """Write the latest run of each method and recipe to where what was measured is kept; smoke proves nothing."""
    return [
        write_whole(benchmarks / run.report.room / "results" / f"{run.report.recipe}.json", Ledger((run,)).to_json())
        for run in collect(runs).runs
        if run.report.recipe in KEPT
    ]


def kept(benchmarks: Path) -> dict[str, Record]:
    """Return of each method what is kept of its largest recipe, in the order of methods."""
    found: dict[str, Record] = {}
    for entry in METHODS:
        results = benchmarks / entry.name / "results"
        largest = next((path for recipe in KEPT if (path := results / f"{recipe}.json").exists()), None)
        if largest is not None:
            found[entry.name] = json.loads(largest.read_text(encoding="utf-8"))
    return found


def decisive(row: Record) -> Record | None:
    """Return the check that stands for a claim: of one that fails the first that misses its bar, else the first."""
    missed = (check for check in row["checks"] if check["holds"] is False)
    return next(missed, next(iter(row["checks"]), None))


def number(check: Record) -> Measurement:
    """Return a check as the number that it was."""
    names = {"measured": "value"} | {name: name for name in ("low", "high", "at_least", "at_most")}
    told = {ours: None if check.get(name) is None else float(check[name]) for name, ours in names.items()}
    return Measurement(name=check["name"], unit=check["unit"], **told)


def measured(found: Measurement) -> str:
    """Write a number with its interval, or a dash."""
    if found.value is None:
        return "–"
    interval = "" if found.low is None or found.high is None else f" [{spell(found.low)}, {spell(found.high)}]"
    return f"{spell(found.value, found.unit)}{interval}"


def cells(row: Record) -> str:
    """Write a claim as the cells that both tables have: the sentence, what stands for it, the bar, the verdict."""
    check = decisive(row)
    found, bar = ("–", "") if check is None else (f"{measured(number(check))} {check['name']}", check["bar"])
    sentence = row["sentence"].replace("|", "\\|")
    return f"`{row['id']}` {sentence} | {found} | {bar} | {SYMBOLS[row['verdict']]} {row['verdict']} |"


def origin(record: Record) -> str:
    """Say by which recipe, where, when and on which state of the code something was measured."""
    recipe = f"recipe {record['claims'][0]['recipe']}"
    if "runs" not in record:
        return f"{recipe}, on an earlier state of the code"
    (run,) = record["runs"]
    if run.get("changed"):
        recipe += f" with {', '.join(run['changed'])} given"
    told = (run["machine"].get("processor"), run["measured_at"][:10], run.get("versions", {}).get("commit"))
    return ", ".join((recipe, *(word for word in told if word)))


def table(chosen: Mapping[str, Record]) -> str:
    """Return the claims of the chosen runs as a Markdown table, one row each."""
    lines = ["| method | claim | measured | bar | verdict |", "|---|---|---|---|---|"]
    facts = []
    for name, record in chosen.items():
        lines += [f"| [{name}](docs/methods/{name}.md) | {cells(row)}" for row in record["claims"]]
        facts.append(f"[{name}](benchmarks/{name}/results/{record['claims'][0]['recipe']}.json): {origin(record)}")
    told = (
        "One number stands for each claim: of a claim that fails the one that misses its bar, of others the first. "
        "Every check, with seeds, versions and commit where they were recorded, is in the linked file."
    )
    return "\n".join([*lines, "", f"Measured in one run each ({'; '.join(facts)}). {told}"])


def house(record: Record) -> str:
    """Return the claims of the house as a Markdown table, one row each."""
    lines = ["| the house | measured | bar | verdict |", "|---|---|---|---|"]
    lines += [f"| {cells(row)}" for row in record["claims"]]
    (run,) = record["runs"]
    machine = run["machine"]
    facts = f"{machine['processor']}, {machine['cores']} cores, {run['measured_at'][:10]}"
    every = "[every number](benchmarks/house/results/house.json)"
    return "\n".join([*lines, "", f"Measured by `python benchmarks/house/measure.py` ({facts}); {every}."])


def between(text: str, start: str, end: str, told: str) -> str:
    """Return a text with `told` between two markers, in place of what stood there."""
    before, _, rest = text.partition(start)
    return f"{before}{start}\n\n{told}\n\n{end}{rest.partition(end)[2]}"


def picture(chosen: Mapping[str, Record]) -> Figure:
    """Draw the number of every claim that has a bar: shaded where the bar is cleared, a dot where we are."""
    claims = [row for record in chosen.values() for row in record["claims"]]
    stand = [(claim, number(check)) for claim in claims if (check := decisive(claim))]
    drawn = [(claim, one, gauge) for claim, one in stand if (gauge := draw(one))]
    figure = Figure(figsize=(8, 0.6 + 0.42 * len(drawn)), layout="constrained")
    axes = figure.subplots()
    for row, (claim, one, gauge) in enumerate(reversed(drawn)):
        axes.barh(row, gauge.pass_to - gauge.pass_from, 0.5, gauge.pass_from, color=COLOURS["holds"], alpha=0.15)
        axes.plot([gauge.low, gauge.high], [row, row], color=COLOURS[claim["verdict"]], linewidth=3, alpha=0.6)
        axes.plot(gauge.value, row, "o", color=COLOURS[claim["verdict"]])
        axes.annotate(
            f"{measured(one)}   (bar: {one.bar})",
            (1.01, row),
            xycoords=("axes fraction", "data"),
            va="center",
            fontsize=8,
        )
    axes.set(xlim=(0, 100), ylim=(-0.6, len(drawn) - 0.4), xticks=[], yticks=range(len(drawn)))
    axes.set_yticklabels([f"{SYMBOLS[claim['verdict']]} {claim['id']}" for claim, _, _ in reversed(drawn)])
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
