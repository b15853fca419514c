"""What a probe costs: time against the model alone, in pairs, and memory as the allocator counts it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from matplotlib.figure import Figure as Canvas
from torch import Tensor, nn

from consilience.ground import Evidence, Measurement, RunFolder, Streams, Table
from consilience.methods.rank_collapse.config import Config
from consilience.methods.rank_collapse.probe import LINEAR, RankProbe
from consilience.methods.rank_collapse.studies.watching import Nothing, cached, empty_hooks, peak_bytes
from consilience.neural.masks import causal
from consilience.neural.sharing import one_thread
from consilience.neural.transformer import Transformer
from consilience.neural.weights import initialised

__all__ = ["WAYS", "overhead"]

SEQUENCES, HEADS = 4, 8
COSINES = (*LINEAR, "mean_absolute_cosine")
SPECTRA = (*COSINES, "largest_singular_value", "stable_rank")

Attached = Callable[[nn.Module], AbstractContextManager[object]]
"""Attaches something to a model for the length of a block."""

GREY = "#888888"


@dataclass(frozen=True)
class _Way:
    """A way of looking at a model."""

    attached: Attached
    colour: str
    at_most: float | None = None
    """Bar of the paired ratio of times."""
    at_most_activations: float | None = None
    """Bar of the extra memory."""


def _probe(model: nn.Module, *measures: str, sampled: bool = False) -> RankProbe:
    return RankProbe(model, "*.*", measures=measures, spectra="sampled" if sampled else "exact")


WAYS = {
    "O(Nd) measures": _Way(lambda model: _probe(model, *LINEAR), "#3b7dd8", 1.05, 1.0),
    "and mean absolute cosine": _Way(lambda model: _probe(model, *COSINES), "#2a9d8f", 1.12, 1.0),
    "and sampled spectra": _Way(lambda model: _probe(model, *SPECTRA, sampled=True), "#8a5fb0", 1.2, 1.0),
    "and exact spectra": _Way(lambda model: _probe(model, *SPECTRA), "#d9722e"),
    "cache everything": _Way(cached, "#444444"),
    "an empty hook": _Way(empty_hooks, GREY),
}


def overhead(config: Config, streams: Streams, folder: RunFolder) -> Evidence:
    """Measure the claim ``rank.overhead``.

    In every round each way of looking at the model runs between two passes of the model alone, in an order drawn anew,
    and its time is divided by their mean. Time is that of the processor, on one thread, so that what else the machine
    does matters little. Memory is what torch's profiler says of the allocator.

    Parameters
    ----------
    config
        ``overhead_rounds``, ``overhead_layers``, ``overhead_width``, ``overhead_tokens``.
    streams
        For weights, tokens and the order.
    folder
        For the picture.
    """
    model, tokens = _subject(config, streams)
    allowed = causal(config.overhead_tokens)
    with one_thread(), torch.inference_mode():
        ratios = _ratios(model, lambda: model(tokens, allowed), config, streams.generator("order"))
        memory = _memory(model, tokens, allowed)
    folder.record("overhead", rounds=config.overhead_rounds)
    caption = "Time of a forward pass against the model alone, a dot a round; bars as short lines."
    return Evidence(
        measurements=(*_times(ratios, config), *_extra(memory, tokens), *_beside(ratios, memory, tokens)),
        tables=(_table(ratios, memory, tokens),),
        figures=(folder.figure("overhead", _drawn(ratios), caption),),
    )


def _subject(config: Config, streams: Streams) -> tuple[nn.Module, Float[Tensor, "batch token feature"]]:
    model = initialised(
        streams.integer("weights"), lambda: Transformer(config.overhead_width, HEADS, config.overhead_layers)
    )
    shape = (SEQUENCES, config.overhead_tokens, config.overhead_width)
    return model.eval(), torch.from_numpy(streams.generator("tokens").standard_normal(shape)).float()


def _ratios(
    model: nn.Module, run: Callable[[], object], config: Config, rng: np.random.Generator
) -> dict[str, Float[np.ndarray, " round"]]:
    ratios: dict[str, list[float]] = {name: [] for name in WAYS}
    run()
    for _ in range(config.overhead_rounds):
        before = _seconds(run)
        for name in rng.permutation(list(WAYS)):
            with WAYS[name].attached(model):
                run()  # a probe stays attached for many calls: what the first takes longer is no part of it
                looked_at = _seconds(run)
            after = _seconds(run)
            ratios[name].append(2 * looked_at / (before + after))
            before = after
    return {name: np.array(found) for name, found in ratios.items()}


def _seconds(run: Callable[[], object]) -> float:
    start = time.process_time()
    run()
    return time.process_time() - start


def _memory(model: nn.Module, tokens: Tensor, allowed: Tensor) -> dict[str, tuple[int, int]]:
    """Return extra bytes at the peak of the whole pass, and those that looking takes by itself."""
    bare = Nothing(len(list(model.get_submodule("blocks").children())))
    alone = peak_bytes(lambda: model(tokens, allowed))
    found = {}
    for name, way in WAYS.items():
        with way.attached(model):
            whole = peak_bytes(lambda: model(tokens, allowed))
        with way.attached(bare):
            found[name] = (max(0, whole - alone), peak_bytes(lambda: bare(tokens)))
    return found


def _times(ratios: dict[str, Float[np.ndarray, " round"]], config: Config) -> Iterator[Measurement]:
    for name, found in ratios.items():
        if WAYS[name].at_most is not None:
            low, high = _interval(found)
            yield Measurement(
                name=f"time with a probe against without: {name}",
                value=float(np.median(found)),
                low=low,
                high=high,
                at_most=WAYS[name].at_most,
                timing=True,
                note=f"processor time on one thread, median of {config.overhead_rounds} rounds with a 95 % interval; "
                f"{config.overhead_layers} layers of {config.overhead_width} features, {SEQUENCES} sequences of "
                f"{config.overhead_tokens} tokens, every layer measured",
            )


def _interval(ratios: Float[np.ndarray, " round"]) -> tuple[float, float]:
    """Return order statistics that hold the median with a probability of 95 %, by the normal approximation."""
    ordered, half = np.sort(ratios), 0.98 * len(ratios) ** 0.5
    first = max(0, int(np.floor(len(ratios) / 2 - half)))
    return float(ordered[first]), float(ordered[len(ratios) - 1 - first])


def _extra(memory: dict[str, tuple[int, int]], tokens: Tensor) -> Iterator[Measurement]:
    probes = {name: own for name, (_, own) in memory.items() if WAYS[name].at_most_activations is not None}
    worst = max(probes, key=probes.__getitem__)
    yield Measurement(
        name="memory of a probe at its peak, in activations of a layer",
        value=max(probes[worst], memory[worst][0]) / tokens.nbytes,
        at_most=1.0,
        note=f"the most of three probes ({worst}); at the peak of the whole pass, which lies elsewhere, it is "
        f"{memory[worst][0] / tokens.nbytes:.3f}",
    )


def _beside(
    ratios: dict[str, Float[np.ndarray, " round"]], memory: dict[str, tuple[int, int]], tokens: Tensor
) -> Iterator[Measurement]:
    yield Measurement(
        name="time with a cache of everything against without",
        value=float(np.median(ratios["cache everything"])),
        timing=True,
        note="it only keeps activations; whatever is to be known of them is still to be computed",
    )
    yield Measurement(
        name="memory of a cache of everything at the peak of the pass, in activations of a layer",
        value=memory["cache everything"][0] / tokens.nbytes,
        note="those of all layers are kept; one or two of them would be there at the peak anyway",
    )


def _table(ratios: dict[str, Float[np.ndarray, " round"]], memory: dict[str, tuple[int, int]], tokens: Tensor) -> Table:
    rows = []
    for name, found in ratios.items():
        low, high = _interval(found)
        extra, own = (round(size / tokens.nbytes, 3) for size in memory[name])
        rows.append((name, round(float(np.median(found)), 3), round(low, 3), round(high, 3), extra, own))
    return Table(
        title="A forward pass that is looked at, against one that is not",
        columns=("way of looking", "time ratio", "low", "high", "extra memory at the peak", "memory of its own"),
        rows=tuple(rows),
        note="Memory is in activations of one layer. An empty hook shows what the machine's noise is.",
        timing=True,
    )


def _drawn(ratios: dict[str, Float[np.ndarray, " round"]]) -> Canvas:
    canvas = Canvas(figsize=(5.6, 3.2), layout="constrained")
    axes = canvas.subplots()
    for place, (name, found) in enumerate(reversed(ratios.items())):
        way, median = WAYS[name], float(np.median(found))
        axes.plot(found, np.full(len(found), place), "o", color=way.colour, alpha=0.25, markersize=4)
        axes.plot([median], [place], "|", color=way.colour, markersize=14, markeredgewidth=2.5)
        if way.at_most is not None:
            axes.plot([way.at_most] * 2, [place - 0.35, place + 0.35], color="#c1121f", linewidth=1.2)
        axes.text(median, place + 0.28, f"{median:.3f}", color=way.colour, fontsize=8, ha="center")
    axes.set_yticks(range(len(ratios)), list(reversed(ratios)))
    axes.set_xlabel("time against the model alone (red: bar)", color=GREY)
    axes.set(xscale="log", xlim=(0.9, None))
    axes.set_xticks([1, 1.1, 1.2, 1.5, 2], ["1", "1.1", "1.2", "1.5", "2"])
    axes.minorticks_off()
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.tick_params(colors=GREY, which="both", length=0)
    return canvas
