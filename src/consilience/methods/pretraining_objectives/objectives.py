r"""What a text model is trained to predict, as things that draw targets from a batch and return its loss.

Every objective does three things: `draw` turns rows of tokens into inputs and labels (all randomness is here),
`items` says how many targets they hold, and `loss` divides the summed loss by a number of items. Batches that are
accumulated into one step must divide by the items of all of them; that is what the last argument of `loss` is for.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar, Literal

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from consilience.ground.errors import InvalidInput
from consilience.methods.pretraining_objectives.cross_entropy import weighted_cross_entropy
from consilience.methods.pretraining_objectives.heads import OffsetHeads, make_heads
from consilience.methods.pretraining_objectives.masking import Masking, Replacement, put
from consilience.methods.pretraining_objectives.objective import Batch, Objective, Tokens, inputs_of, mean_loss
from consilience.methods.pretraining_objectives.offsets import IGNORED, document_numbers, offset_labels
from consilience.methods.pretraining_objectives.patterns import RandomPattern
from consilience.methods.pretraining_objectives.quantiles import Source, generator_from, spread
from consilience.methods.pretraining_objectives.ratios import UniformRatio
from consilience.methods.pretraining_objectives.unembedding import (
    heads_of,
    read_states,
    require_plain_logits,
    rewritten_states,
    unembedding,
)
from consilience.methods.pretraining_objectives.vocabulary import Vocabulary
from consilience.neural.generators import seeded

__all__ = ["Batch", "DiverseAutoregression", "MaskedPrediction", "Objective"]

Estimator = Literal["all", "sample"]
Weighting = Literal["token", "elbo"]


@dataclass(frozen=True, kw_only=True)
class DiverseAutoregression(Objective):
    r"""Prediction of the next K tokens from a prefix.

    .. math:: -\sum_{k=1}^{K}w_k\,\mathrm{mean}_t\log p_k(x_{t+k}\mid x_{\le t})

    With K = 1 this is next-token prediction, to the bit. The loss of every offset is the mean over its own targets,
    of which there are fewer the further they lie ahead.
    """

    bidirectional: ClassVar[bool] = False

    vocabulary: Vocabulary
    offsets: int = 4
    """K."""
    weights: tuple[float, ...] = ()
    """How much each offset counts; scaled to sum to one, equal unless given."""
    estimator: Estimator = "all"
    """Every offset in every step, or one for each sequence, drawn by the weights: an unbiased estimate, at about the
    cost of next-token prediction. A model that scales or caps its logits (Cohere, Granite, Gemma) takes the latter."""
    heads: str = "adapter"
    """``"adapter"`` or ``"embedding"``."""
    rank: int = 32
    """Rank of adapters."""
    within_documents: bool = True
    """Whether targets stay in the document of the token they are predicted from: by the documents given, else by the
    mark that ends one."""

    def __post_init__(self) -> None:
        """Refuse settings that make no objective."""
        if self.offsets < 1:
            raise InvalidInput(f"`offsets` must be at least 1; got {self.offsets}")
        if self.weights and (len(self.weights) != self.offsets or min(self.weights) < 0 or not sum(self.weights) > 0):
            raise InvalidInput(
                f"`weights` must be {self.offsets} numbers of at least 0, not all 0, one an offset; got {self.weights}"
            )
        if self.estimator not in ("all", "sample"):
            raise InvalidInput(f"`estimator` must be 'all' or 'sample'; got {self.estimator!r}")

    @property
    def shares(self) -> tuple[float, ...]:
        """The weights, summing to one."""
        given = self.weights or (1.0,) * self.offsets
        return tuple(weight / sum(given) for weight in given)

    def draw(
        self,
        input_ids: Tokens,
        generator: Source = None,
        *,
        attention_mask: Tokens | None = None,
        documents: Tokens | None = None,
        special: Tokens | None = None,
    ) -> dict[str, Tensor]:
        """Return the rows with labels ``[row, token, offset]``; with "sample", of one offset a row, in `offset`."""
        del special
        if documents is None and self.within_documents and self.vocabulary.end is not None:
            documents = document_numbers(input_ids, self.vocabulary.end)
        real = None if attention_mask is None else attention_mask.bool()
        labels = offset_labels(
            input_ids, self.offsets, real=real, documents=documents if self.within_documents else None
        )
        batch = {"input_ids": input_ids} | ({} if attention_mask is None else {"attention_mask": attention_mask})
        if self.estimator == "all" or self.offsets == 1:
            return batch | {"labels": labels}
        levels = spread(len(input_ids), generator_from(generator))
        drawn = 1 + np.searchsorted(np.cumsum(self.shares)[:-1], levels, side="right")
        offset = torch.from_numpy(drawn).to(input_ids.device)
        chosen = labels.gather(2, (offset - 1)[:, None, None].expand(-1, labels.shape[1], 1))
        # Each offset's mean is over all its targets, drawn or not, or the estimate would not be unbiased.
        return batch | {"labels": chosen, "offset": offset, "targets_per_offset": (labels != IGNORED).sum(dim=1)}

    def items(self, batch: Batch) -> Tensor:
        """Return how many targets every offset has."""
        per_row = batch.get("targets_per_offset")
        return (batch["labels"] != IGNORED).sum(dim=(0, 1)) if per_row is None else per_row.sum(dim=0)

    def loss(self, model: nn.Module, batch: Batch, items: Tensor | None = None) -> Tensor:
        """Return the weighted sum of the offsets' mean losses, or its estimate."""
        if self.offsets == 1:
            logits = model(**inputs_of(batch)).logits
            return mean_loss(logits, batch["labels"][..., 0], None if items is None else items[0])
        heads = heads_of(model, self.offsets)
        counts = (self.items(batch) if items is None else items).clamp(min=1)
        return (self._sampled if "offset" in batch else self._every)(model, heads, batch, counts)

    def attach(self, model: nn.Module, *, seed: int = 0) -> None:
        """Add the heads to the model as its part `offset_heads`, unless K is 1."""
        if self.offsets > 1:
            with seeded(seed):
                weight = unembedding(model).weight
                heads = make_heads(self.heads, weight.shape[1], self.offsets, self.rank)
            model.add_module("offset_heads", heads.to(device=weight.device, dtype=weight.dtype))

    def _every(self, model: nn.Module, heads: OffsetHeads, batch: Batch, counts: Tensor) -> Tensor:
        labels, shares = batch["labels"], self.shares
        if not heads.plain_logits:
            require_plain_logits(model, batch["input_ids"][:1, :1])
            heads.plain_logits = True
        with read_states(model) as read:
            logits = model(**inputs_of(batch)).logits
        first = shares[0] * mean_loss(logits, labels[..., 0], counts[0])
        ahead = labels[..., 1:].permute(2, 0, 1)
        rows = ahead != IGNORED
        scale = torch.tensor(shares[1:], device=labels.device) / counts[1:]
        weights = scale[:, None, None].expand_as(ahead)[rows]
        states = heads.ahead(read())[rows]
        layer = unembedding(model)
        return first + weighted_cross_entropy(states, layer.weight, layer.bias, ahead[rows], weights)

    def _sampled(self, model: nn.Module, heads: OffsetHeads, batch: Batch, counts: Tensor) -> Tensor:
        labels, offset = batch["labels"][..., 0], batch["offset"]
        with rewritten_states(model, lambda states: heads.chosen(states, offset)):
            logits = model(**inputs_of(batch)).logits
        each = cross_entropy(logits.float().flatten(0, 1), labels.flatten(), ignore_index=IGNORED, reduction="none")
        # An offset is drawn as often as it weighs, so that no weight is left to multiply by.
        return (each.view_as(labels).sum(dim=1) / counts[offset - 1]).sum()


