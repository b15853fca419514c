"""Whether the loop keeps its promises: budgets, resumption, reasons, speed; and what strategies make of equal calls."""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path

from consilience.ground import Evidence, Measurement, RunFolder, Streams, Table
from consilience.methods.self_correction.config import Config
from consilience.methods.self_correction.studies.equal_budgets import comparison_table, over_budgets
from consilience.methods.self_correction.studies.fuzz import fuzz
from consilience.methods.self_correction.studies.interruption import kill_and_resume
from consilience.methods.self_correction.studies.loop_drawing import draw_budgets
from consilience.methods.self_correction.studies.overhead import LATENCY_S, MACHINERY, WAITING, machinery_us, speedup
from consilience.methods.self_correction.studies.stops import CASES, stopped_at

__all__ = ["loop"]

RUNS = 10_000
"""Fuzzed runs that the claim is about."""
MOST_US = 50.0
"""Microseconds of machinery a call."""
LEAST_SPEEDUP = 20.0
BUDGETS = (1, 3, 5, 7, 11, 15)
"""Calls, of the picture."""


def loop(config: Config, streams: Streams, folder: RunFolder) -> Evidence:
    """Measure the claim ``correct.loop``.

    Parameters
    ----------
    config : Config
        Its ``loop_*`` settings.
    streams : Streams
    folder : RunFolder

    Returns
    -------
    Evidence
    """
    stops, stop_table = _stops()
    with tempfile.TemporaryDirectory() as scratch:
        resumed = _resumed(config, streams, Path(scratch))
        timings, timing_table = _timings(config, Path(scratch))
    budgets = draw_budgets(BUDGETS, over_budgets(config.loop_items, BUDGETS, streams.child("comparison")))
    return Evidence(
        measurements=(*_fuzzed(config, streams), *resumed, stops, *timings),
        tables=(comparison_table(config.loop_items, streams.child("comparison")), stop_table, timing_table),
        figures=(
            folder.figure(
                "budgets",
                budgets,
                "What strategies make of more calls, with a scripted model: a good critic above, a poor one below.",
            ),
        ),
    )


def _fuzzed(config: Config, streams: Streams) -> list[Measurement]:
    found = asyncio.run(fuzz(config.loop_runs, streams.integer("fuzz")))
    reasons = ", ".join(f"{rule} {count}" for rule, count in found.reasons.most_common(8))
    return [
        Measurement(
            name="budgets exceeded in fuzzed runs",
            value=found.over.total(),
            at_most=0,
            note=f"calls, tokens, money and seconds, of questions and of batches; {found.calls} calls, each counted "
            "by the model as well",
        ),
        Measurement(
            name="fuzzed runs",
            value=found.runs if found.runs >= RUNS else None,
            at_least=RUNS,
            note=f"{found.runs} of random strategy, critic, rule and budget; fewer than {RUNS} prove too little",
        ),
        Measurement(
            name="outcomes without a sound reason and answer, or with miscounted calls",
            value=found.unsound + found.miscounted,
            at_most=0,
            note=f"why questions ended: {reasons}",
        ),
    ]


def _resumed(config: Config, streams: Streams, folder: Path) -> list[Measurement]:
    found = kill_and_resume(
        folder, items=config.loop_items, kills=config.loop_kills, seed=streams.integer("interruption")
    )
    same = found.identical and found.untouched and found.lines == found.whole_lines
    return [
        Measurement(
            name="traces of a killed and resumed run that differ from the trace of a whole one",
            value=int(not same),
            at_most=0,
            note=f"SIGKILL, {found.kills} times; every call, reply, number and reason, but for the times calls took; "
            "what a kill left is kept byte for byte",
        ),
        Measurement(
            name="calls that are on the resumed trace twice",
            value=found.repeated,
            at_most=0,
            note="calls that were under way when the process was killed are made again, and were on no trace",
        ),
    ]


def _stops() -> tuple[Measurement, Table]:
    rows, wrong = [], 0
    for case in CASES:
        rounds, rule = stopped_at(case)
        wrong += (rounds, rule) != (case.rounds, case.rule)
        rows.append((repr(case.stop), case.rounds, rounds, rule))
    table = Table(
        title="Where each rule stops",
        columns=("rule", "expected round", "round", "recorded reason"),
        rows=tuple(rows),
        note="Answers and scores are written down beforehand; every call takes a second and a token.",
    )
    measured = Measurement(
        name="rules that stop at another round, or for another reason, than they should",
        value=wrong,
        at_most=0,
        note=f"{len(CASES)} conversations written down beforehand",
    )
    return measured, table


def _timings(config: Config, folder: Path) -> tuple[list[Measurement], Table]:
    taken = {name: machinery_us(name, folder, config.loop_repeats) for name in MACHINERY}
    slowest = max(taken, key=taken.__getitem__)
    gains = {
        "async model, one call": speedup(),
        "async model, two rounds": speedup(rounds=2),
        "plain function in threads, one call": speedup(blocking=True),
    }
    table = Table(
        title="Machinery and waiting",
        columns=("what", "value", "unit"),
        rows=(
            *((name, round(value, 1), "µs a call") for name, value in taken.items()),
            *((name, round(value, 1), "times faster at once") for name, value in gains.items()),
        ),
        timing=True,
    )
    return [
        Measurement(
            name="machinery of the loop a call",
            value=taken[slowest],
            at_most=MOST_US,
            unit="µs",
            timing=True,
            note=f"CPU time with a model that does nothing, median of {config.loop_repeats}; the slowest of "
            f"{len(taken)} ways: {slowest}",
        ),
        Measurement(
            name=f"{WAITING} questions of {1000 * LATENCY_S:g} ms at once, times faster than one after the other",
            value=gains["async model, one call"],
            at_least=LEAST_SPEEDUP,
            timing=True,
        ),
    ], table
