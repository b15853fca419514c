"""What the objectives cost: collators against transformers', and a step of each loss against next-token prediction."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
import torch
from jaxtyping import Int
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from transformers import DataCollatorForLanguageModeling

from consilience.ground import Evidence, Measurement, RunFolder, Streams, Table
from consilience.methods.pretraining_objectives.collators import VariableLengthMaskCollator
from consilience.methods.pretraining_objectives.config import Config
from consilience.methods.pretraining_objectives.objectives import DiverseAutoregression
from consilience.methods.pretraining_objectives.offsets import IGNORED
from consilience.methods.pretraining_objectives.studies.small_tokenizer import small_tokenizer
from consilience.methods.pretraining_objectives.studies.timing import Seconds, against, interleaved
from consilience.methods.pretraining_objectives.twins import ModelShape, make_model
from consilience.methods.pretraining_objectives.unembedding import heads_of, read_states, unembedding
from consilience.methods.pretraining_objectives.vocabulary import Vocabulary
from consilience.neural.sharing import one_thread

__all__ = ["speed"]

ROWS, LENGTH, WORDS = 64, 128, 1024
"""Of the batches that are collated."""
CALLS = 10
"""Of a collator in one round."""
STEP_ROWS, OFFSETS = 8, 4
SHAPES = ((4, 128, 1024), (4, 256, 1024), (4, 256, 4096))
"""Layers, width and vocabulary of the models whose steps are timed; the bars are on the first."""
PLAIN = "transformers, next token"

Step = Callable[[], object]


def speed(config: Config, streams: Streams, folder: RunFolder) -> Evidence:
    """Measure the claim ``pretrain.speed``.

    Parameters
    ----------
    config
        ``speed_rounds``, ``speed_shapes``.
    streams
        For tokens and the order of ways.
    folder
    """
    with one_thread():
        folder.record("collating")
        collated = _collating(config.speed_rounds, streams.child("collators"))
        steps = {}
        for shape in SHAPES[: config.speed_shapes]:
            folder.record("steps", layers=shape[0], width=shape[1], vocabulary=shape[2])
            steps[shape] = _stepping(shape, config.speed_rounds, streams.child(f"steps {shape}"))
    return Evidence(
        measurements=(*_collator_bars(collated), *_step_bars(steps[SHAPES[0]])),
        tables=(_collator_table(collated), _step_table(steps)),
    )


def _collating(rounds: int, streams: Streams) -> dict[str, tuple[Seconds, Seconds]]:
    """Return times of transformers' collator and of this room's, by the kind of input."""
    tokenizer = small_tokenizer(WORDS)
    drawn = streams.generator("tokens").integers(3, WORDS, (ROWS, LENGTH))
    ways: dict[str, Step] = {}
    for kind, (theirs, ours) in _inputs(torch.from_numpy(drawn)).items():
        reference = DataCollatorForLanguageModeling(tokenizer, seed=0)
        collator = VariableLengthMaskCollator(tokenizer, seed=0)
        ways[f"theirs {kind}"] = _often(reference, theirs)
        ways[f"ours {kind}"] = _often(collator, ours)
    times = interleaved(ways, rounds, streams.generator("order"))
    kinds = [name.removeprefix("ours ") for name in ways if name.startswith("ours ")]
    return {kind: (times[f"theirs {kind}"], times[f"ours {kind}"]) for kind in kinds}


def _inputs(rows: Int[Tensor, "row token"]) -> dict[str, tuple[Callable[[], Any], Callable[[], Any]]]:
    """Return the same tokens as either collator takes them, in mappings made anew: transformers empties them."""
    lists = rows.tolist()
    outputs = [{"input_ids": row, "attention_mask": [1] * LENGTH} for row in lists]
    marked = [{**output, "special_tokens_mask": [0] * LENGTH} for output in outputs]
    tensors = [{"input_ids": row, "attention_mask": torch.ones(LENGTH, dtype=torch.long)} for row in rows]
    kinds: dict[str, tuple[Any, Any]] = {
        "tokenizer outputs": (outputs, outputs),
        "tokenizer outputs with marks": (marked, marked),
        "lists": (lists, lists),
        "tensor against tokenizer outputs": (outputs, rows),
        "tensors in mappings": (tensors, tensors),
        "tensors": (list(rows), rows),
    }
    return {kind: (_copies(theirs), _copies(ours)) for kind, (theirs, ours) in kinds.items()}


def _copies(examples: Any) -> Callable[[], Any]:
    if isinstance(examples, Tensor):
        return lambda: examples
    if isinstance(examples[0], dict):
        return lambda: [dict(example) for example in examples]
    return lambda: list(examples)


def _often(collator: Callable[[Any], object], examples: Callable[[], Any]) -> Step:
    def run() -> None:
        for _ in range(CALLS):
            collator(examples())

    return run


def _stepping(shape: tuple[int, int, int], rounds: int, streams: Streams) -> dict[str, Seconds]:
    layers, width, size = shape
    vocabulary = Vocabulary(size, special=(0, 1, 2), pad=0, mask=1, end=2)
    rows = torch.from_numpy(streams.generator("tokens").integers(3, size, (STEP_ROWS, LENGTH)))
    made = ModelShape(layers=layers, width=width, heads=4, window=LENGTH)

    def new() -> nn.Module:
        model: nn.Module = make_model(made, vocabulary, bidirectional=False)
        return model

    ways = {PLAIN: _plain_step(new(), rows)}
    for name, objective in _objectives(vocabulary).items():
        ways[name] = _objective_step(new(), objective, rows)
    ways["all offsets, a loss each"] = _naive_step(new(), _objectives(vocabulary)["all offsets"], rows)
    return interleaved(ways, rounds, streams.generator("order"))


def _objectives(vocabulary: Vocabulary) -> Mapping[str, DiverseAutoregression]:
    return {
        "one offset": DiverseAutoregression(vocabulary=vocabulary, offsets=1),
        "a sampled offset": DiverseAutoregression(vocabulary=vocabulary, offsets=OFFSETS, estimator="sample"),
        "all offsets": DiverseAutoregression(vocabulary=vocabulary, offsets=OFFSETS),
    }


def _plain_step(model: nn.Module, rows: Tensor) -> Step:
    return _step(model, lambda: model(input_ids=rows, labels=rows).loss)


def _objective_step(model: nn.Module, objective: DiverseAutoregression, rows: Tensor) -> Step:
    objective.attach(model)
    generator = torch.Generator().manual_seed(0)
    return _step(model, lambda: objective.loss(model, objective.draw(rows, generator)))


def _naive_step(model: nn.Module, objective: DiverseAutoregression, rows: Tensor) -> Step:
    """Return a step with the same heads, and logits of every offset kept for torch's own loss."""
    objective.attach(model)

    def loss() -> Tensor:
        labels = objective.draw(rows)["labels"]
        with read_states(model) as read:
            first = model(input_ids=rows).logits
        ahead = unembedding(model)(heads_of(model, OFFSETS).ahead(read()))
        logits = (first, *ahead)
        losses = [
            cross_entropy(each.flatten(0, 1), labels[..., place].flatten(), ignore_index=IGNORED)
            for place, each in enumerate(logits)
        ]
        return torch.stack(losses).mean()

    return _step(model, loss)


