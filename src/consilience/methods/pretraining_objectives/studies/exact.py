"""Whether one offset is next-token prediction to the bit, nothing leaks, and resuming changes nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from jaxtyping import Int
from torch import Tensor, nn

from consilience.ground import Evidence, Measurement, RunFolder, Streams, Table
from consilience.methods.pretraining_objectives.collators import ObjectiveCollator
from consilience.methods.pretraining_objectives.config import Config
from consilience.methods.pretraining_objectives.objectives import (
    Batch,
    DiverseAutoregression,
    MaskedPrediction,
    Objective,
)
from consilience.methods.pretraining_objectives.studies.small_tokenizer import small_tokenizer
from consilience.methods.pretraining_objectives.twins import ModelShape, leak, make_model, twin
from consilience.methods.pretraining_objectives.vocabulary import Vocabulary

__all__ = ["exact"]

WORDS, LENGTH, ROWS = 97, 24, 8
STEPS = 20
SHAPE = ModelShape(layers=2, width=32, heads=2, window=LENGTH)
RESUMED = 7
"""Batches before the interruption."""


def exact(config: Config, streams: Streams, folder: RunFolder) -> Evidence:
    """Measure the claim ``pretrain.exact``: equal bits, or none.

    Parameters
    ----------
    config : Config
        Nothing of it is read.
    streams : Streams
        For weights and tokens.
    folder : RunFolder
    """
    del config
    tokenizer = small_tokenizer(WORDS)
    vocabulary = Vocabulary.of(tokenizer)
    seed = streams.integer("weights")
    rows = torch.from_numpy(streams.generator("tokens").integers(3, WORDS, (STEPS, ROWS, LENGTH)))
    folder.record("twenty steps")
    losses, weights = _parity(vocabulary, rows, seed)
    objectives = _objectives(vocabulary)
    leaks = _leaks(vocabulary, objectives, rows[:2], seed)
    accumulated = {name: _accumulation(each, vocabulary, rows[0], seed) for name, each in objectives.items()}
    differing = {name: _resumed(each, tokenizer, rows) for name, each in objectives.items()}
    return Evidence(
        measurements=(
            Measurement(
                name=f"losses and weights that differ from next-token prediction in {STEPS} steps with K = 1",
                value=losses + weights,
                at_most=0,
                note=f"bit by bit against the loss of transformers' own model, by AdamW: {losses} of {STEPS} losses, "
                f"{weights} of the weights after the last step",
            ),
            Measurement(
                name="largest change of a logit when later tokens change, in a causal model",
                value=max(leaks[name] for name in leaks if name != "bidirectional twin"),
                at_most=0,
                note="at every place, before training and after a step of each autoregressive loss; 0 is equal bits",
            ),
            Measurement(
                name="the same in its bidirectional twin",
                value=leaks["bidirectional twin"],
                at_least=1e-4,
                note="the same weights see later tokens, so that the test would have found a leak",
            ),
            Measurement(
                name="largest relative difference of a gradient, one batch against four accumulated",
                value=max(accumulated.values()),
                at_most=1e-5,
                note="rows of different length, single precision; " + _listed(accumulated),
            ),
            Measurement(
                name="batches that differ after a run resumes",
                value=sum(differing.values()),
                at_most=0,
                note=f"interrupted after {RESUMED} of {STEPS} batches, every collator; " + _listed(differing),
            ),
        ),
        tables=(
            Table(
                title="Largest change of a logit when later tokens change",
                columns=("model", "change"),
                rows=tuple((name, float(f"{value:.2g}")) for name, value in leaks.items()),
            ),
        ),
    )


def _objectives(vocabulary: Vocabulary) -> dict[str, Objective]:
    return {
        "next token": DiverseAutoregression(vocabulary=vocabulary, offsets=1),
        "all offsets": DiverseAutoregression(vocabulary=vocabulary, offsets=4),
        "a sampled offset": DiverseAutoregression(vocabulary=vocabulary, offsets=4, estimator="sample"),
        "variable masks": MaskedPrediction(vocabulary=vocabulary),
        "variable masks, bound": MaskedPrediction(vocabulary=vocabulary, weighting="elbo"),
    }


def _parity(vocabulary: Vocabulary, batches: Int[Tensor, "step row token"], seed: int) -> tuple[int, int]:
    """Return how many losses differ, and how many weights after the last step."""
    objective = DiverseAutoregression(vocabulary=vocabulary, offsets=1)
    plain, ours = (make_model(SHAPE, vocabulary, bidirectional=False, seed=seed) for _ in range(2))
    first = _trained(plain, batches, lambda rows: plain(input_ids=rows, labels=rows).loss)
    second = _trained(ours, batches, lambda rows: objective.loss(ours, objective.draw(rows)))
    losses = sum(one != other for one, other in zip(first, second, strict=True))
    pairs = zip(plain.parameters(), ours.parameters(), strict=True)
    return losses, sum(int((one != other).sum()) for one, other in pairs)


def _trained(model: nn.Module, batches: Tensor, loss: Callable[[Tensor], Tensor]) -> list[float]:
    optimiser = torch.optim.AdamW(model.parameters(), lr=1e-2)
    losses = []
    for rows in batches:
        optimiser.zero_grad()
        value = loss(rows)
        value.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        losses.append(float(value.detach()))
    return losses


def _leaks(vocabulary: Vocabulary, objectives: dict[str, Objective], batches: Tensor, seed: int) -> dict[str, float]:
    found = {}
    model: Any = make_model(SHAPE, vocabulary, bidirectional=False, seed=seed)
    found["causal"] = leak(model, batches[0])
    found["bidirectional twin"] = leak(twin(model, vocabulary), batches[0])
    for name, objective in objectives.items():
        if not objective.bidirectional:
            trained = make_model(SHAPE, vocabulary, bidirectional=False, seed=seed)
            objective.attach(trained, seed=seed)
            _trained(trained, batches, lambda rows, o=objective, m=trained: o.loss(m, o.draw(rows, _generator())))  # type: ignore[misc]
            found[f"causal, trained by: {name}"] = leak(trained, batches[0])
    return found


def _accumulation(objective: Objective, vocabulary: Vocabulary, rows: Tensor, seed: int) -> float:
    """Return the largest difference of a gradient, relative to the largest gradient."""
    lengths = torch.arange(LENGTH, LENGTH - 2 * ROWS, -2)
    mask = (torch.arange(LENGTH) < lengths[:, None]).long()
    batch = objective.draw(rows * mask, _generator(), attention_mask=mask)
    parts: list[Batch] = [
        {name: values[start : start + 2] for name, values in batch.items()} for start in range(0, ROWS, 2)
    ]
    items = torch.stack([objective.items(part) for part in parts]).sum(dim=0)
    gradients = []
    for pieces in ([batch], parts):
        model = make_model(SHAPE, vocabulary, bidirectional=objective.bidirectional, seed=seed)
        objective.attach(model, seed=seed)
        for piece in pieces:
            objective.loss(model, piece, items).backward()  # type: ignore[no-untyped-call]
        gradients.append(torch.cat([p.grad.flatten() for p in model.parameters() if p.grad is not None]))
    whole, accumulated = gradients
    return float((whole - accumulated).abs().max() / whole.abs().max())


def _resumed(objective: Objective, tokenizer: Any, batches: Tensor) -> int:
    """Return how many batches differ from those of a run that was not interrupted."""

    def collator() -> ObjectiveCollator:
        return ObjectiveCollator(tokenizer, objective, seed=5, extras=True)

    whole, before, after = collator(), collator(), collator()
    drawn = [whole(rows) for rows in batches]
    resumed = [before(rows) for rows in batches[:RESUMED]]
    after.load_state_dict(before.state_dict())
    resumed += [after(rows) for rows in batches[RESUMED:]]
    return sum(not _equal(one, other) for one, other in zip(drawn, resumed, strict=True))


def _equal(one: dict[str, Tensor], other: dict[str, Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


def _generator() -> torch.Generator:
    return torch.Generator().manual_seed(3)


def _listed(values: dict[str, Any]) -> str:
    return ", ".join(f"{name} {value:.2g}" for name, value in values.items())
