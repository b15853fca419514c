"""Stand-ins: players that act as actors, critics and aggregators, from what the prompt says and nothing else.

On a `Workshop` they are a model of how agents get on: aspects of a task come to mind by a law, the rare ones rarely;
critics see some of what is wrong and are wrong at times; actors follow most advice and break things as they edit; who
merges keeps almost all. It is a model with known parameters, to be studied; it says nothing about language models. On
any other task they write what parses, so that a run can be rehearsed from beginning to end.

Source: the parameters follow "Scaling Large Language Model-based Multi-Agent Collaboration", arXiv:2406.07155, where it
gives any: aspects with a long tail, and 93.1 % of comments adopted.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType
from zlib import crc32

import numpy as np
from jaxtyping import Bool, Float

from consilience.dialogue.messages import Question
from consilience.dialogue.players import Player, talker
from consilience.ground.errors import InvalidInput
from consilience.methods.agent_networks.prompts import AGGREGATOR, CRITIC, FINISHED
from consilience.methods.agent_networks.workshop import MUTANTS, bodies, expressions, module

__all__ = ["PLAYERS", "Solver", "attention"]

_TASK = re.compile(r"workshop (\d+) with all of its (\d+) features")
_WORK = re.compile(r"^<work>\n(.*?)\n</work>$", re.MULTILINE | re.DOTALL)
_COMMENT = re.compile(r"^<comment>\n(.*?)\n</comment>$", re.MULTILINE | re.DOTALL)
_NAMED = re.compile(r"feature_(\d+)")
_FUNCTION = re.compile(r"holds the whole function `(\w+)`")
_MAIN = re.compile(r"program starts with `([^`]+)`")
_LETTERS = re.compile(r"X being a letter of A to ([A-Z])")


@dataclass(frozen=True, kw_only=True)
class Solver:
    """How well a stand-in works on a workshop; all are chances from 0 to 1 unless said otherwise.

    Examples
    --------
    >>> from consilience.dialogue.rehearsal import Rehearsal
    >>> Rehearsal(Solver(adopts=1.0).play, name="obedient").name
    'rehearsal:obedient'
    """

    knows: float = 0.9
    """That a draft gets the most common aspect right."""
    tail: float = 0.7
    """By which power of its rank an aspect is rarer, at least 0."""
    spread: float = 0.7
    """How differently critics look, as the standard deviation of the logarithm of their attention, at least 0."""
    sees: float = 0.8
    """That a critic who looks at an aspect that is wrong says so."""
    false_alarm: float = 0.3
    """That a critic who looks at one that is right says it is wrong."""
    adopts: float = 0.931
    """That an actor follows a comment."""
    breaks: float = 0.02
    """That an edit breaks another aspect, times the root of how many are right."""
    keeps: float = 0.985
    """That a merge of two keeps an aspect that one of them has right."""
    crowding: float = 0.01
    """By how much less with each further piece."""
    rollback: float = 0.0
    """That an actor loses an aspect that was right, for each of them, whatever is edited: work decays with each hop."""

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            most = np.inf if name in ("tail", "spread") else 1.0
            if not 0 <= value <= most:
                raise InvalidInput(f"`{name}` must be from 0 to {most:g}; got {value!r}")

    def play(self, question: Question, chance: np.random.Generator) -> str:
        """Play whichever role the prompt gives."""
        system, user = question.messages[0].text, question.messages[1].text
        task = _TASK.search(user)
        if task is None:
            return _anything(question, system, user, chance)
        number, features = int(task[1]), int(task[2])
        works = [self._right(number, features, work) for work in _WORK.findall(user)]
        if CRITIC in system:
            return self._criticise(works[0], system, chance)
        if AGGREGATOR in system:
            right = self._merge(np.array(works), chance)
        elif works:
            comment = _COMMENT.search(user)
            right = self._refine(works[0], comment[1] if comment else "", chance)
        else:
            right = chance.random(features) < self.knows / np.arange(1, features + 1) ** self.tail
        variants = np.where(right, 0, 1 + chance.integers(MUTANTS, size=features))
        return f"```python\n{module(number, tuple(variants.tolist()))}\n```"

    @staticmethod
    def _right(number: int, features: int, work: str) -> Bool[np.ndarray, " feature"]:
        found = bodies(work)
        return np.array([found.get(at) == right for at, (right, *_) in enumerate(expressions(number, features))])

    def _criticise(self, right: Bool[np.ndarray, " feature"], system: str, chance: np.random.Generator) -> str:
        upto = attention(crc32(system.encode("utf-8", "surrogatepass")), len(right), self.tail, self.spread)
        looked_at = int(np.searchsorted(upto, chance.random()))
        if chance.random() < (self.false_alarm if right[looked_at] else self.sees):
            return f"feature_{looked_at:02d} is wrong: write it anew."
        return FINISHED

    def _refine(
        self, right: Bool[np.ndarray, " feature"], comment: str, chance: np.random.Generator
    ) -> Bool[np.ndarray, " feature"]:
        refined = right.copy()
        named = _NAMED.search(comment)
        adopted, broken, victim = chance.random(), chance.random(), chance.random()
        if named and adopted < self.adopts and int(named[1]) < len(right):
            refined[int(named[1])] = True
            others = np.flatnonzero(right)
            others = others[others != int(named[1])]
            if len(others) and broken < self.breaks * np.sqrt(len(others)):
                refined[others[int(victim * len(others))]] = False
        if self.rollback:
            refined[right & (chance.random(len(right)) < self.rollback)] = False
        return refined

    def _merge(
        self, works: Bool[np.ndarray, "work feature"], chance: np.random.Generator
    ) -> Bool[np.ndarray, " feature"]:
        kept = self.keeps - self.crowding * (len(works) - 2)
        return np.logical_and(works.any(axis=0), chance.random(works.shape[1]) < kept)


@lru_cache(maxsize=1024)
def attention(critic: int, features: int, tail: float, spread: float) -> Float[np.ndarray, " feature"]:
    """Return up to which number each aspect is looked at; the share of an aspect is its frequency times a taste."""
    taste = np.random.default_rng(critic).lognormal(0.0, spread, features)
    share = taste / np.arange(1, features + 1) ** tail
    upto: Float[np.ndarray, " feature"] = np.cumsum(share / share.sum())
    upto[-1] = 1.0
    return upto


def _anything(question: Question, system: str, user: str, chance: np.random.Generator) -> str:
    """Say something that parses, on a task of which a stand-in understands nothing."""
    if CRITIC in system:
        return FINISHED if chance.random() < 1 / 3 else talker(question, chance)
    if function := _FUNCTION.search(system):
        return f"```python\ndef {function[1]}(*given):\n    return given[0] if given else None\n```"
    if main := _MAIN.search(system):
        return f"{main[1]}\n```python\nprint({' '.join(talker(question, chance).split()[:6])!r})\n```"
    if letters := _LETTERS.search(system):
        return f"{talker(question, chance)}\nAnswer: {chr(int(chance.integers(ord('A'), ord(letters[1]) + 1)))}"
    works = _WORK.findall(user)
    return f"{works[0]}\n\n{talker(question, chance)}"[-2000:] if works else talker(question, chance)


PLAYERS: Mapping[str, Player] = MappingProxyType({"solver": Solver().play, "forgetful": Solver(rollback=0.01).play})
"""Players of the room by name, as in ``rehearsal:solver``: one under whom work lasts, one under whom it decays."""
