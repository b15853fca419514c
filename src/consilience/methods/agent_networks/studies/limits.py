"""How much of an enforced rate is used, how often it is exceeded, and whether a budget ever is."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import count
from typing import Any, Literal

import numpy as np
from matplotlib.figure import Figure as Canvas

from consilience.dialogue.endpoint import Endpoint
from consilience.dialogue.limits import Limits
from consilience.dialogue.messages import Message, Question, Settings
from consilience.dialogue.models import Refused
from consilience.dialogue.rehearsal import REHEARSAL_NOTICE
from consilience.dialogue.rehearsal_server import ServerProcess
from consilience.dialogue.retrying import Retry
from consilience.dialogue.session import Session
from consilience.ground import Evidence, Measurement, RunFolder, Streams, Table
from consilience.methods.agent_networks.config import Config
from consilience.methods.agent_networks.studies.spending import CAPS, Cap, Spending, spend

__all__ = ["limits"]

REQUESTS, TOKENS = 6000.0, 1_200_000.0
"""A minute, as the servers enforce them."""
WINDOW_S = 1.0
LONGEST_WARM_UP_S = 5.0
AT_ONCE = 2
BEAT_S, STILL_SHARE, ATTEMPTS = 0.05, 0.01, 3
"""A case is measured again if beats came late by more than this part of its time altogether."""
LATENCY_S, SIGMA = 0.2, 0.5
ASKERS = 200
"""More than the rate has use for: somebody is always waiting."""
GREY, BLUE, ORANGE = "#888888", "#3b7dd8", "#d9722e"

Pace = Literal["stated", "learned", "none"]
"""The limits are told to the session; it has to find them; nobody keeps a pace and all ask again when they are told."""


@dataclass(frozen=True)
class _Case:
    """A server that enforces something, and who asks it."""

    enforced: Literal["bucket", "window"]
    requests: float | None
    tokens: float | None
    pace: Pace = "stated"

    @property
    def words(self) -> str:
        what = " and ".join(name for name in ("requests", "tokens") if getattr(self, name))
        told = {"stated": "", "learned": ", nothing stated", "none": ", no pace kept"}
        return f"{what}, {self.enforced}{told[self.pace]}"


CASES = (
    _Case("bucket", REQUESTS, None),
    _Case("window", REQUESTS, None),
    _Case("bucket", None, TOKENS),
    _Case("window", None, TOKENS),
    _Case("window", REQUESTS, TOKENS),
    _Case("bucket", REQUESTS, None, "learned"),
    _Case("window", REQUESTS, None, "none"),
)


@dataclass(frozen=True)
class _Found:
    """What a server saw after the warm-up."""

    case: _Case
    used: float
    """Share of the rate that was let through, of the limit that is closer to its end."""
    refused: float
    """Share of the calls that were refused."""
    calls: int
    still_s: float = 0.0
    """Seconds that the asker's process stood still."""


def limits(config: Config, streams: Streams, folder: RunFolder) -> Evidence:
    """Measure the claim ``macnet.limits``.

    Servers in processes of their own enforce requests or tokens a minute over windows of a second, and a session with
    more to ask than that is told the limits. What was let through and refused is read from the servers' logs. Budgets
    of random size are then spent to the end by many at once, while calls fail at random.

    Parameters
    ----------
    config
        ``limits_s``, ``limits_budgets``.
    streams
        For prompts, latencies and budgets.
    folder
        For the picture.
    """
    found = asyncio.run(_all_cases(config.limits_s, streams))
    spent = {cap: spend(cap, config.limits_budgets, streams.child(cap)) for cap in CAPS}
    folder.record("limits", cases=len(found), budgets=len(CAPS) * config.limits_budgets)
    caption = "What is used of an enforced rate, and what is refused; the red lines are the bars."
    return Evidence(
        measurements=(*_of_rates(found, config), *_of_budgets(spent)),
        tables=(_table(found), _budgets(spent)),
        figures=(folder.figure("limits", _drawn(found), caption),),
    )


async def _all_cases(seconds: float, streams: Streams) -> list[_Found]:
    """Measure cases one or two at a time: many servers and askers on few cores would only measure one another."""
    found: list[_Found] = []
    for first in range(0, len(CASES), AT_ONCE):
        some = CASES[first : first + AT_ONCE]
        found += await asyncio.gather(*(_case(case, seconds, streams.child(case.words)) for case in some))
    return found


