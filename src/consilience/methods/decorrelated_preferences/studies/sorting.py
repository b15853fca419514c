"""A preference that can be verified: six digits are to be answered in ascending order.

The tokenizer has a token for each digit, the model is a small Llama from a configuration, and nothing is downloaded.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from datasets import Dataset
from jaxtyping import Int
from tokenizers import Tokenizer, decoders, pre_tokenizers
from tokenizers.models import WordLevel
from torch import Tensor
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from consilience.neural.weights import initialised

__all__ = [
    "ANSWER",
    "DIGITS",
    "Shape",
    "answers",
    "digit_tokenizer",
    "follows_rule",
    "model",
    "pairs",
    "prompts",
    "tokens",
]

DIGITS = 6
ANSWER = ">"
"""What stands between the digits and their answer."""

Digits = Int[np.ndarray, "row digit"]

ASCENDING, DESCENDING, COPY = range(3)
REJECTED_DESCENDING = 0.7
"""Share of rejected answers that descend; the others copy."""
PAD, END = "<pad>", "<eos>"

SPREAD = 0.072
"""Standard deviation of first weights: torch's own for 64 inputs. Llama's 0.02 is for models many times as wide."""


@dataclass(frozen=True, kw_only=True)
class Shape:
    """Size of the model."""

    width: int = 64
    layers: int = 4
    feedforward: int = 192
    heads: int = 4


def digit_tokenizer() -> PreTrainedTokenizerFast:
    """Return a tokenizer with a token for each digit, one for ``>``, an end and a padding.

    Examples
    --------
    >>> digit_tokenizer()("31>13")["input_ids"]
    [6, 4, 2, 4, 6]
    """
    words = [PAD, END, ANSWER, *"0123456789"]
    made = Tokenizer(WordLevel({word: place for place, word in enumerate(words)}, unk_token=PAD))
    made.pre_tokenizer = pre_tokenizers.Split("", "isolated")
    made.decoder = decoders.Fuse()
    return PreTrainedTokenizerFast(  # type: ignore[no-untyped-call]  # transformers leaves it without types
        tokenizer_object=made, pad_token=PAD, eos_token=END, model_input_names=["input_ids", "attention_mask"]
    )


def model(seed: int, shape: Shape | None = None) -> LlamaForCausalLM:
    """Return an untrained Llama with first weights by a seed."""
    shape = shape or Shape()
    config = LlamaConfig(
        vocab_size=13,
        hidden_size=shape.width,
        intermediate_size=shape.feedforward,
        num_hidden_layers=shape.layers,
        num_attention_heads=shape.heads,
        num_key_value_heads=shape.heads,
        max_position_embeddings=2 * DIGITS + 4,
        initializer_range=SPREAD,
        bos_token_id=None,
        eos_token_id=1,
        pad_token_id=0,
    )
    return initialised(seed, lambda: LlamaForCausalLM(config))


def prompts(rng: np.random.Generator, count: int) -> Digits:
    """Draw rows of digits of which none is in order already."""
    kept: list[np.ndarray] = []
    while len(kept) < count:
        row = rng.integers(0, 10, DIGITS)
        if (np.diff(row) < 0).any() and (np.diff(row) > 0).any():
            kept.append(row)
    return np.array(kept)


def answers(asked: Digits, ways: Int[np.ndarray, " row"]) -> Digits:
    """Return each row ascending, descending or copied.

    Examples
    --------
    >>> answers(np.array([[3, 1, 2, 0, 0, 0]] * 2), np.array([ASCENDING, COPY])).tolist()
    [[0, 0, 0, 1, 2, 3], [3, 1, 2, 0, 0, 0]]
    """
    ascending = np.sort(asked, axis=1)
    found: Digits = np.stack([ascending, ascending[:, ::-1], asked])[ways, np.arange(len(asked))]
    return found


def tokens(asked: Digits, said: Digits) -> Int[Tensor, "row token"]:
    """Return the token ids of digits, ``>``, their answer and the end, as the tokenizer has them.

    Examples
    --------
    >>> row = np.array([[3, 1, 4, 1, 5, 9]])
    >>> tokens(row, np.sort(row)).tolist()[0] == digit_tokenizer()("314159>113459<eos>")["input_ids"]
    True
    """
    zero, middle, end = 3, np.full((len(asked), 1), 2), np.full((len(asked), 1), 1)
    return torch.from_numpy(np.concatenate([asked + zero, middle, said + zero, end], axis=1))


def pairs(rng: np.random.Generator, count: int, *, flipped: float = 0.0) -> Dataset:
    """Return preferences in TRL's standard format: ascending against descending (70 %) or copied (30 %).

    Parameters
    ----------
    rng
        Draws digits, rejected ways and which labels are wrong.
    count
        Number of pairs.
    flipped
        Share of pairs whose label is wrong, 0 to 1.
    """
    asked = prompts(rng, count)
    ways = np.where(rng.random(count) < REJECTED_DESCENDING, DESCENDING, COPY)
    good, bad = _written(answers(asked, np.full(count, ASCENDING))), _written(answers(asked, ways))
    wrong = set(rng.permutation(count)[: round(flipped * count)].tolist())
    sides = [(bad[row], good[row]) if row in wrong else (good[row], bad[row]) for row in range(count)]
    return Dataset.from_dict(
        {
            "prompt": [text + ANSWER for text in _written(asked)],
            "chosen": [chosen for chosen, _ in sides],
            "rejected": [rejected for _, rejected in sides],
        }
    )


def follows_rule(prompt: str, answer: str) -> bool:
    """Whether an answer is the prompt's digits in ascending order.

    Examples
    --------
    >>> follows_rule("312000>", "000123"), follows_rule("312000>", "321000")
    (True, False)
    """
    return answer == "".join(sorted(prompt.removesuffix(ANSWER)))


def _written(rows: Digits) -> Sequence[str]:
    return ["".join(map(str, row)) for row in rows.tolist()]