def _step(model: nn.Module, loss: Callable[[], Tensor]) -> Step:
    optimiser = torch.optim.AdamW(model.parameters())

    def run() -> None:
        optimiser.zero_grad()
        loss().backward()  # type: ignore[no-untyped-call]
        optimiser.step()

    return run


def _collator_bars(collated: dict[str, tuple[Seconds, Seconds]]) -> Iterator[Measurement]:
    bars = {"tokenizer outputs": 5.0, "tensor against tokenizer outputs": 30.0}
    notes = {
        "tokenizer outputs": "lists of numbers in mappings, as a tokenizer returns them, given to both",
        "tensor against tokenizer outputs": "rows that are one tensor already, as packed text is, against the lists "
        "that transformers' collator is given",
        "tensors": "transformers' collator given a list of tensors",
    }
    for kind, note in notes.items():
        ratio = against(*collated[kind])
        yield Measurement(
            name=f"transformers' collator takes longer, times: {kind}",
            value=ratio.median,
            low=ratio.low,
            high=ratio.high,
            at_least=bars.get(kind),
            timing=True,
            note=f"{note}; {ROWS} rows of {LENGTH} tokens, processor time on one thread, 95 % interval of the median",
        )


def _step_bars(times: dict[str, Seconds]) -> Iterator[Measurement]:
    layers, width, size = SHAPES[0]
    for name, bar in {"a sampled offset": 1.10, "all offsets": 1.5, "one offset": None}.items():
        ratio = against(times[name], times[PLAIN])
        yield Measurement(
            name=f"time of a step against next-token prediction: {name}",
            value=ratio.median,
            low=ratio.low,
            high=ratio.high,
            at_most=bar,
            timing=True,
            note=f"K = {OFFSETS}; forward, backward and AdamW of {layers} layers of {width}, {size} tokens, "
            f"{STEP_ROWS} rows of {LENGTH}; other sizes in the table",
        )


def _collator_table(collated: dict[str, tuple[Seconds, Seconds]]) -> Table:
    tokens = CALLS * ROWS * LENGTH
    return Table(
        title="Collators: millions of tokens a second",
        columns=("input", "transformers", "variable-length masks", "times"),
        rows=tuple(
            (
                kind,
                round(tokens / float(np.median(theirs)) / 1e6, 2),
                round(tokens / float(np.median(ours)) / 1e6, 2),
                round(against(theirs, ours).median, 1),
            )
            for kind, (theirs, ours) in collated.items()
        ),
        note="Transformers' masks 15 % by 80/10/10; this room's draws a ratio a row, counts exactly, and spreads the "
        "ratios over the batch. With marks: the tokenizer said which tokens are marks.",
        timing=True,
    )


def _step_table(steps: dict[tuple[int, int, int], dict[str, Seconds]]) -> Table:
    return Table(
        title="Time of a training step against next-token prediction",
        columns=("layers", "width", "vocabulary", *(name for name in steps[SHAPES[0]] if name != PLAIN)),
        rows=tuple(
            (*shape, *(round(against(found, times[PLAIN]).median, 3) for name, found in times.items() if name != PLAIN))
            for shape, times in steps.items()
        ),
        note="Heads cost more where the unembedding is a larger share of the model. With a loss each, the same heads "
        "keep the logits of every offset.",
        timing=True,
    )
