"""Looking at what a layer returns: finding tokens and padding in it, measuring them, or writing down why not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import torch
from jaxtyping import Bool
from torch import Tensor, nn

from consilience.ground.errors import InvalidInput
from consilience.methods.rank_collapse.measures import attention_entropy, smallest_edge
from consilience.methods.rank_collapse.padding import padded, valid_tokens
from consilience.methods.rank_collapse.profile import MEASURES, Profile, Reading
from consilience.methods.rank_collapse.recording import Record
from consilience.methods.rank_collapse.selection import attention_weights, token_batch

__all__ = ["Call", "Spectator", "Spectra"]

Spectra = Literal["exact", "sampled"]
"""Where the largest singular value comes from."""

_OF_THE_LARGEST = ("largest_singular_value", "stable_rank")
"""Measures that take the largest singular value and no other."""


@dataclass(frozen=True)
class Call:
    """One call of the model that is measured."""

    number: int
    """How many were measured before."""
    given: Mapping[str, Any]
    """What the model is called with, by name."""


@dataclass(frozen=True, kw_only=True)
class Spectator:
    """What is measured of a layer's output, and how."""

    measures: Sequence[str]
    """Names from `MEASURES`."""
    spectra: Spectra
    """``"sampled"``: from a few iterations on one sequence of each batch, in turns."""
    batch_first: bool | None
    """Whether layers return (batch, token, feature); what torch's attention modules in them say, when None."""
    precision: torch.dtype | None
    """What sums are computed in."""
    record: Record = field(default_factory=Record)
    """Where it is written down."""

    def tokens(self, name: str, label: str, module: nn.Module, output: Any, call: Call) -> None:
        """Measure the tokens in an output of the layer `name`, known in the record as `label`."""
        first = _sequence_first(module) if self.batch_first is None else not self.batch_first
        try:
            tokens = token_batch(output, sequence_first=first).detach()
        except InvalidInput as error:
            self.record.refuse(label, str(error))
            return
        tokens, valid = padded(tokens) if tokens.is_nested else (tokens, self._valid(name, label, tokens, call))
        self.record.types[str(tokens.dtype).removeprefix("torch.")] += 1
        with torch.no_grad(), torch.autocast(tokens.device.type, enabled=False):
            self._measure(label, tokens, valid, call.number % len(tokens))

    def weights(self, name: str, label: str, output: Any, call: Call) -> None:
        """Measure the attention weights in an output: their mean entropy and their smallest edge over all heads."""
        try:
            weights = attention_weights(output).detach()
            valid = self._valid(name, label, weights[..., 0].transpose(1, 2), call)
            edges = None if valid is None else (weights != 0) & valid[:, None, :, None]
            entropy, edge = attention_entropy(weights, valid), smallest_edge(weights, edges)
        except InvalidInput as error:
            self.record.refuse(label, str(error))
            return
        self.record.take(label, "attention_entropy", Reading(entropy.value.mean(dim=1), entropy.floor[:, 0]))
        self.record.take(label, "smallest_edge", Reading(edge.value.amin(dim=1), edge.floor[:, 0]))

    def _measure(self, label: str, tokens: Tensor, valid: Bool[Tensor, "batch token"] | None, turn: int) -> None:
        whole = one = Profile(tokens, valid, precision=self.precision)
        if self.spectra == "sampled":
            padding = None if valid is None else valid[turn : turn + 1]
            one = Profile(tokens[turn : turn + 1], padding, precision=self.precision, sampled=True)
        for name in self.measures:
            profile = one if name in _OF_THE_LARGEST else whole
            try:
                self.record.take(label, name, MEASURES[name](profile), profile.reason)
            except InvalidInput as error:
                self.record.refuse(label, f"{name}: {error}")

    def _valid(self, name: str, label: str, tokens: Tensor, call: Call) -> Bool[Tensor, "batch token"] | None:
        """Return where tokens are; None when all count, for want of a mask or because the one there is does not fit."""
        try:
            valid = valid_tokens(call.given, name)
        except InvalidInput as error:
            self.record.refuse(label, str(error))
            return None
        if valid is not None and valid.shape != tokens.shape[:2]:
            shapes = f"{tuple(valid.shape)} beside tokens of {tuple(tokens.shape[:2])}"
            self.record.refuse(label, f"the padding mask, {shapes}, is not that of this layer: all tokens count.")
            return None
        return None if valid is None else valid.to(tokens.device)


def _sequence_first(module: nn.Module) -> bool:
    return any(not part.batch_first for part in module.modules() if isinstance(part, nn.MultiheadAttention))
