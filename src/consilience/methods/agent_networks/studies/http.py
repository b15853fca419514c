"""What a call over HTTP costs the one who asks, with many in flight."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from statistics import median

import numpy as np
from matplotlib.figure import Figure as Canvas

from consilience.dialogue.rehearsal import REHEARSAL_NOTICE
from consilience.dialogue.rehearsal_server import ServerProcess
from consilience.ground import Evidence, Measurement, RunFolder, Streams, Table
from consilience.methods.agent_networks.config import Config
from consilience.methods.agent_networks.studies.clients import CLIENTS, MODEL, Cost, cost

__all__ = ["http"]

FEW = 64
LATENCY_S, FEW_LATENCY_S, SIGMA = 1.0, 0.05, 0.3
"""Replies take so long on average that neither client nor server is at its limit: what is measured is not a queue."""
BAR_MS = 0.8
GREY = "#888888"
COLOURS = {"endpoint": "#3b7dd8", "session": "#8a5fb0", "aiohttp": "#888888", "direct": "#d9722e"}


@dataclass(frozen=True)
class _Seen:
    cost: Cost
    peak: int
    """Most calls at once, as the server saw it."""


def http(config: Config, streams: Streams, folder: RunFolder) -> Evidence:
    """Measure the claim ``macnet.http``.

    Server and client are processes of their own; what is measured is processor time of the client's, after as many
    calls as are in flight have opened connections. Clients take turns within a round.

    Parameters
    ----------
    config
        ``http_in_flight``, ``http_calls``, ``http_rounds``.
    streams
        For latencies.
    folder
        For the picture.
    """
    seed = streams.integer("latency")
    found: dict[tuple[str, int], list[_Seen]] = {}
    for _ in range(config.http_rounds):
        for name in CLIENTS:
            for in_flight in (FEW, config.http_in_flight):
                found.setdefault((name, in_flight), []).append(_measured(name, in_flight, config, seed))
    folder.record("http", clients=len(CLIENTS), rounds=config.http_rounds)
    caption = (
        f"Processor time of a call, {config.http_in_flight} in flight; each dot is a round, the red line is the bar."
    )
    return Evidence(
        measurements=tuple(_measurements(found, config)),
        tables=(_table(found),),
        figures=(folder.figure("http", _drawn(found, config), caption),),
    )


def _measured(name: str, in_flight: int, config: Config, seed: int) -> _Seen:
    mean_s = FEW_LATENCY_S if in_flight == FEW else LATENCY_S
    calls = config.http_calls // 10 if CLIENTS[name].slow else config.http_calls
    flags = ("--mean-s", f"{mean_s}", "--sigma", f"{SIGMA}", "--latency-seed", f"{seed}")
    with ServerProcess("--player", MODEL, *flags) as server:
        spent = cost(name, server.base_url, in_flight, max(calls, in_flight))
        return _Seen(spent, server.attendance()["peak"])


def _measurements(found: dict[tuple[str, int], list[_Seen]], config: Config) -> Iterator[Measurement]:
    many = config.http_in_flight
    own = found["endpoint", many]
    times = [seen.cost.cpu_ms for seen in own]
    yield Measurement(
        name=f"processor time a call of this house's client, {many} in flight",
        value=median(times),
        low=min(times),
        high=max(times),
        at_most=BAR_MS,
        unit="ms",
        timing=True,
        note=f"median and range of {len(own)} rounds of {max(config.http_calls, many)} calls; the server saw "
        f"{min(seen.peak for seen in own)} at once. {REHEARSAL_NOTICE.capitalize()}",
    )
    for name, words in (("session", "with session, journal and transcript"), ("aiohttp", "of aiohttp and json, bare")):
        times = [seen.cost.cpu_ms for seen in found[name, many]]
        yield Measurement(
            name=f"processor time a call {words}, {many} in flight",
            value=median(times),
            low=min(times),
            high=max(times),
            unit="ms",
            timing=True,
        )
    ratios = [slow.cost.cpu_ms / lean.cost.cpu_ms for slow, lean in zip(found["direct", many], own, strict=True)]
    yield Measurement(
        name=f"processor time a call of pydantic_ai.direct over that of this house's client, {many} in flight",
        value=median(ratios),
        low=min(ratios),
        high=max(ratios),
        timing=True,
        note=f"of the same round; {median(seen.cost.cpu_ms for seen in found['direct', many]):.2f} ms a call, with the "
        f"openai library beneath it; the server saw {min(seen.peak for seen in found['direct', many])} at once",
    )


def _table(found: dict[tuple[str, int], list[_Seen]]) -> Table:
    return Table(
        title="What a call costs the client",
        columns=("client", "in flight", "processor ms a call", "least", "most", "seen at once"),
        rows=tuple(
            (
                CLIENTS[name].words,
                in_flight,
                round(median(times), 3),
                round(min(times), 3),
                round(max(times), 3),
                min(one.peak for one in seen),
            )
            for (name, in_flight), seen in found.items()
            for times in ([one.cost.cpu_ms for one in seen],)
        ),
        note="Processor time of the client's process, all of its threads; prompts and replies of 1.2 kB and more.",
        timing=True,
    )


def _drawn(found: dict[tuple[str, int], list[_Seen]], config: Config) -> Canvas:
    canvas = Canvas(figsize=(5.8, 2.6), layout="constrained")
    axes = canvas.subplots()
    for place, name in enumerate(reversed(CLIENTS)):
        times = np.array([seen.cost.cpu_ms for seen in found[name, config.http_in_flight]])
        axes.plot(times, np.full(len(times), place), "o", color=COLOURS[name], alpha=0.4, markersize=5)
        axes.plot([np.median(times)], [place], "|", color=COLOURS[name], markersize=16, markeredgewidth=2.5)
    axes.axvline(BAR_MS, color="#c1121f", linewidth=1.2)
    axes.set_yticks(range(len(CLIENTS)), [CLIENTS[name].words for name in reversed(CLIENTS)])
    axes.set(xscale="log", xlim=(0.1, 10), ylim=(-0.6, len(CLIENTS) - 0.4))
    axes.set_xticks([0.1, 0.2, 0.5, 1, 2, 5, 10], ["0.1", "0.2", "0.5", "1", "2", "5", "10"])
    axes.minorticks_off()
    axes.set_xlabel("processor ms a call (red: bar)", color=GREY)
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.tick_params(colors=GREY, which="both", length=0)
    return canvas
