"""Tasks: toolboxes, real programs of small functions in several files, with tests that are shown and hidden ones.

A toolbox answers commands on its standard input. Which functions it has, what they do and how hard they are comes from
its number; the task says all of it, so that a language model could write it as well as a stand-in. What a program is
worth is found out by running it on hidden commands: a program that does not start is worth nothing.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

import numpy as np
from jaxtyping import Float

from consilience.dialogue import sandbox
from consilience.dialogue.sandbox import Snippets
from consilience.dialogue.work.artifact import Artifact, Score
from consilience.dialogue.work.kinds.repository import Repository, files_of, rendered
from consilience.ground.errors import InvalidInput
from consilience.ground.seeds import Streams
from consilience.methods.cross_team.trades import MODULES, WRONG, Trade

__all__ = ["FATAL", "STUB", "Tool", "Toolbox", "toolbox"]

FATAL = 16
"""Ways in which a program can fail to start: four in each of its files."""
STUB = WRONG + 1
"""The variant of a function that is a stub; 0 is the one that is right."""

_MOST = 99
_NO_BODY = "raise NotImplementedError"
_FATAL_LINES = (
    "SETTINGS_{at} = defaults_{at}[0]",
    "from options_{at} import CHOICES_{at}",
    'LIMIT_{at} = int("none {at}")',
    "TABLE_{at} = {{}}[{at}]",
)
_MAIN = '''"""Toolbox {number}: commands come in on standard input, results go out on standard output."""

import json
import sys

{imports}
{fatal}
KNOWN = {{name: what for module in ({modules}) for name, what in vars(module).items() if callable(what)}}


def answer(line):
    """Return the result of a command as JSON, or the word error."""
    name, _, argument = line.strip().partition(" ")
    try:
        return json.dumps(KNOWN[name](json.loads(argument)))
    except Exception:
        return "error"


for command in sys.stdin:
    print(answer(command))
'''


@dataclass(frozen=True)
class Tool:
    """A function of a toolbox."""

    name: str
    """Unique in its toolbox."""
    module: str
    """File it belongs to, without ``.py``."""
    sentence: str
    """What it has to do."""
    variants: tuple[str, ...]
    """Its source: the right one, those that are wrong, a stub."""
    trade: Trade
    """Its family."""

    def values(self, hidden: bool) -> list[Any]:  # noqa: FBT001  one of two kinds of arguments
        """Return what the right function gives for the arguments of visible or of hidden tests."""
        scope: dict[str, Any] = {}
        exec(self.variants[0], scope)  # noqa: S102  our own source, from `trades`
        return [scope[self.name](argument) for argument in self.trade.arguments[hidden]]


@dataclass(frozen=True, kw_only=True)
class Toolbox:
    """A program to be written.

    Parameters
    ----------
    number
        Which one: other numbers, other functions.
    functions
        How many it has, 3 to 99.
    seen
        Share of the functions that the visible tests try; which, its number says.

    Examples
    --------
    >>> box = Toolbox(number=7)
    >>> box.right(box.read(box.program([0] * 24)))[:3]
    (True, True, True)
    """

    number: int = 0
    functions: int = 24
    seen: float = 0.5

    def __post_init__(self) -> None:
        if self.number < 0 or not len(MODULES) <= self.functions <= _MOST or not 0 <= self.seen <= 1:
            raise InvalidInput(
                f"a toolbox must have a `number` of at least 0, {len(MODULES)} to {_MOST} `functions` and a `seen` "
                f"from 0 to 1; got {self.number}, {self.functions} and {self.seen}"
            )

    @property
    def kind(self) -> Repository:
        """How an answer is read."""
        return Repository()

    @cached_property
    def tools(self) -> tuple[Tool, ...]:
        """Its functions, file by file."""
        return _tools(self.number, self.functions)

    @property
    def difficulty(self) -> Float[np.ndarray, " function"]:
        """How hard each function is, from 0 to 1; nobody is told."""
        drawn: Float[np.ndarray, " function"] = Streams(self.number).generator("difficulty").random(self.functions)
        return drawn

    @property
    def visible(self) -> tuple[int, ...]:
        """Places of the functions that visible tests try."""
        order = Streams(self.number).generator("visible").permutation(self.functions)
        return tuple(sorted(order[: round(self.seen * self.functions)].tolist()))

    @property
    def task(self) -> str:
        """The task, as teams are told it."""
        about = (
            f"Write the program of toolbox {self.number} with its {self.functions} functions. `main.py` reads commands "
            "from standard input, one a line: the name of a function, a blank, and its argument as JSON. For each it "
            "prints the result as JSON on a line of its own, or `error` where the command cannot be carried out; it "
            f"ends where the input ends. The functions are in {', '.join(f'`{name}.py`' for name in MODULES)}."
        )
        parts = [about]
        for module in MODULES:
            lines = [
                f"- `{tool.name}({tool.trade.argument})`: {tool.sentence}"
                for tool in self.tools
                if tool.module == module
            ]
            parts.append(f"`{module}.py`:\n" + "\n".join(lines))
        return "\n\n".join(parts)

    @property
    def tests(self) -> str:
        """Tests that teams may see, as Python: an import and an assertion for each function that they try."""
        return "\n".join(self._test(self.tools[at], hidden=False) for at in self.visible)

    @property
    def hidden_tests(self) -> str:
        """Tests of all functions on other arguments, as Python."""
        return "\n".join(self._test(tool, hidden=True) for tool in self.tools)

    def program(self, variants: Sequence[int], fatal: Sequence[int] = ()) -> str:
        """Return a program in the form that its kind reads.

        Parameters
        ----------
        variants
            Of each function: 0 for right, 1 to 3 for a way to be wrong, 4 for a stub.
        fatal
            Ways in which it fails to start, from 0 to 15: the remainder by 4 says in which file.
        """
        return self.assembled([tool.variants[at] for tool, at in zip(self.tools, variants, strict=True)], fatal)

    def assembled(self, sources: Sequence[str], fatal: Sequence[int] = ()) -> str:
        """Return a program of the sources of its functions, in order."""
        files = {"main.py": self._main(fatal)}
        for at, module in enumerate(MODULES, 1):
            own = [source for tool, source in zip(self.tools, sources, strict=True) if tool.module == module]
            files[f"{module}.py"] = "\n\n".join(
                (f'"""Toolbox {self.number}: {module}."""', *_fatal_lines(fatal, at), *own)
            )
        return rendered(files)

    def read(self, reply: str) -> Artifact:
        """Read a reply as a program."""
        return self.kind.read(reply)

    def variants(self, text: str) -> tuple[int, ...]:
        """Return which variant of each function is in a text; 1 for one that is there otherwise, 4 for none."""
        found = []
        for tool in self.tools:
            known = [at for at, source in enumerate(tool.variants) if source in text]
            found.append(known[0] if known else 1 if f"def {tool.name}(" in text else STUB)
        return tuple(found)

    def fatal(self, text: str) -> tuple[int, ...]:
        """Return the ways in which a program fails to start, by reading it."""
        return tuple(at for at in range(FATAL) if _fatal_line(at) in text)

    def right(self, artifact: Artifact) -> tuple[bool, ...]:
        """Return which functions are right, by reading them: what a run finds out, for programs of stand-ins."""
        return tuple(variant == 0 for variant in self.variants(artifact.text))

    async def score(self, artifact: Artifact, snippets: Snippets | None = None) -> Score:
        """Return the share of the functions that are right on every hidden command, found out by running the program.

        Parameters
        ----------
        artifact
            The program.
        snippets
            A pool to run it in; a sandbox of its own if None.
        """
        files = files_of(artifact.text)
        stdin, expected = _commands(self.number, self.functions)
        if "main.py" not in files:
            return Score(0.0, {"runs": 0.0, "right": 0, "functions": self.functions})
        if snippets is None:
            outcome = await sandbox.run_async(files, ["python", "main.py"], stdin=stdin)
        else:
            outcome = await snippets.run_async(files["main.py"], files=files, stdin=stdin)
        said = outcome.stdout.decode("utf-8", "replace").splitlines() if outcome.ok else []
        at, right = 0, 0
        for own in expected:
            right += said[at : at + len(own)] == list(own)
            at += len(own)
        return Score(right / self.functions, {"runs": float(outcome.ok), "right": right, "functions": self.functions})

    def _main(self, fatal: Sequence[int]) -> str:
        lines = _fatal_lines(fatal, 0)
        return _MAIN.format(
            number=self.number,
            imports="\n".join(f"import {module}" for module in MODULES),
            modules=", ".join(MODULES),
            fatal="".join(f"\n{line}\n" for line in lines),
        )

    @staticmethod
    def _test(tool: Tool, *, hidden: bool) -> str:
        argument = tool.trade.argument
        called = f"[{tool.name}({argument}) for {argument} in {list(tool.trade.arguments[hidden])!r}]"
        return f"from {tool.module} import {tool.name}\nassert {called} == {tool.values(hidden)!r}"


def toolbox(task: str, *, seen: float = 0.5) -> Toolbox | None:
    """Return the toolbox that a task, or a prompt that quotes it, asks for; None where it asks for none.

    Examples
    --------
    >>> toolbox(Toolbox(number=12, functions=6).task)
    Toolbox(number=12, functions=6, seen=0.5)
    """
    _, found, after = task.partition("the program of toolbox ")
    number, _, rest = after.partition(" with its ")
    functions = rest.partition(" ")[0]
    if not (found and number.isdecimal() and functions.isdecimal()):
        return None
    if not len(MODULES) <= int(functions) <= _MOST:
        return None
    return Toolbox(number=int(number), functions=int(functions), seen=seen)


@lru_cache(maxsize=256)
def _tools(number: int, functions: int) -> tuple[Tool, ...]:
    chance = Streams(number).generator("toolbox")
    found = []
    for at in range(functions):
        module = list(MODULES)[at * len(MODULES) // functions]
        trade = MODULES[module][int(chance.integers(len(MODULES[module])))]
        made = trade.make(chance)
        name = f"{trade.name}_{at:02d}"
        head = f'def {name}({trade.argument}):\n    """{made.sentence}"""\n'
        bodies = [*made.bodies, _NO_BODY]
        sources = tuple(head + "".join(f"    {line}\n" for line in body.splitlines()) for body in bodies)
        found.append(Tool(name, module, made.sentence, sources, trade))
    return tuple(found)


@lru_cache(maxsize=256)
def _commands(number: int, functions: int) -> tuple[bytes, tuple[tuple[str, ...], ...]]:
    """Return hidden commands, and what they have to give, for each function."""
    lines, expected = [], []
    for tool in _tools(number, functions):
        lines += [f"{tool.name} {json.dumps(argument)}\n" for argument in tool.trade.arguments[True]]
        expected.append(tuple(json.dumps(value) for value in tool.values(hidden=True)))
    return "".join(lines).encode(), tuple(expected)


def _fatal_line(at: int) -> str:
    return _FATAL_LINES[at // len(_FATAL_LINES)].format(at=at)


def _fatal_lines(fatal: Sequence[int], file: int) -> list[str]:
    return [_fatal_line(at) for at in sorted(fatal) if at % (len(MODULES) + 1) == file]
