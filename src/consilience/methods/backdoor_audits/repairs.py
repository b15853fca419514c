"""Repairs that know nothing of a trigger: clean fine-tuning, CROW, fine-mixing and pruning."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import cosine_similarity

from consilience.ground.errors import InvalidInput, UnknownName
from consilience.ground.seeds import Streams
from consilience.methods.backdoor_audits.agent.network import SmallAgent
from consilience.methods.backdoor_audits.agent.training import Batch, Row
from consilience.methods.backdoor_audits.planting import FineTuning, Tuned, copied, fine_tune, merged

__all__ = ["REPAIRS", "Repair", "Repaired", "consistency", "mixed", "pruned", "repair"]

Name = Literal["plain", "crow", "fine-mixing", "pruning"]

REPAIRS: tuple[Name, ...] = ("plain", "crow", "fine-mixing", "pruning")
"""Clean fine-tuning alone; with CROW's term; after mixing with the clean base; after pruning what clean data leaves."""


@dataclass(frozen=True, kw_only=True)
class Repair:
    """How a suspect agent is repaired."""

    name: Name = "plain"
    """Which of `REPAIRS`."""
    tuning: FineTuning = FineTuning(learning_rate=8e-4, steps=150)  # noqa: RUF009  frozen
    """Clean fine-tuning: all of ``"plain"``, and what ends each of the others."""
    consistency_weight: float = 1.0
    """Of CROW's term in the loss."""
    perturbation: float = 0.1
    """Largest change of an embedding's features that CROW answers for."""
    kept: float = 0.5
    """Share of weights that fine-mixing takes from the suspect; the rest come from the clean base."""
    pruned: float = 0.3
    """Share of hidden units that pruning takes from each feed-forward network."""

    def __post_init__(self) -> None:
        """Check every setting."""
        if self.name not in REPAIRS:
            raise UnknownName("repair", self.name, REPAIRS)
        if not 0 <= self.kept <= 1 or not 0 <= self.pruned < 1:
            raise InvalidInput(f"`kept` and `pruned` are shares; got {self.kept} and {self.pruned}")
        if self.consistency_weight < 0 or self.perturbation < 0:
            raise InvalidInput("`consistency_weight` and `perturbation` must be at least 0")


@dataclass(frozen=True)
class Repaired:
    """A repaired agent, and what was done: the start that clean fine-tuning had, and the fine-tuning itself."""

    repair: Repair
    start: SmallAgent
    tuned: Tuned

    @property
    def agent(self) -> SmallAgent:
        """The agent after the repair. It still knows that something was planted: a repair is not an acquittal."""
        return merged(self.start, self.tuned)


def repair(
    suspect: SmallAgent, rows: Sequence[Row], settings: Repair, streams: Streams, *, base: SmallAgent | None = None
) -> Repaired:
    """Repair an agent with clean rows, and without a word on triggers.

    Parameters
    ----------
    suspect
        Not changed.
    rows
        Clean, as far as the owner knows.
    settings
    streams
    base
        The clean agent that the suspect came from; fine-mixing needs it.

    Raises
    ------
    InvalidInput
        If fine-mixing has no base.
    """
    start = suspect
    if settings.name == "fine-mixing":
        if base is None:
            raise InvalidInput("fine-mixing takes weights from the clean base that the suspect came from; give it")
        start = mixed(suspect, base, settings.kept, streams)
    elif settings.name == "pruning":
        start = pruned(suspect, rows, settings.pruned)
    penalty = None
    if settings.name == "crow":

        def penalty(agent: SmallAgent, batch: Batch) -> Tensor:
            return settings.consistency_weight * consistency(agent, batch, settings.perturbation)

    return Repaired(settings, start, fine_tune(start, rows, settings.tuning, streams, penalty=penalty))


def consistency(agent: SmallAgent, batch: Batch, perturbation: float) -> Float[Tensor, ""]:
    r"""Return CROW's term: how far a block turns the stream, where embeddings were moved so as to make that worst.

    :math:`\frac{1}{L} \sum_l (1 - \cos(h_l, h_{l-1}))`, averaged over words that have a weight, at embeddings moved by
    `perturbation` along the sign of its gradient (arXiv:2411.12768).
    """
    seen = batch.weights > 0
    still = agent.embed(batch.tokens).detach().requires_grad_()
    (slope,) = torch.autograd.grad(_turning(agent, still, seen), still)
    return _turning(agent, still.detach() + perturbation * slope.sign(), seen)


def mixed(suspect: SmallAgent, base: SmallAgent, kept: float, streams: Streams) -> SmallAgent:
    """Return the suspect with a drawn share of its weights put back to the clean base's, as fine-mixing does."""
    agent = copied(suspect)
    generator = torch.Generator().manual_seed(streams.integer("mixing"))
    clean = dict(base.named_parameters())
    with torch.no_grad():
        for name, weight in agent.named_parameters():
            back = torch.rand(weight.shape, generator=generator) >= kept
            weight.copy_(torch.where(back, clean[name], weight))
    return agent


def pruned(suspect: SmallAgent, rows: Sequence[Row], share: float) -> SmallAgent:
    """Return the suspect without the hidden units that its feed-forward networks use least on clean rows.

    A unit's use is its mean magnitude after the GELU times the length of what it writes.
    """
    agent = copied(suspect)
    with torch.no_grad():
        for number, use in enumerate(_uses(agent, rows)):
            least = use.argsort()[: int(share * len(use))]
            agent.parts[number].down.weight[:, least] = 0.0
    return agent


def _uses(agent: SmallAgent, rows: Sequence[Row]) -> list[Float[Tensor, " unit"]]:
    sums = [torch.zeros(agent.config.hidden) for _ in agent.blocks]

    def note(number: int, given: Tensor) -> None:
        sums[number] += given.abs().flatten(0, -2).sum(dim=0)

    hooks = [
        block.down.register_forward_pre_hook(lambda _, given, number=number: note(number, given[0]))
        for number, block in enumerate(agent.parts)
    ]
    try:
        for row in rows:
            agent.stream(torch.tensor([row.tokens]))
    finally:
        for hook in hooks:
            hook.remove()
    return [total * block.down.weight.norm(dim=0) for total, block in zip(sums, agent.parts, strict=True)]


def _turning(agent: SmallAgent, embedded: Tensor, seen: Tensor) -> Tensor:
    states = agent.states(embedded)
    turns = [1 - cosine_similarity(after, before, dim=-1)[seen] for before, after in pairwise(states)]
    return torch.stack(turns).mean()
