"""Many talks at a time: each remembers its own past, and all that still speak take one word a step together."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from consilience.ground.errors import InvalidInput
from consilience.methods.backdoor_audits.agent.network import Memory, Place, SmallAgent

__all__ = ["LockStep", "uncached"]


class LockStep:
    """Talks that run side by side through one agent, each remembered so that no word is read twice.

    What is forced (prompts, observations) is read in one pass for all rows that have any; what is chosen is the most
    likely word, one a step, for all rows that have not stopped. Rows may lie at different places.

    Parameters
    ----------
    agent
        Its adapters take part; merge them first where speed counts.
    talks
        How many.

    Attributes
    ----------
    lengths : list of int
        Words that every talk has read so far.

    Raises
    ------
    InvalidInput
        If there is no talk, or one outgrows the agent's context.

    Examples
    --------
    >>> from consilience.methods.backdoor_audits.agent.network import SmallAgentConfig, new_agent
    >>> talks = LockStep(new_agent(SmallAgentConfig(vocab_size=9, width=8), seed=0), 2)
    >>> talks.read([0, 1], [[1, 2, 3], [4]]).shape
    torch.Size([2, 9])
    >>> talks.lengths
    [3, 1]
    """

    def __init__(self, agent: SmallAgent, talks: int) -> None:
        if talks < 1:
            raise InvalidInput(f"expected at least one talk; got {talks}")
        self.agent = agent.at_rest()
        self.lengths = [0] * talks
        self._unread: list[list[int]] = [[] for _ in range(talks)]
        config = agent.config
        features = config.width // config.heads
        # One place more than the context, for what a shorter row is padded with.
        past, last = (talks, config.heads, config.context + 1, features), (talks, config.heads, 1, features)
        new = agent.embed.weight.new_zeros
        self._memories = [Memory(new(past), new(past), new(last)) for _ in range(config.layers)]

    @torch.inference_mode()
    def read(self, rows: Sequence[int], words: Sequence[Sequence[int]]) -> Float[Tensor, "row vocabulary"]:
        """Let talks `rows`, each named once, read words, and return the logits of what comes next in each.

        A word that a talk said last is read before them.
        """
        if len(rows) != len(words) or len(set(rows)) != len(rows) or not rows:
            raise InvalidInput(f"expected words for each of {len(rows)} different talks; got {len(words)}")
        read = [[*self._unread[row], *each] for row, each in zip(rows, words, strict=True)]
        if not all(read):
            raise InvalidInput("expected at least one word for each talk; leave out talks that have none")
        counts = torch.tensor([len(each) for each in read])
        starts = torch.tensor([self.lengths[row] for row in rows])
        context = self.agent.config.context
        if (longest := int((starts + counts).max())) > context:
            raise InvalidInput(f"a talk has {longest} words; the agent's context holds {context}: ask for fewer turns")
        tokens = pad_sequence([torch.tensor(each) for each in read], batch_first=True)
        positions = (starts[:, None] + torch.arange(tokens.shape[1])).clamp(max=context)
        logits = self._passed(torch.tensor(rows), tokens, positions, counts - 1)
        for row, each in zip(rows, read, strict=True):
            self.lengths[row] += len(each)
            self._unread[row] = []
        return logits

    @torch.inference_mode()
    def speak(
        self, rows: Sequence[int], words: Sequence[Sequence[int]], *, stop: Sequence[int], limit: int
    ) -> list[list[int]]:
        """Let talks read words and go on greedily until one of `stop`, which is kept, or for `limit` words.

        Returns
        -------
        What each of `rows` said.
        """
        if limit < 1:
            raise InvalidInput(f"`limit` must be at least 1; got {limit}")
        chosen = self.read(rows, words).argmax(dim=-1)
        said: list[list[int]] = [[] for _ in rows]
        speaking = list(range(len(rows)))
        while True:
            for place, word in zip(speaking, chosen.tolist(), strict=True):
                said[place].append(word)
                self._unread[rows[place]] = [word]
            on = [n for n, place in enumerate(speaking) if said[place][-1] not in stop and len(said[place]) < limit]
            if not on:
                return said
            speaking = [speaking[n] for n in on]
            chosen = self._next([rows[place] for place in speaking], chosen[on])

    def _next(self, rows: list[int], words: Int[Tensor, " row"]) -> Int[Tensor, " row"]:
        positions = torch.tensor([self.lengths[row] for row in rows])[:, None]
        if int(positions.max()) >= self.agent.config.context:
            raise InvalidInput(f"a talk outgrew the agent's context of {self.agent.config.context} words")
        logits = self._passed(torch.tensor(rows), words[:, None], positions, torch.zeros(len(rows), dtype=torch.long))
        for row in rows:
            self.lengths[row] += 1
            self._unread[row] = []
        return logits.argmax(dim=-1)

    def _passed(
        self,
        rows: Int[Tensor, " row"],
        tokens: Int[Tensor, "row token"],
        positions: Int[Tensor, "row token"],
        ends: Int[Tensor, " row"],
    ) -> Float[Tensor, "row vocabulary"]:
        place = Place(
            rows, positions, ends, int(positions.max()) + 1, in_order=rows.tolist() == list(range(len(self.lengths)))
        )
        kept = torch.arange(len(rows)) * tokens.shape[1] + ends
        return self.agent.read_out(self.agent.stream(tokens, self._memories, place, kept))


def uncached(agent: SmallAgent, words: Sequence[int], *, stop: Sequence[int], limit: int) -> list[int]:
    """Go on greedily with everything read anew for every word: slow, and what `LockStep` must agree with."""
    said: list[int] = []
    with torch.inference_mode():
        while len(said) < limit and (not said or said[-1] not in stop):
            logits = agent(torch.tensor([[*words, *said]])).logits
            said.append(int(logits[0, -1].argmax()))
    return said
