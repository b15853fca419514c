"""Lineage: which team gave each file and each function of a piece of work, through all merges.

A part is a file, or a function or class at the top level of one. Its form is its syntax tree without comments, layout
and docstrings; the text where a file is not Python. A part belongs to whoever among the ancestors of the work had it
first in this form. Ancestors are what the work was made from and what that was made from, so that neither latency nor
who came first plays a part: of two that had the same form apart from each other, the one fewer steps from the start
counts, then the team that comes first.
"""

from __future__ import annotations

import ast
import difflib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b

from consilience.dialogue.work.artifact import Artifact
from consilience.dialogue.work.kinds.repository import files_of
from consilience.dialogue.work.stubs import parsed
from consilience.ground.errors import InvalidInput

__all__ = ["Lineage", "Origin", "differences", "pieces_of"]

WHOLE = "answer"
_NAMED = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
_DOCUMENTED = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Module)
_DEEP = 150
"""Levels of a syntax tree, such as branches one upon the other, from which on it is not dumped by recursion."""


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a part first had the form that it has.

    Examples
    --------
    >>> str(Origin("A/coding")), str(Origin("coding+0.1"))
    ('team A', 'merge coding+0.1')
    """

    element: str
    """Such as ``"A/coding"`` or, where a merge wrote it anew, ``"coding+0.1"``."""

    @property
    def team(self) -> str | None:
        """The team that gave it; None where a merge did."""
        return None if "+" in self.element else self.element.partition("/")[0]

    def __str__(self) -> str:
        """Return who it was, in words."""
        return f"merge {self.element}" if self.team is None else f"team {self.team}"


@dataclass(frozen=True, slots=True)
class _First:
    """When and where a form was first had; the least is the first."""

    step: int
    element: str

    @property
    def rank(self) -> tuple[int, bool, int, str]:
        team = self.element.partition("/")[0]
        return self.step, "+" in self.element, len(team), self.element


@dataclass(frozen=True, slots=True)
class _Made:
    """One artifact of an element."""

    artifact: Artifact
    step: int
    parents: tuple[str, ...]
    forms: Mapping[str, _First]
    """All forms that it or an ancestor has."""


class Lineage:
    r"""What became of what: artifacts by element, and the elements whose artifacts they were made from.

    Examples
    --------
    >>> lineage = Lineage()
    >>> lineage.record("A/coding", Artifact("def f():\n    return 1\n"))
    >>> lineage.record("B/coding", Artifact("def g():\n    return 2\n"))
    >>> both = Artifact("def f():\n    return 1\n\ndef g():\n    return 2\n")
    >>> lineage.record("coding+0.0", both, ["A/coding", "B/coding"])
    >>> {part: str(origin) for part, origin in lineage.of(both).items()}
    {'answer': 'merge coding+0.0', 'answer::f': 'team A', 'answer::g': 'team B'}
    """

    def __init__(self) -> None:
        self._made: dict[str, _Made] = {}
        self._by_digest: dict[str, list[str]] = {}

    def record(self, element: str, artifact: Artifact, parents: Sequence[str] = ()) -> None:
        """Take down what an element made of what its parents had made.

        An element that records several times (turns of one phase) builds on what it had recorded; the last stands.

        Parameters
        ----------
        element
            Such as ``"A/coding"``; one with a ``+`` is a merge.
        artifact
            What it made.
        parents
            Elements recorded before, whose artifacts went into it.

        Raises
        ------
        InvalidInput
            When a parent was not recorded.
        """
        unknown = [parent for parent in parents if parent not in self._made]
        if unknown:
            raise InvalidInput(f"parents must be recorded before {element!r}; {unknown[0]!r} was not: record it first")
        before = self._made.get(element)
        if before is not None and before.artifact == artifact and {*parents} <= {element, *before.parents}:
            return
        above = [self._made[parent] for parent in parents if parent != element] + ([before] if before else [])
        step = 1 + max((made.step for made in above), default=-1)
        forms = _first_of(above)
        for form in pieces_of(artifact).values():
            forms.setdefault(form, _First(step, element))
        names = tuple(dict.fromkeys((*(before.parents if before else ()), *parents)))
        self._made[element] = _Made(artifact, step, names, forms)
        self._by_digest.setdefault(artifact.digest, []).append(element)

    def of(self, artifact: Artifact) -> dict[str, Origin]:
        """Return the origin of every file (``path``) and every function or class at its top level (``path::name``).

        Raises
        ------
        InvalidInput
            When no element recorded this artifact.
        """
        makers = [
            name for name in self._by_digest.get(artifact.digest, ()) if self._made[name].artifact.text == artifact.text
        ]
        if not makers:
            raise InvalidInput(
                f"expected work that was recorded; no element made the artifact {artifact.digest[:8]}: record it first"
            )
        forms = _first_of([self._made[name] for name in makers])
        return {part: Origin(forms[form].element) for part, form in pieces_of(artifact).items()}

    def parents(self, element: str) -> tuple[str, ...]:
        """Return the elements whose artifacts went into one."""
        return self._element(element).parents

    def artifact(self, element: str) -> Artifact:
        """Return what an element made."""
        return self._element(element).artifact

    @property
    def elements(self) -> tuple[str, ...]:
        """The elements that made something, in the order of their names."""
        return tuple(sorted(self._made))

    @property
    def digest(self) -> str:
        """Digest of all of it, 32 hexadecimal digits; the order in which elements were recorded does not matter."""
        rows = [
            [
                name,
                made.artifact.digest,
                sorted(made.parents),
                sorted((part, made.forms[form].element) for part, form in pieces_of(made.artifact).items()),
            ]
            for name, made in sorted(self._made.items())
        ]
        return _digest(json.dumps(rows))

    def _element(self, name: str) -> _Made:
        if name not in self._made:
            raise InvalidInput(f"expected an element that made something, of {', '.join(self.elements)}; got {name!r}")
        return self._made[name]


def pieces_of(artifact: Artifact) -> dict[str, str]:
    r"""Return the form of every part of an artifact, as a digest; work without files is one file, ``answer``.

    Of functions that share a name in one file, the second is ``path::name#2``, and so on.

    Examples
    --------
    >>> list(pieces_of(Artifact("main.py\n```python\nimport sys\ndef f():\n    return 1\n```")))
    ['main.py', 'main.py::f']
    """
    return {part: form for path, text in _files(artifact).items() for part, form in _pieces(path, text)}


def differences(parent: Artifact, merge: Artifact) -> dict[str, str]:
    r"""Return unified diffs from a parent to a merge, by path; files that are the same are left out.

    Examples
    --------
    >>> print(differences(Artifact("x = 1\n"), Artifact("x = 2\n"))["answer"])
    --- parent/answer
    +++ merge/answer
    @@ -1 +1 @@
    -x = 1
    +x = 2
    """
    before, after = _files(parent), _files(merge)
    paths = dict.fromkeys((*before, *after))
    return {
        path: _difference(path, before.get(path), after.get(path)) for path in paths if _differ(path, before, after)
    }


def _differ(path: str, before: Mapping[str, str], after: Mapping[str, str]) -> bool:
    return before.get(path) != after.get(path)


def _difference(path: str, before: str | None, after: str | None) -> str:
    old, new = (
        "/dev/null" if text is None else f"{side}/{path}" for side, text in (("parent", before), ("merge", after))
    )
    lines = difflib.unified_diff((before or "").splitlines(), (after or "").splitlines(), old, new, lineterm="")
    return "\n".join(lines)


def _first_of(several: Iterable[_Made]) -> dict[str, _First]:
    forms: dict[str, _First] = {}
    for made in several:
        for form, first in made.forms.items():
            known = forms.get(form)
            if known is None or first.rank < known.rank:
                forms[form] = first
    return forms


def _files(artifact: Artifact) -> dict[str, str]:
    return files_of(artifact.text) or {WHOLE: artifact.text}


def _pieces(path: str, text: str) -> Iterator[tuple[str, str]]:
    tree = parsed(text) if path.endswith(".py") or path == WHOLE else "no Python"
    if isinstance(tree, str):
        yield path, _digest(f"text\0{text}")
        return
    yield path, _form(tree, "file")
    seen: dict[str, int] = {}
    for node in tree.body:
        if isinstance(node, _NAMED):
            seen[node.name] = count = seen.get(node.name, 0) + 1
            yield f"{path}::{node.name}{f'#{count}' if count > 1 else ''}", _form(node, "part")


def _form(tree: ast.AST, sort: str) -> str:
    for node in ast.walk(tree):
        if isinstance(node, _DOCUMENTED) and ast.get_docstring(node, clean=False) is not None:
            # An empty body has the form of one with `pass`.
            node.body = node.body[1:] or [ast.Pass()]
    return _digest(f"{sort}\0{''.join(_said(tree)) if _is_deep(tree) else ast.dump(tree)}")


def _is_deep(tree: ast.AST) -> bool:
    level: list[ast.AST] = [tree]
    for _ in range(_DEEP):
        level = [child for node in level for child in ast.iter_child_nodes(node)]
        if not level:
            return False
    return True


def _said(tree: ast.AST) -> Iterator[str]:
    """Yield what a tree of any depth consists of."""
    waiting: list[object] = [tree]
    while waiting:
        match waiting.pop():
            case ast.AST() as node:
                yield f"{type(node).__name__}({len(node._fields)} "
                waiting += [getattr(node, name, None) for name in reversed(node._fields)]
            case list() as several:
                yield f"[{len(several)} "
                waiting += reversed(several)
            case value:
                yield f"{value!r} "


def _digest(text: str) -> str:
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()
