"""A small character-level language model under any mask, and the text that every installation has for it."""

from __future__ import annotations

import hashlib
from pydoc_data.topics import topics

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from consilience.methods.rank_collapse.measures import relative_mu
from consilience.neural.transformer import Transformer

__all__ = ["DEPTH", "WIDTH", "CharacterModel", "shipped_text"]

WIDTH, HEADS, DEPTH = 32, 4, 4


class CharacterModel(nn.Module):
    """A character-level language model: embedding, places, a transformer without feed-forward part, a read-out.

    Parameters
    ----------
    characters
        Size of the alphabet.
    allowed
        The mask.
    skip
        Whether blocks have a skip connection.
    """

    def __init__(self, characters: int, allowed: Bool[np.ndarray, "query key"], *, skip: bool) -> None:
        super().__init__()
        self.allowed: Tensor
        self.register_buffer("allowed", torch.from_numpy(allowed))
        self.characters = nn.Embedding(characters, WIDTH)
        self.places = nn.Embedding(len(allowed), WIDTH)
        self.transformer = Transformer(WIDTH, HEADS, DEPTH, feedforward=None, skip=skip)
        self.read_out = nn.Linear(WIDTH, characters)

    def forward(self, text: Int[Tensor, "batch token"]) -> Float[Tensor, "batch token character"]:
        """Return logits of the next character at every place."""
        logits: Tensor = self.read_out(self.transformer(self._embedded(text), self.allowed))
        return logits

    @torch.no_grad()
    def collapse(self, text: Int[Tensor, "batch token"]) -> Float[np.ndarray, " layer"]:
        """Return relative mu of the embedding and after every block, the mean over sequences."""
        tokens = self._embedded(text)
        course = [float(relative_mu(tokens).value.mean())]
        for block in self.transformer.blocks:
            tokens = block(tokens, self.allowed)
            course.append(float(relative_mu(tokens).value.mean()))
        return np.array(course)

    def _embedded(self, text: Int[Tensor, "batch token"]) -> Float[Tensor, "batch token feature"]:
        embedded: Tensor = self.characters(text) + self.places.weight
        return embedded


def shipped_text() -> tuple[Int[Tensor, " place"], str]:
    """Return the help topics that come with Python as numbers of characters, and a digest of the text."""
    text = "\n".join(topics[name] for name in sorted(topics))
    alphabet = {character: number for number, character in enumerate(sorted(set(text)))}
    return torch.tensor([alphabet[character] for character in text]), hashlib.sha256(text.encode()).hexdigest()[:8]
