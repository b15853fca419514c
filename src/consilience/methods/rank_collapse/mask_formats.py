"""The forms in which other libraries take a mask: additive, padded, and the 4-D one of Hugging Face."""

from __future__ import annotations

from typing import Any

import numpy as np
from jaxtyping import Bool

from consilience.ground.errors import InvalidInput, MissingDependency
from consilience.methods.rank_collapse.mask import Mask

__all__ = ["additive", "for_hugging_face", "padded"]


def padded(mask: Mask, valid: Any) -> Bool[np.ndarray, "batch query key"]:
    """Return the mask of each sequence of a batch, in which padding is not a token.

    Parameters
    ----------
    mask
        Which tokens a token may attend to.
    valid
        Array or tensor of shape (batch, token), false or 0 at padding, on whichever side it is: the ``attention_mask``
        that a tokeniser returns.

    Returns
    -------
    array
        Among its tokens a sequence has the mask that it has without padding: their places, and its length, are counted
        without it. Nobody attends to padding. Padding attends to itself alone, so that its softmax is defined; nobody
        reads it.

    Raises
    ------
    InvalidInput
        If a token that is not padding is left with nothing to attend to, or `valid` is no such array.
    """
    valid = _as_valid(valid)
    tokens, whole = valid.shape[1], valid.all(axis=1)
    seen: Bool[np.ndarray, "batch query key"] = np.empty((len(valid), tokens, tokens), dtype=bool)
    if whole.any():
        seen[whole] = mask.array(tokens)
    if not whole.all():
        seen[~whole] = _between_padding(mask, valid[~whole])
    _require_rows(seen, mask)
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


def for_hugging_face(mask: Mask, valid: Any, dtype: Any = None) -> Any:
    """Return the 4-D mask that a Hugging Face model takes as ``attention_mask`` and uses as it is.

    Parameters
    ----------
    mask
        Which tokens a token may attend to.
    valid
        The number of tokens, or an array or tensor of shape (batch, token), false or 0 at padding, as in `padded`.
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
    InvalidInput
        If a token is left with nothing to attend to, or a type is another.
    """
    counted = isinstance(valid, int | np.integer)
    allowed = mask.array(int(valid))[None] if counted else padded(mask, valid)
    _require_rows(allowed, mask)
    return _additive_tensor(allowed[:, None], dtype)


def _as_valid(given: Any) -> Bool[np.ndarray, "batch token"]:
    valid = np.asarray(given.cpu() if hasattr(given, "cpu") else given)
    if valid.ndim != 2 or valid.dtype.kind not in "biu" or not np.isin(valid, (0, 1)).all():  # noqa: PLR2004
        raise InvalidInput(
            "`valid` must be of shape (batch, token), true or 1 at tokens and false or 0 at padding; got "
            f"{valid.dtype} of shape {valid.shape}."
        )
    return valid.astype(bool)


def _between_padding(mask: Mask, valid: Bool[np.ndarray, "batch token"]) -> Bool[np.ndarray, "batch query key"]:
    seen: Bool[np.ndarray, "batch query key"] = np.eye(valid.shape[1], dtype=bool) & ~valid[:, :, None]
    counts = valid.sum(axis=1).tolist()
    arrays = {count: mask.array(count).ravel() for count in {*counts} - {0}}
    if arrays:
        seen[valid[:, :, None] & valid[:, None, :]] = np.concatenate([arrays[count] for count in counts if count])
    return seen


def _require_rows(allowed: Bool[np.ndarray, "batch query key"], mask: Mask) -> None:
    empty = np.argwhere(~allowed.any(axis=2))
    if empty.size:
        sequence, token = empty[0]
        raise InvalidInput(
            f"every token must attend to something; in `{mask}` token {token} of sequence {sequence} attends to "
            "nothing: add `| diagonal`."
        )


def _additive_tensor(allowed: Bool[np.ndarray, "*shape"], dtype: Any) -> Any:
    try:
        import torch  # noqa: PLC0415  masks are of use without torch
    except ImportError as error:
        raise MissingDependency("masks as tensors need torch; install consilience[rank].") from error
    kind = torch.float32 if dtype is None else dtype
    if not isinstance(kind, torch.dtype) or not kind.is_floating_point:
        raise InvalidInput(f"`dtype` must be a floating type of numpy or torch; got {dtype!r}.")
    forbidden = torch.from_numpy(~allowed)
    return torch.zeros(allowed.shape, dtype=kind).masked_fill(forbidden, torch.finfo(kind).min)
