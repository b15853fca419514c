import ast
from textwrap import dedent

import pytest

from consilience.dialogue.work.stubs import functions, parsed, stubs


def of(source):
    return stubs(ast.parse(dedent(source)))


@pytest.mark.parametrize(
    "body",
    [
        "pass",
        "...",
        '"""Only words."""',
        '"""Words."""\n    pass',
        "raise NotImplementedError",
        "raise NotImplementedError('later')",
    ],
)
def test_a_body_that_does_nothing_is_a_stub(body):
    assert of(f"def f():\n    {body}\n") == ("f",)
    assert of(f"async def f():\n    {body}\n") == ("f",)


@pytest.mark.parametrize("body", ["return None", "print(1)", '"""Words."""\n    return 1', "raise ValueError"])
def test_a_body_that_does_something_is_none(body):
    assert not of(f"def f():\n    {body}\n")


def test_stubs_are_found_wherever_they_hide():
    assert of("""
        class A:
            def m(self): ...
            class B:
                def n(self): pass
        def outer():
            def inner():
                pass
            return inner
        if True:
            def late(): ...
        try:
            pass
        except ImportError:
            def spare(): pass
        """) == ("A.B.n", "A.m", "late", "outer.inner", "spare")


def test_what_may_be_empty_is_excused():
    assert not of("""
        from abc import abstractmethod
        from typing import Protocol, overload
        import abc, typing
        class P(Protocol):
            def m(self): ...
        class Q(typing.Protocol[int]):
            def m(self): ...
        class A:
            @abstractmethod
            def m(self): ...
            @abc.abstractmethod
            def n(self): ...
        @overload
        def f(x: int) -> int: ...
        @typing.overload
        def f(x: str) -> str: ...
        def f(x):
            return x
        """)


def test_of_two_functions_of_one_name_the_last_counts():
    assert of("def f():\n    pass\ndef f():\n    return 1\n") == ()
    assert of("def f():\n    return 1\ndef f():\n    pass\n") == ("f",)


def test_functions_by_qualified_name():
    assert set(functions(ast.parse("class A:\n    def m(self): return 1\ndef f(): return 2\n"))) == {"A.m", "f"}


@pytest.mark.parametrize("source", ["def f(:\n", "x = (", "\x00", "(" * 1000, "return 1 +\n"])
def test_what_is_no_python_is_told(source):
    assert isinstance(parsed(source), str)
    assert parsed(source)


def test_odd_escapes_warn_nobody():
    assert isinstance(parsed(r"x = '\d'"), ast.Module)