async def _case(case: _Case, seconds: float, streams: Streams) -> _Found:
    """Measure a case; again where the machine stood still meanwhile, which no pace can make up for."""
    for _ in range(ATTEMPTS):
        beats: list[float] = []
        heart = asyncio.create_task(_beat(beats))
        try:
            found = await _once(case, seconds, streams)
        finally:
            heart.cancel()
        found = replace(found, still_s=sum(beats))
        if found.still_s <= STILL_SHARE * seconds:
            break
    return found


async def _beat(late: list[float]) -> None:
    """Note by how much the loop is late, where it is late by more than a beat."""
    clock = asyncio.get_running_loop().time
    while True:
        due = clock() + BEAT_S
        await asyncio.sleep(BEAT_S)
        if clock() - due > BEAT_S:
            late.append(clock() - due)


async def _once(case: _Case, seconds: float, streams: Streams) -> _Found:
    warm_s = min(seconds, LONGEST_WARM_UP_S)
    flags = [
        *("--player", "talker", "--enforced", case.enforced, "--window-s", f"{WINDOW_S}"),
        *("--mean-s", f"{LATENCY_S}", "--sigma", f"{SIGMA}", "--latency-seed", f"{streams.integer('latency')}"),
        *(("--requests-per-minute", f"{case.requests}") if case.requests else ()),
        *(("--tokens-per-minute", f"{case.tokens}") if case.tokens else ()),
    ]
    server = ServerProcess(*flags)
    await asyncio.to_thread(server.__enter__)
    try:
        tokens = await _asked(case, server.base_url, warm_s + seconds, streams)
        seen = await asyncio.to_thread(server.attendance)
    finally:
        await asyncio.to_thread(server.__exit__, None, None, None)
    return _read(case, seen["visits"], tokens, warm_s, seconds)


