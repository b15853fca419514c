"""Which answers, and which of their tokens, the features are read at: by the masks, never by the end of the padding."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from consilience.ground.errors import InvalidInput, UnknownName

__all__ = ["POOLS", "ROWS", "Reading", "last_position"]

Activations = Float[Tensor, "row token feature"]
Mask = Int[Tensor, "row token"] | Bool[Tensor, "row token"]
Features = Float[Tensor, "kept feature"]


def last_position(mask: Mask) -> Int[Tensor, " row"]:
    """Return the place of the last marked token of every row; -1 for a row without one.

    Examples
    --------
    >>> last_position(torch.tensor([[0, 1, 1, 0], [1, 0, 0, 0], [0, 0, 0, 0]])).tolist()
    [2, 0, -1]
    """
    places = torch.arange(1, mask.shape[1] + 1, device=mask.device)
    return (mask.to(places.dtype) * places).amax(dim=1) - 1


@dataclass(frozen=True, kw_only=True)
class Reading:
    """Reads one row of features for each answer out of the activations of a batch.

    Examples
    --------
    >>> activations = torch.arange(8.0).reshape(2, 4, 1)
    >>> answers = torch.tensor([[0, 1, 1, 0], [0, 1, 1, 1]])
    >>> Reading(rows="both")(activations, answers).flatten().tolist()
    [2.0, 7.0]
    >>> Reading(rows="both", back=1)(activations, answers).flatten().tolist()
    [1.0, 6.0]
    """

    rows: str = "chosen"
    """``"chosen"``, ``"rejected"`` or ``"both"``; ``"alternate"`` takes every second row of the batch, as the authors'
    code of 2024 did, which mixes chosen and rejected ones."""
    pool: str = "last"
    """``"last"`` token of the answer, ``"mean"`` over it, or every one of its ``"tokens"`` as a row of its own;
    ``"padded_end"`` takes the last place of the batch, padding or not, as the code of 2024 did."""
    back: int = 0
    """How many tokens before the last one; 1 is the token from which the last one is predicted."""

    def __post_init__(self) -> None:
        """Check the names and the number."""
        if self.rows not in ROWS:
            raise UnknownName("choice of rows", self.rows, ROWS)
        if self.pool not in POOLS:
            raise UnknownName("pooling", self.pool, POOLS)
        if self.back < 0 or (self.back and self.pool != "last"):
            raise InvalidInput(
                "the number of tokens before the last one must be at least 0, and 0 unless the last token is read; "
                f"got {self.back} with pooling {self.pool!r}"
            )

    def __call__(self, activations: Float[Tensor, "... feature"], answers: Mask) -> Features:
        """Return the features of the answers that have such a token.

        Parameters
        ----------
        activations
            Of all rows; where there are more tokens than `answers` has, virtual ones stand before the real ones.
            Some families put rows one after the other, so that tokens of all rows are one axis.
        answers
            Which tokens belong to the answer.

        Raises
        ------
        InvalidInput
            If the activations are not those of every token of every row.
        """
        kept = ROWS[self.rows](len(answers))
        apart = _by_rows(activations, answers)
        real = apart[:, apart.shape[1] - answers.shape[1] :]
        return POOLS[self.pool](real[kept], answers[kept], self.back)

    def count(self, batch_size: int) -> int:
        """Return how many answers of a batch of pairs are read."""
        return len(range(2 * batch_size)[ROWS[self.rows](2 * batch_size)])


ROWS: Mapping[str, Callable[[int], slice]] = MappingProxyType(
    {
        "chosen": lambda rows: slice(None, rows // 2),
        "rejected": lambda rows: slice(rows // 2, None),
        "both": slice,
        "alternate": lambda rows: slice(None, rows, 2),
    }
)
"""Every choice of rows by name, told how many rows a batch has."""


def _by_rows(activations: Float[Tensor, "... feature"], answers: Mask) -> Float[Tensor, "row place feature"]:
    rows, tokens = answers.shape
    whole = activations.ndim == 3 and len(activations) == rows  # noqa: PLR2004  rows, tokens, features
    flat = activations.ndim == 2 and len(activations) % rows == 0  # noqa: PLR2004  OPT has rows one after the other
    apart = activations.reshape(rows, -1, activations.shape[-1]) if whole or flat else None
    if apart is None or apart.shape[1] < tokens:
        raise InvalidInput(
            f"expected features of {rows} rows of {tokens} tokens; the module put out {tuple(activations.shape)}: name "
            "one that every token runs through, which an expert is not"
        )
    return apart


def _last(activations: Activations, answers: Mask, back: int) -> Features:
    places = last_position(answers) - back
    there = (places >= 0).nonzero().flatten()
    return activations[there, places[there]]


def _mean(activations: Activations, answers: Mask, back: int) -> Features:  # noqa: ARG001  every pooling is called alike
    there = answers.any(dim=1)
    weights = answers[there].to(activations.dtype)
    summed = torch.einsum("rtf,rt->rf", activations[there], weights)
    return summed / weights.sum(dim=1, keepdim=True)


def _tokens(activations: Activations, answers: Mask, back: int) -> Features:  # noqa: ARG001
    return activations[answers.bool()]


def _padded_end(activations: Activations, answers: Mask, back: int) -> Features:  # noqa: ARG001
    return activations[:, -1]


POOLS: Mapping[str, Callable[[Activations, Mask, int], Features]] = MappingProxyType(
    {"last": _last, "mean": _mean, "tokens": _tokens, "padded_end": _padded_end}
)
"""Every pooling by name."""
