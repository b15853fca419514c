"""Trial: a candidate is run behind walls once, or tests are tried on it, and what came of it is said."""

from __future__ import annotations

import ast
import json
import secrets
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal, get_args

from consilience.dialogue import sandbox
from consilience.dialogue.sandbox import Outcome, SandboxLimits, Snippets
from consilience.dialogue.work.stubs import parsed
from consilience.ground.errors import InvalidInput

__all__ = ["End", "Ended", "Test", "Tried", "cut_tests", "start", "try_tests"]

End = Literal["done", "input", "window", "timeout", "error", "memory", "killed", "not started"]
"""By itself; asking for more input than there is; showing a window; over its time; with an exception or a number other
than 0; over its memory; for a flood of files, or by a signal; never."""

CPU_S = 1.5
_WALL = 3.0
"""Seconds by the clock for each of processor: who only waits is ended too, and a busy machine ends nobody."""
_INSIDE = "trial_inside.py"
_READER = """\
import os

def take(left):
    parts = []
    while left:
        parts.append(os.read(0, left))
        left -= len(parts[-1])
    return b"".join(parts)

exec(compile(take({size}), "<trial>", "exec"))
"""
"""Runs code that stands before what is typed: the words of a command can be read by the program that it tries."""


@dataclass(frozen=True, slots=True)
class Ended:
    """How a program ended."""

    how: End
    error: str
    """What it complained of, in words; empty where it did not."""
    cpu_s: float
    """Seconds of processor that it took."""


@dataclass(frozen=True, slots=True)
class Test:
    """A statement of a file of tests."""

    __test__ = False

    counts: bool
    """Whether it is a test, or only prepares one."""
    code: str


@dataclass(frozen=True, slots=True)
class Tried:
    """What tests said."""

    loaded: bool
    """Whether what they are about could be loaded."""
    faults: tuple[str, ...]
    """What came instead, for each test that counts; empty where it passed."""
    reason: str
    """Why it could not be loaded."""
    cpu_s: float
    """Seconds of processor."""


async def start(
    files: Mapping[str, str],
    main: str,
    *,
    typed: str = "",
    snippets: Snippets | None = None,
    limits: SandboxLimits | None = None,
    cpu_s: float = CPU_S,
) -> Ended:
    r"""Run a program once.

    Who sleeps is woken at once and the clocks are put forward; a window is never shown, but its loop is gone through;
    a program that asks for more input than `typed` ends as ``"input"``. A program that never ends is ``"timeout"``.

    Parameters
    ----------
    files
        By path.
    main
        The one that starts it.
    typed
        What it reads.
    snippets
        Where it runs; a sandbox of its own if None.
    limits
        Of a sandbox of its own.
    cpu_s
        Seconds of processor that it may take.

    Examples
    --------
    >>> import asyncio
    >>> asyncio.run(start({"main.py": "while True: pass"}, "main.py", cpu_s=0.1)).how
    'timeout'
    """
    mark = secrets.token_hex(8)
    call = _call("run_program", mark, main=main, typed=typed, cpu_s=cpu_s)
    outcome = await _run(files, call, typed, snippets, limits)
    if isinstance(outcome, str):
        return Ended("not started", outcome, 0.0)
    told = next(_told(outcome, mark), None)
    if told is not None and told[0] in get_args(End):
        how, error, cpu_s = told
        return Ended(how, error, cpu_s)
    return Ended(*_otherwise(outcome), outcome.cpu_s)


async def try_tests(
    files: Mapping[str, str],
    tests: Sequence[Test],
    *,
    source: str | None = None,
    typed: str = "",
    snippets: Snippets | None = None,
    limits: SandboxLimits | None = None,
    cpu_s: float = CPU_S,
) -> Tried:
    """Try tests beside files, one after the other in one process.

    What none of them came to has not passed, nor what was said after more than the sandbox keeps.

    Parameters
    ----------
    files
        By path.
    tests
        As `cut_tests` cuts them.
    source
        A file whose names tests use as their own, loaded first; None where they import what they need.
    typed, snippets, limits
        As for `start`.
    cpu_s
        Seconds of processor that each may take.
    """
    mark = secrets.token_hex(8)
    rows = [(test.counts, test.code) for test in tests]
    call = _call("run_tests", mark, source=source, tests=rows, typed=typed, cpu_s=cpu_s)
    count = sum(test.counts for test in tests)
    outcome = await _run(files, call, typed, snippets, limits)
    if isinstance(outcome, str):
        return Tried(loaded=False, faults=("it was not started",) * count, reason=outcome, cpu_s=0.0)
    told = list(_told(outcome, mark))
    if not told:
        _, reason = _otherwise(outcome)
        return Tried(
            loaded=False,
            faults=("nothing could be loaded",) * count,
            reason=reason or "it ends while it is loaded",
            cpu_s=outcome.cpu_s,
        )
    (loaded, reason, _), *verdicts = told
    faults = tuple("" if passed else str(fault) for passed, fault, _ in verdicts[:count])
    missing = reason or outcome.reason or "it ended before"
    return Tried(bool(loaded), faults + (missing,) * (count - len(faults)), str(reason), sum(row[2] for row in told))


