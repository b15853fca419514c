"""The room's own verbs: whether another round pays, what a correction did, and strategies at work on models.

``consilience self-correction rounds | evaluate | ask | defend | weigh``
"""

from __future__ import annotations

import json as jsonlib
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import tyro
from jaxtyping import Bool
from rich.console import Console
from rich.table import Table

from consilience.dialogue.command.flags import with_flags
from consilience.ground.errors import InvalidInput, UnknownName
from consilience.ground.intervals import Estimate
from consilience.ground.late import late_module
from consilience.ground.wording import many
from consilience.methods.self_correction.evaluation import Paired
from consilience.methods.self_correction.orders import Answering, Asking, Defending, Spending, Weighing
from consilience.methods.self_correction.paying import Payoff, payoff
from consilience.methods.self_correction.table import has_column, read_columns

Repeated = Annotated[tuple[str, ...], tyro.conf.UseAppendAction, tyro.conf.arg(metavar="COLUMN")]


def rounds(
    csv: Path,
    /,
    *,
    before: str = "before",
    after: Repeated = (),
    flagged: Repeated = (),
    cost_per_call: float = 0.0,
    calls_per_round: float = 2.0,
    level: float = 0.95,
    picture: Path | None = None,
    json: bool = False,
) -> int:
    """Say from a labelled table whether another round of correction pays, and how many rounds to make.

    Parameters
    ----------
    csv
        Comma-separated file with a heading line and a row an item; cells say right or wrong, as 1/0, true/false, yes/no
        or in these words.
    before
        Column that says whether the first answer was right.
    after
        Column that says whether the answer after a round was right; "after" unless given; once a round, in their order.
    flagged
        Column that says whether the critic objected before that round; once for each round, or not at all. A column
        "flagged" is taken where there is one round.
    cost_per_call
        What a call costs, as a share of what a right answer is worth: 0.01 if that is worth a hundred calls.
    calls_per_round
        Calls that a round takes: two for a check and a new answer.
    level
        Confidence of all intervals.
    picture
        File for a picture, as .png, .svg or .pdf.
    json
        Print one JSON object in place of the table.
    """
    columns = after or ("after",)
    flags = flagged or (("flagged",) if len(columns) == 1 and has_column(csv, "flagged") else ())
    if flags and len(flags) != len(columns):
        raise InvalidInput(f"--flagged must be given once for each --after, or not at all; got {len(flags)}")
    if not 0 <= cost_per_call < math.inf:
        raise InvalidInput(f"--cost-per-call must be a share of at least 0, such as 0.01; got {cost_per_call:g}")
    if not 0 < calls_per_round < math.inf:
        raise InvalidInput(f"--calls-per-round must be a number of calls above 0, such as 2; got {calls_per_round:g}")
    table = _labelled(csv, (before, *columns, *flags), "--before, --after and --flagged")
    found = payoff(
        np.ascontiguousarray(table[:, : 1 + len(columns)]),
        np.ascontiguousarray(table[:, 1 + len(columns) :]) if flags else None,
        cost_per_call=cost_per_call,
        calls_per_round=calls_per_round,
        level=level,
    )
    if picture is not None:
        _draw(found, picture)
    if json:
        print(jsonlib.dumps(_plain(asdict(found)), indent=2, allow_nan=False))
    else:
        _show_payoff(found, level)
    return 0


def evaluate(
    csv: Path,
    /,
    *,
    before: str = "before",
    after: str = "after",
    calls: float | None = None,
    level: float = 0.95,
    json: bool = False,
) -> int:
    """Say what a correction did to the same items: fixed, broken, kept, with McNemar's test and intervals.

    Parameters
    ----------
    csv
        Comma-separated file with a heading line and a row an item; cells say right or wrong, as 1/0, true/false, yes/no
        or in these words.
    before
        Column that says whether the answer before was right.
    after
        Column that says whether the answer after was right.
    calls
        Calls that the correction took in all, to say what a fixed item cost.
    level
        Confidence of all intervals.
    json
        Print one JSON object in place of the table.
    """
    if calls is not None and not 0 <= calls < math.inf:
        raise InvalidInput(f"--calls must be a number of calls, at least 0; got {calls}")
    columns = _labelled(csv, (before, after), "--before and --after")
    paired = Paired.of(np.ascontiguousarray(columns[:, 0]), np.ascontiguousarray(columns[:, 1]))
    numbers: dict[str, Estimate] = {
        "right before": paired.before(level=level),
        "right after": paired.after(level=level),
        "gain": paired.gain(level=level),
        "wrong answers fixed": paired.fix_rate(level=level),
        "right answers broken": paired.break_rate(level=level),
    }
    cost = None if calls is None else paired.cost_per_fixed(calls)
    if json:
        record = {
            **asdict(paired),
            "mcnemar_p": paired.p_value(),
            "calls_per_fixed": cost,
            **{name.replace(" ", "_"): asdict(estimate) for name, estimate in numbers.items()},
        }
        print(jsonlib.dumps(_plain(record), indent=2, allow_nan=False))
        return 0
    console = Console(soft_wrap=True, highlight=False)
    console.print(many(paired.items, "item"))
    console.print(_cells(paired))
    console.print(_table("", numbers, level))
    console.print(f"McNemar's exact test: p = {paired.p_value():.3g} for as many fixed as broken", markup=False)
    if cost is not None:
        console.print(f"calls per fixed item: {cost:.3g}")
    return 0


