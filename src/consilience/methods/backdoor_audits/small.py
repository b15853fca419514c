"""The small agent as a policy: its dialogues run in lock-step."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from consilience.methods.backdoor_audits.agent.lockstep import LockStep
from consilience.methods.backdoor_audits.agent.network import SmallAgent
from consilience.methods.backdoor_audits.world.words import END, Words, decode, encode
from consilience.neural.sharing import one_thread

__all__ = ["LONGEST_TURN", "SmallPolicy"]

LONGEST_TURN = 24
"""Words after which a turn without an end is taken as it is; the oracle's longest has 13."""


@dataclass(frozen=True)
class SmallPolicy:
    """A policy made of a small agent, which says the most likely word.

    Parameters
    ----------
    agent
        With adapters merged (`planting.merged`).
    name
        Short name for reports.
    """

    agent: SmallAgent
    name: str = "small agent"

    def open(self, prompts: Sequence[Words]) -> SmallTalks:
        """Begin one dialogue for each prompt."""
        return SmallTalks(self.agent, prompts)


class SmallTalks:
    """Running dialogues of a small agent; one that would outgrow its context answers nothing more."""

    def __init__(self, agent: SmallAgent, prompts: Sequence[Words]) -> None:
        self._steps = LockStep(agent, len(prompts))
        self._unheard = [list(encode(prompt)) for prompt in prompts]

    def act(self, observations: Sequence[Words | None]) -> Sequence[Words]:
        """Say the next turn of every dialogue; an empty line where it is over or has no room left."""
        for heard, unheard in zip(observations, self._unheard, strict=True):
            unheard.extend(encode(heard or ()))
        speaking = [row for row, heard in enumerate(observations) if heard is not None and self._fits(row)]
        said: list[Words] = [()] * len(observations)
        if not speaking:
            return said
        with one_thread():
            turns = self._steps.speak(
                speaking, [self._unheard[row] for row in speaking], stop=_STOP, limit=LONGEST_TURN
            )
        for row, turn in zip(speaking, turns, strict=True):
            self._unheard[row] = []
            said[row] = decode(turn)
        return said

    def _fits(self, row: int) -> bool:
        # One word more, the last of the turn before, may be waiting to be read.
        context: int = self._steps.agent.config.context
        return self._steps.lengths[row] + 1 + len(self._unheard[row]) + LONGEST_TURN <= context


_STOP = tuple(encode((END,)))
