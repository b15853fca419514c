"""What ``consilience rank-collapse inspect`` does: load, read, show, write."""

from __future__ import annotations

from pathlib import Path

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from consilience.ground.errors import InvalidInput
from consilience.ground.folder import write_whole
from consilience.methods.rank_collapse.drawing import WORDS, depth_picture, measured
from consilience.methods.rank_collapse.findings import Row
from consilience.methods.rank_collapse.inspection import Inspection, inspect, to_json
from consilience.methods.rank_collapse.loading import USUAL_TOKENS, Precision, load, read_text
from consilience.methods.rank_collapse.pictures import pictured
from consilience.neural.device import choose_device

__all__ = ["run", "show"]

COLUMNS = {
    "relative_mu": "μ/‖X‖",
    "mean_cosine": "cos",
    "mean_absolute_cosine": "|cos|",
    "stable_rank": "stable",
    "effective_rank": "effective",
    "smallest_singular_value": "σ min",
    "attention_entropy": "entropy",
    "smallest_edge": "weight",
}
"""Measures that fit a terminal; the JSON has all."""


def run(
    model: str,
    *,
    text: Path,
    out: Path,
    compare: str | None,
    layers: str | None,
    tokens: int | None,
    sequences: int,
    precision: Precision,
    device: str,
    quiet: bool,
) -> int:
    """Inspect one model or two, print tables, and write JSON and pictures once everything is known."""
    if out.exists() and not out.is_dir():
        raise InvalidInput(f"--out must name a folder; {out} is a file.")
    if sequences < 1:
        raise InvalidInput(f"--sequences must be at least 1; got {sequences}.")
    words, where = read_text(text), choose_device(device)
    progress = Console(stderr=True, quiet=quiet, highlight=False)
    models = [load(source, precision, where) for source in ([model] if compare is None else [model, compare])]
    length = min([USUAL_TOKENS, *(one.longest for one in models if one.longest)]) if tokens is None else tokens
    found = [
        inspect(one, words, layers=layers, tokens=length, sequences=sequences, tell=progress.print) for one in models
    ]
    files: dict[str, str | bytes] = {"inspection.json": to_json(found)}
    for name in measured(found):
        files |= pictured(depth_picture(found, name), name)
    for name, content in files.items():
        write_whole(out / name, content)
    for name in WORDS:  # a picture of an earlier inspection would pass for one of this
        for suffix in ("png", "svg"):
            if f"{name}.{suffix}" not in files:
                (out / f"{name}.{suffix}").unlink(missing_ok=True)
    console = Console(soft_wrap=True, highlight=False)
    for one in found:
        show(one, console)
    console.print(f"written to {out}: inspection.json, and {len(files) // 2} pictures as .png and .svg", markup=False)
    return 0


def show(found: Inspection, console: Console) -> None:
    """Print a table for every list of blocks, and what a reader must know."""
    rows = found.report.rows
    for stack in dict.fromkeys(row.stack for row in rows if row.measure == "relative_mu"):
        console.print(_table(found, stack))
    for line in _remarks(found):
        console.print(line, markup=False)


def _table(found: Inspection, stack: str) -> Table:
    table = Table(
        title=f"{found.name}, {stack}: medians of {found.sequences} sequences of {found.tokens} tokens",
        caption="stable, effective: rank; weight: the smallest of attention; in brackets: may be nothing but rounding",
        box=SIMPLE_HEAD,
        padding=(0, 1, 0, 0),
    )
    depths: dict[int, dict[str, Row]] = {}
    for row in found.report.rows:
        if row.stack == stack or row.stack.startswith(f"{stack}.*."):
            depths.setdefault(row.depth, {}).setdefault(row.measure, row)
    shown = [name for name in COLUMNS if any(name in cells for cells in depths.values())]
    table.add_column("layer", justify="right")
    for name in shown:
        table.add_column(COLUMNS[name], justify="right")
    for depth, cells in sorted(depths.items()):
        table.add_row(str(depth) if depth else "input", *(_spelled(cells.get(name)) for name in shown))
    return table


def _spelled(row: Row | None) -> str:
    if row is None:
        return ""
    number = f"{row.median:.3g}"
    return number if row.trusted else f"({number})"


def _remarks(found: Inspection) -> list[str]:
    lines = [f"note: {note}" for note in found.notes]
    lines += [f"not measured: {one.layer}: {one.reason} ({one.times} times)" for one in found.report.unmeasured]
    for bound in found.bounds:
        last = len(bound.values) - 1
        seen = [row for row in found.report.rows if (row.stack, row.measure, row.depth) == (bound.stack, "mu", last)]
        lines.append(
            f"bound: attention alone, one head with orthogonal values, would bring mu itself, not over the norm, below "
            f"{bound.values[-1]:.3g} by layer {last} of {bound.stack}{_where(seen)}, as no weight is below "
            f"{bound.smallest_weight:.1e} and the radius is {bound.depth}; skips and feed-forward layers are no part "
            "of that"
        )
    return lines


def _where(rows: list[Row]) -> str:
    return f", where it is {rows[0].median:.3g}" if rows else ""
