r"""Transformers that learn to answer from context, so that their parts can be taken out one at a time.

A token packs a question, an answer and its reward, :math:`[x; y_n; r_n]`, and attention is causal: what is read at
token n has seen n answers and no later one, in every variant alike. There are no positions: only rewards order answers.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Float
from torch import Tensor, nn

from consilience.ground.errors import InvalidInput
from consilience.methods.self_correction.estimator import Answers, misalignment
from consilience.methods.self_correction.ranking import Cosine, ImplicitReward, plackett_luce_over_prefixes
from consilience.methods.self_correction.sequences import Contexts, Source
from consilience.neural.attention import Kind
from consilience.neural.masks import causal
from consilience.neural.training import train
from consilience.neural.transformer import Transformer
from consilience.neural.weights import initialised

__all__ = ["Architecture", "Learner", "Objective", "RankingObjective", "SupervisedObjective", "Training", "learn"]

OverPrefixes = Float[Tensor, "sequence example dimension"]


@dataclass(frozen=True, kw_only=True)
class Architecture:
    """What a transformer is made of.

    Examples
    --------
    >>> from consilience.neural.transformer import parameters
    >>> full, without = Architecture(), Architecture(feedforward=None)
    >>> parameters(full.build(5, seed=0)) > 2 * parameters(without.build(5, seed=0))
    True
    """

    width: int = 48
    """Features a token has."""
    heads: int = 3
    """Of attention, on equal shares of the width."""
    depth: int = 4
    """Blocks."""
    feedforward: int | None = 192
    """Hidden width of the feed-forward networks; None leaves them out."""
    kind: Kind = "softmax"
    """Of attention."""

    def build(self, dimension: int, *, seed: int) -> Learner:
        """Return a transformer with first weights of a seed, for answers of so many numbers."""
        return initialised(seed, lambda: Learner(self, dimension))


class Learner(nn.Module):
    """A causal transformer from packed tokens to an answer at every token."""

    def __init__(self, architecture: Architecture, dimension: int) -> None:
        super().__init__()
        self.architecture = architecture
        self.dimension = dimension
        self.read_in = nn.Linear(2 * dimension + 1, architecture.width)
        self.transformer = Transformer(
            architecture.width,
            architecture.heads,
            architecture.depth,
            feedforward=architecture.feedforward,
            kind=architecture.kind,
        )
        self.read_out = nn.Linear(architecture.width, dimension)

    def forward(self, contexts: Contexts) -> OverPrefixes:
        """Return the answers after one example, after two, and so on.

        Raises
        ------
        InvalidInput
            If the answers have another dimension than those it was made for.
        """
        if contexts.dimension != self.dimension:
            raise InvalidInput(f"answers must have {self.dimension} numbers here; got {contexts.dimension}")
        query = contexts.query[:, None].expand_as(contexts.responses)
        packed = torch.cat([query, contexts.responses, contexts.rewards[..., None]], dim=-1).to(self.read_in.weight)
        mask = causal(contexts.examples, device=packed.device)
        answers: Tensor = self.read_out(self.transformer(self.read_in(packed), mask))
        return answers

    @torch.no_grad()
    def answer(self, contexts: Contexts) -> Answers:
        """Return one answer a sequence, after all of its examples, where and as precise as the contexts are."""
        answers: Tensor = self(contexts)
        return answers[:, -1].to(contexts.query)


@runtime_checkable
class Objective(Protocol):
    """What training minimises."""

    def __call__(self, answers: OverPrefixes, contexts: Contexts) -> Float[Tensor, ""]:
        """Return the loss of the answers over all prefixes."""
        ...


@dataclass(frozen=True)
class RankingObjective:
    """The paper's: Plackett-Luce of the answers seen so far, averaged over prefixes of two and more. No target."""

    reward: ImplicitReward = field(default_factory=Cosine)
    """By which the model's answer ranks those it has seen."""

    def __call__(self, answers: OverPrefixes, contexts: Contexts) -> Float[Tensor, ""]:
        """Return the loss of the answers over all prefixes."""
        losses = plackett_luce_over_prefixes(self.reward(answers, contexts.responses), contexts.rewards)
        return losses[:, 1:].mean()


@dataclass(frozen=True)
class SupervisedObjective:
    """One minus the cosine with the right answer, which this objective is told in training; over the same prefixes."""

    def __call__(self, answers: OverPrefixes, contexts: Contexts) -> Float[Tensor, ""]:
        """Return the loss of the answers over all prefixes."""
        return misalignment(answers, contexts.target[:, None].expand_as(answers))[:, 1:].mean()


@dataclass(frozen=True, kw_only=True)
class Training:
    """How a transformer is trained."""

    steps: int = 500
    """Of Adam; every one on fresh sequences."""
    batch_size: int = 64
    """Sequences a step."""
    examples: int = 12
    """Answers a sequence."""
    learning_rate: float = 2e-3
    """The highest of a cycle."""

    def __post_init__(self) -> None:
        """Refuse sequences that nothing can be ranked in."""
        if self.examples < 2:  # noqa: PLR2004 - an order needs two
            raise InvalidInput(f"`examples` must be at least 2, so that there is an order; got {self.examples}")


def learn(
    architecture: Architecture,
    objective: Objective,
    source: Source,
    training: Training,
    *,
    seed: int,
    device: torch.device | None = None,
    progress: Callable[[int, float], None] | None = None,
) -> Learner:
    """Train a transformer on contexts of a source, without ever showing it one twice.

    Parameters
    ----------
    architecture, objective, source, training
    seed
        Of the first weights and of all contexts, which are drawn on the processor whatever the device.
    device
        Where to train; the processor unless given.
    progress
        Told every step's number and loss.
    """
    place = device or torch.device("cpu")
    learner = architecture.build(source.dimension, seed=seed).to(place)
    generator = torch.Generator().manual_seed(seed)

    def loss(_step: int) -> Tensor:
        contexts = source.draw(training.batch_size, training.examples, generator).to(place)
        return objective(learner(contexts), contexts)

    train(learner, loss, steps=training.steps, learning_rate=training.learning_rate, progress=progress)
    return learner.eval()