async def _asked(case: _Case, address: str, seconds: float, streams: Streams) -> dict[str, int]:
    """Ask for so long, and return the tokens of each call by its element."""
    lengths = streams.generator("lengths").integers(100, 700, 10_000)
    numbers, tokens = count(), dict[str, int]()
    ends_at = asyncio.get_running_loop().time() + seconds
    stated = Limits(requests_per_minute=case.requests, tokens_per_minute=case.tokens)
    session = Session(
        Endpoint(address, "rehearsal:talker"),
        limits=stated if case.pace == "stated" else Limits(),
        retry=Retry(attempts=1000, breaker_failures=10**6),
    )

    async def some() -> None:
        while asyncio.get_running_loop().time() < ends_at:
            number = next(numbers)
            text = "word " * int(lengths[number % len(lengths)] // 5)
            question = Question(f"{number}", (Message("user", (text,)),), Settings(max_tokens=200))
            usage = (await _ask(session, question, case.pace)).usage
            tokens[question.element] = usage.input_tokens + usage.output_tokens

    async with session:
        await asyncio.gather(*(some() for _ in range(ASKERS)))
    return tokens


async def _ask(session: Session, question: Question, pace: Pace) -> Any:
    while pace == "none":
        try:
            return await session.model.reply(question)
        except Refused as error:
            await asyncio.sleep(error.retry_after_s or WINDOW_S)
    return await session.ask(question)


def _read(case: _Case, visits: list[Any], tokens: dict[str, int], warm_s: float, seconds: float) -> _Found:
    begin = min(arrived for _, arrived, _, _ in visits) + warm_s
    inside = [(element, outcome) for element, arrived, _, outcome in visits if begin <= arrived < begin + seconds]
    through = [element for element, outcome in inside if outcome != "rate_limited"]
    shares = []
    if case.requests:
        shares.append(len(through) / (case.requests / 60 * seconds))
    if case.tokens:
        shares.append(sum(tokens[element] for element in through) / (case.tokens / 60 * seconds))
    return _Found(case, max(shares), 1 - len(through) / max(len(inside), 1), len(inside))


def _of_rates(found: list[_Found], config: Config) -> Iterator[Measurement]:
    stated = [one for one in found if one.case.pace == "stated"]
    least, most = min(stated, key=lambda one: one.used), max(stated, key=lambda one: one.refused)
    yield Measurement(
        name="used of an enforced rate, least of five servers",
        value=100 * least.used,
        at_least=95.0,
        unit="%",
        timing=True,
        note=f"{least.case.words}, after a warm-up, over {config.limits_s:g} s; windows of {WINDOW_S:g} s, "
        f"{ASKERS} askers. {REHEARSAL_NOTICE.capitalize()}",
    )
    yield Measurement(
        name="calls refused, most of five servers",
        value=100 * most.refused,
        at_most=1.0,
        unit="%",
        timing=True,
        note=f"{most.case.words}; the bar is below 1 %",
    )
    words = {
        "learned": "where nothing is stated and the session has to find the rate",
        "none": "where nobody keeps a pace",
    }
    for one in found:
        if one.case.pace != "stated":
            yield Measurement(
                name=f"calls refused {words[one.case.pace]}",
                value=100 * one.refused,
                unit="%",
                timing=True,
                note=f"{100 * one.used:.1f} % of the rate is used",
            )


def _of_budgets(spent: dict[Cap, list[Spending]]) -> Iterator[Measurement]:
    every = [one for some in spent.values() for one in some]
    yield Measurement(
        name="spent beyond a budget, most of all budgets",
        value=100 * max(one.over for one in every),
        at_most=0.0,
        unit="%",
        note=f"{len(every)} random budgets of calls, tokens and dollars, half of them in three parts; counted by the "
        "model, replies that came broken or cut off too",
    )
    yield Measurement(
        name="budgets overdrawn where what is spent is only looked at before a call",
        value=100 * sum(one.baseline_over > 0 for one in every) / len(every),
        unit="%",
        note=f"by up to {max(one.baseline_over for one in every):.0%}: what is under way is not counted",
    )


def _table(found: list[_Found]) -> Table:
    return Table(
        title="Enforced rates",
        columns=("enforced", "used, %", "refused, %", "calls", "stood still, s"),
        rows=tuple(
            (one.case.words, round(100 * one.used, 2), round(100 * one.refused, 2), one.calls, round(one.still_s, 2))
            for one in found
        ),
        note=f"{REQUESTS:g} requests or {TOKENS:g} tokens a minute over windows of {WINDOW_S:g} s.",
        timing=True,
    )


def _budgets(spent: dict[Cap, list[Spending]]) -> Table:
    def row(cap: str, some: list[Spending]) -> tuple[str, int, float, float, float]:
        used, over, baseline = (
            np.array([getattr(one, name) for one in some]) for name in ("used", "over", "baseline_over")
        )
        return (
            cap,
            len(some),
            round(100 * float(np.median(used)), 1),
            100 * float(over.max()),
            round(100 * float(baseline.max()), 1),
        )

    return Table(
        title="Budgets that are spent to the end",
        columns=("cap", "budgets", "used, median %", "over, most %", "over without setting aside, most %"),
        rows=tuple(row(cap, some) for cap, some in spent.items()),
        note="What is not used is less than the next call might have taken.",
        timing=True,
    )


def _drawn(found: list[_Found]) -> Canvas:
    canvas = Canvas(figsize=(7.2, 2.8), layout="constrained")
    left, right = canvas.subplots(1, 2, sharey=True)
    for place, one in enumerate(reversed(found)):
        colour = BLUE if one.case.pace == "stated" else ORANGE if one.case.pace == "learned" else GREY
        left.plot([100 * one.used], [place], "o", color=colour)
        right.plot([max(100 * one.refused, 0.01)], [place], "o", color=colour)
    left.set_yticks(range(len(found)), [one.case.words for one in reversed(found)])
    left.set(xlim=(85, 105))
    left.set_xlabel("used of the rate, %", color=GREY)
    right.set(xscale="log", xlim=(0.007, 120))
    right.set_xlabel("refused, % (.01 and less at .01)", color=GREY)
    for axes, bar in ((left, 95), (right, 1)):
        axes.axvline(bar, color="#c1121f", linewidth=1.2)
        axes.spines[["top", "right"]].set_visible(False)
        axes.tick_params(colors=GREY, which="both", length=0)
    return canvas
