"""What a policy prefers, says and has moved away from: on pairs it has not seen, beside its reference."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from transformers import GenerationConfig

from consilience.ground.errors import InvalidInput
from consilience.methods.decorrelated_preferences.rest import at_rest
from consilience.neural.generators import seeded

__all__ = ["Preferences", "answer_log_probs", "generations", "kl_to_reference", "preferences", "rule_rate"]

Batch = Mapping[str, Any]
"""As TRL's preference collator makes it: chosen rows, then rejected ones."""


@dataclass(frozen=True, kw_only=True)
class Preferences:
    """Log-probabilities of answers under a policy, less those under its reference."""

    chosen: Float[Tensor, " pair"]
    rejected: Float[Tensor, " pair"]
    beta: float
    """Factor from log-ratios to rewards."""

    @property
    def accuracy(self) -> float:
        """Share of pairs whose chosen answer gained more than the rejected one."""
        return float((self.chosen > self.rejected).double().mean())

    @property
    def margin(self) -> float:
        """Mean reward of chosen answers above that of rejected ones."""
        return self.beta * float((self.chosen - self.rejected).double().mean())

    @property
    def displacement(self) -> float:
        """Mean change of the log-probability of chosen answers, in nats; below zero they became less likely."""
        return float(self.chosen.double().mean())

    @property
    def loss(self) -> float:
        """The loss of DPO on these pairs."""
        rewards = self.beta * (self.chosen - self.rejected).double()
        return float(-torch.nn.functional.logsigmoid(rewards).mean())


def answer_log_probs(model: nn.Module, batch: Batch) -> Float[Tensor, " row"]:
    """Return the log-probability of every answer of a batch."""
    ids, answers = batch["input_ids"], batch["completion_mask"]
    with at_rest(model) as device:
        logits = model(input_ids=ids.to(device), attention_mask=batch["attention_mask"].to(device)).logits.cpu()
    found = _picked(logits[:, :-1].float().log_softmax(dim=-1), ids[:, 1:])
    summed: Tensor = (found * answers[:, 1:]).sum(dim=1)
    return summed


def preferences(policy: nn.Module, reference: nn.Module, batches: Sequence[Batch], *, beta: float = 0.1) -> Preferences:
    """Compare a policy with its reference on pairs.

    Parameters
    ----------
    policy, reference
        Causal language models.
    batches
        Of TRL's preference collator.
    beta
        Factor from log-ratios to rewards; DPO's own.
    """
    ratios = [(answer_log_probs(policy, batch) - answer_log_probs(reference, batch)).chunk(2) for batch in batches]
    return Preferences(
        chosen=torch.cat([chosen for chosen, _ in ratios]),
        rejected=torch.cat([rejected for _, rejected in ratios]),
        beta=beta,
    )


def generations(
    model: Any, tokenizer: Any, prompts: Sequence[str], *, tokens: int, seed: int | None = None, batch_size: int = 64
) -> list[str]:
    """Return an answer to every prompt: the likeliest token at every place, or sampled where a seed is given.

    They are the model's own: what its ``generation_config`` adds elsewhere, such as penalties, is left aside.
    """
    made: list[str] = []
    for first in range(0, len(prompts), batch_size):
        asked, ids = _generated(model, tokenizer, prompts[first : first + batch_size], tokens, _next(seed, first))
        made += tokenizer.batch_decode(ids[:, asked.shape[1] :], skip_special_tokens=True)
    return made


def rule_rate(answers: Sequence[str], prompts: Sequence[str], rule: Callable[[str, str], bool]) -> float:
    """Return the share of answers that follow a rule, which is told prompt and answer.

    Raises
    ------
    InvalidInput
        If there are no answers.

    Examples
    --------
    >>> rule_rate(["b", "c"], ["a", "b"], lambda prompt, answer: ord(answer) == ord(prompt) + 1)
    1.0
    """
    if not answers:
        raise InvalidInput("a share needs answers; got none: give at least one prompt")
    followed = [rule(prompt, answer) for prompt, answer in zip(prompts, answers, strict=True)]
    return sum(followed) / len(followed)


