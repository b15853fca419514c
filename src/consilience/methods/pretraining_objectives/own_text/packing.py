"""Rows of one length, cut from documents laid end to end."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np
import torch
from jaxtyping import Int
from torch import Tensor
from torch.utils.data import Dataset

from consilience.ground.errors import InvalidInput

__all__ = ["Packed", "Separate", "pack", "separate"]


@dataclass(frozen=True)
class Packed(Dataset[dict[str, Tensor]]):
    """Rows without padding, and which document every token belongs to."""

    rows: Int[Tensor, "row token"]
    documents: Int[Tensor, "row token"]
    left_over: int = 0
    """Tokens at the end that fill no row."""

    def __len__(self) -> int:
        """Return how many rows there are."""
        return len(self.rows)

    def __getitem__(self, row: int) -> dict[str, Tensor]:
        """Return a row as collators take it."""
        return {"input_ids": self.rows[row], "document_ids": self.documents[row]}

    def split(self, held_out: int) -> tuple[Packed, Packed]:
        """Return all rows but the last ones, and the last ones."""
        cut = len(self) - held_out
        return Packed(self.rows[:cut], self.documents[:cut]), Packed(self.rows[cut:], self.documents[cut:])

    @property
    def tokens(self) -> int:
        """Tokens in all rows."""
        return self.rows.numel()


@dataclass(frozen=True)
class Separate(Dataset[dict[str, Any]]):
    """A row for each document, of its own length."""

    rows: tuple[list[int], ...]

    def __len__(self) -> int:
        """Return how many rows there are."""
        return len(self.rows)

    def __getitem__(self, row: int) -> dict[str, Any]:
        """Return a row as collators take it."""
        return {"input_ids": self.rows[row]}

    def split(self, held_out: int) -> tuple[Separate, Separate]:
        """Return all rows but the last ones, and the last ones."""
        cut = len(self) - held_out
        return Separate(self.rows[:cut]), Separate(self.rows[cut:])

    @property
    def tokens(self) -> int:
        """Tokens in all rows."""
        return sum(map(len, self.rows))


def pack(documents: Sequence[Sequence[int]], window: int, end: int) -> Packed:
    """Lay documents end to end, each closed by a mark, and cut them into windows.

    Raises
    ------
    InvalidInput
        If there are fewer tokens than a window.

    Examples
    --------
    >>> packed = pack([[5, 6], [7, 8, 9]], 3, end=0)
    >>> packed.rows.tolist(), packed.documents.tolist(), packed.left_over
    ([[5, 6, 0], [7, 8, 9]], [[0, 0, 0], [1, 1, 1]], 1)
    """
    lengths = np.array([len(document) + 1 for document in documents], dtype=np.int64)
    total = int(lengths.sum())
    rows = total // window
    if rows == 0:
        raise InvalidInput(f"the text has {total} tokens and a row takes {window}; give more text or a shorter window")
    closed = chain.from_iterable((*document, end) for document in documents)
    tokens = np.fromiter(closed, dtype=np.int64, count=total)[: rows * window]
    numbers = np.repeat(np.arange(len(lengths)), lengths)[: rows * window]
    shape = (rows, window)
    return Packed(
        torch.from_numpy(tokens.reshape(shape)), torch.from_numpy(numbers.reshape(shape)), total - rows * window
    )


def separate(documents: Sequence[Sequence[int]], window: int, end: int) -> Separate:
    """Give every document a row, closed by a mark.

    Raises
    ------
    InvalidInput
        If a document is longer than the window; it is named, with how many others there are.
    """
    long = [number for number, document in enumerate(documents) if len(document) + 1 > window]
    if long:
        more = f" and {len(long) - 1} more" if len(long) > 1 else ""
        raise InvalidInput(
            f"document {long[0]}{more} is longer than the window ({len(documents[long[0]]) + 1} tokens, {window}): "
            "pack the text (--layout packed) or take a longer --window"
        )
    return Separate(tuple([*document, end] for document in documents))
