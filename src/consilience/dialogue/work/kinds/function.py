"""Function: one Python function, with tests that say what it has to do."""

from __future__ import annotations

import ast
import json
import re
import secrets
from dataclasses import dataclass

from consilience.dialogue import sandbox
from consilience.dialogue.sandbox import Snippets
from consilience.dialogue.work.artifact import Artifact, Score
from consilience.dialogue.work.fenced import fenced
from consilience.dialogue.work.stubs import functions, parsed, stubs
from consilience.ground.errors import InvalidInput

__all__ = ["Function"]

_HARNESS = """\
import json, os, sys

def judge(run, write, outside, failed):
    mark, tests = json.load(sys.stdin)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    scope = {"__name__": "answer"}
    verdicts = "1"
    try:
        with open("answer.py", encoding="utf-8", errors="surrogatepass") as file:
            answer = compile(file.read(), "answer.py", "exec")
        run(answer, scope)
    except failed:
        tests, verdicts = [], "0"
    for counts, code in tests:
        try:
            run(code, scope)
            verdict = "1"
        except failed:
            verdict = "0"
        if counts:
            verdicts += verdict
    write(outside, f"\\n{mark}{verdicts}\\n".encode())

judge(exec, os.write, os.dup(1), BaseException)
"""
"""Loads an answer, runs the tests on it and says what came of each.

Mark and tests come by standard input and are read before the answer runs, and what is called after that is held by the
function. So an answer gains nothing that prints what a harness would, reads the input, looks for the tests in its
folder, or puts something of its own in the place of `json.load` or `exec`. Answer and tests share a process all the
same: one that goes through the frames of its callers finds the mark, and one whose results claim to equal everything,
or that changes what the tests call, passes.
"""


@dataclass(frozen=True, kw_only=True)
class Function:
    r"""A Python function of a given name.

    Grades: 1 where the source parses, 2 where it defines the function, 3 where the function is no stub.

    Parameters
    ----------
    entry
        Name of the function.
    tests
        Python that is shown with the task: assertions, and whatever they need.
    hidden_tests
        Python that only the scorer sees. Every assertion and every bare call at the top level is a test, and every
        function there that is named ``test...`` and takes nothing.

    Examples
    --------
    >>> kind = Function(entry="double", hidden_tests="assert double(2) == 4")
    >>> kind.read("Here:\n```python\ndef double(x):\n    return x + x\n```").grade
    3
    """

    entry: str
    tests: str = ""
    hidden_tests: str = ""
    name: str = "function"

    def __post_init__(self) -> None:
        if not self.entry.isidentifier():
            raise InvalidInput(f"`entry` must be the name of a Python function; got {self.entry!r}")
        for which, tests in (("tests", self.tests), ("hidden_tests", self.hidden_tests)):
            if isinstance(trouble := parsed(tests), str):
                raise InvalidInput(f"`{which}` must be Python; {trouble}")

    @property
    def form(self) -> str:
        """One block of code, whole; the visible tests."""
        shown = f" These tests have to pass:\n```python\n{self.tests.strip()}\n```" if self.tests else ""
        return (
            f"Write one block of Python, fenced by ```, that holds the whole function `{self.entry}` with its imports "
            f"and whatever it calls: nothing left out, no placeholder, no explanation.{shown}"
        )

    @property
    def duty(self) -> str:
        """Cases, imports, placeholders."""
        return (
            f"Check `{self.entry}` against the task case by case: wrong results, cases that are left out, imports that "
            "are missing, placeholders."
        )

    def read(self, reply: str) -> Artifact:
        """Read the fenced blocks of a reply, all of it where there is none; the best one counts, of equals the last."""
        blocks = [block.code for block in fenced(reply)] or [reply]
        graded = [self._graded(block.strip("\n").rstrip()) for block in blocks]
        return max(reversed(graded), key=lambda artifact: artifact.grade)

    def require_tests(self) -> None:
        """Refuse tests that nothing could fail, before anybody is asked for an answer.

        Raises
        ------
        InvalidInput
            When tests are given, and none of them is one.
        """
        for which, tests in (("tests", self.tests), ("hidden_tests", self.hidden_tests)):
            if tests and not _count(_tests(tests)):
                raise InvalidInput(
                    f"`{which}` must have an assertion, a call or a function named test_...; got none of them: add one"
                )

    async def score(self, artifact: Artifact, snippets: Snippets | None = None) -> Score:
        """Return the share of the hidden tests that pass, those that are shown where there are no hidden ones.

        Raises
        ------
        InvalidInput
            When there are no tests.
        """
        hidden = _tests(self.hidden_tests)
        tests = hidden if _count(hidden) else _tests(self.tests)
        count = _count(tests)
        if not count:
            raise InvalidInput("a function is scored by tests; give `hidden_tests` or `tests` with an assertion")
        loaded, passed = await _run(artifact.text, tests, snippets)
        return Score(sum(passed) / count, {"loads": float(loaded), "tests": count, "passed": sum(passed)})

    def _graded(self, source: str) -> Artifact:
        tree = parsed(source)
        if isinstance(tree, str):
            return Artifact(source, 0, f"the code is not Python; {tree}")
        if not source:
            return Artifact("", 0, "the answer is empty")
        if self.entry not in functions(tree):
            return Artifact(source, 1, f"the code does not define a function `{self.entry}`")
        if self.entry in stubs(tree):
            return Artifact(source, 2, f"the function `{self.entry}` is a placeholder")
        return Artifact(source, 3)


def _tests(source: str) -> list[tuple[bool, str]]:
    """Cut tests into statements; say of each whether it is a test or only prepares one."""
    body = ast.parse(source).body
    said = [ast.unparse(node) for node in body]
    found: list[tuple[bool, str]] = []
    calls: list[tuple[bool, str]] = []  # at the end, when all that a function may use is there
    for node, code in zip(body, said, strict=True):
        called = isinstance(node, ast.Expr) and isinstance(node.value, ast.Call)
        found.append((isinstance(node, ast.Assert) or called, code))
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test") and not node.args.args:
            call = f"{node.name}()"
            calls += [] if call in said else [(True, call)]
    return found + calls


def _count(tests: list[tuple[bool, str]]) -> int:
    return sum(counts for counts, _ in tests)


async def _run(source: str, tests: list[tuple[bool, str]], snippets: Snippets | None) -> tuple[bool, list[bool]]:
    """Return whether an answer loads, and which tests it passes; none where that was not told whole."""
    mark = secrets.token_hex(8)
    files, stdin = {"answer.py": source}, json.dumps([mark, tests]).encode()
    if snippets is None:
        outcome = await sandbox.run_async({**files, "run.py": _HARNESS}, ["python", "run.py"], stdin=stdin)
    else:
        outcome = await snippets.run_async(_HARNESS, files=files, stdin=stdin)
    verdicts = rf"^{mark}1([01]{{{_count(tests)}}})$"
    told = re.search(verdicts, outcome.stdout.decode("utf-8", "replace"), re.MULTILINE)
    return (False, []) if told is None else (True, [verdict == "1" for verdict in told[1]])
