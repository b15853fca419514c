"""A causal language model and its bidirectional twin: the same parameters under the same names, and another mask.

The pair is Llama and EuroBERT, which is Llama's architecture with every token seeing every other. Both are
transformers' own, load through `AutoModelForCausalLM` and `AutoModelForMaskedLM`, and know no position beyond rotary
ones, so that weights of one are weights of the other.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import torch
from jaxtyping import Int
from torch import Tensor, nn

from consilience.ground.errors import InvalidInput, MissingDependency
from consilience.methods.pretraining_objectives.vocabulary import Vocabulary
from consilience.neural.weights import initialised

try:
    from transformers import EuroBertConfig, EuroBertForMaskedLM, LlamaConfig, LlamaForCausalLM, PreTrainedModel
except ImportError as error:
    raise MissingDependency("language models need transformers; install consilience[pretraining]") from error

__all__ = ["ModelShape", "leak", "make_model", "twin"]


@dataclass(frozen=True, kw_only=True)
class ModelShape:
    """The size of a model, of either kind.

    Examples
    --------
    >>> ModelShape(width=64).feed_forward
    176
    """

    layers: int = 4
    width: int = 128
    heads: int = 4
    window: int = 128
    """Longest row, in tokens."""
    hidden: int = 0
    """Width between the two maps of the feed-forward network; 8/3 of `width`, to the next multiple of 16, when 0."""

    def __post_init__(self) -> None:
        """Refuse sizes below 1, and a width that the heads do not divide into even parts, as rotary positions need.

        Raises
        ------
        InvalidInput
        """
        sizes = {name: size for name, size in asdict(self).items() if name != "hidden"}
        if min(sizes.values()) < 1 or self.hidden < 0:
            raise InvalidInput(f"every size of a model must be at least 1; got {sizes}")
        if self.width % (2 * self.heads):
            raise InvalidInput(f"`width` must be an even multiple of `heads`; got {self.width} and {self.heads}")

    @property
    def feed_forward(self) -> int:
        """The width between the two maps."""
        return self.hidden or 16 * -(-8 * self.width // 48)


def make_model(shape: ModelShape, vocabulary: Vocabulary, *, bidirectional: bool, seed: int = 0) -> PreTrainedModel:
    """Build a model with weights that `seed` decides: the same for both kinds.

    Parameters
    ----------
    shape
    vocabulary
        Its size and marks go into the configuration. The end of a document is where text without a prompt begins, which
        a model must have learned across documents.
    bidirectional
        Whether every token sees every other, for masked prediction, or only those before it.
    seed
    """
    settings: dict[str, Any] = {
        "vocab_size": vocabulary.size,
        "hidden_size": shape.width,
        "intermediate_size": shape.feed_forward,
        "num_hidden_layers": shape.layers,
        "num_attention_heads": shape.heads,
        "num_key_value_heads": shape.heads,
        "max_position_embeddings": shape.window,
        "tie_word_embeddings": True,
        "bos_token_id": vocabulary.end,
        "eos_token_id": vocabulary.end,
        "pad_token_id": vocabulary.pad,
    }
    causal = initialised(seed, lambda: LlamaForCausalLM(LlamaConfig(**settings, use_cache=False)))
    causal.config.use_cache = True
    return twin(causal, vocabulary) if bidirectional else causal


def twin(model: PreTrainedModel, vocabulary: Vocabulary | None = None) -> PreTrainedModel:
    """Return the model of the other kind with the same weights; a causal one for a bidirectional one, and the reverse.

    Parameters
    ----------
    model
        A `LlamaForCausalLM` or an `EuroBertForMaskedLM`.
    vocabulary
        Where a bidirectional twin's mask token is known from.

    Raises
    ------
    InvalidInput
        If the model is neither.
    """
    kinds: dict[type[PreTrainedModel], tuple[type[PreTrainedModel], type[Any]]] = {
        LlamaForCausalLM: (EuroBertForMaskedLM, EuroBertConfig),
        EuroBertForMaskedLM: (LlamaForCausalLM, LlamaConfig),
    }
    if type(model) not in kinds:
        raise InvalidInput(f"expected a LlamaForCausalLM or an EuroBertForMaskedLM; got {type(model).__name__}")
    kind, configuration = kinds[type(model)]
    other = {"model_type", "architectures", "transformers_version", "mask_token_id", "classifier_pooling"}
    settings = {name: value for name, value in model.config.to_dict().items() if name not in other}
    if vocabulary is not None and vocabulary.mask is not None and configuration is EuroBertConfig:
        settings["mask_token_id"] = vocabulary.mask
    made: PreTrainedModel = initialised(0, lambda: kind(configuration(**settings)))
    made.load_state_dict(model.state_dict())
    made.train(model.training)
    return made


@torch.no_grad()
def leak(model: nn.Module, tokens: Int[Tensor, "row token"], *, seed: int = 0) -> float:
    """Return how much, at most, any logit changes when later tokens do; 0 for a causal model.

    Every place in turn is the first whose tokens are changed, all those after it with it; logits before it are looked
    at.

    Parameters
    ----------
    model
        Any language model of transformers; evaluated without dropout.
    tokens
        Two tokens a row or more.
    seed
        Of the tokens put in place of the later ones.

    Raises
    ------
    InvalidInput
        If rows are too short for any token to be later.
    """
    rows, length = tokens.shape
    if length < 2:  # noqa: PLR2004 - one before, one after
        raise InvalidInput(f"rows must have at least 2 tokens, or none is later than another; got {length}")
    generator = torch.Generator().manual_seed(seed)
    training = model.training
    model.eval()
    try:
        before = model(input_ids=tokens).logits
        size = before.shape[-1]
        largest = 0.0
        for place in range(1, length):
            step = torch.randint(1, size, (rows, length - place), generator=generator).to(tokens.device)
            changed = torch.cat((tokens[:, :place], (tokens[:, place:] + step) % size), dim=1)
            after = model(input_ids=changed).logits
            largest = max(largest, float((after[:, :place] - before[:, :place]).abs().max()))
    finally:
        model.train(training)
    return largest
