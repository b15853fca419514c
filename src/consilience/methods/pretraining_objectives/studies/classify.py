"""Whether objectives with more targets let a linear probe read more off real text."""

from __future__ import annotations

import time

import numpy as np
from matplotlib.figure import Figure as Canvas

from consilience.ground import Evidence, Measurement, RunFolder, Streams, Table
from consilience.methods.pretraining_objectives.config import Config
from consilience.methods.pretraining_objectives.connection import FIRST_TOKENS, Connection, LabelledTokens
from consilience.methods.pretraining_objectives.corpus import docstring_corpus
from consilience.methods.pretraining_objectives.drawing import COLOURS, GREY, plain
from consilience.methods.pretraining_objectives.intervals import mean
from consilience.methods.pretraining_objectives.probe import Probed
from consilience.methods.pretraining_objectives.targets import as_targets

__all__ = ["classify"]

AHEAD = ("ahead:1", "ahead:2", "ahead:4", "ahead:8", "ahead:32")
AROUND = ("around:4", "around:32")


def classify(config: Config, streams: Streams, folder: RunFolder) -> Evidence:
    """Measure the claim ``pretrain.classify``.

    Parameters
    ----------
    config
        ``classify_vocabulary``, ``classify_rank``.
    streams
    folder
    """
    began, busy = time.perf_counter(), time.process_time()
    docstring_corpus.cache_clear()
    corpus = docstring_corpus()
    tokens = LabelledTokens.of(
        corpus,
        vocabulary=config.classify_vocabulary,
        rank=config.classify_rank,
        seed=streams.integer("folds"),
    )
    found = {name: tokens.connection(name) for name in (*AHEAD, *AROUND)}
    baselines = tokens.baselines(streams.integer("random features"))
    seconds, busy = time.perf_counter() - began, time.process_time() - busy
    probes = {name: connection.probed for name, connection in found.items()} | baselines
    rises = np.diff([found[name].probed.accuracy for name in AHEAD])
    caption = "Accuracy of a linear probe by tokens predicted; dashed: bag of tokens, dotted: random features."
    return Evidence(
        measurements=(
            _gain("offsets 1-32 above the next token", probes["ahead:32"], probes["ahead:1"], at_least=15.0),
            Measurement(
                name="smallest rise of the probe along K = 1, 2, 4, 8, 32",
                value=100 * float(rises.min()),
                at_least=0.0,
                unit="points",
            ),
            _gain("masked +-32 above the next token", probes["around:32"], probes["ahead:1"]),
            _gain("masked +-4 above offsets 1-4, as wide", probes["around:4"], probes["ahead:4"]),
            _gain("masked +-4 above offsets 1-8, as many targets", probes["around:4"], probes["ahead:8"]),
            _few("offsets 1-32 above the next token, five labels a class", probes["ahead:32"], probes["ahead:1"]),
            _few(
                "offsets 1-32 above the bag of tokens, five labels a class", probes["ahead:32"], probes["bag of tokens"]
            ),
            Measurement(
                name="bag of tokens",
                value=100 * baselines["bag of tokens"].accuracy,
                unit="%",
                note=f"{tokens.lexicon.size} features against {config.classify_rank}",
            ),
            Measurement(
                name="time, from reading Python's sources to the last probe",
                value=seconds,
                at_most=15.0,
                unit="s",
                timing=True,
                note=f"by the clock, on whatever the machine had to do besides; {busy:.1f} s of the processor",
            ),
        ),
        tables=(_table(found, baselines, tokens, corpus.note, config),),
        figures=(folder.figure("classify", _drawn(found, baselines), caption),),
    )


def _gain(name: str, more: Probed, less: Probed, *, at_least: float | None = None) -> Measurement:
    """Compare two probes on the same documents."""
    found = mean(100 * (more.right.astype(float) - less.right.astype(float)))
    return Measurement(
        name=name,
        value=found.value,
        low=found.low,
        high=found.high,
        at_least=at_least,
        unit="points",
        note=f"paired over {len(more.right)} documents, each tested once; 95 % interval",
    )


def _few(name: str, more: Probed, less: Probed) -> Measurement:
    found = mean(100 * (more.few - less.few))
    return Measurement(
        name=name,
        value=found.value,
        low=found.low,
        high=found.high,
        unit="points",
        note=f"paired over {len(more.few)} draws of labels; 95 % interval",
    )


def _table(
    found: dict[str, Connection], baselines: dict[str, Probed], tokens: LabelledTokens, corpus: str, config: Config
) -> Table:
    rank = config.classify_rank
    rows: list[tuple[str | float | None, ...]] = [
        (
            name,
            round(float(one.spectrum.values[1]), 3),
            round(one.bound.residual, 3),
            round(one.spectrum.tail(rank), 2),
            round(one.bound.error_bound, 2),
            round(100 * one.next_token, 1),
            round(100 * one.probed.accuracy, 1),
            round(100 * float(one.probed.few.mean()), 1),
        )
        for name, one in found.items()
    ]
    rows += [
        (name, None, None, None, None, None, round(100 * one.accuracy, 1), round(100 * float(one.few.mean()), 1))
        for name, one in baselines.items()
    ]
    rows.append(("commonest label", None, None, None, None, None, round(100 * tokens.folds.commonest, 1), None))
    return Table(
        title="Objectives on Python's docstrings, package as label",
        columns=(
            "targets",
            "second singular value",
            f"residual beyond {rank}",
            f"tail beyond {rank}",
            "bound on the error",
            "next token kept, %",
            "probe, %",
            "five labels a class, %",
        ),
        rows=tuple(rows),
        note=f"{corpus}. Names of the packages are taken out. {tokens.lexicon.size} words, {rank} features a token, "
        f"averaged over the first {FIRST_TOKENS} tokens, learned from documents that are not tested. A bound of 1 or "
        "more says nothing: single tokens tell little of a label. Wide targets buy topic with syntax: 'next token "
        "kept' is what features keep of the next token's matrix, of what is possible at this width.",
    )


def _drawn(found: dict[str, Connection], baselines: dict[str, Probed]) -> Canvas:
    canvas = Canvas(figsize=(4.6, 3.6), layout="constrained")
    axes = canvas.subplots()
    for names, colour, label in ((AHEAD, COLOURS[0], "offsets 1 to K"), (AROUND, COLOURS[1], "masked, K/2 each side")):
        counts = [as_targets(name).effective for name in names]
        axes.plot(counts, [100 * found[name].probed.accuracy for name in names], "o-", color=colour, label=label)
    for (name, one), style in zip(baselines.items(), (":", "--"), strict=True):
        axes.axhline(100 * one.accuracy, color=GREY, linestyle=style, linewidth=1.2, label=name)
    axes.set(xscale="log", xlabel="targets a token (K)", ylabel="probe, % right")
    axes.set_xticks([1, 2, 4, 8, 32, 64], labels=["1", "2", "4", "8", "32", "64"])
    axes.minorticks_off()
    axes.legend(frameon=False, fontsize=8, labelcolor="linecolor")
    plain(axes)
    return canvas
