r"""Light heads that let one hidden state predict tokens at several distances with the model's own unembedding.

A head turns the state h that the unembedding would read into another one for each offset. The first offset's is h
itself, so that next-token prediction, and with it generation, is what it was.
"""

from __future__ import annotations

from abc import abstractmethod

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn.functional import gelu

from consilience.ground.errors import InvalidInput, UnknownName

__all__ = ["AdapterHeads", "EmbeddingHeads", "OffsetHeads", "make_heads"]

States = Float[Tensor, "row token width"]


class OffsetHeads(nn.Module):
    """States for offsets 1 to K; that of offset 1 is left as it is."""

    offsets: int
    plain_logits: bool = False
    """Whether it was seen that their model's logits are its map to them, with nothing behind it."""

    @abstractmethod
    def ahead(self, states: States) -> Float[Tensor, "offset row token width"]:
        """Return the states for offsets 2 to K."""

    @abstractmethod
    def chosen(self, states: States, offset: Int[Tensor, " row"]) -> States:
        """Return every row's states for the offset of that row, 1 to K."""


class EmbeddingHeads(OffsetHeads):
    """A vector an offset, added to the state: the fewest parameters, and a bias on the logits is all it can express."""

    def __init__(self, width: int, offsets: int) -> None:
        super().__init__()
        self.offsets = offsets
        self.shift = nn.Parameter(torch.zeros(offsets - 1, width))

    def ahead(self, states: States) -> Float[Tensor, "offset row token width"]:
        """Return the shifted states."""
        return states[None] + self.shift[:, None, None]

    def chosen(self, states: States, offset: Int[Tensor, " row"]) -> States:
        """Return the states, each row shifted by the vector of its offset."""
        return states + _with_zero(self.shift)[offset - 1][:, None]


class AdapterHeads(OffsetHeads):
    r"""A residual map of low rank an offset, :math:`h+U_k\,\mathrm{gelu}(V_kh)+b_k`, which starts as the identity."""

    def __init__(self, width: int, offsets: int, rank: int = 32) -> None:
        super().__init__()
        if rank < 1:
            raise InvalidInput(f"the rank of a head must be at least 1; got {rank}")
        self.offsets = offsets
        self.down = nn.Parameter(torch.randn(offsets - 1, width, rank) / width**0.5)
        self.up = nn.Parameter(torch.zeros(offsets - 1, rank, width))
        self.shift = nn.Parameter(torch.zeros(offsets - 1, width))

    def ahead(self, states: States) -> Float[Tensor, "offset row token width"]:
        """Return the states that every further head makes."""
        flat = states.flatten(0, 1)
        made = torch.baddbmm(self.shift[:, None], gelu(flat @ self.down), self.up)
        return states[None] + made.view(-1, *states.shape)

    def chosen(self, states: States, offset: Int[Tensor, " row"]) -> States:
        """Return the states that each row's head makes."""
        down, up, shift = (_with_zero(part)[offset - 1] for part in (self.down, self.up, self.shift))
        return states + torch.baddbmm(shift[:, None], gelu(states @ down), up)


def make_heads(kind: str, width: int, offsets: int, rank: int = 32) -> OffsetHeads:
    """Make heads by name: ``"adapter"`` or ``"embedding"``.

    Raises
    ------
    UnknownName
        If there are no such heads.
    InvalidInput
        If there is nothing ahead to predict, or the rank is none.
    """
    if offsets < 2:  # noqa: PLR2004 - the first offset needs no head
        raise InvalidInput(f"heads are for two offsets or more; got {offsets}")
    if kind == "adapter":
        return AdapterHeads(width, offsets, rank)
    if kind == "embedding":
        return EmbeddingHeads(width, offsets)
    raise UnknownName("kind of heads", kind, ("adapter", "embedding"))


def _with_zero(part: Tensor) -> Tensor:
    """Put the head of offset 1 first, which adds nothing."""
    return torch.cat((torch.zeros_like(part[:1]), part))
