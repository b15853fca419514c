"""The workshop: a task of many hidden aspects, each of them a small function that is right or wrong when it is run.

It is what stand-ins work on. An aspect is a function ``feature_07(x)`` of the module that is asked for; what it has to
return nobody is told, so that a network can only get it right by somebody thinking of it. How many are right is found
out by running them.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from consilience.dialogue import sandbox
from consilience.dialogue.sandbox import Snippets
from consilience.dialogue.work.artifact import Artifact, Score
from consilience.dialogue.work.stubs import parsed
from consilience.ground.errors import InvalidInput
from consilience.ground.seeds import Streams

__all__ = ["MUTANTS", "Workshop", "bodies", "expressions", "module"]

MUTANTS = 3
"""Ways in which a function can be wrong."""

_PROBES = (0, 1, 2, 5, 9, 14)
_SHIFTS = (0, 1, -1, 2)
_FEATURE = re.compile(r"^def feature_(\d+)\(x\):\n    return (.+)$", re.MULTILINE)
_BLOCK = re.compile(r"```\w*\n(.*?)```", re.DOTALL)

_HARNESS = """\
import importlib, json
probes, count = json.load(open("probes.json"))
try:
    answer = importlib.import_module("answer")
except BaseException:
    answer = None
values = []
for number in range(count):
    try:
        feature = getattr(answer, f"feature_{number:02d}")
        values.append([int(feature(x)) for x in probes])
    except BaseException:
        values.append(None)
print()
print(json.dumps(values))
"""


@dataclass(frozen=True, kw_only=True)
class Workshop:
    """A module of small functions, right or wrong; a kind of task that stand-ins can solve.

    Parameters
    ----------
    number
        Which one: other numbers, other functions.
    features
        How many functions, 1 to 999.

    Examples
    --------
    >>> kind = Workshop(number=7, features=4)
    >>> kind.right(kind.read(module(kind.number, (0, 0, 2, 1))))
    (True, True, False, False)
    """

    number: int = 0
    features: int = 64
    name: str = "workshop"

    def __post_init__(self) -> None:
        if self.number < 0 or not 1 <= self.features <= 999:  # noqa: PLR2004  three digits
            raise InvalidInput(
                f"a workshop must have a `number` of at least 0 and 1 to 999 `features`; got {self.number} and "
                f"{self.features}"
            )

    @property
    def task(self) -> str:
        """The task, as agents are told it; the functions themselves it does not say."""
        return f"Write the module of workshop {self.number} with all of its {self.features} features."

    @property
    def form(self) -> str:
        """One block of code."""
        return "Write one block of Python, fenced by ```, with a function for each feature, and nothing else."

    @property
    def duty(self) -> str:
        """A feature that is wrong."""
        return "Name a feature that is wrong."

    def read(self, reply: str) -> Artifact:
        """Read the first block, or all of the reply where there is none."""
        block = _BLOCK.search(reply)
        source = (block[1] if block else reply).strip()
        tree = parsed(source)
        if isinstance(tree, str):
            return Artifact(source, 0, f"the code is not Python; {tree}")
        return Artifact(source) if _FEATURE.search(source) else Artifact(source, 0, "there is no feature in it")

    def right(self, artifact: Artifact) -> tuple[bool, ...]:
        """Return which functions are right, by reading them: what `score` finds out, for modules of stand-ins."""
        found = bodies(artifact.text)
        return tuple(found.get(at) == right for at, (right, *_) in enumerate(expressions(self.number, self.features)))

    async def score(self, artifact: Artifact, snippets: Snippets | None = None) -> Score:
        """Return the share of functions that are right, found out by running them."""
        files = {"answer.py": artifact.text, "probes.json": json.dumps([_PROBES, self.features])}
        if snippets is None:
            outcome = await sandbox.run_async({**files, "run.py": _HARNESS}, ["python", "run.py"])
        else:
            outcome = await snippets.run_async(_HARNESS, files=files)
        right = 0
        if outcome.ok:
            expected = _values(self.number, self.features)
            right = sum(one == other for one, other in zip(_said(outcome.stdout), expected, strict=False))
        return Score(right / self.features, {"right": right, "features": self.features})


def _said(stdout: bytes) -> list[object]:
    """Return the values of functions; none where a module left before they were said, or said something after them."""
    try:
        found = json.loads(stdout.splitlines()[-1])
    except (IndexError, ValueError, RecursionError):
        return []
    return found if isinstance(found, list) else []


def bodies(source: str) -> dict[int, str]:
    r"""Return what the functions of a module return, by number.

    Examples
    --------
    >>> bodies("def feature_03(x):\n    return x + 1\n")
    {3: 'x + 1'}
    """
    return {int(number): body for number, body in _FEATURE.findall(source)}


def module(number: int, variants: tuple[int, ...]) -> str:
    """Return a module of a workshop whose functions are as said: 0 for right, 1 to 3 for a way to be wrong."""
    known = expressions(number, len(variants))
    return "\n\n".join(
        f"def feature_{at:02d}(x):\n    return {known[at][variant]}" for at, variant in enumerate(variants)
    )


@lru_cache(maxsize=512)
def expressions(number: int, features: int) -> tuple[tuple[str, ...], ...]:
    """Return, for each function of a workshop, what it has to return, and the ways to be wrong."""
    return tuple(
        tuple(f"x * {factor} % {modulus} + {offset + shift}" for shift in _SHIFTS)
        for factor, modulus, offset in _numbers(number, features).tolist()
    )


def _values(number: int, features: int) -> list[list[int]]:
    numbers = _numbers(number, features).tolist()
    return [[x * factor % modulus + offset for x in _PROBES] for factor, modulus, offset in numbers]


def _numbers(number: int, features: int) -> np.ndarray:
    # Drawn for the most features there can be: a smaller workshop has the first functions of a larger one.
    drawn = Streams(number).generator("workshop").integers((2, 11, 1), (10, 98, 50), size=(999, 3))
    return drawn[:features]
