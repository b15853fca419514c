"""The map from states to logits of any language model, and what passes through it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from consilience.ground.errors import InvalidInput
from consilience.methods.pretraining_objectives.heads import OffsetHeads

__all__ = ["bare", "heads_of", "read_states", "require_plain_logits", "rewritten_states", "unembedding"]

LARGE = 100.0
"""A logit that every cap in use changes: they are at some 15 to 30."""
NEAR = 0.01
"""Share of it by which rounding in half precision changes none."""


def bare(model: nn.Module) -> nn.Module:
    """Return the model inside what distributes it."""
    inner = getattr(model, "module", model)
    return inner if isinstance(inner, nn.Module) else model


def unembedding(model: nn.Module) -> nn.Linear:
    """Return the linear map to logits.

    Raises
    ------
    InvalidInput
        If the model has none.
    """
    find = getattr(bare(model), "get_output_embeddings", None)
    found = find() if callable(find) else None
    if not isinstance(found, nn.Linear):
        raise InvalidInput(
            f"expected a language model of transformers with a linear map to logits; got {type(bare(model)).__name__}"
        )
    return found


def heads_of(model: nn.Module, offsets: int) -> OffsetHeads:
    """Return the heads that an objective attached to a model.

    Raises
    ------
    InvalidInput
        If there are none, or they are for another number of offsets.
    """
    heads = getattr(bare(model), "offset_heads", None)
    if not isinstance(heads, OffsetHeads) or heads.offsets != offsets:
        got = f"heads for {heads.offsets}" if isinstance(heads, OffsetHeads) else "none"
        raise InvalidInput(
            f"the model must have heads for {offsets} offsets; it has {got}: call objective.attach(model)"
        )
    return heads


@contextmanager
def read_states(model: nn.Module) -> Iterator[Callable[[], Tensor]]:
    """Keep what the unembedding reads in the block; the value is a function that returns it."""
    read: list[Tensor] = []
    handle = unembedding(model).register_forward_pre_hook(lambda _layer, given: read.append(given[0]))

    def last() -> Tensor:
        if not read:
            raise InvalidInput("the model did not use its own map to logits; objectives with heads cannot train it")
        return read[-1]

    try:
        yield last
    finally:
        handle.remove()


@contextmanager
def rewritten_states(model: nn.Module, change: Callable[[Tensor], Tensor]) -> Iterator[None]:
    """Let the unembedding read something else in the block."""

    def hook(_layer: nn.Module, given: tuple[Any, ...]) -> tuple[Any, ...]:
        return (change(given[0]), *given[1:])

    handle = unembedding(model).register_forward_pre_hook(hook)
    try:
        yield
    finally:
        handle.remove()


@torch.no_grad()
def require_plain_logits(model: nn.Module, tokens: Tensor) -> None:
    """Refuse a model that does something to its logits after the map to them.

    Large logits are put in place of what the map makes, since a cap leaves those of a new model nearly as they are.

    Parameters
    ----------
    model
        As the training loop calls it; its forward pass runs once, without dropout.
    tokens
        A row of one token.

    Raises
    ------
    InvalidInput
        If other logits come out than were put in.
    """
    put: list[Tensor] = []

    def hook(_layer: nn.Module, _given: Any, made: Tensor) -> Tensor:
        ramp = torch.linspace(-LARGE, LARGE, made.shape[-1], device=made.device).expand_as(made).to(made.dtype)
        put.append(ramp)
        return ramp.clone()

    modes = [(part, part.training) for part in model.modules()]
    handle = unembedding(model).register_forward_hook(hook)
    model.eval()
    try:
        logits = model(input_ids=tokens).logits
    finally:
        handle.remove()
        for part, training in modes:
            part.training = training
    if not put:
        raise InvalidInput("the model did not use its own map to logits; objectives with heads cannot train it")
    if logits.shape != put[-1].shape or float((logits.float() - put[-1].float()).abs().max()) > NEAR * LARGE:
        raise InvalidInput(
            f"{type(bare(model)).__name__} scales or caps its logits after the map to them, which is all that "
            "estimator='all' reads: its losses would be of another model; take estimator='sample'"
        )
