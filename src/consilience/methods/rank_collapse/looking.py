"""Looking at what a layer returns: finding tokens and padding in it, measuring them, or writing down why not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import torch
from jaxtyping import Bool
from torch import Tensor, nn

from consilience.ground.errors import InvalidInput, UnknownName
from consilience.methods.rank_collapse.formulas import MEASURES
from consilience.methods.rank_collapse.measures import attention_entropy, smallest_edge
from consilience.methods.rank_collapse.padding import padded, turned, valid_tokens
from consilience.methods.rank_collapse.profile import Need, Reading, profile
from consilience.methods.rank_collapse.recording import Record
from consilience.methods.rank_collapse.selection import attention_weights, stack_of, token_batch

__all__ = ["Call", "Look", "Place", "Spectator", "Spectra", "looks"]

Spectra = Literal["exact", "sampled"]
"""Where the largest singular value comes from."""


@dataclass(frozen=True)
class Look:
    """Measures that are computed together."""

    measures: tuple[str, ...]
    """Names from `MEASURES`."""
    needs: frozenset[Need]
    """What they need of the tokens."""
    in_turns: bool = False
    """Whether only one sequence of each batch is looked at, another one each time."""


def looks(measures: Sequence[str], spectra: Spectra) -> tuple[Look, ...]:
    """Divide measures into those of whole batches and those of sequences in turns.

    Raises
    ------
    UnknownName
        If there is no such measure.
    InvalidInput
        If one takes all singular values, and spectra are sampled.
    """
    for name in measures:
        if name not in MEASURES:
            raise UnknownName("measure", name, MEASURES)
    needs = {name: MEASURES[name].needs for name in measures}
    if spectra == "exact":
        exact = {need if need != "largest" else "spectrum" for found in needs.values() for need in found}
        return (Look(tuple(measures), frozenset(exact)),)
    if spectra != "sampled":
        raise UnknownName("way to spectra", spectra, ("exact", "sampled"))
    for name, found in needs.items():
        if "spectrum" in found:
            raise InvalidInput(f"{name!r} takes all singular values; ask for spectra='exact', or leave it out.")
    whole = tuple(name for name in measures if "largest" not in needs[name])
    turns = tuple(name for name in measures if "largest" in needs[name])
    pairs = frozenset(need for name in whole for need in needs[name])
    divided = (Look(whole, pairs), Look(turns, frozenset({"largest"}), in_turns=True))
    return tuple(look for look in divided if look.measures)


@dataclass(frozen=True)
class Call:
    """One call of the model that is measured."""

    number: int
    """How many were measured before."""
    given: Mapping[str, Any]
    """What the model is called with, by name."""


@dataclass(frozen=True)
class Place:
    """A layer that is looked at."""

    name: str
    """Of the module."""
    stack: str
    """The list of blocks that it is in."""
    sequence_first: bool
    """Whether it returns (token, batch, feature)."""
    certain: bool = False
    """Whether that is known; else what the model is called with may tell."""

    @classmethod
    def of(cls, name: str, module: nn.Module, *, batch_first: bool | None) -> Place:
        """Find out about a layer; torch's attention modules in it say what comes first, where nobody else does."""
        inside = [part for part in module.modules() if isinstance(part, nn.MultiheadAttention)]
        first = any(not part.batch_first for part in inside) if batch_first is None else not batch_first
        return cls(name, stack_of(name), first, certain=bool(inside) or batch_first is not None)


@dataclass(frozen=True, kw_only=True)
class Spectator:
    """What is measured of a layer's output, and how."""

    looks: Sequence[Look]
    """What is measured."""
    precision: torch.dtype | None
    """What tokens are widened to; their own type, at least single precision, when None."""
    record: Record = field(default_factory=Record)
    """Where it is written down."""

    def tokens(self, place: Place, label: str, output: Any, call: Call) -> None:
        """Measure the tokens in an output of a layer, known in the record as `label`."""
        try:
            tokens = token_batch(output, sequence_first=place.sequence_first).detach()
        except InvalidInput as error:
            self.record.refuse(label, str(error))
            return
        if not place.certain and not tokens.is_nested and turned(call.given, place.name, tokens.shape):
            tokens = tokens.transpose(0, 1)
        tokens, valid = padded(tokens) if tokens.is_nested else (tokens, self._valid(place, label, tokens, call))
        self.record.types[tokens.dtype] += 1
        with torch.no_grad(), torch.autocast(tokens.device.type, enabled=False):
            self._measure(label, tokens, valid, call.number % len(tokens))

    def weights(self, place: Place, label: str, output: Any, call: Call) -> None:
        """Measure the attention weights in an output: their mean entropy and their smallest edge over all heads."""
        try:
            weights = attention_weights(output).detach()
            valid = self._valid(place, label, weights[..., 0].transpose(1, 2), call)
            edges = None if valid is None else (weights != 0) & valid[:, None, :, None]
            entropy, edge = attention_entropy(weights, valid), smallest_edge(weights, edges)
        except InvalidInput as error:
            self.record.refuse(label, str(error))
            return
        self.record.read(label, "attention_entropy", Reading(entropy.value.mean(dim=1), entropy.floor[:, 0]))
        self.record.read(label, "smallest_edge", Reading(edge.value.amin(dim=1), edge.floor[:, 0]))

    def _measure(self, label: str, tokens: Tensor, valid: Bool[Tensor, "batch token"] | None, turn: int) -> None:
        precision = self.precision or torch.promote_types(tokens.dtype, torch.float32)
        for look in self.looks:
            rows = slice(turn, turn + 1) if look.in_turns else slice(None)
            padding = None if valid is None else valid[rows]
            found = profile(tokens[rows], padding, needs=look.needs, precision=precision)
            self.record.take(label, look.measures, found)

    def _valid(self, place: Place, label: str, tokens: Tensor, call: Call) -> Bool[Tensor, "batch token"] | None:
        """Return where tokens are; None when all count, for want of a mask or because the one there is does not fit."""
        try:
            valid = valid_tokens(call.given, place.name)
        except InvalidInput as error:
            self.record.refuse(label, str(error))
            return None
        if valid is not None and valid.shape != tokens.shape[:2]:
            shapes = f"{tuple(valid.shape)} beside tokens of {tuple(tokens.shape[:2])}"
            self.record.refuse(label, f"the padding mask, {shapes}, is not that of this layer: all tokens count.")
            return None
        return None if valid is None else valid.to(tokens.device)
