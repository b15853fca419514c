"""A tokenizer that is there in no time, for studies in which words do not matter."""

from __future__ import annotations

from typing import Any

from tokenizers import Tokenizer, models
from transformers import PreTrainedTokenizerFast

__all__ = ["small_tokenizer"]


def small_tokenizer(words: int) -> Any:
    """Return a tokenizer of transformers with so many tokens, the first three of them padding, mask and end."""
    numbers = {"<pad>": 0, "<mask>": 1, "<end>": 2, **{f"w{number}": number for number in range(3, words)}}
    return PreTrainedTokenizerFast(  # type: ignore[no-untyped-call]
        tokenizer_object=Tokenizer(models.WordLevel(numbers, unk_token="w3")),  # noqa: S106 - a word
        pad_token="<pad>",  # noqa: S106 - a mark
        mask_token="<mask>",  # noqa: S106
        eos_token="<end>",  # noqa: S106
    )