def kl_to_reference(
    policy: Any, reference: Any, tokenizer: Any, prompts: Sequence[str], *, tokens: int, seed: int, batch_size: int = 64
) -> float:
    r"""Return :math:`KL(\pi\|\pi_{ref})` of whole answers, in nats, estimated on answers that the policy samples.

    At every sampled prefix the divergence of the next token is summed over the whole vocabulary, which has the same
    mean as the log-ratio of the sampled tokens and far less noise. Answers are sampled as in `generations`.
    """
    sums: list[Tensor] = []
    for first in range(0, len(prompts), batch_size):
        asked, ids = _generated(policy, tokenizer, prompts[first : first + batch_size], tokens, _next(seed, first))
        sums.append(_divergences(policy, reference, ids, asked, tokenizer))
    return float(torch.cat(sums).mean())


def _divergences(
    policy: Any, reference: Any, ids: Int[Tensor, "row token"], asked: Int[Tensor, "row asked"], tokenizer: Any
) -> Tensor:
    start = asked.shape[1]
    ended = (ids[:, start:] == tokenizer.eos_token_id).long().cumsum(dim=1)
    live = torch.cat([torch.ones_like(ended[:, :1]), (ended[:, :-1] == 0).long()], dim=1)
    attended = torch.cat([asked, live], dim=1)
    first, second = (_log_probs(model, ids, attended)[:, start - 1 : -1] for model in (policy, reference))
    return ((first.exp() * (first - second)).sum(dim=-1) * live).sum(dim=1)


def _log_probs(model: Any, ids: Tensor, attended: Tensor) -> Tensor:
    with at_rest(model) as device:
        places = (attended.cumsum(dim=1) - 1).clamp(min=0)
        logits = model(
            input_ids=ids.to(device), attention_mask=attended.to(device), position_ids=places.to(device)
        ).logits
    found: Tensor = logits.float().cpu().log_softmax(dim=-1)
    return found


def _generated(
    model: Any, tokenizer: Any, prompts: Sequence[str], tokens: int, seed: int | None
) -> tuple[Int[Tensor, "row asked"], Int[Tensor, "row token"]]:
    """Return which tokens of the padded prompts count, and the prompts with their answers.

    Ids alone do not say: many tokenizers pad with the very token that ends a turn of a chat.
    """
    asked = tokenizer(list(prompts), return_tensors="pt", padding=True, padding_side="left")
    with at_rest(model) as device, nullcontext() if seed is None else seeded(seed, device), _plain(model):
        ids = model.generate(
            input_ids=asked["input_ids"].to(device),
            attention_mask=asked["attention_mask"].to(device),
            max_new_tokens=tokens,
            do_sample=seed is not None,
            temperature=1.0 if seed is not None else None,
            top_k=0 if seed is not None else None,
            top_p=1.0 if seed is not None else None,
            pad_token_id=tokenizer.pad_token_id,
            eos_token_id=tokenizer.eos_token_id,
        )
    return asked["attention_mask"], ids.cpu()


@contextmanager
def _plain(model: Any) -> Iterator[None]:
    """Put the model's own settings of generation aside: they fill in all that a call leaves unsaid."""
    inside = model.get_base_model() if hasattr(model, "get_base_model") else model  # adapters hand on those of the base
    kept = inside.generation_config
    inside.generation_config = GenerationConfig()  # type: ignore[no-untyped-call]  # transformers leaves it without types
    try:
        yield
    finally:
        inside.generation_config = kept


def _next(seed: int | None, place: int) -> int | None:
    return None if seed is None else seed + place


def _picked(log_probs: Float[Tensor, "row token word"], ids: Int[Tensor, "row token"]) -> Float[Tensor, "row token"]:
    return log_probs.gather(-1, ids[..., None]).squeeze(-1)
