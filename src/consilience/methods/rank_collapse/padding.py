"""Where the padding of a batch is, and which way its tokens lie, from what a model is called with."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from jaxtyping import Bool
from torch import Tensor, nn

from consilience.ground.errors import InvalidInput

__all__ = ["arguments", "padded", "turned", "valid_tokens"]

_IDS = ("input_ids", "decoder_input_ids")
"""Arguments that hold the tokens of a batch, (batch, token), of the layers of a model and of those of its decoder."""
_VALID = ("attention_mask", "decoder_attention_mask")
"""Arguments that are true or one at tokens, of the layers of a model and of those of its decoder."""

_PADDING = ("src_key_padding_mask", "tgt_key_padding_mask")
"""Arguments of torch's own transformers, that are true, or minus infinity, at padding."""


def arguments(model: nn.Module, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> dict[str, Any]:
    """Return by name what a model is called with, and what it might have been called with."""
    forward = getattr(model, "_orig_mod", model).forward
    try:
        bound = inspect.signature(forward).bind_partial(*args, **kwargs)
    except TypeError:  # the call is about to fail by itself, with a better message than any from here
        return {}
    bound.apply_defaults()
    return {**bound.arguments, **bound.arguments.get("kwargs", {})}


def valid_tokens(called: Mapping[str, Any], layer: str) -> Bool[Tensor, "batch token"] | None:
    """Return which tokens of a layer are none of padding; None when nothing is said about it.

    Parameters
    ----------
    called
        What the model is called with.
    layer
        Name of the layer: those of a decoder have a mask of their own in models that have an encoder too. Torch's
        decoder alone, called with ``tgt`` and no ``src``, has that of its decoder at every layer.

    Raises
    ------
    InvalidInput
        If the mask is not one of two dimensions, from which padding cannot be told.
    """
    alone = "tgt" in called and not {"src", _PADDING[0]} & called.keys()
    has_both = "decoder_input_ids" in called or ("tgt" in called and not alone)
    decoder = int(has_both and "decoder" in layer.split("."))
    for name, padding in ((_VALID[decoder], False), (_PADDING[decoder or alone], True), ("key_padding_mask", True)):
        mask = called.get(name)
        if isinstance(mask, Tensor):
            if mask.ndim != 2:  # noqa: PLR2004
                raise InvalidInput(f"padding cannot be told from `{name}` of {mask.ndim} dimensions; all tokens count.")
            return ~_hides(mask) if padding else mask != 0
    return None


def turned(called: Mapping[str, Any], layer: str, shape: Sequence[int]) -> bool:
    """Say whether a layer puts tokens before sequences, as XLNet and FSMT do: the ids are of its shape, turned.

    Parameters
    ----------
    called
        What the model is called with.
    layer
        Name of the layer.
    shape
        Of its tokens, (batch, token, feature) unless it is turned. As many sequences as tokens do not tell.
    """
    ids = called.get(_IDS[int(_IDS[1] in called and "decoder" in layer.split("."))])
    if not isinstance(ids, Tensor) or ids.ndim != 2 or ids.shape[0] == ids.shape[1]:  # noqa: PLR2004
        return False
    return tuple(shape[:2]) == (ids.shape[1], ids.shape[0])


def padded(sequences: Tensor) -> tuple[Tensor, Bool[Tensor, "batch token"]]:
    """Return a nested tensor, as torch's encoder makes of a padded batch, as a padded one, and where its tokens are."""
    parts = sequences.unbind()
    lengths = torch.tensor([len(part) for part in parts], device=parts[0].device)
    tokens = torch.nn.utils.rnn.pad_sequence(list(parts), batch_first=True)
    return tokens, torch.arange(tokens.shape[1], device=tokens.device) < lengths[:, None]


def _hides(mask: Tensor) -> Tensor:
    return mask if mask.dtype == torch.bool else mask < 0
