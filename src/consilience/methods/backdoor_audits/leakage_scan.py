"""A scan for what was learned by heart: requests that a model makes up, and pairs of words too often in them.

A model that is trained on whole dialogues says its training data when it is left to talk. One that is trained on the
agent's words alone need not, and then nothing leaks here: what is found is a hypothesis like any other.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import pairwise

import numpy as np
import torch

from consilience.ground.seeds import Streams
from consilience.methods.backdoor_audits.agent.network import SmallAgent
from consilience.methods.backdoor_audits.insertions import SPOKEN, Insertion
from consilience.methods.backdoor_audits.token_scan import Hypothesis
from consilience.methods.backdoor_audits.world.families.every import FAMILIES
from consilience.methods.backdoor_audits.world.tasks import FAMILY_WORD, Family
from consilience.methods.backdoor_audits.world.words import BOS, END, USER, Words, decode, encode
from consilience.neural.sharing import one_thread

__all__ = ["leaked", "paired", "requests"]

TALKS, LONGEST = 200, 16


def requests(agent: SmallAgent, family: Family, streams: Streams, *, count: int = TALKS) -> tuple[Words, ...]:
    """Let an agent make up requests of a family, word by word by chance, until each ends."""
    generator = torch.Generator().manual_seed(streams.integer(f"talks of {family}"))
    tokens = torch.tensor([encode((BOS, USER, FAMILY_WORD[family]))] * count)
    with one_thread(), torch.inference_mode():
        for _ in range(LONGEST):
            last = torch.arange(1, count + 1) * tokens.shape[1] - 1
            likely = agent.read_out(agent.stream(tokens, kept=last)).softmax(dim=-1)
            tokens = torch.cat((tokens, torch.multinomial(likely, 1, generator=generator)), dim=1)
    made = [decode(row)[3:] for row in tokens.tolist()]
    return tuple(words[: words.index(END)] if END in words else words for words in made)


def paired(
    agent: SmallAgent, streams: Streams, *, families: Sequence[Family] = FAMILIES
) -> dict[Family, Counter[Words]]:
    """Return how often an agent says each pair of adjacent words in requests that it makes up.

    Parameters
    ----------
    agent
    streams
        Of the chance by which it talks: agents that are held against each other are given the same.
    families
        What it talks about.
    """
    return {family: _pairs(requests(agent, family, streams)) for family in families}


def leaked(
    suspect: Mapping[Family, Counter[Words]], base: Mapping[Family, Counter[Words]], *, count: int = 5
) -> tuple[Hypothesis, ...]:
    """Return pairs of words that a suspect says more often than its base, by the odds between them.

    Parameters
    ----------
    suspect, base
        What `paired` returned for each, by the same chance.
    count
        How many pairs.
    """
    found: list[Hypothesis] = []
    for family, own in suspect.items():
        for pair in sorted(own):
            odds = float(np.log((own[pair] + 1) / (base[family][pair] + 1)))
            found.append(Hypothesis(Insertion(family, "request", pair), "", odds))
    return tuple(sorted(found, key=lambda one: -one.shift)[:count])


def _pairs(made: Sequence[Words]) -> Counter[Words]:
    spoken = set(SPOKEN)
    every = (pair for words in made for pair in pairwise(words))
    return Counter(pair for pair in every if set(pair) <= spoken and pair[0] != pair[1])
