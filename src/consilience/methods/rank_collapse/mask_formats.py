"""The forms in which other libraries take a mask: additive, padded, and the 4-D one of Hugging Face."""

from __future__ import annotations

from typing import Any

import numpy as np
from jaxtyping import Bool

from consilience.ground.errors import InvalidInput, MissingDependency
from consilience.methods.rank_collapse.mask import Mask

__all__ = ["additive", "for_hugging_face", "padded"]


def padded(mask: Mask, valid: Bool[np.ndarray, "batch token"]) -> Bool[np.ndarray, "batch query key"]:
    """Return the mask of each sequence of a batch, in which padding is not a token.

    Parameters
    ----------
    mask
        Which tokens a token may attend to.
    valid
        False at padding, on whichever side it is.

    Returns
    -------
    array
        Nobody attends to padding. Padding attends to itself alone, so that its softmax is defined; nobody reads it.

    Raises
    ------
    InvalidInput
        If a token that is not padding is left with nothing to attend to.
    """
    allowed = mask.array(valid.shape[1])[None] & valid[:, :, None] & valid[:, None, :]
    empty = np.argwhere(valid & ~allowed.any(axis=2))
    if empty.size:
        sequence, token = empty[0]
        raise InvalidInput(
            f"every token must attend to something; in `{mask}` with this padding token {token} of sequence {sequence} "
            "attends to nothing: add `| diagonal`."
        )
    alone = np.eye(valid.shape[1], dtype=bool)[None] & ~valid[:, :, None]
    seen: Bool[np.ndarray, "batch query key"] = allowed | alone
    return seen


def additive(allowed: Bool[np.ndarray, "*shape"], dtype: Any = np.float64) -> Any:
    """Return what is added to logits: 0 where attention is allowed, the lowest finite number where it is not.

    Parameters
    ----------
    allowed
        From `Mask.array` or `padded`.
    dtype
        A floating type of numpy or of torch; the result is an array or a tensor accordingly. The lowest finite number
        rather than minus infinity, because a row of the latter alone becomes NaN.

    Returns
    -------
    array or tensor
        Of the shape of `allowed`.

    Raises
    ------
    InvalidInput
        If `dtype` is not a floating type.
    """
    if type(dtype).__module__ == "torch":
        return _additive_tensor(allowed, dtype)
    try:
        lowest = np.finfo(dtype).min
    except (TypeError, ValueError) as error:
        raise InvalidInput(f"`dtype` must be a floating type of numpy or torch; got {dtype!r}.") from error
    return np.where(allowed, np.zeros((), dtype), np.asarray(lowest, dtype))


def for_hugging_face(mask: Mask, valid: int | Bool[np.ndarray, "batch token"], dtype: Any = None) -> Any:
    """Return the 4-D mask that a Hugging Face model takes as ``attention_mask`` and uses as it is.

    Parameters
    ----------
    mask
        Which tokens a token may attend to.
    valid
        The number of tokens, or a boolean array that is false at padding.
    dtype
        The model's floating type in torch; single precision when not given.

    Returns
    -------
    torch.Tensor
        Additive, of shape (batch, 1, tokens, tokens), which both eager and SDPA attention accept; batch is 1 when only
        a number of tokens was given.

    Raises
    ------
    MissingDependency
        Without torch.
    """
    allowed = mask.array(valid)[None] if isinstance(valid, int) else padded(mask, valid)
    return _additive_tensor(allowed[:, None], dtype)


def _additive_tensor(allowed: Bool[np.ndarray, "*shape"], dtype: Any) -> Any:
    try:
        import torch  # noqa: PLC0415  masks are of use without torch
    except ImportError as error:
        raise MissingDependency("masks as tensors need torch; install consilience[rank].") from error
    kind = torch.float32 if dtype is None else dtype
    if not kind.is_floating_point:
        raise InvalidInput(f"`dtype` must be a floating type of numpy or torch; got {dtype!r}.")
    forbidden = torch.from_numpy(~allowed)
    return torch.zeros(allowed.shape, dtype=kind).masked_fill(forbidden, torch.finfo(kind).min)
