"""Batches for an objective, where `transformers.DataCollatorForLanguageModeling` stands now.

Both collators take what that one takes: a list of rows or of tokenizer outputs, padded or not, or a tensor. They
return `input_ids`, `labels` and, where there is padding or one was given, `attention_mask`.
"""

from __future__ import annotations

import copy
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

from consilience.ground.errors import InvalidInput
from consilience.methods.pretraining_objectives.masking import BernoulliCount, ExactCount, Masking, Replacement
from consilience.methods.pretraining_objectives.objectives import (
    DiverseAutoregression,
    Estimator,
    MaskedPrediction,
    Objective,
)
from consilience.methods.pretraining_objectives.padding import Padding
from consilience.methods.pretraining_objectives.patterns import Pattern, as_pattern
from consilience.methods.pretraining_objectives.ratios import Ratio, as_ratio
from consilience.methods.pretraining_objectives.seeding import BatchSeeds
from consilience.methods.pretraining_objectives.vocabulary import Vocabulary

__all__ = ["MultiOffsetCollator", "ObjectiveCollator", "VariableLengthMaskCollator"]

ReturnTensors = Literal["pt", "np"]


class ObjectiveCollator:
    """Draws batches of any objective.

    Parameters
    ----------
    tokenizer
        For its pad token, marks and padding side.
    objective
    pad_to_multiple_of
        Rows are filled up to a multiple of this.
    max_length
        Window of the model; longer rows are refused.
    return_tensors
        ``"pt"`` or ``"np"``.
    seed
        Every batch is a function of it and of the batch's place (`BatchSeeds`); None draws from torch's own generator.
    rank
        Which of several processes that train together this is; by the environment when None.
    extras
        Whether what the objective needs beside inputs and labels stays in the batch. Models do not know these names:
        only for `PretrainingTrainer` or a loop that calls `objective.loss`.
    """

    def __init__(
        self,
        tokenizer: Any,
        objective: Objective,
        *,
        pad_to_multiple_of: int | None = None,
        max_length: int | None = None,
        return_tensors: ReturnTensors = "pt",
        seed: int | None = None,
        rank: int | None = None,
        extras: bool = False,
    ) -> None:
        if return_tensors not in ("pt", "np"):
            raise InvalidInput(f"`return_tensors` must be 'pt' or 'np'; got {return_tensors!r}")
        self.tokenizer = tokenizer
        self.objective = objective
        self.padding = Padding(Vocabulary.of(tokenizer), tokenizer.padding_side, pad_to_multiple_of, max_length)
        self.return_tensors = return_tensors
        self.seeds = BatchSeeds(seed, rank)
        self.extras = extras

    def __call__(self, features: Any, return_tensors: str | None = None) -> dict[str, Any]:
        """Return a batch of the examples, as tensors or arrays."""
        batch = self.torch_call(features)
        if (return_tensors or self.return_tensors) == "pt":
            return batch
        return {name: values.numpy() for name, values in batch.items()}

    def torch_call(self, examples: Any) -> dict[str, Tensor]:
        """Return a batch of the examples, as tensors."""
        rows = self.padding.rows(examples)
        batch = self.objective.draw(
            rows.input_ids,
            self.seeds.next(),
            attention_mask=rows.attention_mask,
            documents=rows.documents,
            special=rows.special,
        )
        kept = batch if self.extras else {name: batch[name] for name in batch if name in _OF_MODELS}
        return {**(rows.others or {}), **kept}

    def numpy_call(self, examples: Any) -> dict[str, np.ndarray]:
        """Return a batch of the examples, as arrays."""
        return self(examples, return_tensors="np")

    def beside(self) -> ObjectiveCollator:
        """Return a collator with the same settings that starts at its first batch, for held-out rows."""
        other = copy.copy(self)
        other.seeds = BatchSeeds(self.seeds.seed, self.seeds.rank)
        # An epoch of its own, before the first: unless it is told, workers draw others in every pass.
        other.seeds.start(-1)
        return other

    def set_epoch(self, epoch: int, batch: int = 0) -> None:
        """Say that the next batch is this one of this epoch; worker processes that start afterwards know it too."""
        self.seeds.start(epoch, batch)

    def state_dict(self) -> dict[str, Any]:
        """Return what it takes to go on with the next batch."""
        return self.seeds.state_dict()

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on where `state_dict` was taken."""
        self.seeds.load_state_dict(state)


_OF_MODELS = ("input_ids", "attention_mask", "labels")


class VariableLengthMaskCollator(ObjectiveCollator):
    """Hides tokens, a share of its own in every row.

    Parameters
    ----------
    tokenizer
    ratio
        A share such as 0.15, ``("uniform", low, high)``, ``("beta", a, b)``, or the same as text, ``"uniform:0:1"``.
    pattern
        ``"random"``, ``"suffix"`` (a prefix is seen), or ``"mixture"`` of both.
    suffix_share
        Share of rows with a suffix in a mixture.
    exact_count
        Whether the ratio says how many tokens are hidden, or each is by itself. Either way at least one is.
    stratified
        Whether the ratios of a batch are spread evenly over their distribution.
    mask_replace_prob, random_replace_prob
        Shares of hidden tokens that become the mask, or a random token; pure masks unless given, 0.8 and 0.1 in BERT.
    **options
        As for `ObjectiveCollator`: `pad_to_multiple_of`, `max_length`, `return_tensors`, `seed`, `rank`, `extras`.

    Raises
    ------
    InvalidInput
        If the tokenizer has no mask token, or a setting is out of range.
    """

    def __init__(
        self,
        tokenizer: Any,
        *,
        ratio: Ratio | float | str | tuple[str | float, ...] = ("uniform", 0.0, 1.0),
        pattern: Pattern | str = "random",
        suffix_share: float = 0.5,
        exact_count: bool = True,
        stratified: bool = True,
        mask_replace_prob: float = 1.0,
        random_replace_prob: float = 0.0,
        **options: Any,
    ) -> None:
        masking = Masking(
            ratio=as_ratio(ratio),
            pattern=as_pattern(pattern, suffix_share),
            count=ExactCount() if exact_count else BernoulliCount(),
            stratified=stratified,
        )
        objective = MaskedPrediction(
            vocabulary=Vocabulary.of(tokenizer),
            masking=masking,
            replacement=Replacement(mask_replace_prob, random_replace_prob),
        )
        super().__init__(tokenizer, objective, **options)

    def torch_mask_tokens(
        self, inputs: Tensor, special_tokens_mask: Any | None = None, offset_mapping: Any | None = None
    ) -> tuple[Tensor, Tensor]:
        """Return inputs with tokens hidden, and labels; unlike that of transformers, leaves `inputs` as they were."""
        del offset_mapping
        special = None if special_tokens_mask is None else torch.as_tensor(special_tokens_mask)
        batch = self.objective.draw(inputs, self.seeds.next(), special=special)
        return batch["input_ids"], batch["labels"]


class MultiOffsetCollator(ObjectiveCollator):
    """Gives every token the next K tokens as labels ``[batch, position, offset]``, already shifted.

    Labels past the end of a row, in padding or in another document are -100. Documents are told apart by a column
    `document_ids` of the examples, else by the token that ends them. Rows keep their tokens.

    No model of transformers makes a loss of such labels: they are for `PretrainingTrainer`, for a loop that calls
    `objective.loss` (both with ``extras=True``), or for the `compute_loss_func` of a plain Trainer.

    Parameters
    ----------
    tokenizer
    offsets
        K.
    weights
        How much each offset counts; equal unless given.
    estimator
        ``"all"`` offsets of every row, or ``"sample"``: labels ``[batch, position, 1]`` of one offset a row.
    within_documents
        Whether targets stay in the document of the token they are predicted from.
    **options
        As for `ObjectiveCollator`: `pad_to_multiple_of`, `max_length`, `return_tensors`, `seed`, `rank`, `extras`.
    """

    def __init__(
        self,
        tokenizer: Any,
        *,
        offsets: int = 4,
        weights: tuple[float, ...] = (),
        estimator: Estimator = "all",
        within_documents: bool = True,
        **options: Any,
    ) -> None:
        objective = DiverseAutoregression(
            vocabulary=Vocabulary.of(tokenizer),
            offsets=offsets,
            weights=weights,
            estimator=estimator,
            within_documents=within_documents,
        )
        super().__init__(tokenizer, objective, **options)