@with_flags(Asking, Answering, Spending, positional="question")
def ask(asking: Asking, answering: Answering, spending: Spending) -> int:
    """Ask a model a question and let it check itself; without --model a stand-in rehearses it, and that is said.

    The same command again takes what was answered from its journal.
    """
    status: int = _late("asking").ask(asking, answering, spending)
    return status


@with_flags(Defending, Answering, Spending, positional="")
def defend(defending: Defending, answering: Answering, spending: Spending) -> int:
    """Compare defences at equal calls: attack success, over-refusal of benign twins, what each fixed and broke.

    Without --model and --behaviours a stand-in is asked for nonsense, and that is said. The same command again goes on
    where it stopped: what was answered is not asked again.
    """
    status: int = _late("defending").defend(defending, answering, spending)
    return status


@with_flags(Weighing, Answering, Spending, positional="items")
def weigh(weighing: Weighing, answering: Answering, spending: Spending) -> int:
    """Ask items of BBQ under strategies at equal calls: right answers in either kind of context, and the bias score.

    Without --model a stand-in rehearses it, and that is said.
    """
    status: int = _late("weighing").weigh(weighing, answering, spending)
    return status


VERBS: Mapping[str, Callable[..., int]] = {
    "rounds": rounds,
    "evaluate": evaluate,
    "ask": ask,
    "defend": defend,
    "weigh": weigh,
}
"""What ``consilience self-correction`` can do."""


def _late(module: str) -> Any:
    return late_module(
        f"consilience.methods.self_correction.{module}",
        "models are asked with {missing}; install consilience[agents].",
        usually="aiohttp and pydantic-ai",
    )


def _labelled(csv: Path, names: Sequence[str], flags: str) -> Bool[np.ndarray, "item column"]:
    """Read columns; of one that is not there, say by which flags they are named."""
    try:
        return read_columns(csv, names)
    except UnknownName as error:
        raise InvalidInput(f"{error}: say with {flags} what yours are called") from error


def _show_payoff(found: Payoff, level: float) -> None:
    numbers = {"right at first": found.accuracy[0]}
    numbers |= {f"right after round {number}": each for number, each in enumerate(found.accuracy) if number}
    numbers |= {
        "gain so far": found.gain,
        "wrong becomes right (p)": found.repair,
        "right becomes wrong (q)": found.damage,
    }
    if found.flags is not None:
        numbers |= {
            "wrong answers flagged (TPR)": found.flags.tpr,
            "right answers flagged (FPR)": found.flags.fpr,
            "flagged wrong, then fixed": found.flags.fix,
            "flagged right, then broken": found.flags.spoil,
            "moved without a flag": found.flags.unflagged_moved,
        }
    numbers |= {"gain of another round": found.next_gain, "limit of many rounds": found.limit}
    console = Console(soft_wrap=True, highlight=False)
    console.print(_table(many(found.items, "item"), numbers, level))
    low, high = found.best_rounds_range
    console.print(f"another round: {found.answer}", style="bold")
    console.print(found.why, markup=False)
    console.print(f"best number of rounds: {found.best_rounds}, by the interval {low} to {high}")
    for note in found.notes:
        console.print(f"note: {note}", markup=False)


def _table(title: str, numbers: Mapping[str, Estimate], level: float) -> Table:
    table = Table(title=title or None, title_justify="left")
    for heading in ("", "share", f"{100 * level:g}% interval", "of"):
        table.add_column(heading, justify="right" if heading else "left", no_wrap=True)
    for name, estimate in numbers.items():
        interval = f"{estimate.low:.3f} to {estimate.high:.3f}"
        table.add_row(name, f"{estimate.value:.3f}", interval, str(estimate.of))
    return table


def _cells(paired: Paired) -> Table:
    table = Table()
    for heading in ("", "right after", "wrong after"):
        table.add_column(heading, justify="right" if heading else "left")
    table.add_row("right before", f"{paired.kept_right} kept", f"{paired.broken} broken")
    table.add_row("wrong before", f"{paired.fixed} fixed", f"{paired.kept_wrong} kept")
    return table


def _draw(found: Payoff, path: Path) -> None:
    """Draw the picture, with matplotlib loaded for nobody else."""
    if path.suffix.lower() not in (".png", ".svg", ".pdf"):
        raise InvalidInput(f"--picture must end in .png, .svg or .pdf; got {path.name!r}")
    figure = import_module("consilience.methods.self_correction.picture").draw_payoff(found)
    try:
        figure.savefig(path, dpi=200)
    except OSError as error:
        raise InvalidInput(f"--picture must be writable; {path}: {error.strerror}") from error


def _plain(value: Any) -> Any:
    """Return numbers that JSON has; NaN and infinity are null."""
    if isinstance(value, dict):
        return {key: _plain(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(entry) for entry in value]
    return None if isinstance(value, float) and not np.isfinite(value) else value
