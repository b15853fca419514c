"""Draw what a run of backdoor_audits found: attack success by planted rows, and what clean fine-tuning leaves of it.

Usage: ``python benchmarks/audit_pictures.py RUNS/backdoor_audits/small-seed1 docs/pictures``, after ``consilience
reproduce backdoor-audits --recipe small``. Every point is a cell of a table of the report, with its interval.
"""

import re
import sys
from pathlib import Path

import matplotlib as mpl
from matplotlib.figure import Figure

from consilience.ground import Report, Table

DOSE, SURVIVAL = "Attack success by planted rows", "What clean fine-tuning leaves of three triggers"
CELL = re.compile(r"([\d.]+) \[([\d.]+), ([\d.]+)\]")
MARKS = ("o", "s", "^", "D", "v", "P")
COLOURS = ("#26548c", "#b3261e", "#17734a", "#8a5a00", "#5f4b8b", "#444a52")
Point = tuple[float, float, float, float]
"""Where it stands, its value and its interval."""
Line = list[Point]


def found(report: Report, title: str) -> Table | None:
    """Return the table of that title; none where its claim was not measured."""
    return next((table for claim in report.claims for table in claim.evidence.tables if table.title == title), None)


def points(at: object, cell: object) -> Line:
    """Return a share with its interval as it is spelled in a cell; nothing where nothing was counted."""
    told = CELL.match(str(cell))
    return [(float(str(at)), *map(float, told.groups()))] if told else []


def doses(table: Table) -> Figure:
    """Draw attack success over planted rows, a line for each trigger."""
    lines: dict[str, Line] = {}
    for trigger, amount, asr, *_ in table.rows:
        lines.setdefault(str(trigger), []).extend(points(amount, asr))
    canvas = Figure(figsize=(6, 3.2), layout="constrained")
    axis = canvas.subplots()
    draw(axis, lines)
    axis.set(xlabel="planted rows of 500", ylabel="attack success, %")
    axis.legend(frameon=False, fontsize=8)
    return canvas


def survival(table: Table) -> Figure:
    """Draw attack success over batches of clean fine-tuning, a panel for each trigger and a line for each rate."""
    columns = [(at, name.partition(":")[0]) for at, name in enumerate(table.columns) if ": ASR" in name]
    canvas = Figure(figsize=(9, 3.4), layout="constrained")
    for axis, (at, name) in zip(canvas.subplots(1, len(columns), sharey=True), columns, strict=True):
        lines: dict[str, Line] = {}
        for row in table.rows:
            if row[0] != "before":
                lines.setdefault(f"{row[0]} of the attack's rate", []).extend(points(row[1], row[at]))
        draw(axis, lines)
        axis.set(title=name, xlabel="batches, parts of the attack's")
        if not at - columns[0][0]:
            axis.set_ylabel("attack success, %")
            told = axis.get_legend_handles_labels()
    canvas.legend(*told, loc="outside lower center", ncols=4, frameon=False, fontsize=8)
    return canvas


def draw(axis: mpl.axes.Axes, lines: dict[str, Line]) -> None:
    """Draw lines with their intervals, told apart by marks as well as by colours."""
    for number, (name, line) in enumerate(lines.items()):
        if not line:
            continue
        at, values, lows, highs = zip(*sorted(line), strict=True)
        below = [max(0.0, value - low) for value, low in zip(values, lows, strict=True)]
        above = [max(0.0, high - value) for value, high in zip(values, highs, strict=True)]
        look = {"marker": MARKS[number % len(MARKS)], "color": COLOURS[number % len(COLOURS)]}
        axis.errorbar(at, values, [below, above], capsize=2, markersize=4, label=name, **look)
    axis.set(xscale="log", ylim=(-3, 103))
    axis.set_xticks(ticks := sorted({one[0] for line in lines.values() for one in line}), [f"{t:g}" for t in ticks])
    axis.minorticks_off()
    axis.spines[["top", "right"]].set_visible(False)


def main(run: Path, pictures: Path) -> int:
    """Draw what was measured; exit 2 where nothing was."""
    report = Report.from_json((run / "report.json").read_text(encoding="utf-8"))
    drawn = 0
    for title, name, picture in ((DOSE, "dose", doses), (SURVIVAL, "survival", survival)):
        table = found(report, title)
        if table is None:
            print(f"not drawn: {title}, which {run} did not measure", file=sys.stderr)
            continue
        pictures.mkdir(parents=True, exist_ok=True)
        with mpl.rc_context({"svg.hashsalt": name, "svg.fonttype": "path"}):
            target = pictures / f"backdoor_audits_{name}.svg"
            picture(table).savefig(target, metadata={"Date": None, "Creator": None}, facecolor="white")
        print(target)
        drawn += 1
    return 0 if drawn else 2


if __name__ == "__main__":
    sys.exit(main(*(Path(word) for word in sys.argv[1:3])))
