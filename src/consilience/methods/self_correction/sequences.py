r"""What a model is shown in context: one question, several answers to it, and a reward for each answer.

A source draws contexts of a kind; all randomness is the caller's generator. A prefix of a context is what a model saw
earlier.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Literal, Protocol, runtime_checkable

import torch
from jaxtyping import Float
from torch import Tensor

from consilience.ground.errors import InvalidInput

__all__ = ["Contexts", "IsotropicAnswers", "LineAnswers", "Source", "with_reward_noise"]


@dataclass(frozen=True, kw_only=True)
class Contexts:
    """Sequences of answers and rewards, and the answer that would have been best."""

    query: Float[Tensor, "sequence dimension"]
    """The question x, one a sequence."""
    responses: Float[Tensor, "sequence example dimension"]
    """The answers y_1 to y_N."""
    rewards: Float[Tensor, "sequence example"]
    """What self-examination says of each; only their order enters a ranking loss."""
    target: Float[Tensor, "sequence dimension"]
    """The answer y* that nobody is shown."""

    def __len__(self) -> int:
        """Return how many sequences there are."""
        return len(self.query)

    @property
    def examples(self) -> int:
        """How many answers a sequence has."""
        return self.rewards.shape[1]

    @property
    def dimension(self) -> int:
        """How many numbers an answer has."""
        return self.query.shape[1]

    def prefix(self, examples: int) -> Contexts:
        """Return the contexts as they were after the first few answers.

        Raises
        ------
        InvalidInput
            If there are not as many.
        """
        if not 1 <= examples <= self.examples:
            raise InvalidInput(f"`examples` must lie between 1 and {self.examples}; got {examples}")
        return replace(self, responses=self.responses[:, :examples], rewards=self.rewards[:, :examples])

    def take(self, rows: slice) -> Contexts:
        """Return some of the sequences."""
        return Contexts(
            query=self.query[rows], responses=self.responses[rows], rewards=self.rewards[rows], target=self.target[rows]
        )

    def to(self, where: torch.device | torch.dtype) -> Contexts:
        """Return the same numbers on another device, or in another precision."""
        return Contexts(
            query=self.query.to(where),
            responses=self.responses.to(where),
            rewards=self.rewards.to(where),
            target=self.target.to(where),
        )

    def double(self) -> Contexts:
        """Return the same numbers in double precision."""
        return self.to(torch.float64)


@runtime_checkable
class Source(Protocol):
    """Draws contexts of one kind."""

    @property
    def dimension(self) -> int:
        """How many numbers a question, and an answer, has."""
        ...

    def draw(self, sequences: int, examples: int, generator: torch.Generator) -> Contexts:
        """Draw so many sequences of so many examples."""
        ...


@dataclass(frozen=True, kw_only=True)
class LineAnswers:
    r"""Answers between the right one and one wrong one, as the paper's code draws them.

    :math:`x \sim N(0, I)`, :math:`y^* = W x` and :math:`\epsilon = W_\epsilon x` with standard normal matrices,
    :math:`r_i \sim U[0, 1]` and :math:`y_i = r_i\, y^* + (1 - r_i)\, \epsilon`: one wrong answer a sequence, so that
    all its answers lie on a line, and the reward tells the place on it.

    Examples
    --------
    >>> drawn = LineAnswers(dimension=5).draw(2, 8, torch.Generator().manual_seed(0))
    >>> torch.linalg.matrix_rank(drawn.responses - drawn.responses[:, :1], atol=1e-4).tolist()
    [1, 1]
    """

    dimension: int = 5
    """How many numbers an answer has."""

    def __post_init__(self) -> None:
        """Refuse answers of nothing."""
        _require(dimension=self.dimension)

    def draw(self, sequences: int, examples: int, generator: torch.Generator) -> Contexts:
        """Draw so many sequences of so many examples."""
        _require(sequences=sequences, examples=examples)
        query = torch.randn(sequences, self.dimension, generator=generator)
        target, wrong = (_mapped(query, generator) for _ in range(2))
        rewards = torch.rand(sequences, examples, generator=generator)
        share = rewards[..., None]
        responses = share * target[:, None] + (1 - share) * wrong[:, None]
        return Contexts(query=query, responses=responses, rewards=rewards, target=target)


@dataclass(frozen=True, kw_only=True)
class IsotropicAnswers:
    r"""Answers that are normal noise in every direction, rated by their squared error.

    :math:`y_i = c + s\, z_i` and :math:`r_i = -\lVert y_i - y^* \rVert^2`, plus standard Gumbel noise where `gumbel`
    says so: then the order of the rewards has exactly the Plackett-Luce law with the utilities of
    `ranking.NegativeSquare` at the target (Luce and Suppes 1965; Yellott 1977). The centre c is the origin, so that
    answers know nothing of the target, or the target itself.
    """

    dimension: int = 5
    """How many numbers an answer has."""
    spread: float = 1.0
    """Standard deviation s of each coordinate."""
    gumbel: bool = True
    """Whether rewards are noisy."""
    around: Literal["origin", "target"] = "origin"
    """What the answers scatter about."""

    def __post_init__(self) -> None:
        """Refuse answers of nothing, and answers that are all the same."""
        _require(dimension=self.dimension)
        if not (math.isfinite(self.spread) and self.spread > 0):
            raise InvalidInput(f"`spread` must be a positive number; got {self.spread}")

    def draw(self, sequences: int, examples: int, generator: torch.Generator) -> Contexts:
        """Draw so many sequences of so many examples."""
        _require(sequences=sequences, examples=examples)
        query = torch.randn(sequences, self.dimension, generator=generator)
        target = _mapped(query, generator)
        noise = self.spread * torch.randn(sequences, examples, self.dimension, generator=generator)
        responses = noise if self.around == "origin" else target[:, None] + noise
        rewards = -(responses - target[:, None]).square().sum(dim=-1)
        if self.gumbel:
            waiting = torch.empty_like(rewards).exponential_(generator=generator)
            rewards = rewards - waiting.log()
        return Contexts(query=query, responses=responses, rewards=rewards, target=target)


def with_reward_noise(contexts: Contexts, share: float, generator: torch.Generator) -> Contexts:
    """Replace each reward, with probability `share`, by one that is uniform on [0, 1] and says nothing.

    Raises
    ------
    InvalidInput
        If the share is no probability.
    """
    if not 0 <= share <= 1:
        raise InvalidInput(f"`share` must lie between 0 and 1; got {share}")
    replaced, other = (torch.rand(contexts.rewards.shape, generator=generator) for _ in range(2))
    rewards = torch.where(replaced < share, other.to(contexts.rewards.dtype), contexts.rewards)
    return replace(contexts, rewards=rewards)


def _mapped(
    query: Float[Tensor, "sequence dimension"], generator: torch.Generator
) -> Float[Tensor, "sequence dimension"]:
    weights = torch.randn(*query.shape, query.shape[1], generator=generator)
    return (weights @ query[..., None]).squeeze(-1)


def _require(**counts: int) -> None:
    for name, value in counts.items():
        if value < 1:
            raise InvalidInput(f"`{name}` must be at least 1; got {value}")
