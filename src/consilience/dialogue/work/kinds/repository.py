"""Repository: a small program of several files, with one that starts it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import PurePosixPath

from consilience.dialogue import sandbox
from consilience.dialogue.sandbox import SandboxLimits, Snippets
from consilience.dialogue.work.artifact import Artifact, Score
from consilience.dialogue.work.fenced import fenced
from consilience.dialogue.work.stubs import functions, parsed, stubs
from consilience.ground.errors import InvalidInput

__all__ = ["Repository", "files_of", "rendered", "without"]

_PATH = re.compile(r"[\w.+-]+(?:/[\w.+-]+)*\.\w+")
_FENCE = re.compile(r"^`{3,}", re.MULTILINE)
_LONGEST_NAME, _LONGEST_PATH, _LONGEST_LINE = 200, 1000, 2000
"""Bytes of a file's name and of its path, so that a file system takes it; letters of a line that names a file."""


def files_of(reply: str) -> dict[str, str]:
    r"""Return the files of a reply by path: fenced blocks, named in the line before or beside the fence.

    A path that leaves the folder is no name, nor is one that is longer than a file system takes. Of two files of one
    name the later counts, and of a file and a folder of one name too.

    Examples
    --------
    >>> files_of("main.py\n```python\nprint(1)\n```\n")
    {'main.py': 'print(1)\n'}
    """
    found: dict[str, str] = {}
    if "```" not in reply:
        return found
    for block in fenced(reply):
        path = _path(block.info) or _path(block.before)
        if path:
            found.pop(path, None)
            found[path] = block.code
    return _side_by_side(found)


def without(text: str, path: str) -> str:
    r"""Return a text without the fenced blocks of one file, and the lines that name them.

    Examples
    --------
    >>> without("Write it.\n\nnotes.py\n```python\nx = 1\n```\nThat is all.", "notes.py")
    'Write it.\n\n\nThat is all.'
    """
    kept, at = "", 0
    for block in fenced(text):
        beside, before = _path(block.info), _path(block.before)
        if path == (beside or before):
            kept += text[at : block.fence if beside else block.start]
            at = block.end
    return kept + text[at:]


def rendered(files: dict[str, str]) -> str:
    """Return files in the form that `files_of` reads.

    Examples
    --------
    >>> print(rendered({"main.py": "print(1)"}))
    main.py
    ```python
    print(1)
    ```
    """
    return "\n\n".join(_rendered(path, text) for path, text in files.items())


@dataclass(frozen=True, kw_only=True)
class Repository:
    r"""Files of a program.

    Grades: 1 where there are files, 2 where the one that starts it is among them and every Python file parses, 3 where
    no function is a stub.

    Parameters
    ----------
    main
        The file that starts the program.
    stdin
        What the program reads while it is scored.
    limits
        What it may use while it is scored.

    Examples
    --------
    >>> Repository().read("main.py\n```python\nprint('hello')\n```").grade
    3
    """

    main: str = "main.py"
    stdin: str = ""
    limits: SandboxLimits | None = None
    name: str = "repository"

    def __post_init__(self) -> None:
        if _path(self.main) != self.main or not self.main.endswith(".py"):
            raise InvalidInput(
                f"`main` must be the relative path of a Python file, such as 'main.py'; got {self.main!r}"
            )

    @property
    def form(self) -> str:
        """Every file whole, its path in the line before."""
        return (
            "Write every file of the program, whole, those that did not change too. For each file: its path on a line, "
            "and below it the content, fenced by ```. No placeholders, no explanation, only Python's standard library. "
            f"The program starts with `{self.main}`."
        )

    @property
    def duty(self) -> str:
        """Missing imports and features, placeholders, bugs."""
        return (
            "Check that every import resolves, that every function does what its name says, that no placeholder is "
            "left, that the program does all the task asks, and that nothing that worked gets lost."
        )

    def read(self, reply: str) -> Artifact:
        """Read the files of a reply."""
        files = files_of(reply)
        if not files:
            return Artifact(reply.strip(), 0, "no file was found: a path on a line, and below it a block fenced by ```")
        text = rendered(files)
        if self.main not in files:
            return Artifact(text, 1, f"the file `{self.main}` is missing")
        trees = {path: parsed(code) for path, code in files.items() if path.endswith(".py")}
        broken = [f"{path}, {tree}" for path, tree in trees.items() if isinstance(tree, str)]
        if broken:
            return Artifact(text, 1, f"not Python: {'; '.join(broken)}")
        empty = [f"{path}: {name}" for path, tree in trees.items() if not isinstance(tree, str) for name in stubs(tree)]
        return Artifact(text, 2, f"placeholders are left in {'; '.join(empty)}") if empty else Artifact(text, 3)

    async def score(self, artifact: Artifact, snippets: Snippets | None = None) -> Score:  # noqa: ARG002  own folder
        """Return the mean of three shares: files that parse, functions that are no stubs, and whether the program runs.

        A program runs when it ends by itself with 0, or is still running without complaint when its time is over.
        """
        files = files_of(artifact.text)
        trees = [parsed(code) for path, code in files.items() if path.endswith(".py")]
        whole = [tree for tree in trees if not isinstance(tree, str)]
        if not whole or self.main not in files:
            return Score(0.0, {"parses": 0.0, "complete": 0.0, "runs": 0.0})
        count = sum(len(functions(tree)) for tree in whole)
        complete = 1 - sum(len(stubs(tree)) for tree in whole) / count if count else 1.0
        outcome = await sandbox.run_async(
            files, ["python", self.main], limits=self.limits, stdin=self.stdin.encode("utf-8", "surrogatepass")
        )
        runs = float(outcome.ok or (outcome.status == "timeout" and b"Traceback" not in outcome.stderr))
        facts = {"parses": len(whole) / len(trees), "complete": complete, "runs": runs}
        return Score(sum(facts.values()) / len(facts), facts)


def _path(line: str) -> str | None:
    """Return the last path of a line, if it stays within the folder."""
    found = _PATH.findall(line) if len(line) <= _LONGEST_LINE else []
    if not found or line[: line.rfind(found[-1])].endswith(("/", "~", "\\")):
        return None
    path = PurePosixPath(found[-1])
    if ".." in path.parts or max(len(part.encode()) for part in path.parts) > _LONGEST_NAME:
        return None
    return str(path) if len(str(path).encode()) <= _LONGEST_PATH else None


def _side_by_side(files: dict[str, str]) -> dict[str, str]:
    """Return files that can lie beside each other: none is a folder of another that comes later, or lies in it."""
    kept: set[str] = set()
    folders: set[str] = set()
    for path in reversed(files):
        above = {str(folder) for folder in PurePosixPath(path).parents}
        if path not in folders and kept.isdisjoint(above):
            kept.add(path)
            folders |= above
    return files if len(kept) == len(files) else {path: text for path, text in files.items() if path in kept}


def _rendered(path: str, text: str) -> str:
    fence = "`" * (1 + max([2, *(len(match) for match in _FENCE.findall(text))]))
    language = "python" if path.endswith(".py") else ""
    return f"{path}\n{fence}{language}\n{text}{'' if not text or text.endswith(chr(10)) else chr(10)}{fence}"
