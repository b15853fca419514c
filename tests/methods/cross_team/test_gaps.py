"""Gaps: stubs of every kind are found, and what only looks like one is none."""

import ast

import pytest
from hypothesis import given
from hypothesis import strategies as some

from consilience.methods.cross_team.gaps import completeness, gaps, inert

STUBS = [
    "pass",
    "...",
    '"""Words."""',
    "raise NotImplementedError",
    "raise NotImplementedError('later')",
    "# TODO: implement\n    return None",
    "# your code here\n    return []",
    "return 0  # placeholder",
    "print('not implemented yet')",
    '"""To be implemented."""\n    return None',
    "raise Exception('Not implemented')",
]
WHOLE = [
    "return None",
    "return []",
    "try:\n        g()\n    except ValueError:\n        pass",
    "for _ in range(3):\n        pass",
    "# TODO: faster\n    return sum(range(9))",
    "raise ValueError('no such level')",
    "bypass = 'compass'\n    return bypass",
    "print('done')",
]
BEFORE = "def g():\n    return 1\n"


@pytest.mark.parametrize("body", STUBS)
def test_stubs_are_found(body: str) -> None:
    assert gaps({"main.py": f"{BEFORE}def f():\n    {body}\n"}) == {"main.py: f": "a placeholder"}


@pytest.mark.parametrize("body", WHOLE)
def test_what_looks_like_a_stub_is_none(body: str) -> None:
    assert gaps({"main.py": f"{BEFORE}def f():\n    {body}\n"}) == {}


def test_hooks_constructors_and_abstract_methods_may_be_empty() -> None:
    code = """
from abc import ABC, abstractmethod
class Base(ABC):
    def __init__(self): pass
    @abstractmethod
    def must(self): pass
    def hook(self): pass
    def forgotten(self): pass
class Error(Exception): pass
"""
    subclass = "from base import Base\nclass Child(Base):\n    def hook(self):\n        return 1\n"
    assert gaps({"base.py": code, "child.py": subclass}) == {"base.py: Base.forgotten": "a placeholder"}


@pytest.mark.parametrize(
    ("code", "found"),
    [
        ("def f():\n    return math.pi\n", {"main.py: f": "`math` is defined nowhere"}),
        ("print(level)\n", {"main.py: module": "`level` is defined nowhere"}),
        (
            "class A:\n    def m(self):\n        return [x for x in missing]\n",
            {"main.py: A.m": "`missing` is defined nowhere"},
        ),
        (
            "def f():\n    def g():\n        return lambda: away\n    return g\n",
            {"main.py: f.g": "`away` is defined nowhere"},
        ),
        ("def f():\n    import helpers\n    return helpers\n", {"main.py: f": "the module `helpers` is not there"}),
        ("from nowhere import x\nprint(x)\n", {"main.py: module": "the module `nowhere` is not there"}),
    ],
)
def test_names_and_modules_that_are_nowhere_are_found(code: str, found: dict[str, str]) -> None:
    assert gaps({"main.py": code}) == found


@pytest.mark.parametrize(
    "code",
    [
        "from math import *\nprint(pi)\n",
        "def f():\n    return later\nlater = 1\n",
        "def f():\n    global made\n    made = 1\ndef g():\n    return made\n",
        "try:\n    import numpy\nexcept ImportError:\n    numpy = None\n",
        "class A:\n    def m(self):\n        return __class__\n",
        "def f(x):\n    return [y for y in x if (z := y)]\n",
        "import tools.logic\nprint(tools)\n",
        "from . import tools\n",
        "print(__file__, __name__)\n",
    ],
)
def test_names_that_are_somewhere_are_none(code: str) -> None:
    assert gaps({"main.py": code, "tools/logic.py": "", "tools/__init__.py": ""}) == {}


def test_completeness_counts_functions_that_are_whole() -> None:
    whole, stub = "def f():\n    return 1\n", "def g():\n    pass\n"
    assert completeness({"main.py": whole}) == 1.0
    assert completeness({"main.py": whole + stub, "b.py": whole}) == pytest.approx(2 / 3)
    assert completeness({"main.py": "x = ("}) == completeness({"notes.txt": "x"}) == completeness({}) == 0.0


def test_a_module_that_only_defines_does_nothing() -> None:
    assert inert(ast.parse("import sys\nX = {1: 2}\nclass A: pass\nif __name__ == '__main__':\n    pass\n"))
    assert not inert(ast.parse("def main(): ...\nif __name__ == '__main__':\n    main()\n"))
    assert not inert(ast.parse("app = build()\n"))


@given(some.text(max_size=80))
def test_any_text_can_be_looked_at(text: str) -> None:
    assert 0 <= completeness({"main.py": text}) <= 1
    gaps({"main.py": text})
