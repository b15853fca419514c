"""The map from states to logits of any language model, and what passes through it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from torch import Tensor, nn

from consilience.ground.errors import InvalidInput
from consilience.methods.pretraining_objectives.heads import OffsetHeads

__all__ = ["bare", "heads_of", "read_states", "rewritten_states", "unembedding"]


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
