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
from consilience.dialogue.work.stubs import functions, parsed, stubs
from consilience.ground.errors import InvalidInput

__all__ = ["Function"]

_BLOCK = re.compile(r"^(?P<fence>`{3,})[ \t]*\w*[^\S\n]*\n(?P<code>.*?)^(?P=fence)[ \t]*$", re.MULTILINE | re.DOTALL)

_HARNESS = """\
import json, sys
scope = {"__name__": "answer"}
passed = []
try:
    exec(compile(open("answer.py", encoding="utf-8", errors="surrogatepass").read(), "answer.py", "exec"), scope)
    told, tests = True, json.load(open("tests.json"))
except BaseException:
    told, tests = False, []
for counts, code in tests:
    try:
        exec(code, scope)
        verdict = True
    except BaseException:
        verdict = False
    if counts:
        passed.append(verdict)
sys.__stdout__.write("\\n" + sys.stdin.read() + json.dumps([told, passed]) + "\\n")
sys.__stdout__.flush()
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
        Python that only the scorer sees. Every assertion and every bare call at the top level is a test.

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
        blocks = [match["code"] for match in _BLOCK.finditer(reply)] or [reply]
        graded = [self._graded(block.strip("\n").rstrip()) for block in blocks]
        return max(reversed(graded), key=lambda artifact: artifact.grade)

    async def score(self, artifact: Artifact, snippets: Snippets | None = None) -> Score:
        """Return the share of the hidden tests that pass, those that are shown where there are no hidden ones.

        Raises
        ------
        InvalidInput
            When there are no tests.
        """
        tests = _tests(self.hidden_tests) or _tests(self.tests)
        count = sum(counts for counts, _ in tests)
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
    return [
        (
            isinstance(node, ast.Assert) or (isinstance(node, ast.Expr) and isinstance(node.value, ast.Call)),
            ast.unparse(node),
        )
        for node in ast.parse(source).body
    ]


async def _run(source: str, tests: list[tuple[bool, str]], snippets: Snippets | None) -> tuple[bool, list[bool]]:
    # Told by standard input after the answer was loaded: a program that prints what a harness would is not believed.
    mark = secrets.token_hex(8)
    files = {"answer.py": source, "tests.json": json.dumps(tests)}
    if snippets is None:
        outcome = await sandbox.run_async({**files, "run.py": _HARNESS}, ["python", "run.py"], stdin=mark.encode())
    else:
        outcome = await snippets.run_async(_HARNESS, files=files, stdin=mark.encode())
    told = re.search(rf"^{mark}(.*)$", outcome.stdout.decode("utf-8", "replace"), re.MULTILINE)
    if told is None:
        return False, []
    loaded, passed = json.loads(told[1])
    return bool(loaded), [bool(verdict) for verdict in passed]
