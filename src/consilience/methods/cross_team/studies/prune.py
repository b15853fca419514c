"""Whether the rater that prunes tells whole programs from those with a defect, at what cost, and without crashing."""

from __future__ import annotations

import asyncio
import resource
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from consilience.dialogue.sandbox import Snippets
from consilience.dialogue.work.artifact import Artifact
from consilience.dialogue.work.kinds.repository import Repository, files_of
from consilience.ground import Evidence, Measurement, RunFolder, Streams, Table
from consilience.methods.cross_team.config import Config
from consilience.methods.cross_team.legacy import UNREAD, LegacyScore, legacy_score
from consilience.methods.cross_team.metrics import legacy_completeness
from consilience.methods.cross_team.rating import ProgramRater, Rating
from consilience.methods.cross_team.studies.seeded_programs import (
    DEFECTS,
    HIDDEN,
    UNTOLD,
    Program,
    defective,
    fuzzed,
    whole,
)

__all__ = ["area", "prune"]

CPU_S = 0.4
"""Seconds of processor for a program that never ends; the whole ones need hundredths."""
SHOWN = 20
"""Programs of each sort that is not part of the area: wrong results, and faults where no run goes."""
RESAMPLES = 1000
AUC, COST_S = 0.99, 0.3


@dataclass(frozen=True)
class _Rated:
    """A program, and what raters made of it."""

    program: Program
    rating: Rating | None
    """None where the rater crashed."""
    legacy: LegacyScore | None


def prune(config: Config, streams: Streams, folder: RunFolder) -> Evidence:
    """Measure the claim ``ctc.prune``.

    Half of the programs are whole, the others have one defect each. They are rated without tests, as the released
    rater does it; then those that are whole again, beside some with a wrong result, with the tests that are shown.

    Parameters
    ----------
    config
        ``prune_programs``, ``prune_fuzzed``.
    streams
        For programs, their defects and the resampling.
    folder
        For the record.
    """
    programs = list(_programs(config.prune_programs, streams))
    before = _processor_s()
    with Snippets(workers=1) as snippets:
        rated = asyncio.run(_all(programs, snippets))
    spent_s = _processor_s() - before
    with Snippets(workers=1) as snippets:
        tested = asyncio.run(_all(list(_wrong(programs, streams)), snippets, tests=True))
        beyond = asyncio.run(_all(list(_some(UNTOLD, SHOWN, streams)), snippets))
        strange = asyncio.run(_all(list(_strange(config.prune_fuzzed, streams)), snippets))
    crashes = sum(one.rating is None for one in (*rated, *tested, *beyond, *strange))
    folder.record("prune", programs=len(rated), crashes=crashes)
    return Evidence(
        measurements=(
            *_of_area(rated, tested, streams),
            *_of_crashes(crashes, len(rated) + len(tested) + len(beyond) + len(strange), config),
            *_of_cost(rated, spent_s),
            *_of_the_released(rated),
        ),
        tables=(_table(rated, tested, beyond),),
    )


def area(whole_ones: Sequence[float], defective_ones: Sequence[float]) -> float:
    """Return how often a whole program has the higher score than a defective one, ties counted half.

    Examples
    --------
    >>> area([1.0, 1.0], [0.5, 1.0])
    0.75
    """
    above: Float[np.ndarray, "whole defective"] = np.subtract.outer(whole_ones, defective_ones)
    return float(np.mean((above > 0) + 0.5 * (above == 0)))


