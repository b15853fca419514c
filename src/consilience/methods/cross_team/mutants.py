"""Mutants: programs that are wrong in the way that programs are, made from right ones by small changes of their syntax.

An operator names the places of a function where it could change something, and changes one of them. A mutant has some
such changes at places that were drawn. Two mutants of the same function have the same statements but for what was
changed in them, so that one can be spliced of several, statement by statement.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator, Sequence
from copy import copy, deepcopy
from dataclasses import dataclass

import numpy as np

from consilience.dialogue.work.stubs import functions, parsed
from consilience.ground.errors import InvalidInput

__all__ = ["OPERATORS", "Change", "Mutant", "changes", "mutant", "spliced", "voted"]

_Node = ast.FunctionDef | ast.AsyncFunctionDef
_COMPARED: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
}
_COMPUTED: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Add,
    ast.Div: ast.FloorDiv,
    ast.FloorDiv: ast.Div,
    ast.Mod: ast.FloorDiv,
    ast.Pow: ast.Mult,
}
_ROWS = ("body", "orelse", "finalbody")
_OTHER_CALLS = {"min": "max", "max": "min", "any": "all", "all": "any", "lower": "upper", "upper": "lower"}


@dataclass(frozen=True, slots=True)
class Change:
    """A place where an operator could change a function."""

    operator: str
    """Of `OPERATORS`."""
    at: int
    """Number of the node, as `ast.walk` comes to it."""


@dataclass(frozen=True, slots=True)
class Mutant:
    """A function that was changed, in its module."""

    source: str
    """The whole module."""
    changes: tuple[Change, ...]
    """What was changed; none for one that is as it was."""


def _compare(node: ast.AST) -> bool:
    if not isinstance(node, ast.Compare) or type(node.ops[0]) not in _COMPARED:
        return False
    node.ops[0] = _COMPARED[type(node.ops[0])]()
    return True


def _compute(node: ast.AST) -> bool:
    if not isinstance(node, ast.BinOp | ast.AugAssign) or type(node.op) not in _COMPUTED:
        return False
    node.op = _COMPUTED[type(node.op)]()
    return True


def _shift(node: ast.AST) -> bool:
    if not isinstance(node, ast.Constant) or isinstance(node.value, bool) or not isinstance(node.value, int):
        return False
    node.value += 1
    return True


def _connect(node: ast.AST) -> bool:
    if not isinstance(node, ast.BoolOp):
        return False
    node.op = ast.Or() if isinstance(node.op, ast.And) else ast.And()
    return True


def _negate(node: ast.AST) -> bool:
    if not isinstance(node, ast.If | ast.IfExp):
        return False
    node.test = ast.UnaryOp(op=ast.Not(), operand=node.test)
    return True


def _say_otherwise(node: ast.AST) -> bool:
    if not isinstance(node, ast.Constant) or not isinstance(node.value, bool):
        return False
    node.value = not node.value
    return True


def _call_otherwise(node: ast.AST) -> bool:
    if not isinstance(node, ast.Call):
        return False
    named = node.func
    if isinstance(named, ast.Name) and named.id in _OTHER_CALLS:
        named.id = _OTHER_CALLS[named.id]
    elif isinstance(named, ast.Attribute) and named.attr in _OTHER_CALLS:
        named.attr = _OTHER_CALLS[named.attr]
    else:
        return False
    return True


def _give_nothing(node: ast.AST) -> bool:
    if not isinstance(node, ast.Return) or node.value is None or isinstance(node.value, ast.Constant):
        return False
    node.value = ast.Constant(value=None)
    return True


OPERATORS: dict[str, Callable[[ast.AST], bool]] = {
    "compare": _compare,
    "compute": _compute,
    "shift": _shift,
    "connect": _connect,
    "negate": _negate,
    "say otherwise": _say_otherwise,
    "call otherwise": _call_otherwise,
    "give nothing": _give_nothing,
}
"""What can be done to a node: each returns whether it changed it."""


def changes(source: str, entry: str) -> tuple[Change, ...]:
    r"""Return all changes that could be made to a function.

    Parameters
    ----------
    source
        A module.
    entry
        Name of the function.

    Raises
    ------
    InvalidInput
        When the module cannot be read or has no such function.

    Examples
    --------
    >>> [change.operator for change in changes("def f(x):\n    return x < 3\n", "f")]
    ['give nothing', 'compare', 'shift']
    """
    _, function = _function(source, entry)
    return tuple(
        Change(name, at)
        for at, node in _nodes(function)
        for name, operator in OPERATORS.items()
        if operator(deepcopy(node))
    )


def mutant(source: str, entry: str, count: int, chance: np.random.Generator) -> Mutant:
    """Return a function with so many of its possible changes, or all of them where there are fewer.

    Parameters
    ----------
    source, entry
        As for `changes`.
    count
        How many.
    chance
        Which.
    """
    possible = changes(source, entry)
    chosen = sorted(chance.choice(len(possible), size=min(count, len(possible)), replace=False).tolist())
    tree, function = _function(source, entry)
    by_number = dict(_nodes(function))
    made = tuple(possible[at] for at in chosen)
    for change in made:
        OPERATORS[change.operator](by_number[change.at])
    return Mutant(ast.unparse(ast.fix_missing_locations(tree)), made)


def spliced(sources: Sequence[str], entry: str, chance: np.random.Generator) -> str:
    """Return one module of several mutants: each statement of the function from any of them, at random.

    Statements are matched by their place, within loops and branches too. What has another form in one mutant than in
    the others is taken whole.
    """
    return _woven(sources, entry, lambda nodes: int(chance.integers(len(nodes))))


def voted(sources: Sequence[str], entry: str) -> str:
    """Return one module of several mutants: each statement of the function as most of them have it, or the earliest."""

    def most(nodes: Sequence[ast.AST]) -> int:
        texts = [ast.dump(_bare(node)) for node in nodes]
        return max(range(len(texts)), key=lambda at: (texts.count(texts[at]), -at))

    return _woven(sources, entry, most)


def _woven(sources: Sequence[str], entry: str, choose: Callable[[Sequence[ast.AST]], int]) -> str:
    trees = [_function(source, entry) for source in sources]
    tree, function = trees[0]
    function.body = _row([function.body for _, function in trees], choose)
    return ast.unparse(ast.fix_missing_locations(tree))


def _row(bodies: Sequence[list[ast.stmt]], choose: Callable[[Sequence[ast.AST]], int]) -> list[ast.stmt]:
    """Return statements of several rows of them, place by place where they are equally many."""
    if len({len(body) for body in bodies}) > 1:
        return bodies[choose([ast.Module(body=body, type_ignores=[]) for body in bodies])]
    return [_statement(nodes, choose) for nodes in zip(*bodies, strict=True)]


def _statement(nodes: Sequence[ast.stmt], choose: Callable[[Sequence[ast.AST]], int]) -> ast.stmt:
    """Return one statement of several: what begins it from one, what is within it from any."""
    taken = nodes[choose(nodes)]
    rows = [name for name in _ROWS if isinstance(getattr(taken, name, None), list)]
    if not rows or len({type(node) for node in nodes}) > 1:
        return taken
    made = copy(taken)
    for name in rows:
        setattr(made, name, _row([getattr(node, name) for node in nodes], choose))
    return made


def _bare(node: ast.AST) -> ast.AST:
    """Return a node without the rows of statements within it, which are chosen on their own."""
    if isinstance(node, ast.Module):
        return node
    bare = copy(node)
    for name in _ROWS:
        if isinstance(getattr(node, name, None), list):
            setattr(bare, name, [])
    return bare


def _function(source: str, entry: str) -> tuple[ast.Module, _Node]:
    tree = parsed(source)
    if isinstance(tree, str):
        raise InvalidInput(f"expected Python; got something else: {tree}")
    found = functions(tree).get(entry)
    if found is None:
        raise InvalidInput(f"expected a module with a function {entry!r}; got one without")
    return tree, found


def _nodes(function: _Node) -> Iterator[tuple[int, ast.AST]]:
    """Iterate over the nodes of the body of a function, numbered; its docstring, arguments and decorators stay."""
    body = function.body[1:] if ast.get_docstring(function, clean=False) is not None else function.body
    numbered = 0
    for statement in body:
        for node in ast.walk(statement):
            yield numbered, node
            numbered += 1
