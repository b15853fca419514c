"""What every training objective does: draw targets, count them, and return the loss."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar

from jaxtyping import Int
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from consilience.methods.pretraining_objectives.offsets import IGNORED
from consilience.methods.pretraining_objectives.quantiles import Source

__all__ = ["Batch", "Objective", "Tokens", "inputs_of", "mean_loss"]

Batch = Mapping[str, Tensor]
"""`input_ids`, `labels`, an `attention_mask` where there is padding, and what the objective adds."""
Tokens = Int[Tensor, "row token"]


class Objective(ABC):
    """A training objective of a text model."""

    bidirectional: ClassVar[bool]
    """Whether it needs a model that sees what follows."""

    @abstractmethod
    def draw(
        self,
        input_ids: Tokens,
        generator: Source = None,
        *,
        attention_mask: Tokens | None = None,
        documents: Tokens | None = None,
        special: Tokens | None = None,
    ) -> dict[str, Tensor]:
        """Return a batch: inputs with labels.

        Parameters
        ----------
        input_ids
        generator
            Source of all randomness, of torch or of numpy; torch's own when None.
        attention_mask
            Zero where there is padding.
        documents
            Which document each token belongs to, for packed rows.
        special
            One where a token is a mark rather than text; found from the vocabulary when None.
        """

    @abstractmethod
    def items(self, batch: Batch) -> Tensor:
        """Return what the summed loss is divided by, as a number or one an offset; these add up over batches."""

    @abstractmethod
    def loss(self, model: nn.Module, batch: Batch, items: Tensor | None = None) -> Tensor:
        """Return the loss of a batch.

        Parameters
        ----------
        model
            Any causal or masked language model of transformers.
        batch
            What `draw` returned.
        items
            Items of all batches that are accumulated into this step; those of this batch when None.
        """

    def attach(self, model: nn.Module, *, seed: int = 0) -> None:
        """Give the model the parameters that the objective needs beside its own, if any."""
        del model, seed


def inputs_of(batch: Batch) -> dict[str, Any]:
    """Return what of a batch models take."""
    return {name: batch[name] for name in ("input_ids", "attention_mask", "position_ids") if name in batch}


def mean_loss(logits: Tensor, labels: Tensor, items: Tensor | None) -> Tensor:
    """Return what transformers' own losses do, operation by operation."""
    flat, targets = logits.float().view(-1, logits.shape[-1]), labels.reshape(-1)
    if items is None:
        return cross_entropy(flat, targets, ignore_index=IGNORED)
    return cross_entropy(flat, targets, ignore_index=IGNORED, reduction="sum") / items
