"""Without a coefficient the trainer is TRL's: losses, gradients and weights, to the bit."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor
from transformers import TrainerCallback

from consilience.ground import Evidence, Measurement, RunFolder, Streams, Table
from consilience.methods.decorrelated_preferences.config import Config
from consilience.methods.decorrelated_preferences.studies import sorting
from consilience.methods.decorrelated_preferences.studies.runs import arguments, quiet, trainer

__all__ = ["parity"]

WAYS: Mapping[str, Mapping[str, Any]] = {
    "sigmoid": {},
    "two losses, accumulated": {
        "loss_type": ["sigmoid", "sft"],
        "loss_weights": [1.0, 0.1],
        "gradient_accumulation_steps": 2,
        "per_device_train_batch_size": 8,
    },
    "reference worked out before": {"precompute_ref_log_probs": True},
    "checkpointed": {"checkpointing": True},
}


@dataclass
class _Trace(TrainerCallback):
    """What a training run did: losses, gradients before every step, weights at the end."""

    losses: list[float] = field(default_factory=list)
    gradients: list[Tensor] = field(default_factory=list)
    weights: list[Tensor] = field(default_factory=list)

    def on_pre_optimizer_step(self, args: Any, state: Any, control: Any, **given: Any) -> None:  # noqa: ARG002
        """Keep the gradient."""
        gradients = [weight.grad.flatten() for weight in given["model"].parameters() if weight.grad is not None]
        self.gradients.append(torch.cat(gradients).clone())

    def on_train_end(self, args: Any, state: Any, control: Any, **given: Any) -> None:  # noqa: ARG002
        """Keep losses and weights."""
        self.losses = [row["loss"] for row in state.log_history if "loss" in row]
        self.weights = [weight.detach().clone() for weight in given["model"].parameters()]

    def unlike(self, other: _Trace) -> dict[str, int]:
        """Count the steps or tensors that differ in any bit."""
        return {
            "losses": sum(one != two for one, two in zip(self.losses, other.losses, strict=True)),
            "gradients": _differing(self.gradients, other.gradients),
            "weights": _differing(self.weights, other.weights),
        }


def parity(config: Config, streams: Streams, folder: RunFolder) -> Evidence:
    """Measure the claim ``decpo.parity``.

    Parameters
    ----------
    config
        ``parity_steps``.
    streams
        For weights and pairs.
    folder
        For the journal.
    """
    rows = {name: _compared(settings, config, streams) for name, settings in WAYS.items()}
    folder.record("parity", ways=len(rows))
    total = sum(sum(row.values()) for row in rows.values())
    return Evidence(
        measurements=(
            Measurement(
                name="losses, gradients and weights that differ in a bit",
                value=total,
                at_most=0,
                note=f"coefficient 0 against TRL's trainer, {config.parity_steps} steps in each of {len(rows)} ways",
            ),
            Measurement(
                name="the same with a coefficient of 1", value=_with_a_term(config, streams), at_least=1,
                note="so that the comparison can tell trainers apart",
            ),
        ),
        tables=(
            Table(
                title=f"What differs in a bit after {config.parity_steps} steps",
                columns=("way of training", "losses", "gradients", "weights"),
                rows=tuple((name, *row.values()) for name, row in rows.items()),
            ),
        ),
    )  # fmt: skip


def _compared(given: Mapping[str, Any], config: Config, streams: Streams) -> dict[str, int]:
    return _trace(given, config, streams, plain=True).unlike(_trace(given, config, streams, plain=False))


def _with_a_term(config: Config, streams: Streams) -> int:
    ours = _trace({"decorrelation_coef": 1.0}, config, streams, plain=False)
    return sum(_trace({}, config, streams, plain=True).unlike(ours).values())


def _trace(given: Mapping[str, Any], config: Config, streams: Streams, *, plain: bool) -> _Trace:
    pairs = sorting.pairs(streams.generator("pairs"), 64, flipped=0.1)
    policy = sorting.model(streams.integer("weights"))
    with tempfile.TemporaryDirectory() as scratch, quiet():
        settings = arguments(scratch, max_steps=config.parity_steps, **{"decorrelation_coef": 0.0, **given})
        made = trainer(policy, pairs, settings, plain=plain)
        trace = _Trace()
        made.add_callback(trace)
        made.train()
    return trace


def _differing(ones: list[Tensor], others: list[Tensor]) -> int:
    return sum(not torch.equal(one, other) for one, other in zip(ones, others, strict=True))
