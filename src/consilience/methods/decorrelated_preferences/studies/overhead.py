"""What the term costs beside TRL's trainer: time of a step, in turns, and memory as the allocator counts it."""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch.profiler import ProfilerActivity, profile

from consilience.ground import Evidence, Measurement, RunFolder, Streams, Table
from consilience.methods.decorrelated_preferences.config import Config
from consilience.methods.decorrelated_preferences.studies import sorting
from consilience.methods.decorrelated_preferences.studies.runs import arguments, quiet, trainer

__all__ = ["overhead", "peak_bytes"]

SHAPE = sorting.Shape(width=128, layers=6, feedforward=512, heads=4)
PAIRS = 16
WARM = 3
"""Steps before any is timed."""

Ratios = Float[np.ndarray, " round"]


@dataclass(frozen=True)
class _Case:
    """One pair of trainers."""

    settings: dict[str, Any]
    at_most: float
    """Bar of the time ratio."""


CASES = {
    "reference model": _Case({}, 1.05),
    "reference worked out before": _Case({"precompute_ref_log_probs": True}, 1.08),
}
MEMORY = 1.02


class _Steps:
    """Runs whole steps of a trainer on one batch: loss, gradient, optimiser."""

    def __init__(self, made: Any) -> None:
        self._made = made
        rows = [made.train_dataset[row] for row in range(PAIRS)]
        self._batch = made.data_collator(rows)
        self._optimiser = torch.optim.AdamW(made.model.parameters(), lr=1e-5)
        made.model.train()

    def __call__(self) -> None:
        self._made.compute_loss(self._made.model, self._batch).backward()
        self._optimiser.step()
        self._optimiser.zero_grad()

    def seconds(self) -> float:
        """Return the processor time of a step."""
        start = time.process_time()
        self()
        return time.process_time() - start


def overhead(config: Config, streams: Streams, folder: RunFolder) -> Evidence:
    """Measure the claim ``decpo.overhead``.

    In every round a step of this trainer stands between two of TRL's, and its time is divided by their mean. Another
    trainer of TRL runs in the same way, so that what noise alone makes of a ratio is seen.

    Parameters
    ----------
    config
        ``overhead_steps``.
    streams
        For weights and pairs.
    folder
        For the journal.
    """
    times: dict[str, Ratios] = {}
    noise: dict[str, Ratios] = {}
    memory: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as scratch, quiet():
        for name, case in CASES.items():
            ours, plain, twin = (_Steps(_made(case, streams, scratch, plain=plain)) for plain in (False, True, True))
            times[name], noise[name] = _ratios(ours, twin, plain, config.overhead_steps)
            memory[name] = peak_bytes(ours) / peak_bytes(plain)
            folder.record("overhead", case=name, ratio=float(np.median(times[name])))
    return Evidence(measurements=tuple(_measurements(times, memory, config)), tables=(_table(times, noise, memory),))


def peak_bytes(run: Callable[[], object]) -> int:
    """Return the most bytes that were allocated at once, above those there before, while something ran."""
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as watched:
        run()
    with tempfile.TemporaryDirectory() as scratch:
        trace = Path(scratch) / "trace.json"
        watched.export_chrome_trace(str(trace))
        events = json.loads(trace.read_text(encoding="utf-8"))["traceEvents"]
    changes = sorted((one["ts"], one["args"]["Bytes"]) for one in events if one.get("name") == "[memory]")
    return int(max(np.cumsum([size for _, size in changes]), default=0))


def _made(case: _Case, streams: Streams, scratch: str, *, plain: bool) -> Any:
    pairs = sorting.pairs(streams.generator("pairs"), PAIRS)
    policy = sorting.model(streams.integer("weights"), SHAPE)
    return trainer(policy, pairs, arguments(scratch, max_steps=1, **case.settings), plain=plain)


def _ratios(ours: _Steps, twin: _Steps, plain: _Steps, rounds: int) -> tuple[Ratios, Ratios]:
    for steps in (ours, twin, plain) * WARM:
        steps()
    found: tuple[list[float], list[float]] = ([], [])
    before = plain.seconds()
    for _ in range(rounds):
        for steps, kept in zip((ours, twin), found, strict=True):
            own, after = steps.seconds(), plain.seconds()
            kept.append(2 * own / (before + after))
            before = after
    return np.array(found[0]), np.array(found[1])


def _measurements(times: dict[str, Ratios], memory: dict[str, float], config: Config) -> Iterator[Measurement]:
    for name, ratios in times.items():
        low, high = _interval(ratios)
        yield Measurement(
            name=f"time of a step against TRL's, {name}",
            value=float(np.median(ratios)),
            low=low,
            high=high,
            at_most=CASES[name].at_most,
            timing=True,
            note=f"processor time, median of {config.overhead_steps} rounds with a 95 % interval; {PAIRS} pairs, "
            f"{SHAPE.layers} layers of {SHAPE.width}",
        )
    yield Measurement(
        name="memory at the peak of a step against TRL's",
        value=max(memory.values()),
        at_most=MEMORY,
        timing=True,
        note="what a step allocates above weights and optimiser, the larger ratio of the two cases",
    )


def _interval(ratios: Ratios) -> tuple[float, float]:
    """Return order statistics that hold the median with a probability of 95 %, by the normal approximation."""
    ordered, half = np.sort(ratios), 0.98 * len(ratios) ** 0.5
    first = max(0, int(np.floor(len(ratios) / 2 - half)))
    return float(ordered[first]), float(ordered[len(ratios) - 1 - first])


def _table(times: dict[str, Ratios], noise: dict[str, Ratios], memory: dict[str, float]) -> Table:
    rows: list[tuple[str | float, ...]] = []
    for name, ratios in times.items():
        low, high = _interval(ratios)
        shown = (float(np.median(ratios)), low, high, float(np.median(noise[name])), memory[name])
        rows.append((name, *(round(value, 4) for value in shown)))
    return Table(
        title="A step with the regulariser against one without",
        columns=("way of training", "time ratio", "low", "high", "TRL against itself", "memory ratio"),
        rows=tuple(rows),
        timing=True,
    )