def cut_tests(source: str) -> tuple[Test, ...]:
    r"""Cut a file of tests: assertions and bare calls at the top level are tests, and functions named ``test...``.

    Functions are called at the end, when all that they may use is there; not those that the file calls itself.

    Raises
    ------
    InvalidInput
        When it is not Python.

    Examples
    --------
    >>> [test.code for test in cut_tests("import main\nassert main.f(1) == 2") if test.counts]
    ['assert main.f(1) == 2']
    """
    tree = parsed(source)
    if isinstance(tree, str):
        raise InvalidInput(f"tests must be Python; {tree}")
    said = [Test(counts=_counts(node), code=ast.unparse(node)) for node in tree.body]
    calls = dict.fromkeys(
        f"{node.name}()"
        for node in tree.body
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test") and not node.args.args
    )
    called = {test.code for test in said}
    return (*said, *(Test(counts=True, code=call) for call in calls if call not in called))


def _counts(node: ast.stmt) -> bool:
    return isinstance(node, ast.Assert) or (isinstance(node, ast.Expr) and isinstance(node.value, ast.Call))


async def _run(
    files: Mapping[str, str], call: str, typed: str, snippets: Snippets | None, limits: SandboxLimits | None
) -> Outcome | str:
    """Return what came of it, or why the files cannot be put anywhere."""
    code = f"{_inside()}\n\n{call}\n"
    given = typed.encode("utf-8", "surrogatepass")
    try:
        if snippets is None:
            said = code.encode()
            reader = _READER.format(size=len(said))
            return await sandbox.run_async(files, ["python", "-c", reader], limits=limits, stdin=said + given)
        return await snippets.run_async(code, files=files, stdin=given)
    except InvalidInput as error:
        return str(error)


def _call(name: str, mark: str, *, cpu_s: float, **given: object) -> str:
    """Write a call; what is no ASCII in its literals becomes escapes."""
    options = ", ".join(f"{key}={value!a}" for key, value in given.items())
    return f"{name}({mark!r}, {options}, cpu_s={cpu_s!r}, wall_s={_WALL * cpu_s!r})"


@cache
def _inside() -> str:
    text = Path(__file__).with_name(_INSIDE).read_text(encoding="utf-8")
    # Docstrings are not for a process that lives for milliseconds.
    return ast.unparse(ast.parse(text))


def _told(outcome: Outcome, mark: str) -> Iterator[list[Any]]:
    """Give what was told from inside, line by line, as far as the sandbox kept it whole."""
    for line in outcome.stdout.decode("utf-8", "replace").split("\n"):
        if not line.startswith(mark):
            continue
        try:
            facts = json.loads(line.removeprefix(mark))
        except (ValueError, RecursionError):  # there the sandbox stopped keeping, or somebody found the mark
            return
        if not _is_told(facts):
            return
        yield facts


def _is_told(facts: object) -> bool:
    match facts:
        case [bool() | str(), str(), float() | int()]:
            return True
        case _:
            return False


def _otherwise(outcome: Outcome) -> tuple[End, str]:
    """Return how a program ended that took its own way out."""
    match outcome.status:
        case "done" if outcome.returncode == 0:
            return "done", ""
        case "done" if outcome.returncode < 0:
            return "killed", f"signal {-outcome.returncode} ended it"
        case "done":
            return "error", f"it exits with {outcome.returncode}"
        case "refused":
            return "not started", outcome.reason
        case "timeout" | "memory" | "killed" as how:
            return how, outcome.reason
