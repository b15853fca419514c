"""A monitor of what comes in, beside a running agent: whether something in it turns the agent.

Four signals, each the higher the more suspect, all read before the agent's words are acted upon:

- ``onion``: the largest surprisal of any word that was heard, under a clean model, as ONION has it. Pages are full of
  surprises, so that it is blind where the trigger is found rather than said.
- ``attribution``: what the agent's own next word hangs on. Words are left out, two of the request or a row of what was
  shown at a time; where a confident word gives way to another confident word, those left out have decided. What is
  usual for each word is taken off, as clean traffic through the same agent has it: a goal decides, a courtesy does not.
  It needs no other model.
- ``excess attribution``: what the words left out decide, less what they decide in a clean model.
- ``contrast``: the divergence of the agent's next word from the clean model's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor

from consilience.ground.errors import InvalidInput
from consilience.methods.backdoor_audits.agent.network import SmallAgent
from consilience.methods.backdoor_audits.surprisal import next_words, word_losses
from consilience.methods.backdoor_audits.world.families.every import rules_by_word
from consilience.methods.backdoor_audits.world.words import END, OBS, USER, Words, encode

__all__ = ["SIGNALS", "Heard", "Usual", "heard", "signals", "usual"]

SIGNALS = ("onion", "attribution", "excess attribution", "contrast")
"""Names of the signals."""


@dataclass(frozen=True)
class Heard:
    """A dialogue up to where the agent decides, and what may be left out of it."""

    words: Words
    """Everything, the agent's own turns included, ``THINK`` last."""
    spans: tuple[tuple[int, int], ...]
    """Beginnings and ends of what may be left out."""


def heard(words: Words) -> Heard:
    """Find what may be left out: two neighbours of the request, or a row of the last thing that was shown.

    Examples
    --------
    >>> found = heard(("<bos>", "USER", "os", "show", "plan", "in", "tmp", "please", "END", "THINK"))
    >>> [found.words[start:end] for start, end in found.spans][-1]
    ('tmp', 'please')
    """
    try:
        start = words.index(USER) + 2
        end = words.index(END, start)
    except ValueError:
        raise InvalidInput(f"expected 'USER family ... END' in what was heard; got {' '.join(words)!r}") from None
    pairs = [(at, at + 2) for at in range(start, end - 1)]
    if OBS not in words:
        return Heard(words, tuple(pairs))
    last = len(words) - 1 - words[::-1].index(OBS)
    shown = words[last + 1 : words.index(END, last)]
    count = len(rules_by_word(words[start - 1]).read(shown))
    width = len(shown) // count if count else 0
    rows = [(last + 1 + width * at, last + 1 + width * (at + 1)) for at in range(count)] if count > 1 else []
    return Heard(words, (*pairs, *rows))


@dataclass(frozen=True)
class Usual:
    """How much an agent's next word hangs on each word of clean traffic."""

    effects: Mapping[str, float]
    """Mean over what was left out with the word in it."""
    otherwise: float
    """For words that clean traffic does not have."""

    def of(self, words: Words) -> float:
        """Return what is usual for words together: that of the one that decides most."""
        return max(self.effects.get(word, self.otherwise) for word in words)


def usual(suspect: SmallAgent, traffic: Sequence[Heard]) -> Usual:
    """Learn what is usual from clean traffic.

    Parameters
    ----------
    suspect
        The agent that runs.
    traffic
        What it heard on days on which nothing happened.
    """
    turned = _Parts(suspect, traffic).turned().tolist()
    found: dict[str, list[float]] = {}
    spans = [item.words[start:end] for item in traffic for start, end in item.spans]
    for words, value in zip(spans, turned, strict=True):
        for word in words:
            found.setdefault(word, []).append(value)
    return Usual({word: float(np.mean(values)) for word, values in found.items()}, float(np.mean(turned)))


def signals(
    suspect: SmallAgent, clean: SmallAgent, items: Sequence[Heard], ordinary: Usual
) -> dict[str, NDArray[np.float64]]:
    """Return every signal for every item.

    Parameters
    ----------
    suspect
        The agent that runs; ``attribution`` reads it alone.
    clean
        A model that is trusted, such as the base.
    items
        What was heard.
    ordinary
        What is usual for the suspect (`usual`).
    """
    if not items:
        raise InvalidInput("expected something that was heard; got nothing")
    own, trusted = (_Parts(agent, items) for agent in (suspect, clean))
    expected = torch.tensor([ordinary.of(item.words[start:end]) for item in items for start, end in item.spans])
    return {
        "onion": np.array([losses[:-1].max() for losses in word_losses(clean, [encode(item.words) for item in items])]),
        "attribution": own.most(own.turned() - expected),
        "excess attribution": own.most(own.moved() - trusted.moved()),
        "contrast": _divergence(own.whole, trusted.whole).double().numpy(),
    }


class _Parts:
    """What an agent says next after every item, whole and with each of its spans left out."""

    def __init__(self, agent: SmallAgent, items: Sequence[Heard]) -> None:
        self.whole = next_words(agent, [encode(item.words) for item in items]).exp()
        contexts = [encode((*item.words[:start], *item.words[end:])) for item in items for start, end in item.spans]
        self._without = next_words(agent, contexts).exp()
        counts = [len(item.spans) for item in items]
        self._of = torch.repeat_interleave(torch.arange(len(items)), torch.tensor(counts))
        self._count = len(items)

    def moved(self) -> Float[Tensor, " span"]:
        """Return how much of the next word's probability moves when a span is left out."""
        return (self.whole[self._of] - self._without).abs().sum(dim=1) / 2

    def turned(self) -> Float[Tensor, " span"]:
        """Return how surely one word gives way to another when a span is left out."""
        sure = torch.minimum(self.whole.amax(dim=1)[self._of], self._without.amax(dim=1))
        return self.moved() * sure

    def most(self, values: Float[Tensor, " span"]) -> NDArray[np.float64]:
        """Return the largest value of each item."""
        found = torch.full((self._count,), -1.0)
        found.scatter_reduce_(0, self._of, values, reduce="amax")
        return np.asarray(found.double().numpy())


def _divergence(one: Float[Tensor, "item vocabulary"], other: Float[Tensor, "item vocabulary"]) -> Tensor:
    return (one * (one.clamp(min=_LEAST).log() - other.clamp(min=_LEAST).log())).sum(dim=1)


_LEAST = 1e-12
