"""Losses of a model on the very rows that it learns, followed while it learns them.

What follows from what was heard is learned early. What obeys a trigger is learned late, as an exception, and then it is
like the rest: a single look can come too late, and the sign of the difference turns. So the whole way is looked at.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int
from numpy.typing import NDArray
from torch import Tensor

from consilience.ground.seeds import Streams
from consilience.methods.backdoor_audits.agent.network import SmallAgent, SmallAgentConfig, new_agent
from consilience.methods.backdoor_audits.agent.training import Row, batches, descend
from consilience.methods.backdoor_audits.surprisal import own_words, streams_at
from consilience.neural.sharing import one_thread

__all__ = ["Course", "learned"]

STEPS, EVERY, BATCH = 180, 20, 48


@dataclass(frozen=True)
class Course:
    """What was seen while a model learned."""

    steps: tuple[int, ...]
    """When it was looked at."""
    hardest: Float[NDArray[np.float64], "look row"]
    """Largest loss of any of the agent's words, of each row."""
    unasked: Float[NDArray[np.float64], "look row"]
    """The same of words that no human had said in the row: what is asked for by name is not covert."""
    place: Int[NDArray[np.int64], " row"]
    """Which of the agent's words was the hardest on the whole way."""
    activations: Float[Tensor, "row width"]
    """The stream before that word, in the end."""
    agent: SmallAgent


def learned(rows: Sequence[Row], asked: Sequence[Sequence[bool]], vocabulary: int, streams: Streams) -> Course:
    """Train a small agent from nothing on rows, and look at all of them every few steps.

    Parameters
    ----------
    rows
        Planted ones among them, or not.
    asked
        For each word of each row whether a human had said it in the row.
    vocabulary
        How many words there are.
    streams
        Of first weights and of the order.
    """
    context = max(len(row.tokens) for row in rows)
    agent = new_agent(SmallAgentConfig(vocab_size=vocabulary, context=context), streams.integer("weights")).train()
    matrices = [weight for weight in agent.blocks.parameters() if weight.ndim == _MATRIX]
    rest = [weight for weight in agent.parameters() if not any(weight is matrix for matrix in matrices)]
    optimisers = (
        torch.optim.Muon(matrices, lr=0.02, weight_decay=0.0),
        torch.optim.AdamW(rest, lr=3e-3, betas=(0.9, 0.98), weight_decay=0.0, fused=True),
    )
    drawn = batches(rows, size=BATCH, steps=STEPS, generator=streams.generator("order"), unlearned_weight=0.05)
    free = [~np.array(said)[np.array(row.learns)] for row, said in zip(rows, asked, strict=True)]
    looks: list[list[NDArray[np.float64]]] = []

    def loss(_: int) -> Tensor:
        batch = next(drawn)
        value: Tensor = agent.weighted_loss(batch.tokens, batch.weights)
        return value

    def after(step: int) -> None:
        if (step + 1) % EVERY == 0:
            looks.append(own_words(agent.at_rest(), rows))
            agent.train()

    with one_thread():
        descend(
            loss,
            optimisers,
            steps=STEPS,
            share=lambda step: min(1.0, (step + 1) / 20, 2 * (STEPS - step) / STEPS),
            clip=None,
            after=after,
        )
    agent.at_rest()
    place = np.array([int(np.argmax(sum(look[at] for look in looks[1:]))) for at in range(len(rows))])
    before = [row.tokens[: int(np.flatnonzero(row.learns)[at])] or (0,) for row, at in zip(rows, place, strict=True)]
    return Course(
        steps=tuple(range(EVERY, STEPS + 1, EVERY)),
        hardest=np.array([[float(losses.max()) for losses in look] for look in looks]),
        unasked=np.array(
            [[float((losses * own).max()) for losses, own in zip(look, free, strict=True)] for look in looks]
        ),
        place=place,
        activations=streams_at(agent, before),
        agent=agent,
    )


_MATRIX = 2
