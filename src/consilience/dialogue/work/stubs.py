"""Stubs: functions that only stand for what they should do, found in the syntax tree and never by running them."""

from __future__ import annotations

import ast
import warnings

__all__ = ["functions", "parsed", "stubs"]

_NODES = ast.FunctionDef | ast.AsyncFunctionDef


def parsed(source: str) -> ast.Module | str:
    """Return the syntax tree of Python source, or what keeps it from having one.

    Examples
    --------
    >>> parsed("x = (")
    "line 1: '(' was never closed"
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # an odd escape in what a model wrote is no concern of the caller
            return ast.parse(source)
    except SyntaxError as error:
        return f"line {error.lineno}: {error.msg}"
    except (ValueError, RecursionError, MemoryError) as error:
        return str(error) or "it is nested too deeply"


def functions(tree: ast.Module) -> dict[str, _NODES]:
    """Return the functions and methods of a module by qualified name; of several that share one, the last."""
    found: dict[str, _NODES] = {}
    waiting: list[tuple[str, ast.AST]] = [("", tree)]
    while waiting:
        prefix, node = waiting.pop()
        for child in ast.iter_child_nodes(node):
            named = isinstance(child, _NODES | ast.ClassDef)
            name = f"{prefix}{child.name}" if isinstance(child, _NODES | ast.ClassDef) else ""
            if isinstance(child, _NODES):
                found[name] = child
            if isinstance(child, ast.stmt | ast.ExceptHandler):
                waiting.append((f"{name}." if named else prefix, child))
    return found


def stubs(tree: ast.Module) -> tuple[str, ...]:
    r"""Return the functions whose body does nothing: only a docstring, ``pass``, ``...`` or `NotImplementedError`.

    Abstract methods, overloads and methods of protocols may be empty.

    Examples
    --------
    >>> stubs(ast.parse("def f():\n    ...\ndef g():\n    return 1\n"))
    ('f',)
    """
    protocols = {
        node.name for node in ast.walk(tree) if isinstance(node, ast.ClassDef) and any(map(_is_protocol, node.bases))
    }
    return tuple(
        sorted(
            name
            for name, node in functions(tree).items()
            if all(map(_idle, node.body))
            and protocols.isdisjoint(name.split(".")[:-1])
            and not any(_last(decorator) in ("abstractmethod", "overload") for decorator in node.decorator_list)
        )
    )


def _idle(statement: ast.stmt) -> bool:
    match statement:
        case ast.Pass() | ast.Expr(value=ast.Constant()):
            return True
        case ast.Raise(exc=ast.Name(id="NotImplementedError") | ast.Call(func=ast.Name(id="NotImplementedError"))):
            return True
        case _:
            return False


def _is_protocol(base: ast.expr) -> bool:
    return _last(base.value if isinstance(base, ast.Subscript) else base) == "Protocol"


def _last(expression: ast.expr) -> str:
    return ast.unparse(expression).rpartition(".")[2]
