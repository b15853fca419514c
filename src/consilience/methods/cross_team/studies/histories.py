"""Histories: teams that write, meet and go on, drawn at random with who wrote what."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from consilience.dialogue.work.artifact import Artifact
from consilience.dialogue.work.kinds.repository import files_of, rendered
from consilience.methods.cross_team.lineage import Lineage
from consilience.methods.cross_team.spec import team_names

__all__ = ["FUNCTIONS", "ROUNDS", "TEAMS", "History", "drawn"]

TEAMS, FUNCTIONS, ROUNDS = 8, 12, 3
FILES = ("main.py", "rules.py", "board.py")
WRITTEN, REFORMATTED = 0.3, 0.3
"""How likely an element writes a function anew, or writes it in another layout with another comment."""


@dataclass
class History:
    """Teams that write and merges that join, and who wrote what in truth."""

    lineage: Lineage = field(default_factory=Lineage)
    """What was recorded."""
    truth: dict[str, dict[str, str]] = field(default_factory=dict)
    """Of each element, who wrote the form that a function has in its work."""
    works: dict[str, Artifact] = field(default_factory=dict)
    """By element."""


def drawn(source: np.random.Generator) -> History:
    """Draw a history: teams write, meet in groups of two, and go on, each from what its group became."""
    history = History()
    names = team_names(TEAMS)
    last: dict[str, str | None] = dict.fromkeys(names)
    for number in range(ROUNDS):
        for team in names:
            given = last[team]
            element = f"{team}/p{number}"
            _make(history, element, [] if given is None else [given], source)
            last[team] = element
        order = [names[at] for at in source.permutation(TEAMS)]
        for group in range(0, TEAMS, 2):
            pair = order[group : group + 2]
            element = f"k{number}+0.{group // 2}"
            _make(history, element, [str(last[team]) for team in pair], source)
            for team in pair:
                last[team] = element
    return history


def _make(history: History, element: str, parents: Sequence[str], source: np.random.Generator) -> None:
    """Write a work from those of parents: take functions over, write some anew, dress some differently."""
    number = len(history.works)
    code: dict[str, str] = {}
    truth: dict[str, str] = {}
    for at in range(FUNCTIONS):
        name = f"rule_{at}"
        if not parents or source.random() < WRITTEN / len(parents):
            truth[name] = element
            code[name] = f"def {name}(x):\n    return x * {1 + at} + {1000 + number}\n"
            continue
        parent = parents[int(source.integers(len(parents)))]
        truth[name] = history.truth[parent][name]
        code[name] = _code_of(history.works[parent])[name]
        if source.random() < REFORMATTED:
            code[name] = (
                f"def {name}( x ):\n    '''Rule {number}.'''\n    # by the book\n    return (x*{_tail(code[name])})\n"
            )
    places = source.integers(len(FILES), size=FUNCTIONS)
    files = {
        path: "import math\n\n\n" + "\n\n".join(text for at, text in enumerate(code.values()) if places[at] == here)
        for here, path in enumerate(FILES)
    }
    history.truth[element] = truth
    history.works[element] = artifact = Artifact(rendered(files))
    history.lineage.record(element, artifact, parents)


def _code_of(artifact: Artifact) -> dict[str, str]:
    return {
        node.name: ast.unparse(node) + "\n"
        for text in files_of(artifact.text).values()
        for node in ast.parse(text).body
        if isinstance(node, ast.FunctionDef)
    }


def _tail(code: str) -> str:
    return ast.unparse(ast.parse(code)).rpartition("return x * ")[2].strip()
