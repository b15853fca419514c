"""A tokenizer learned from the text: byte pairs, so that nothing is unknown and decoding gives the text back."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from consilience.ground.errors import InvalidInput, MissingDependency

try:
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast
except ImportError as error:
    raise MissingDependency("tokenizers need transformers; install consilience[pretraining]") from error

__all__ = ["END", "MASK", "PAD", "learn_tokenizer"]

PAD, MASK, END = "<pad>", "<mask>", "<end>"
BYTES = 256


def learn_tokenizer(texts: Iterable[str], size: int, window: int) -> Any:
    """Learn byte pairs and return a tokenizer of transformers with marks for padding, mask and end of a document.

    Parameters
    ----------
    texts
    size
        Of the vocabulary, at most: every byte, three marks and merged pairs, as many as the text has.
    window
        Longest row the tokenizer says models can take.

    Raises
    ------
    InvalidInput
        If not even the bytes and the marks fit.
    """
    marks = [PAD, MASK, END]
    if size < BYTES + len(marks):
        raise InvalidInput(
            f"a vocabulary must hold every byte and {len(marks)} marks, {BYTES + len(marks)}; got {size}"
        )
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=size, special_tokens=marks, initial_alphabet=sorted(alphabet), show_progress=False
    )
    tokenizer.train_from_iterator(texts, trainer)
    return PreTrainedTokenizerFast(  # type: ignore[no-untyped-call]
        tokenizer_object=tokenizer,
        pad_token=PAD,
        mask_token=MASK,
        eos_token=END,
        model_max_length=window,
        clean_up_tokenization_spaces=False,
    )
