"""A model of someone else, read through: how close its tokens come at every layer, on a text of the reader's choice."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
from jaxtyping import Int
from pydantic import ConfigDict, TypeAdapter
from pydantic.dataclasses import dataclass
from torch import Tensor

from consilience.methods.rank_collapse.bounds import collapse_bound
from consilience.methods.rank_collapse.edges import Edges, attention_modules
from consilience.methods.rank_collapse.findings import ProbeReport
from consilience.methods.rank_collapse.formulas import MEASURES
from consilience.methods.rank_collapse.graph import connectivity
from consilience.methods.rank_collapse.loading import USUAL_TOKENS, Loaded, windows
from consilience.methods.rank_collapse.probe import RankProbe
from consilience.methods.rank_collapse.selection import Layers

__all__ = ["Bound", "Inspection", "inspect", "to_json"]

_BATCH = 8
_RECORD = ConfigDict(extra="forbid", ser_json_inf_nan="strings")


@dataclass(frozen=True, kw_only=True, config=_RECORD)
class Bound:
    """What the theorem promises of mu for attention alone, with the weights and the mask that were seen."""

    stack: str
    """The list of blocks."""
    smallest_weight: float
    """The smallest attention weight on any edge."""
    depth: int
    """Layers after which some token has reached all others."""
    values: tuple[float, ...]
    """Bound of mu after 0, 1, ... layers, the mean over sequences."""


@dataclass(frozen=True, kw_only=True, config=_RECORD)
class Inspection:
    """What was found of one model."""

    name: str
    """The last part of its path."""
    sequences: int
    """How many were read."""
    tokens: int
    """Their length."""
    report: ProbeReport
    """All measures at all layers."""
    bounds: tuple[Bound, ...]
    """One for each stack of which the attention weights are known."""
    notes: tuple[str, ...]
    """What a reader must know to judge the numbers."""


def inspect(
    loaded: Loaded,
    text: str,
    *,
    layers: Layers = None,
    tokens: int = USUAL_TOKENS,
    sequences: int = 32,
    tell: Callable[[str], None] = lambda _: None,
) -> Inspection:
    """Read a text with a model and measure every layer.

    Parameters
    ----------
    loaded
        The model.
    text
        Any text; longer is better.
    layers
        As in `RankProbe`.
    tokens, sequences
        Length and number of what is read.
    tell
        Is told of progress.

    Raises
    ------
    InvalidInput
        If the text is too short, `tokens` too many, or no layer matches.
    """
    ids = windows(loaded, text, tokens, sequences).to(next(loaded.model.parameters()).device)
    notes = list(loaded.notes)
    if loaded.has_decoder_beside_encoder:
        notes.append("the decoder reads the same text as the encoder, one token later")
    with torch.inference_mode():
        attention = attention_modules(loaded.model, lambda: _read(loaded, ids[:1]))
        probe = RankProbe(loaded.model, layers, measures=tuple(MEASURES), attention=attention or None, inputs=True)
        with probe, Edges(loaded.model, attention, list(probe.layers)) as edges:
            for batch in (ids[first : first + _BATCH] for first in range(0, len(ids), _BATCH)):
                _read(loaded, batch)
                tell(f"{loaded.name}: {len(batch)} sequences of {ids.shape[1]} tokens")
    if not attention:
        notes.append("no layer returns attention weights that add up to one: their entropy and the bound are left out")
    for stack, seen in edges.stacks.items():
        if seen.allowed is not None and not seen.is_sound:
            notes.append(f"{stack} has attention weights or tokens that are no finite numbers: the bound is left out")
    return Inspection(
        name=loaded.name,
        sequences=len(ids),
        tokens=ids.shape[1],
        report=probe.report,
        bounds=tuple(_bounds(edges)),
        notes=tuple(notes),
    )


def to_json(inspections: list[Inspection]) -> str:
    """Return inspections as indented JSON text."""
    return TypeAdapter(list[Inspection]).dump_json(inspections, indent=2).decode() + "\n"


def _read(loaded: Loaded, ids: Int[Tensor, "sequence token"]) -> Any:
    if not loaded.has_decoder_beside_encoder:
        return loaded.model(input_ids=ids, output_attentions=True)
    start = getattr(loaded.config, "decoder_start_token_id", None)
    if start is None:
        start = getattr(loaded.config, "pad_token_id", None) or 0
    later = torch.cat([torch.full_like(ids[:, :1], start), ids[:, :-1]], dim=1)
    return loaded.model(input_ids=ids, decoder_input_ids=later, output_attentions=True)


def _bounds(edges: Edges) -> Iterator[Bound]:
    for stack, seen in edges.stacks.items():
        if seen.allowed is None or not seen.extremes or not seen.is_sound or not seen.allowed.any(axis=1).all():
            continue
        depth = connectivity(seen.allowed).depth
        if depth is not None:
            # The bound asks of tokens no more than their number and the extremes of each feature.
            two = [collapse_bound(extremes, seen.smallest, max(depth, 1), seen.layers) for extremes in seen.extremes]
            values = math.sqrt(len(seen.allowed) / 2) * np.mean(two, axis=0)
            yield Bound(stack=stack, smallest_weight=seen.smallest, depth=max(depth, 1), values=tuple(values.tolist()))
