"""Which tokens of a vocabulary are text, and which are marks: mask, padding, end of a document."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Int
from torch import Tensor

from consilience.ground.errors import InvalidInput

__all__ = ["Vocabulary"]


@dataclass(frozen=True)
class Vocabulary:
    """What an objective must know of a tokenizer, and nothing else of it.

    Examples
    --------
    >>> words = Vocabulary(6, special=(0, 1), mask=1, pad=0)
    >>> words.is_special(torch.tensor([0, 3, 1])).tolist()
    [True, False, True]
    """

    size: int
    """How many tokens there are, marks included."""
    special: tuple[int, ...] = ()
    """Marks: they are never masked, and never put in place of another token."""
    mask: int | None = None
    """What a hidden token is replaced by."""
    pad: int | None = None
    """What short rows are filled up with."""
    end: int | None = None
    """What ends a document."""

    def __post_init__(self) -> None:
        """Refuse numbers of tokens that the vocabulary does not have.

        Raises
        ------
        InvalidInput
            If a mark lies outside the vocabulary, or nothing but marks is in it.
        """
        marks = {*self.special, *(mark for mark in (self.mask, self.pad, self.end) if mark is not None)}
        outside = sorted(mark for mark in marks if not 0 <= mark < self.size)
        if outside or len(set(self.special)) >= self.size:
            raise InvalidInput(
                f"a vocabulary of {self.size} tokens must hold every mark and some text; got marks {sorted(marks)}"
            )

    @classmethod
    def of(cls, tokenizer: Any) -> Vocabulary:
        """Read the vocabulary of a tokenizer of transformers, added tokens included."""
        return cls(
            size=len(tokenizer),
            special=tuple(sorted({int(mark) for mark in tokenizer.all_special_ids})),
            mask=tokenizer.mask_token_id,
            pad=tokenizer.pad_token_id,
            end=tokenizer.eos_token_id,
        )

    def required_mask(self) -> int:
        """Return the mask token.

        Raises
        ------
        InvalidInput
            If there is none.
        """
        if self.mask is None:
            raise InvalidInput(
                "masked prediction needs a mask token and this tokenizer has none; "
                'add one (tokenizer.add_special_tokens({"mask_token": "<mask>"})) and resize the embeddings'
            )
        return self.mask

    def is_special(self, tokens: Int[Tensor, "*shape"]) -> Bool[Tensor, "*shape"]:
        """Say of every token whether it is a mark."""
        return torch.from_numpy(self.marks).to(tokens.device)[tokens]

    def marked(self, tokens: Int[np.ndarray, "*shape"]) -> Bool[np.ndarray, "*shape"]:
        """Say of every token whether it is a mark, as an array.

        Raises
        ------
        InvalidInput
            If a token lies outside the vocabulary.
        """
        try:
            return self.marks.take(tokens)
        except IndexError as error:
            raise InvalidInput(
                f"tokens must lie below {self.size}, the size of the vocabulary; got {tokens.max()}: "
                "were the rows made by another tokenizer?"
            ) from error

    @cached_property
    def marks(self) -> Bool[np.ndarray, " token"]:
        """Say of every number whether it is a mark."""
        marks = np.zeros(self.size, dtype=np.bool_)
        marks[list(self.special)] = True
        return marks

    def draw_text(self, shape: tuple[int, ...], generator: np.random.Generator) -> Int[np.ndarray, "*shape"]:
        """Draw tokens uniformly from those that are text."""
        return generator.choice(self._text, shape)

    @cached_property
    def _text(self) -> Int[np.ndarray, " text"]:
        return np.flatnonzero(~self.marks)
