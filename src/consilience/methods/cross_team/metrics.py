r"""Metrics: how complete, runnable and faithful a program is, each by something that is executed or parsed.

Quality is the arithmetic mean of completeness, executability and consistency, as in the paper. Completeness comes from
syntax trees, executability from a run behind walls, consistency from required features that are tried as tests. What
the paper used instead for two of them is kept beside, and named so: a search for words (`legacy_completeness`) and a
cosine (`legacy_cosine`). Hidden functional tests are no part of quality; they are what really counts, and stand apart.

Source: arXiv:2406.08979, as its numbers and summaries have it; its body was not at hand.
"""

from __future__ import annotations

import ast
import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b

from consilience.dialogue.sandbox import Snippets
from consilience.dialogue.work.stubs import parsed
from consilience.ground.errors import InvalidInput
from consilience.methods.cross_team.gaps import completeness
from consilience.methods.cross_team.trial import cut_tests, start, try_tests

__all__ = [
    "Metrics",
    "legacy_completeness",
    "legacy_cosine",
    "legacy_false_positives",
    "measured",
]

_WORDS = re.compile(r"todo|\bpass", re.IGNORECASE)
_INNOCENT = re.compile(r"password|passenger|passed|passes", re.IGNORECASE)
_BUCKETS = 4096
_GRAMS = 3


@dataclass(frozen=True, kw_only=True)
class Metrics:
    """How good a program is.

    Examples
    --------
    >>> round(Metrics(completeness=0.795, executability=0.928, consistency=0.796).quality, 3)
    0.84
    """

    completeness: float
    """1 where no function is a stub and no name is missing, else 0; over tasks, the share of them."""
    executability: float
    """1 where it runs without complaint."""
    consistency: float
    """Share of the required features that it has, each tried as a test."""
    hidden: float | None = None
    """Share of the hidden tests that pass; None where there are none. No part of the quality."""

    @property
    def quality(self) -> float:
        """Arithmetic mean of the three."""
        return (self.completeness + self.executability + self.consistency) / 3

    @staticmethod
    def mean(several: Sequence[Metrics]) -> Metrics:
        """Return the mean over tasks.

        Raises
        ------
        InvalidInput
            When there are none.
        """
        if not several:
            raise InvalidInput("a mean of metrics takes at least one task; got none")
        hidden = [one.hidden for one in several if one.hidden is not None]
        return Metrics(
            completeness=sum(one.completeness for one in several) / len(several),
            executability=sum(one.executability for one in several) / len(several),
            consistency=sum(one.consistency for one in several) / len(several),
            hidden=sum(hidden) / len(hidden) if hidden else None,
        )


async def measured(
    files: Mapping[str, str],
    *,
    features: str,
    hidden: str = "",
    main: str = "main.py",
    typed: str = "",
    snippets: Snippets | None = None,
) -> Metrics:
    """Measure a program.

    Parameters
    ----------
    files
        By path.
    features
        Python whose tests (see `cut_tests`) each try one feature that the task asks for.
    hidden
        Python of hidden tests.
    main, typed, snippets
        As for `start`.
    """
    ended = await start(files, main, typed=typed, snippets=snippets)
    found = await _share(files, features, typed, snippets)
    return Metrics(
        completeness=float(completeness(files) == 1),
        executability=float(ended.how in ("done", "input", "window")),
        consistency=0.0 if found is None else found,
        hidden=await _share(files, hidden, typed, snippets),
    )


async def _share(files: Mapping[str, str], source: str, typed: str, snippets: Snippets | None) -> float | None:
    tests = cut_tests(source)
    if not any(test.counts for test in tests):
        return None
    faults = (await try_tests(files, tests, typed=typed, snippets=snippets)).faults
    return sum(not fault for fault in faults) / len(faults)


def legacy_completeness(files: Mapping[str, str]) -> bool:
    """Whether no line has "pass" or "todo" in it, but for a few words: the paper's completeness, not ours.

    Examples
    --------
    >>> (
    ...     legacy_completeness({"main.py": "bypass = 1  # nothing is missing"}),
    ...     legacy_completeness({"main.py": "passed = 1"}),
    ... )
    (True, True)
    """
    lines = (line for path, text in files.items() if path.endswith(".py") for line in text.splitlines())
    return not any(_legacy_hit(line) for line in lines)


def legacy_false_positives(programs: Iterable[Mapping[str, str]]) -> float:
    """Return the share of complete programs that `legacy_completeness` takes for incomplete.

    Raises
    ------
    InvalidInput
        When none of them is complete.
    """
    whole = [files for files in programs if completeness(files) == 1]
    if not whole:
        raise InvalidInput("a rate of false positives takes programs that are complete; got none")
    return sum(not legacy_completeness(files) for files in whole) / len(whole)


def legacy_cosine(task: str, files: Mapping[str, str]) -> float:
    """Return the cosine of task and program, comments and docstrings left out, in hashed n-grams of 3 letters.

    It stands in for the cosine of a model's embeddings; it says next to nothing about whether a task is done.

    Examples
    --------
    >>> legacy_cosine("print one", {"main.py": "print(one)"}) > legacy_cosine("print one", {"main.py": "x = 7"})
    True
    """
    ours, theirs = _grams(task), _grams("\n".join(_bare(text) for path, text in files.items() if path.endswith(".py")))
    norm = math.sqrt(sum(n * n for n in ours.values()) * sum(n * n for n in theirs.values()))
    return sum(count * theirs[gram] for gram, count in ours.items()) / norm if norm else 0.0


def _legacy_hit(line: str) -> bool:
    return _WORDS.search(_INNOCENT.sub("", line)) is not None


def _grams(text: str) -> Counter[int]:
    letters = " ".join(re.findall(r"[a-z]+", text.lower()))
    grams = (letters[at : at + _GRAMS] for at in range(len(letters) - _GRAMS + 1))
    return Counter(int.from_bytes(blake2b(gram.encode(), digest_size=4).digest()) % _BUCKETS for gram in grams)


def _bare(text: str) -> str:
    tree = parsed(text)
    if isinstance(tree, str):
        return text
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) and _documented(node):
            node.body = node.body[1:] or [ast.Pass()]
    return ast.unparse(tree)


def _documented(node: ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    return ast.get_docstring(node, clean=False) is not None
