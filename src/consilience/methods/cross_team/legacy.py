r"""Legacy: the rater that was released with the paper, written anew from its description, to be looked at beside ours.

Its score is :math:`10^4\,(10\,e + c) - f`: :math:`e` whether ``python3 main.py`` says no "Traceback" within a second
(whoever is still running then has passed), :math:`c` whether no line has the words "pass" or "todo" in it, :math:`f`
the number of functions with a ``pass``. As it was released it crashes on source that does not parse, and on a clean
file of one line, into which it puts a ``pass`` of its own before it parses. Where candidates come without fences, as on
the published path, it finds no file in them, and all have the same score.

Source: arXiv:2406.08979, and the behaviour of the code that was released with it.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import dataclass

from consilience.dialogue.work.stubs import functions, parsed
from consilience.methods.cross_team.metrics import legacy_completeness
from consilience.methods.cross_team.trial import End

__all__ = ["UNREAD", "LegacyScore", "legacy_score"]

UNREAD = 10_000.0
"""What every candidate has that comes without fences: complete, because nothing in it is a stub; it does not run."""

_SCALE, _WEIGHT = 10_000, 10


@dataclass(frozen=True, slots=True)
class LegacyScore:
    """What the released rater makes of a program."""

    score: float
    """Its score by the formula, as if it had not crashed."""
    crash: str
    """The exception with which it crashes; empty where it does not."""


def legacy_score(files: Mapping[str, str], how: End, main: str = "main.py") -> LegacyScore:
    r"""Score a program as the released rater does where it reads its files; say where it crashes.

    Parameters
    ----------
    files
        By path.
    how
        How its run ended, as `trial.start` or a `Rating` says it: behind walls and with somebody who types, which the
        released rater does not have.
    main
        The file that starts it.

    Examples
    --------
    >>> legacy_score({"main.py": "while True:\n    x = 'all is well'\n"}, "timeout").score
    110000.0
    """
    trees = {path: parsed(text) for path, text in files.items() if path.endswith(".py")}
    runs = main in files and how in ("done", "input", "window", "timeout")
    idle = sum(_with_pass(tree) for tree in trees.values() if not isinstance(tree, str))
    score = _SCALE * (_WEIGHT * runs + legacy_completeness(files)) - idle
    return LegacyScore(float(score), _crash(files, trees))


def _with_pass(tree: ast.Module) -> int:
    return sum(any(isinstance(node, ast.Pass) for node in ast.walk(each)) for each in functions(tree).values())


def _crash(files: Mapping[str, str], trees: Mapping[str, ast.Module | str]) -> str:
    if any(isinstance(tree, str) for tree in trees.values()):
        return "SyntaxError"
    lines = [text.strip().count("\n") + 1 for path, text in files.items() if path in trees]
    return "IndentationError" if lines and max(lines) == 1 else ""
