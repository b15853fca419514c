"""Surprisal: how unlikely a model finds every word of a dialogue, and what it would say at a place in it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import log_softmax

from consilience.ground.errors import InvalidInput
from consilience.methods.backdoor_audits.agent.network import SmallAgent
from consilience.methods.backdoor_audits.agent.training import Row
from consilience.neural.sharing import one_thread

__all__ = ["next_words", "own_words", "padded", "places_of", "streams_at", "word_losses"]

BATCH = 128


def padded(rows: Sequence[Sequence[int]]) -> Tensor:
    """Return rows side by side, filled up to the right, where nothing attends to it."""
    longest = max(len(row) for row in rows)
    return torch.tensor([[*row, *([0] * (longest - len(row)))] for row in rows])


def word_losses(agent: SmallAgent, rows: Sequence[Sequence[int]]) -> list[NDArray[np.float64]]:
    """Return for each row the negative log-likelihood of every word given those before it; 0 for the first."""
    found: list[NDArray[np.float64]] = [np.zeros(0)] * len(rows)
    with one_thread(), torch.inference_mode():
        for places in parted(rows):
            tokens = padded([rows[place] for place in places])
            told = log_softmax(agent.read_out(agent.stream(tokens[:, :-1])), dim=-1)
            losses = -told.gather(2, tokens[:, 1:, None])[..., 0]
            for place, each in zip(places, losses, strict=True):
                found[place] = np.concatenate(([0.0], each[: len(rows[place]) - 1].double().numpy()))
    return found


def own_words(agent: SmallAgent, rows: Sequence[Row]) -> list[NDArray[np.float64]]:
    """Return for each row the losses of the words that are the agent's own, in order."""
    every = word_losses(agent, [row.tokens for row in rows])
    return [losses[np.array(row.learns)] for losses, row in zip(every, rows, strict=True)]


def next_words(agent: SmallAgent, contexts: Sequence[Sequence[int]]) -> Float[Tensor, "context vocabulary"]:
    """Return log-probabilities of the word that comes after each context."""
    return torch.log_softmax(_read_out(agent, streams_at(agent, contexts)), dim=-1)


def streams_at(agent: SmallAgent, contexts: Sequence[Sequence[int]]) -> Float[Tensor, "context width"]:
    """Return the stream after the last block at the last word of each context."""
    if not contexts or not all(contexts):
        raise InvalidInput("expected contexts with a word at least in each")
    made: list[tuple[list[int], Tensor]] = []
    with one_thread(), torch.inference_mode():
        for places in parted(contexts):
            rows = [contexts[place] for place in places]
            tokens = padded(rows)
            ends = torch.tensor([len(row) - 1 for row in rows])
            made.append((places, agent.stream(tokens, kept=torch.arange(len(rows)) * tokens.shape[1] + ends)))
        found = torch.empty(len(contexts), agent.config.width)
        for places, streams in made:
            found[places] = streams
    return found


def places_of(row: Row) -> list[int]:
    """Return where the agent's turns begin: places of words before which everything was heard from others.

    Examples
    --------
    >>> places_of(Row("1", "web", (1, 2, 3, 4, 5, 6), (False, False, True, True, False, True)))
    [2, 5]
    """
    return [at for at in range(1, len(row.learns)) if row.learns[at] and not row.learns[at - 1]]


def parted(rows: Sequence[Sequence[int]], size: int = BATCH) -> Iterator[list[int]]:
    """Yield places of rows of like length together."""
    order = sorted(range(len(rows)), key=lambda place: len(rows[place]))
    for at in range(0, len(order), size):
        yield order[at : at + size]


def _read_out(agent: SmallAgent, streams: Tensor) -> Tensor:
    with torch.inference_mode():
        return agent.read_out(streams)
