r"""What a model gives to held-out tokens: after prefixes of any length, in any order, and one at a time.

A masked model that continues text must be told how its input is laid out. *Tight* is the prefix and one mask; *full* is
the prefix and masks up to the window. A model that has only seen few masks at a time may answer differently. Marks such
as the mask itself are no text and get no probability, or losses of models with and without them could not be compared.
All rows are text of one length, without padding; a mark among the tokens that are asked for is refused.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from consilience.ground.errors import InvalidInput
from consilience.methods.pretraining_objectives.vocabulary import Vocabulary

__all__ = ["Causal", "Full", "Layout", "Tight", "elbo", "prefix_losses", "pseudo_losses"]

Rows = Int[Tensor, "row token"]
Losses = Float[Tensor, " row"]
CHUNK = 128
"""Rows a pass, fewer of long ones."""
PLACES = 128 * CHUNK
"""Tokens a pass: each has as many logits as there are words."""


@dataclass(frozen=True)
class Layout(ABC):
    """How a model is asked for the token after a prefix."""

    vocabulary: Vocabulary

    @abstractmethod
    def given(self, rows: Rows, length: int) -> Int[Tensor, "row shown"]:
        """Return what the model is given of these rows after prefixes of this length."""

    @abstractmethod
    def place(self, length: int) -> int:
        """Return at which place its answer is read."""


@dataclass(frozen=True)
class Causal(Layout):
    """The prefix alone; the answer stands at its last token."""

    def given(self, rows: Rows, length: int) -> Int[Tensor, "row shown"]:
        """Return the prefix."""
        return rows[:, :length]

    def place(self, length: int) -> int:
        """Return the last place."""
        return length - 1


@dataclass(frozen=True)
class Tight(Layout):
    """The prefix and one mask."""

    def given(self, rows: Rows, length: int) -> Int[Tensor, "row shown"]:
        """Return the prefix with a mask after it."""
        return _hidden_from(rows[:, : length + 1], length, self.vocabulary)

    def place(self, length: int) -> int:
        """Return the place of the mask."""
        return length


@dataclass(frozen=True)
class Full(Tight):
    """The prefix and masks up to the end of the row."""

    def given(self, rows: Rows, length: int) -> Int[Tensor, "row shown"]:
        """Return rows with everything after the prefix masked."""
        return _hidden_from(rows, length, self.vocabulary)


@torch.no_grad()
def prefix_losses(model: nn.Module, rows: Rows, lengths: Sequence[int], layout: Layout) -> Float[Tensor, "length row"]:
    """Return the loss of the token after a prefix of each length, in nats.

    Parameters
    ----------
    model
        A language model of transformers, causal or bidirectional as the layout needs; in evaluation mode.
    rows
    lengths
        Of prefixes, at least 1 and below the length of the rows.
    layout

    Raises
    ------
    InvalidInput
        If a length leaves no prefix or no token after it.
    """
    if not lengths or min(lengths) < 1 or max(lengths) >= rows.shape[1]:
        raise InvalidInput(f"`lengths` must lie between 1 and {rows.shape[1] - 1}; got {list(lengths)}")
    losses = []
    for length in lengths:
        given = layout.given(rows, length)
        logits = [model(input_ids=part).logits[:, layout.place(length)] for part in _parts(given)]
        losses.append(_losses(torch.cat(logits), rows[:, length], layout.vocabulary))
    return torch.stack(losses)


@torch.no_grad()
def elbo(
    model: nn.Module, rows: Rows, vocabulary: Vocabulary, *, draws: int = 32, generator: torch.Generator | None = None
) -> Losses:
    """Return a Monte Carlo estimate of a bound on minus the log-likelihood, in nats a token.

    Every draw hides n of s tokens, n uniform on 1 to s and spread evenly over the draws, and counts their loss s / n
    times: the loss of predicting tokens in a random order, which bounds the loss of a mixture over orders from above.

    Parameters
    ----------
    model
        A masked model, in evaluation mode.
    rows
    vocabulary
    draws
        For each row. The error falls with their square root.
    generator

    Raises
    ------
    InvalidInput
        If there is no draw.
    """
    if draws < 1:
        raise InvalidInput(f"`draws` must be at least 1; got {draws}")
    count, length = rows.shape
    total = torch.zeros(count, dtype=torch.float64)
    levels = (torch.rand(count, generator=generator)[:, None] + torch.arange(draws) / draws) % 1
    for draw in range(draws):
        hidden_count = 1 + (levels[:, draw] * length).long().clamp(max=length - 1)
        ranks = torch.rand(count, length, generator=generator).argsort(dim=1).argsort(dim=1)
        hidden = (ranks < hidden_count[:, None]).to(rows.device)
        losses = _all_losses(model, rows.masked_fill(hidden, vocabulary.required_mask()), rows, vocabulary)
        total += (losses * hidden).sum(dim=1).cpu().double() / hidden_count
    return (total / draws).to(torch.get_default_dtype())


@torch.no_grad()
def pseudo_losses(model: nn.Module, rows: Rows, vocabulary: Vocabulary) -> Losses:
    """Return the mean loss of every token given all others of its row, in nats; its exponential is pseudo-perplexity.

    It is no likelihood of the row, and falls below one where tokens give each other away.
    """
    total = torch.zeros(len(rows), device=rows.device)
    for place in range(rows.shape[1]):
        given = rows.clone()
        given[:, place] = vocabulary.required_mask()
        total += _all_losses(model, given, rows, vocabulary)[:, place]
    return total / rows.shape[1]


def _hidden_from(rows: Rows, length: int, vocabulary: Vocabulary) -> Rows:
    given = rows.clone()
    given[:, length:] = vocabulary.required_mask()
    return given


def _parts(given: Rows) -> tuple[Int[Tensor, "_ token"], ...]:
    return torch.split(given, max(1, min(CHUNK, PLACES // given.shape[1])))


def _all_losses(model: nn.Module, given: Rows, rows: Rows, vocabulary: Vocabulary) -> Float[Tensor, "row token"]:
    logits = torch.cat([model(input_ids=part).logits for part in _parts(given)])
    return _losses(logits.flatten(0, 1), rows.flatten(), vocabulary).view(rows.shape)


def _losses(
    logits: Float[Tensor, "answer token"], truth: Int[Tensor, " answer"], vocabulary: Vocabulary
) -> Float[Tensor, " answer"]:
    marks = sorted({*vocabulary.special, *(m for m in (vocabulary.mask, vocabulary.pad) if m is not None)})
    asked = sorted({*marks} & {*truth.tolist()})
    if asked:
        raise InvalidInput(f"marks get no probability, and rows hold {asked}: leave out rows with marks to predict")
    barred = logits.float().index_fill(1, torch.tensor(marks, dtype=torch.long, device=logits.device), -torch.inf)
    return cross_entropy(barred, truth, reduction="none")