def _programs(count: int, streams: Streams) -> Iterator[Program]:
    source = streams.generator("whole")
    for _ in range(count // 2):
        yield whole(source)
    source = streams.generator("defective")
    for number in range(count - count // 2):
        yield defective(source, [*DEFECTS][number % len(DEFECTS)])


def _wrong(programs: Sequence[Program], streams: Streams) -> Iterator[Program]:
    yield from [program for program in programs if program.tests and not program.defect]
    yield from _some(HIDDEN, SHOWN, streams)


def _some(sorts: Iterable[str], count: int, streams: Streams) -> Iterator[Program]:
    for sort in sorts:
        source = streams.generator(sort)
        for _ in range(count):
            yield defective(source, sort)


def _strange(count: int, streams: Streams) -> Iterator[Program]:
    for text in fuzzed(streams.generator("fuzzed"), count):
        yield Program("fuzzed", text, "", "", "fuzzed")


async def _all(programs: Sequence[Program], snippets: Snippets, *, tests: bool = False) -> list[_Rated]:
    return [await _one(program, snippets, program.tests if tests else "") for program in programs]


async def _one(program: Program, snippets: Snippets, tests: str) -> _Rated:
    rater = ProgramRater(Repository(), tests=tests, stdin=program.typed, snippets=snippets, cpu_s=CPU_S)
    try:
        rating = await rater.rate(Artifact(program.text))
    except Exception:  # noqa: BLE001  a crash is what is counted
        return _Rated(program, None, None)
    return _Rated(program, rating, legacy_score(files_of(program.text), rating.ended))


def _processor_s() -> float:
    """Return the processor time of this process and of all that it started and that has ended."""
    spent = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in spent)


def _values(rated: Sequence[_Rated], *, good: bool) -> list[float]:
    return [0.0 if one.rating is None else one.rating.value for one in rated if good != bool(one.program.defect)]


def _of_area(rated: Sequence[_Rated], tested: Sequence[_Rated], streams: Streams) -> Iterator[Measurement]:
    goods, bads = _values(rated, good=True), _values(rated, good=False)
    low, high = _interval(goods, bads, streams.generator("resampling"))
    yield Measurement(
        name="area under the curve, whole programs against those with a defect",
        value=area(goods, bads),
        low=low,
        high=high,
        at_least=AUC,
        note=f"{len(goods)} whole, {len(bads)} with a defect of {len(DEFECTS)} sorts, all of our own "
        f"making, no tests; the interval is that of "
        f"{RESAMPLES} resamplings, 95 %, and has no width where every pair is told apart",
    )
    yield Measurement(
        name="area under the curve, whole programs against those with a wrong result, by the tests that are shown",
        value=area(_values(tested, good=True), _values(tested, good=False)),
        note=f"{len(_values(tested, good=False))} programs; without tests nothing tells them apart",
    )


def _interval(goods: Sequence[float], bads: Sequence[float], chance: np.random.Generator) -> tuple[float, float]:
    drawn = [
        area(chance.choice(goods, len(goods)).tolist(), chance.choice(bads, len(bads)).tolist())
        for _ in range(RESAMPLES)
    ]
    low, high = np.quantile(drawn, [0.025, 0.975])
    return float(low), float(high)


def _of_crashes(crashes: int, count: int, config: Config) -> Iterator[Measurement]:
    yield Measurement(
        name="crashes of the rater",
        value=float(crashes),
        at_most=0.0,
        note=f"of {count} candidates: text that does not parse, folders without a program, bytes, loops without end, "
        f"{config.prune_fuzzed} programs with characters changed at random",
    )


def _of_cost(rated: Sequence[_Rated], spent_s: float) -> Iterator[Measurement]:
    own_s = sum(one.rating.cpu_s for one in rated if one.rating is not None)
    yield Measurement(
        name="processor time of a rating, the program's own left out",
        value=(spent_s - own_s) / len(rated),
        at_most=COST_S,
        unit="s",
        timing=True,
        note=f"the mean of {len(rated)}, sandboxes included; programs themselves took {own_s / len(rated):.3f} s",
    )


def _of_the_released(rated: Sequence[_Rated]) -> Iterator[Measurement]:
    yield Measurement(
        name="area under the curve of the released rater, as it was published",
        value=area(
            [UNREAD for one in rated if not one.program.defect], [UNREAD for one in rated if one.program.defect]
        ),
        note="it finds no file in candidates that come without fences; all have the same score",
    )
    read = [one for one in rated if one.legacy is not None]
    yield Measurement(
        name="area under the curve of its formula, had it read its files and not crashed",
        value=area(_legacy(read, good=True), _legacy(read, good=False)),
        note="run behind our walls, with input and windows that it does not have",
    )
    yield Measurement(
        name="crashes of the released rater, had it read its files",
        value=100 * sum(bool(one.legacy and one.legacy.crash) for one in read) / len(rated),
        unit="%",
        note="on what does not parse, and on a program of a single line",
    )
    goods = [one for one in rated if not one.program.defect]
    yield Measurement(
        name="whole programs that a search for the word pass takes for incomplete",
        value=100 * sum(not legacy_completeness(files_of(one.program.text)) for one in goods) / len(goods),
        unit="%",
        note="an empty handler, an abstract method, a compass",
    )


def _legacy(rated: Sequence[_Rated], *, good: bool) -> list[float]:
    return [one.legacy.score for one in rated if one.legacy is not None and good != bool(one.program.defect)]


def _table(rated: Sequence[_Rated], tested: Sequence[_Rated], beyond: Sequence[_Rated]) -> Table:
    goods, legacy = _values(rated, good=True), _legacy(rated, good=True)
    some = [*rated, *[one for one in tested if one.program.defect], *beyond]
    return Table(
        title="Programs that are told from whole ones, by defect",
        columns=("defect", "programs", "rated below 1, %", "area", "area of the released formula", "it crashes, %"),
        rows=tuple(
            _row(sort, [one for one in some if one.program.defect == sort], goods, legacy)
            for sort in ("", *DEFECTS, *HIDDEN, *UNTOLD)
        ),
        note='Areas are against all whole programs. "a wrong result" was rated with the tests that are shown. '
        "What raises where no run goes is not found by running, and is no part of the claim.",
    )


def _row(
    sort: str, some: Sequence[_Rated], goods: Sequence[float], legacy: Sequence[float]
) -> tuple[str, int, float, float | None, float | None, float]:
    values = [0.0 if one.rating is None else one.rating.value for one in some]
    theirs = [one.legacy for one in some if one.legacy is not None]
    return (
        sort or "none: whole",
        len(some),
        round(100 * sum(value < 1 for value in values) / len(some), 1),
        round(area(goods, values), 4) if sort else None,
        round(area(legacy, [each.score for each in theirs]), 4) if sort else None,
        round(100 * sum(bool(each.crash) for each in theirs) / len(some), 1),
    )
