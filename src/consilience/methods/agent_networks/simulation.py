"""Simulation: what the stand-ins make of many workshops at once, bit for bit what a traversal of each would give.

A stand-in's turn depends on which aspects are right in front of it and on what it draws. Both fit into arrays: an
aspect is a bit, a module of 64 is a word, and a turn of one element is taken for all tasks together. Nothing is asked
and nothing is journalled; who merges with whom, when a critic ends a talk and what each turn draws is that of
`traverse` with `simulated_player`, which the tests and the study hold against each other.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from zlib import crc32

import numpy as np
from jaxtyping import Bool, Float, Int, UInt64

from consilience.dialogue.messages import Question
from consilience.dialogue.players import Player
from consilience.ground.errors import InvalidInput
from consilience.methods.agent_networks.draws import Draws, element_key, task_keys, turn_keys, uniform
from consilience.methods.agent_networks.graph import Network
from consilience.methods.agent_networks.profiles import standard_profiles
from consilience.methods.agent_networks.prompts import CRITIC
from consilience.methods.agent_networks.stand_ins import Solver, attention
from consilience.methods.agent_networks.workshop import Workshop

__all__ = ["ASPECTS", "Simulated", "drafts", "merged", "simulate", "simulated_player"]

ASPECTS = 64
"""Functions of a workshop: bits of a word."""

_TASK = re.compile(r"workshop (\d+) ")
_ONE = np.uint64(1)

Word = UInt64[np.ndarray, "*any"]
"""Which aspects are right: the bit of the most frequent one is the lowest."""


@dataclass(frozen=True)
class Simulated:
    """What came of each task."""

    right: UInt64[np.ndarray, " task"]
    """Aspects of the final artifact that are right, a bit each."""
    calls: Int[np.ndarray, " task"]
    """Questions that were asked."""
    turns: Int[np.ndarray, " task"]
    """Questions on the longest path, each of which had to wait for the last."""

    @property
    def quality(self) -> Float[np.ndarray, " task"]:
        """Share of the aspects that are right."""
        share: Float[np.ndarray, " task"] = np.bitwise_count(self.right) / ASPECTS
        return share


def simulated_player(solver: Solver, seed: int) -> Player:
    """Return a player that does as the solver does, with chance that belongs to task, element and turn."""

    def play(question: Question, chance: np.random.Generator) -> str:
        del chance
        task = _TASK.search(question.messages[1].text)
        if task is None:
            raise InvalidInput("a simulated solver works on workshops only; give the task of a Workshop")
        return solver.play(question, Draws(seed, int(task[1]), question.element, question.occurrence))

    return play


def simulate(
    network: Network, solver: Solver, tasks: range, *, rounds: int = 3, group: int = 2, seed: int = 0
) -> Simulated:
    """Let stand-ins on a network work on workshops of 64 aspects.

    Parameters
    ----------
    network
        The agents.
    solver
        How well they work.
    tasks
        Numbers of the workshops.
    rounds, group
        As for `traverse`.
    seed
        Of the draws, and of who sits on which edge.

    Examples
    --------
    >>> found = simulate(Network.of([(0, 1)]), Solver(), range(3))
    >>> found.quality.shape, bool((found.turns == found.calls).all())
    ((3,), True)
    """
    return _Simulation(network, solver, tasks, rounds=rounds, group=group, seed=seed).run()


@dataclass
class _Piece:
    """An artifact of each task, and when it was there."""

    right: UInt64[np.ndarray, " task"]
    turns: Int[np.ndarray, " task"]


class _Simulation:
    def __init__(self, network: Network, solver: Solver, tasks: range, *, rounds: int, group: int, seed: int) -> None:
        self._network = network
        self._solver = solver
        self._rounds = rounds
        self._group = group
        self._seed = seed
        self._keys = task_keys(seed, tasks)
        self._calls = np.zeros(len(tasks), dtype=np.int64)
        self._tasters: dict[str, Float[np.ndarray, " aspect"]] = {}

    def run(self) -> Simulated:
        network = self._network
        done: list[_Piece | None] = [None] * len(network)
        waiting = [len(network.outgoing(node)) for node in range(len(network))]
        for node in network.order:
            edges = network.incoming(node)
            if not edges:
                done[node] = self._draft(network.nodes[node])
                continue
            tails = [network.edges[edge][0] for edge in edges]
            came = self._exchange([network.edge_names[edge] for edge in edges], [_there(done[tail]) for tail in tails])
            done[node] = self._merge(network.nodes[node], came)
            for tail in tails:
                waiting[tail] -= 1
                if not waiting[tail]:
                    done[tail] = None
        final = self._merge("", [_there(done[sink]) for sink in network.sinks])
        return Simulated(final.right, self._calls, final.turns)

    def _draft(self, node: str) -> _Piece:
        self._calls += 1
        right = drafts(self._solver, turn_keys(self._keys, element_key(node), 0))
        return _Piece(right, np.ones_like(self._calls))

    def _exchange(self, edges: Sequence[str], given: Sequence[_Piece]) -> list[_Piece]:
        """Let the critics and actors of some edges talk, all in step: they do not hear each other."""
        solver = self._solver
        right = np.stack([piece.right for piece in given])
        turns = np.stack([piece.turns for piece in given])
        names = np.array([element_key(edge) for edge in edges])[:, None]
        tasters = [self._taster(edge) for edge in edges]
        talking = np.ones(right.shape, dtype=bool)
        for spoken in range(0, 2 * self._rounds, 2):
            turns += talking
            self._calls += talking.sum(axis=0)
            target, comments = _criticise(solver, right, tasters, turn_keys(self._keys, names, spoken))
            talking &= comments
            if not talking.any():
                break
            turns += talking
            self._calls += talking.sum(axis=0)
            refined = _refine(solver, right, target, turn_keys(self._keys, names, spoken + 1))
            right = np.where(talking, refined, right)
        return [_Piece(one, when) for one, when in zip(right, turns, strict=True)]

    def _merge(self, node: str, pieces: list[_Piece]) -> _Piece:
        """Merge in groups by number, level by level; who is alone in a group goes up as it is."""
        level = 0
        while len(pieces) > 1:
            groups = [pieces[start : start + self._group] for start in range(0, len(pieces), self._group)]
            pieces = [
                group[0] if len(group) == 1 else self._put_together(f"{node}+{level}.{index}", group)
                for index, group in enumerate(groups)
            ]
            level += 1
        return pieces[0]

    def _put_together(self, name: str, group: list[_Piece]) -> _Piece:
        self._calls += 1
        keys = turn_keys(self._keys, element_key(name), 0)
        right = merged(self._solver, [piece.right for piece in group], keys)
        return _Piece(right, np.max([piece.turns for piece in group], axis=0) + 1)

    def _taster(self, edge: str) -> Float[np.ndarray, " aspect"]:
        profile = standard_profiles().critic(self._seed, edge)
        if profile not in self._tasters:
            system = f"{profile}\n\n{CRITIC} {Workshop().duty}"
            solver = self._solver
            self._tasters[profile] = attention(crc32(system.encode()), ASPECTS, solver.tail, solver.spread)
        return self._tasters[profile]


def drafts(solver: Solver, keys: Word) -> Word:
    """Return what first versions have right."""
    return _packed(uniform(keys, 0, ASPECTS) < solver.knows / np.arange(1, ASPECTS + 1) ** solver.tail)


def merged(solver: Solver, works: Sequence[Word], keys: Word) -> Word:
    """Return what is right once several works were made one."""
    kept = _packed(uniform(keys, 0, ASPECTS) < solver.keeps - solver.crowding * (len(works) - 2))
    right: Word = np.bitwise_or.reduce(works) & kept
    return right


def _there(piece: _Piece | None) -> _Piece:
    if piece is None:
        raise RuntimeError("a node works before its parent")
    return piece


def _criticise(
    solver: Solver, right: Word, tasters: Sequence[Float[np.ndarray, " aspect"]], keys: Word
) -> tuple[Word, Bool[np.ndarray, "edge task"]]:
    """Return which aspect each critic looks at, as a bit, and whether it comments."""
    looks, speaks = np.moveaxis(uniform(keys, 0, 2), -1, 0)
    at = np.stack([np.searchsorted(taster, look) for taster, look in zip(tasters, looks, strict=True)])
    target = _ONE << at.astype(np.uint64)
    chance = np.where(right & target, solver.false_alarm, solver.sees)
    return target, speaks < chance


def _refine(solver: Solver, right: Word, target: Word, keys: Word) -> Word:
    """Return what is right after an actor followed the comment or did not."""
    adopted, broken, victim = np.moveaxis(uniform(keys, 0, 3), -1, 0)
    follows = adopted < solver.adopts
    others = right & ~target
    count = np.bitwise_count(others).astype(np.float64)
    refined = np.where(follows, right | target, right)
    breaks = follows & (broken < solver.breaks * np.sqrt(count))
    lost = _ONE << _selected(others[breaks], (victim[breaks] * count[breaks]).astype(np.uint64))
    refined[breaks] &= ~lost
    if solver.rollback:
        refined &= ~(right & _packed(uniform(keys, 3, ASPECTS) < solver.rollback))
    return refined


def _selected(words: Word, nth: Word) -> Word:
    """Return the position of the nth bit that is set, from 0, by halving the part of the word that holds it."""
    at = np.zeros_like(words)
    for width in (32, 16, 8, 4, 2, 1):
        half = np.uint64(width)
        below = np.bitwise_count(words & ((_ONE << half) - _ONE)).astype(np.uint64)
        above = nth >= below
        nth = np.where(above, nth - below, nth)
        words = np.where(above, words >> half, words)
        at += np.where(above, half, np.uint64(0))
    return at


def _packed(bits: Bool[np.ndarray, "... aspect"]) -> Word:
    """Return rows of 64 bits as words."""
    packed = np.packbits(bits, axis=-1, bitorder="little").view("<u8")
    return np.asarray(packed[..., 0], dtype=np.uint64)
