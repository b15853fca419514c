"""Controls of the law: what the same number of calls gives without a network."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int, UInt64

from consilience.methods.agent_networks.draws import element_key, task_keys, turn_keys, uniform
from consilience.methods.agent_networks.simulation import ASPECTS, drafts, merged
from consilience.methods.agent_networks.stand_ins import Solver
from consilience.methods.agent_networks.workshop import MUTANTS

__all__ = ["CONTROLS", "Controls", "controls"]

CONTROLS = ("majority of drafts", "best of drafts", "drafts merged")
"""For each aspect a version that no other outnumbers, by lot if there are several; the draft that most hidden tests
pass, which takes knowing them; and a tree of merges."""

_AT_ONCE = 64


@dataclass(frozen=True)
class Controls:
    """Quality of each task by control, after numbers of drafts that double."""

    calls: dict[str, tuple[int, ...]]
    """Questions, by control."""
    turns: dict[str, tuple[int, ...]]
    """Questions on the longest path, by control."""
    quality: dict[str, Float[np.ndarray, "budget task"]]
    """Share of the aspects that are right, by control."""


def controls(solver: Solver, tasks: range, *, doublings: int, seed: int) -> Controls:
    """Draft every task over and over, and make one of the drafts in three ways.

    Parameters
    ----------
    solver
        Who drafts and merges.
    tasks
        Numbers of the workshops.
    doublings
        There are 1, 2, 4 and so on drafts, up to 2 to this power.
    seed
        Of the draws.
    """
    keys = task_keys(seed, tasks)
    budgets = [2**power for power in range(doublings + 1)]
    votes = np.zeros((len(tasks), ASPECTS, 1 + MUTANTS), dtype=np.int32)
    ties = uniform(turn_keys(keys, element_key("vote"), 0), 0, votes[0].size).reshape(votes.shape)
    best = np.zeros(len(tasks), dtype=np.int64)
    works: list[UInt64[np.ndarray, " task"]] = []
    found: dict[str, list[Float[np.ndarray, " task"]]] = {control: [] for control in CONTROLS}
    for budget in budgets:
        for first in range(len(works), budget, _AT_ONCE):
            turns = _keys_of_drafts(keys, range(first, min(first + _AT_ONCE, budget)))
            words = drafts(solver, turns)
            _vote(votes, words, turns)
            best = np.maximum(best, np.bitwise_count(words).max(axis=0))
            works.extend(words)
        found["majority of drafts"].append(((votes + ties).argmax(axis=-1) == 0).mean(axis=-1))
        found["best of drafts"].append(best / ASPECTS)
        found["drafts merged"].append(np.bitwise_count(_tree(solver, works, keys)) / ASPECTS)
    ones = tuple(1 for _ in budgets)
    return Controls(
        calls={**dict.fromkeys(CONTROLS, tuple(budgets)), "drafts merged": tuple(2 * one - 1 for one in budgets)},
        turns={**dict.fromkeys(CONTROLS, ones), "drafts merged": tuple(one.bit_length() for one in budgets)},
        quality={control: np.array(rows) for control, rows in found.items()},
    )


def _keys_of_drafts(keys: UInt64[np.ndarray, " task"], which: range) -> UInt64[np.ndarray, "draft task"]:
    names = np.array([element_key(f"draft {number}") for number in which])
    return turn_keys(keys, names[:, None], 0)


def _vote(
    votes: Int[np.ndarray, "task aspect version"],
    words: UInt64[np.ndarray, "draft task"],
    keys: UInt64[np.ndarray, "draft task"],
) -> None:
    """Count which version of each aspect drafts have: the right one first, then those that are wrong."""
    right = (words[..., None] >> np.arange(ASPECTS, dtype=np.uint64)) & np.uint64(1) == 1
    wrong = (uniform(keys, ASPECTS, ASPECTS) * MUTANTS).astype(np.int8)
    votes[..., 0] += right.sum(axis=0, dtype=np.int32)
    for version in range(MUTANTS):
        votes[..., 1 + version] += (~right & (wrong == version)).sum(axis=0, dtype=np.int32)


def _tree(
    solver: Solver, works: list[UInt64[np.ndarray, " task"]], keys: UInt64[np.ndarray, " task"]
) -> UInt64[np.ndarray, " task"]:
    level = 0
    while len(works) > 1:
        works = [
            merged(
                solver,
                works[start : start + 2],
                turn_keys(keys, element_key(f"drafts {len(works)}+{level}.{start}"), 0),
            )
            for start in range(0, len(works), 2)
        ]
        level += 1
    return works[0]
