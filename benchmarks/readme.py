"""Write what was measured into README.md: a table between two markers, and a picture of the same.

Usage: ``python benchmarks/readme.py RUNS README.md PICTURE.svg``, after ``consilience reproduce --recipe small``. Of
each method the largest recipe that was run is shown.
"""

import sys
from pathlib import Path

import matplotlib as mpl
from matplotlib.figure import Figure

from consilience.catalogue import METHODS
from consilience.ground.claims import Claim, spell
from consilience.ground.folder import write_whole
from consilience.ground.gauge import draw
from consilience.ground.ledger import SYMBOLS, Run, collect

START, END = "<!-- measured: begin -->", "<!-- measured: end -->"
COLOURS = {"holds": "#17734a", "fails": "#b3261e", "not measured": "#666c75"}


def largest(runs: Path) -> dict[str, Run]:
    """Return of each method the run of its largest recipe; the ledger lists recipes in growing order."""
    return {run.report.room: run for run in collect(runs).runs}


def measured(claim: Claim) -> str:
    """Write the headline with its interval, or a dash."""
    headline = claim.headline
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
                measured(claim),
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
            f"{measured(claim)}   (bar: {claim.headline.bar})",
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


def main(runs: Path, readme: Path, target: Path) -> int:
    """Update the README and the picture; exit 2 when there is nothing to show or no place for it."""
    chosen = largest(runs)
    text = readme.read_text(encoding="utf-8")
    if not chosen or START not in text or END not in text:
        print(f"expected runs in {runs} and the markers {START} and {END} in {readme}", file=sys.stderr)
        return 2
    before, _, rest = text.partition(START)
    write_whole(readme, f"{before}{START}\n\n{table(chosen)}\n\n{END}{rest.partition(END)[2]}")
    target.parent.mkdir(parents=True, exist_ok=True)
    with mpl.rc_context({"svg.hashsalt": "readme", "svg.fonttype": "path"}):
        picture(chosen).savefig(
            target, metadata={"Date": None, "Creator": None}, facecolor="white", bbox_inches="tight"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main(*(Path(word) for word in sys.argv[1:4])))
