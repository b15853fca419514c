"""Rows of a batch, however they come, as rectangular tensors."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np
import torch
from torch import Tensor

from consilience.ground.errors import InvalidInput
from consilience.methods.pretraining_objectives.vocabulary import Vocabulary

__all__ = ["Padding", "Rows"]

_DERIVED = ("labels", "offset_mapping")
"""What language-model collators make themselves or have no use for."""


@dataclass(frozen=True)
class Rows:
    """Rows of equal length."""

    input_ids: Tensor
    attention_mask: Tensor | None = None
    """None where nothing is padded and none was given."""
    special: Tensor | None = None
    documents: Tensor | None = None
    others: Mapping[str, Tensor] | None = None
    """Whatever else the examples had: one value a token, filled up with zeros, or one value a row."""


@dataclass(frozen=True)
class Padding:
    """How rows are made equally long."""

    vocabulary: Vocabulary
    side: str = "right"
    multiple_of: int | None = None
    """Rows are filled up to a multiple of this."""
    max_length: int | None = None
    """Longest row there may be."""

    def rows(self, examples: Any) -> Rows:
        """Return the examples as tensors.

        Parameters
        ----------
        examples
            A tensor of tokens, a sequence of rows (lists, arrays or tensors), a sequence of mappings with `input_ids`
            and what belongs to it, or one mapping of tensors.

        Raises
        ------
        InvalidInput
            If there are no examples, a row is too long, padding is needed and there is no token for it, or a column is
            missing in an example, holds no numbers or is not as long as the tokens.
        """
        columns = _columns(examples)
        if "input_ids" not in columns or len(columns["input_ids"]) == 0:
            raise InvalidInput("expected examples with `input_ids`, at least one; got none: the batch is empty")
        lengths = _lengths(columns["input_ids"])
        width = self._width(lengths)
        ragged = bool((lengths != width).any())
        tokens = self._filled(columns.pop("input_ids"), lengths, width, self._filling() if ragged else 0)
        mask = columns.pop("attention_mask", None)
        special, documents = columns.pop("special_tokens_mask", None), columns.pop("document_ids", None)
        others = {name: self._other(name, column, lengths, width) for name, column in columns.items()}
        return Rows(
            tokens,
            attention_mask=self._attention(tokens, mask, lengths, width),
            special=None if special is None else self._column("special_tokens_mask", special, lengths, width, 1),
            documents=None if documents is None else self._column("document_ids", documents, lengths, width, -1),
            others=others,
        )

    def _width(self, lengths: np.ndarray) -> int:
        longest = int(lengths.max())
        if self.max_length is not None and longest > self.max_length:
            raise InvalidInput(
                f"row {int(lengths.argmax())} of the batch has {longest} tokens and the window is {self.max_length}: "
                "pack the text into windows, cut the rows or take a longer window"
            )
        multiple = self.multiple_of or 1
        return max(1, -(-longest // multiple)) * multiple

    def _filling(self) -> int:
        if self.vocabulary.pad is None:
            raise InvalidInput(
                "rows of different length need a pad token and this tokenizer has none; "
                "set one (tokenizer.pad_token = tokenizer.eos_token) or give rows of equal length"
            )
        return self.vocabulary.pad

    def _attention(self, tokens: Tensor, mask: Any, lengths: np.ndarray, width: int) -> Tensor | None:
        if mask is not None:
            return self._column("attention_mask", mask, lengths, width, 0)
        if (lengths != width).any():
            return self._filled([np.ones(length, dtype=np.int64) for length in lengths], lengths, width, 0)
        vocabulary = self.vocabulary
        # Where the pad token also ends documents, a token alone does not say which of both it is.
        if vocabulary.pad is None or vocabulary.pad == vocabulary.end:
            return None
        real = tokens.numpy() != vocabulary.pad
        return None if real.all() else torch.from_numpy(real).long()

    def _other(self, name: str, column: Any, lengths: np.ndarray, width: int) -> Tensor:
        if np.ndim(column[0]) == 0:
            values = np.asarray(column)
            if values.dtype.kind not in "biuf":
                raise InvalidInput(f"column `{name}` must hold numbers; got {column[0]!r}: remove it from the examples")
            return torch.as_tensor(values)
        return self._column(name, column, lengths, width, 0)

    def _column(self, name: str, column: Any, lengths: np.ndarray, width: int, filling: int) -> Tensor:
        if not np.array_equal(_lengths(column), lengths):
            raise InvalidInput(
                f"column `{name}` must have one value a token of `input_ids`; its rows have other lengths"
            )
        return self._filled(column, lengths, width, filling)

    def _filled(self, rows: Any, lengths: np.ndarray, width: int, filling: int) -> Tensor:
        if isinstance(rows, Tensor) and rows.shape[1] == width:
            return rows.long()
        flat = _flat(rows, int(lengths.sum()))
        if (lengths == width).all():
            return flat.view(len(lengths), width)
        places = torch.arange(width)
        ends = torch.from_numpy(lengths)[:, None]
        real = places < ends if self.side == "right" else places >= width - ends
        return torch.full((len(lengths), width), filling).masked_scatter_(real, flat)


def _columns(examples: Any) -> dict[str, Any]:
    """Turn the examples into one sequence a name."""
    if isinstance(examples, Mapping):
        found = dict(examples)
    elif isinstance(examples, Tensor) or len(examples) == 0 or not isinstance(examples[0], Mapping):
        return {"input_ids": examples if len(examples) == 0 else _stacked(examples)}
    else:
        missing = next((name for name in examples[0] if any(name not in example for example in examples)), None)
        if missing is not None:
            raise InvalidInput(f"column `{missing}` must be in every example of a batch or in none; it is in some")
        found = {name: [example[name] for example in examples] for name in examples[0]}
    return {name: _stacked(column) for name, column in found.items() if name not in _DERIVED}


def _stacked(column: Any) -> Any:
    """Join tensors of one shape, which takes less time than asking each for its length."""
    if isinstance(column, Tensor) or not isinstance(column[0], Tensor) or column[0].ndim != 1:
        return column
    try:
        return torch.stack(tuple(column))
    except RuntimeError:
        return column


def _lengths(rows: Any) -> np.ndarray:
    if isinstance(rows, Tensor):
        if rows.ndim != 2:  # noqa: PLR2004 - row, token
            raise InvalidInput(f"a batch of tokens must have the shape (row, token); got {tuple(rows.shape)}")
        return np.full(len(rows), rows.shape[1])
    return np.fromiter(map(len, rows), dtype=np.int64, count=len(rows))


def _flat(rows: Any, total: int) -> Tensor:
    """Lay rows end to end."""
    if isinstance(rows, Tensor):
        return rows.reshape(-1).long()
    if isinstance(rows[0], Tensor):
        return torch.cat(tuple(rows)).long()
    if isinstance(rows[0], np.ndarray):
        return torch.from_numpy(np.concatenate(rows).astype(np.int64, copy=False))
    values: Iterable[int] = chain.from_iterable(rows)
    return torch.from_numpy(np.fromiter(values, dtype=np.int64, count=total))