@dataclass(frozen=True, kw_only=True)
class MaskedPrediction(Objective):
    r"""Prediction of hidden tokens from those that are left, at a fixed ratio or one drawn for every row.

    "token" is the mean over hidden tokens, as in BERT. "elbo" weighs a row by s/n (exact counts) or 1/r (Bernoulli) and
    divides by the number of tokens: a bound on their negative log-likelihood, in nats a token. The two differ in the
    size of their gradient, and in how much rows with few hidden tokens count.
    """

    bidirectional: ClassVar[bool] = True

    vocabulary: Vocabulary
    masking: Masking = field(default_factory=Masking)
    replacement: Replacement = field(default_factory=Replacement)
    weighting: Weighting = "token"

    def __post_init__(self) -> None:
        """Refuse a bound that would be none, and a vocabulary without a mask."""
        self.vocabulary.required_mask()
        if self.weighting not in ("token", "elbo"):
            raise InvalidInput(f"`weighting` must be 'token' or 'elbo'; got {self.weighting!r}")
        if self.weighting == "elbo" and not self._bounds():
            raise InvalidInput(
                "the bound on the likelihood needs ratios uniform on 0 to 1 (low at most 0.01), the random pattern "
                f"and pure masks; got {self.masking.ratio}, {self.masking.pattern} and {self.replacement}"
            )

    def _bounds(self) -> bool:
        ratio, smallest = self.masking.ratio, 0.01
        whole = isinstance(ratio, UniformRatio) and ratio.low <= smallest and ratio.high == 1
        return whole and isinstance(self.masking.pattern, RandomPattern) and self.replacement.mask_share == 1

    def draw(
        self,
        input_ids: Tokens,
        generator: Source = None,
        *,
        attention_mask: Tokens | None = None,
        documents: Tokens | None = None,
        special: Tokens | None = None,
    ) -> dict[str, Tensor]:
        """Return the rows with tokens hidden, labels where they were, and each row's `loss_weight` and `mask_ratio`."""
        del documents
        tokens, source = _array(input_ids), generator_from(generator)
        maskable = ~(self.vocabulary.marked(tokens) if special is None else _array(special).astype(np.bool_))
        if attention_mask is not None:
            maskable &= _array(attention_mask).astype(np.bool_)
        drawn = self.masking.draw(maskable, source)
        arrays = {
            "input_ids": self.replacement.apply(tokens, drawn.hidden, self.vocabulary, source),
            "labels": put(tokens, ~drawn.hidden, IGNORED),
            "mask_ratio": drawn.ratio.astype(np.float32),
            "loss_weight": drawn.weight.astype(np.float32),
            "maskable": np.count_nonzero(maskable, axis=1),
        }
        batch = {name: torch.from_numpy(values).to(input_ids.device) for name, values in arrays.items()}
        return batch if attention_mask is None else batch | {"attention_mask": attention_mask}

    def items(self, batch: Batch) -> Tensor:
        """Return how many tokens are hidden, or for the bound how many there are."""
        return (batch["labels"] != IGNORED).sum() if self.weighting == "token" else batch["maskable"].sum()

    def loss(self, model: nn.Module, batch: Batch, items: Tensor | None = None) -> Tensor:
        """Return the mean over hidden tokens, or the bound on the loss of all tokens."""
        logits = model(**inputs_of(batch)).logits
        labels = batch["labels"]
        if self.weighting == "token":
            return mean_loss(logits, labels, items)
        each = cross_entropy(logits.float().flatten(0, 1), labels.flatten(), ignore_index=IGNORED, reduction="none")
        total = (each.view_as(labels).sum(dim=1) * batch["loss_weight"]).sum()
        return total / (self.items(batch) if items is None else items).clamp(min=1)


def _array(values: Tensor) -> np.ndarray:
    return values.cpu().numpy()
