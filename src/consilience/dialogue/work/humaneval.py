"""HumanEval: functions to be written from their docstrings, read from a file of yours; nothing is downloaded.

Each line of the file is a problem as JSON: `task_id`, `prompt` (imports, whatever helps, and the function up to its
docstring), `entry_point` (its name) and `test` (a function `check` of assertions). A `canonical_solution` is left out.

Source of the format: "Evaluating large language models trained on code", arXiv:2107.03374.
"""

from __future__ import annotations

import ast
import gzip
import json
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from consilience.dialogue.work.kinds.function import Function
from consilience.dialogue.work.stubs import parsed
from consilience.ground.errors import InvalidInput

__all__ = ["Problem", "problem_at", "problems_at"]

_FIELDS = ("task_id", "prompt", "entry_point", "test")


@dataclass(frozen=True, kw_only=True)
class Problem:
    """A function to be written."""

    name: str
    """Such as ``"HumanEval/3"``."""
    task: str
    """What agents are told."""
    kind: Function
    """How an answer is read, and scored: 1 if all of its assertions pass, else 0."""


def problems_at(path: Path) -> dict[str, Problem]:
    """Read all problems of a file, by name, in their order; a file that ends in ``.gz`` is unpacked on the way.

    Raises
    ------
    InvalidInput
        When the file cannot be read or a line of it is no problem.
    """
    found: dict[str, Problem] = {}
    for number, line in enumerate(_lines(path), 1):
        if line.strip():
            problem = _problem(line, f"line {number} of {path}")
            if problem.name in found:
                raise InvalidInput(f"problems must have names of their own; {problem.name!r} comes twice in {path}")
            found[problem.name] = problem
    if not found:
        raise InvalidInput(f"expected a problem a line, as JSON; {path} is empty")
    return found


def problem_at(path: Path, name: str) -> Problem:
    """Read one problem of a file, by its name or by the number at the end of it.

    Raises
    ------
    InvalidInput
        When there is no such problem.
    """
    found = problems_at(path)
    wanted = name.strip()
    for known, problem in found.items():
        if wanted in (known, known.rpartition("/")[2]):
            return problem
    first, *_, last = (*found, *found)
    raise InvalidInput(
        f"{path} has {len(found)} problems, from {first!r} to {last!r}; got {wanted!r}: name one of them"
    )


def _lines(path: Path) -> Iterator[str]:
    try:
        with gzip.open(path, "rt", encoding="utf-8") if path.suffix == ".gz" else path.open(encoding="utf-8") as stream:
            yield from stream
    except (OSError, EOFError, zlib.error) as error:
        reason = getattr(error, "strerror", None) or error
        raise InvalidInput(f"{path} must be a readable file of problems; {reason}") from error
    except UnicodeDecodeError as error:
        raise InvalidInput(f"{path} must be text in UTF-8; {error}") from error


def _problem(line: str, where: str) -> Problem:
    given = _fields(line, where)
    name, entry = given["task_id"], given["entry_point"]
    tree = parsed(given["prompt"])
    if isinstance(tree, str):
        raise InvalidInput(f"the prompt of {where} must be Python; {tree}")
    defined = [node for node in tree.body if isinstance(node, ast.FunctionDef)]
    if entry not in [node.name for node in defined]:
        raise InvalidInput(f"the prompt of {where} must begin the function that it asks for, {entry!r}")
    # What helps is there for the tests and for answers that only call it.
    helps = [ast.unparse(node) for node in tree.body if node not in defined or getattr(node, "name", "") != entry]
    hidden = "\n".join((*helps, given["test"], f"check({entry})"))
    try:
        kind = Function(entry=entry, hidden_tests=hidden)
    except InvalidInput as error:
        raise InvalidInput(f"the test of {where} cannot be used: {error}") from error
    task = (
        f"Write the function `{entry}`, whole, with what is imported and defined above it:\n\n{given['prompt'].strip()}"
    )
    return Problem(name=name, task=task, kind=kind)


def _fields(line: str, where: str) -> Mapping[str, str]:
    try:
        given: Any = json.loads(line)
    except ValueError as error:
        raise InvalidInput(f"{where} must be JSON; {error}") from error
    wrong = [name for name in _FIELDS if not isinstance(given, dict) or not isinstance(given.get(name), str)]
    if wrong:
        raise InvalidInput(f"{where} must have {', '.join(_FIELDS)} as texts; {', '.join(wrong)} is missing or no text")
    return {name: given[name] for name in _FIELDS}
