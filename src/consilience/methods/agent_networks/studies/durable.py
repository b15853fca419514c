"""What a kill costs: a run is killed at random points and goes on, and latencies are dealt out anew."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from matplotlib.figure import Figure as Canvas

from consilience.dialogue.faults import Latency
from consilience.dialogue.rehearsal import REHEARSAL_NOTICE, Rehearsal
from consilience.dialogue.session import Session
from consilience.dialogue.transcript import Transcript, canonical_digest
from consilience.dialogue.trials.lives import Kill, Life, calls_of, killed, measured_kills
from consilience.dialogue.work.kinds.text import Text
from consilience.ground import Evidence, Measurement, RunFolder, Streams, Table
from consilience.methods.agent_networks.config import Config
from consilience.methods.agent_networks.studies.lives import WORKS, live, payload, scribble
from consilience.methods.agent_networks.topology import topology
from consilience.methods.agent_networks.traversal import traverse

__all__ = ["durable"]

LAST_POINT = 0.98
"""A run is killed before this part of its record is written: after that it may be over before it is hit."""
BARRED_BYTES = 1_000_000
"""The size of a journal has a bar from so much said on: below, the empty tables of the file are most of it."""
PERMUTED_NODES = 8
PERMUTED_LATENCY = (0.002, 1.0)
GREY, BLUE, ORANGE = "#888888", "#3b7dd8", "#d9722e"


@dataclass(frozen=True)
class _Whole:
    """What a run came to that nobody killed."""

    life: Life
    replayed: Life
    entries: int
    said_bytes: int
    journal_bytes: int


def durable(config: Config, streams: Streams, folder: RunFolder) -> Evidence:
    """Measure the claim ``macnet.durable``.

    A run on a mesh is a process of its own. It writes down each question before it is sent, and each reply after the
    asker has it, past all that is measured. It is killed with signal 9 at a random entry of that record, and another
    process goes on. Latencies are lognormal, so that many calls are under way whenever it is hit.

    Parameters
    ----------
    config
        ``durable_nodes``, ``durable_kills``, ``durable_permutations``.
    streams
        For tasks and points.
    folder
        For the picture.
    """
    seed = streams.integer("task")
    with TemporaryDirectory() as scratch:
        wholes = {work: _whole(work, Path(scratch) / work, config.durable_nodes, seed) for work in WORKS}
        whole = wholes["noise"]
        points = streams.generator("points").uniform(0, LAST_POINT, config.durable_kills)
        kills = [
            _killed(Path(scratch) / f"kill {number}", config.durable_nodes, seed, int(point * whole.entries))
            for number, point in enumerate(sorted(points))
        ]
    folder.record("durable", kills=len(kills), hit=sum(kill.hit for kill in kills))
    permuted = asyncio.run(_permuted(config.durable_permutations, streams.integer("permuted")))
    caption = f"A run of {len(topology('mesh', config.durable_nodes).nodes)} nodes killed at random points: calls that "
    return Evidence(
        measurements=(
            *_of_kills(kills, whole, config),
            *_of_journals(wholes),
            *_of_permutations(permuted),
        ),
        tables=(_table(kills),),
        figures=(folder.figure("durable", _drawn(kills), f"{caption}were in flight, and calls that were sent again."),),
    )


def _whole(work: str, place: Path, nodes: int, seed: int) -> _Whole:
    place.mkdir()
    life, replayed = live(work, place, nodes, seed), live(work, place, nodes, seed, offline=True)
    if life is None or replayed is None:
        raise RuntimeError("a run that nobody killed was killed")
    return _Whole(life, replayed, len(calls_of(place)), *payload(place, work, seed))


def _killed(place: Path, nodes: int, seed: int, point: int) -> Kill:
    place.mkdir()
    return killed(lambda until: live("noise", place, nodes, seed, until=until), place, point)


async def _permuted(count: int, seed: int) -> list[tuple[str, str, str]]:
    """Return, for each way to deal out latencies, digests of the artifact, of the canonical log, and of the order."""
    return await asyncio.gather(*(_dealt(number, seed) for number in range(count)))


async def _dealt(number: int, seed: int) -> tuple[str, str, str]:
    latency = Latency.lognormal(*PERMUTED_LATENCY, seed=number)
    transcript = Transcript()
    async with Session(Rehearsal(scribble, name="scribble", latency=latency), transcript=transcript) as session:
        network = topology("mesh", PERMUTED_NODES)
        result = await traverse(network, "Write it down.", session, kind=Text(), transcript=transcript, seed=seed)
    events = transcript.events()
    order = " ".join(f"{event.kind} {event.element}" for event in events)
    artifact = "" if result.artifact is None else result.artifact.text
    return _digest(artifact), canonical_digest(events), _digest(order)


def _digest(text: str) -> str:
    return blake2b(text.encode(), digest_size=16).hexdigest()


def _of_kills(kills: list[Kill], whole: _Whole, config: Config) -> Iterator[Measurement]:
    network = topology("mesh", config.durable_nodes)
    note = (
        f"{network.agents} agents, {len(kills)} runs; every reply follows from all of its "
        f"prompt. {REHEARSAL_NOTICE.capitalize()}"
    )
    yield from measured_kills(kills, whole.life, work="artifact", note=note)
    slowest = max(kills, key=lambda kill: kill.life.caught_up_cpu_s)
    yield Measurement(
        name="processor time from the opening of the journal to the last reply that it gave",
        value=slowest.life.caught_up_cpu_s,
        at_most=1.0,
        unit="s",
        timing=True,
        note=f"the longest of all kills, {slowest.life.replayed} replies; by the clock at most "
        f"{max(kill.life.caught_up_s for kill in kills):.2f} s, on a machine that others use; before that, the "
        f"interpreter and its imports take {slowest.life.started_cpu_s:.2f} s of processor",
    )


def _of_journals(wholes: dict[str, _Whole]) -> Iterator[Measurement]:
    same = [
        (whole.replayed.artifact, whole.replayed.journal) == (whole.life.artifact, whole.life.journal)
        for whole in wholes.values()
    ]
    yield Measurement(
        name="runs that come out the same when they are replayed offline",
        value=100 * sum(same) / len(same),
        at_least=100.0,
        unit="%",
        note="nothing is sent",
    )
    for work, words in (("noise", "what cannot be squeezed"), ("modules", "modules of Python")):
        whole = wholes[work]
        yield Measurement(
            name=f"bytes of the journal over those of what was said, {words}",
            value=whole.journal_bytes / whole.said_bytes,
            at_most=1.2 if whole.said_bytes >= BARRED_BYTES else None,
            # Calls that are committed together share pages, and which those are is a matter of time.
            timing=True,
            note=f"{whole.journal_bytes / 1e6:.2f} MB for {whole.said_bytes / 1e6:.2f} MB of replies, artifacts, task "
            "and profiles, each text once; what is squeezed easily takes less; no bar below "
            f"{BARRED_BYTES / 1e6:.0f} MB",
        )
    yield Measurement(
        name="processor time to replay modules of Python",
        value=wholes["modules"].replayed.caught_up_cpu_s,
        unit="s",
        timing=True,
        note=f"{wholes['modules'].replayed.replayed} replies; nearly all of it parses the code once more to see that "
        "it is code",
    )


def _of_permutations(permuted: list[tuple[str, str, str]]) -> Iterator[Measurement]:
    artifacts, logs, orders = (set(column) for column in zip(*permuted, strict=True))
    note = f"{len(permuted)} ways to deal out lognormal latencies on a mesh of {PERMUTED_NODES}, three rounds"
    yield Measurement(name="artifacts, over all latencies", value=len(artifacts), at_most=1.0, note=note)
    yield Measurement(name="canonical logs, over all latencies", value=len(logs), at_most=1.0, note=note)
    yield Measurement(
        name="orders in which things happened, over all latencies",
        value=len(orders),
        at_least=2.0,
        timing=True,
        note="were there only one, the two lines above would say nothing",
    )


def _table(kills: list[Kill]) -> Table:
    return Table(
        title="Runs that were killed",
        columns=(
            "replies kept",
            "in flight",
            "sent again",
            "lost",
            "replayed",
            "processor s to replay",
            "s by the clock",
        ),
        rows=tuple(
            (
                kill.kept,
                kill.in_flight,
                kill.repeated,
                kill.lost,
                kill.life.replayed,
                round(kill.life.caught_up_cpu_s, 3),
                round(kill.life.caught_up_s, 3),
            )
            for kill in kills
        ),
        note="In flight: sent, and the asker had no reply yet. Some of those replies were in the journal, and were not "
        "sent again.",
        timing=True,
    )


def _drawn(kills: list[Kill]) -> Canvas:
    canvas = Canvas(figsize=(5.4, 3.2), layout="constrained")
    axes = canvas.subplots()
    kept = np.array([kill.kept for kill in kills])
    for name, colour, marker in (("in flight", GREY, "o"), ("sent again", ORANGE, "x")):
        calls = [kill.in_flight if name == "in flight" else kill.repeated for kill in kills]
        axes.plot(kept, calls, marker, color=colour, markersize=6, label=name, fillstyle="none")
    axes.set_xlabel("replies kept when the run was killed", color=GREY)
    axes.set_ylabel("calls", color=GREY)
    axes.set_ylim(bottom=-0.5)
    axes.legend(frameon=False, labelcolor="linecolor")
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(colors=GREY, which="both")
    return canvas
