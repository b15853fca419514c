"""Gaps: what is missing in a program, found in its syntax tree: stubs, and names and modules that are nowhere."""

from __future__ import annotations

import ast
import builtins
import io
import re
import symtable
import sys
import tokenize
from collections.abc import Iterable, Iterator, Mapping, Sequence

from consilience.dialogue.work.stubs import functions, parsed, stubs

__all__ = ["MODULE", "completeness", "gaps", "inert"]

MODULE = "module"
"""Stands for what is in no function, in the names of gaps."""

_ADMITS = re.compile(
    r"\btodo\b|\bfixme\b|\bplaceholder\b|\bstub\b|not (?:yet )?implemented|to be implemented"
    r"|implement (?:this|me|later)|your code here|coming soon|implementation goes here",
    re.IGNORECASE,
)
_MODULES_OWN = {"__file__", "__name__", "__doc__", "__builtins__", "__spec__", "__path__", "__class__"}
_GIVEN = frozenset(dir(builtins)) | _MODULES_OWN
_NAMELESS = ("lambda", "genexpr", "listcomp", "setcomp", "dictcomp")


def completeness(files: Mapping[str, str], found: Mapping[str, str] | None = None) -> float:
    r"""Return the share of functions that do something and find the names that they use; 0 where a file is not Python.

    `found` is what `gaps` tells of the files, if that is known.

    Examples
    --------
    >>> completeness({"main.py": "def f():\n    pass\ndef g():\n    try:\n        f()\n    except ValueError: pass\n"})
    0.5
    """
    trees = [parsed(text) for path, text in files.items() if path.endswith(".py")]
    if not trees or any(isinstance(tree, str) for tree in trees):
        return 0.0
    count = sum(len(functions(tree)) for tree in trees if not isinstance(tree, str))
    missing = sum(not gap.endswith(f": {MODULE}") for gap in (gaps(files) if found is None else found))
    return max(0.0, 1 - missing / count) if count else 1.0


def gaps(files: Mapping[str, str]) -> dict[str, str]:
    r"""Return what is missing in a program, by ``path: name``, and why: stubs, and names that are defined nowhere.

    A function is a stub when its body does nothing, or next to nothing and says so in a comment or a text. Abstract
    methods, protocols, hooks that a subclass fills, empty constructors and ``except: pass`` are none.

    Examples
    --------
    >>> gaps({"main.py": "def area(r):\n    return math.pi * r * r\n"})
    {'main.py: area': '`math` is defined nowhere'}
    """
    trees = {path: parsed(text) for path, text in files.items() if path.endswith(".py")}
    whole = {path: tree for path, tree in trees.items() if not isinstance(tree, str)}
    filled = _filled(whole.values())
    found: dict[str, str] = {}
    for path, tree in whole.items():
        for name in _stubs(tree, files[path], filled):
            found[f"{path}: {name}"] = "a placeholder"
        for name, missing in _undefined(files[path], path).items():
            found.setdefault(f"{path}: {name}", f"`{missing}` is defined nowhere")
        for name, missing in _unresolved(tree, files):
            found.setdefault(f"{path}: {name}", f"the module `{missing}` is not there")
    return found


def inert(tree: ast.Module) -> bool:
    r"""Whether nothing happens when a module is started: it only imports, defines and names.

    Examples
    --------
    >>> inert(ast.parse("def f():\n    print(1)\n")), inert(ast.parse("print(1)"))
    (True, False)
    """
    return all(_still(node) for node in tree.body)


def _stubs(tree: ast.Module, text: str, filled: frozenset[str]) -> Iterator[str]:
    empty = {name for name in stubs(tree) if not _may_be_empty(name, filled)}
    yield from sorted(empty)
    told = _comments(text)
    for name, node in sorted(functions(tree).items()):
        if name not in empty and all(map(_next_to_nothing, node.body)) and _admits(node, told):
            yield name


def _may_be_empty(name: str, filled: frozenset[str]) -> bool:
    owner, _, method = name.rpartition(".")
    return bool(owner) and (method in ("__init__", "__exit__", "__del__", "__enter__") or name in filled)


def _filled(trees: Iterable[ast.Module]) -> frozenset[str]:
    """Return methods, as ``Class.method``, that a subclass in the same program defines too."""
    classes = {node.name: node for tree in trees for node in ast.walk(tree) if isinstance(node, ast.ClassDef)}
    found: set[str] = set()
    for node in classes.values():
        methods = [child.name for child in node.body if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef)]
        for above in _above(node, classes):
            found.update(f"{above}.{method}" for method in methods)
    return frozenset(found)


def _above(node: ast.ClassDef, classes: Mapping[str, ast.ClassDef]) -> set[str]:
    found: set[str] = set()
    waiting = [node]
    while waiting:
        for base in waiting.pop().bases:
            name = ast.unparse(base).rpartition(".")[2]
            if name in classes and name not in found:
                found.add(name)
                waiting.append(classes[name])
    return found


def _next_to_nothing(node: ast.stmt) -> bool:
    match node:
        case ast.Pass() | ast.Expr(value=ast.Constant()) | ast.Raise():
            return True
        case ast.Return(value=None | ast.Constant() | ast.Name()):
            return True
        case ast.Return(value=ast.List(elts=[]) | ast.Tuple(elts=[]) | ast.Dict(keys=[])):
            return True
        case ast.Expr(value=ast.Call(func=ast.Name(id="print"), args=[ast.Constant()])):
            return True
        case _:
            return False


def _admits(node: ast.FunctionDef | ast.AsyncFunctionDef, told: Mapping[int, str]) -> bool:
    last = node.end_lineno or node.lineno
    texts = [
        child.value for child in ast.walk(node) if isinstance(child, ast.Constant) and isinstance(child.value, str)
    ]
    return any(
        _ADMITS.search(text) for text in (*texts, *(told.get(line, "") for line in range(node.lineno, last + 1)))
    )


def _comments(text: str) -> dict[int, str]:
    found: dict[int, str] = {}
    try:
        for token in tokenize.generate_tokens(io.StringIO(text).readline):
            if token.type == tokenize.COMMENT:
                found[token.start[0]] = token.string
    except (tokenize.TokenError, SyntaxError):
        return found
    return found


def _undefined(text: str, path: str) -> dict[str, str]:
    """Return, by function, a name that it or what is in it takes from its module and that nobody defines there."""
    try:
        top = symtable.symtable(text, path, "exec")
    except (SyntaxError, ValueError, RecursionError):
        return {}
    if re.search(r"^\s*from\s+[\w.]+\s+import\s+\*", text, re.MULTILINE) or "globals()" in text or "exec(" in text:
        return {}
    known = _GIVEN | {each.get_name() for each in top.get_symbols() if each.is_assigned() or each.is_imported()}
    known |= {each.get_name() for each in top.get_symbols() if each.is_namespace()}
    waiting = [("", child) for child in top.get_children()]
    known |= {each.get_name() for _, inner in _scopes(waiting) for each in inner.get_symbols() if _made_global(each)}
    wanted = (each.get_name() for each in top.get_symbols() if each.is_referenced())
    missing = next((name for name in wanted if name not in known), None)
    found = {} if missing is None else {MODULE: missing}
    for name, scope in _scopes(waiting):
        for each in scope.get_symbols():
            if each.is_global() and each.is_referenced() and each.get_name() not in known:
                found.setdefault(name, each.get_name())
    return found


def _made_global(symbol: symtable.Symbol) -> bool:
    return symbol.is_declared_global() and (symbol.is_assigned() or symbol.is_imported())


def _scopes(waiting: Sequence[tuple[str, symtable.SymbolTable]]) -> Iterator[tuple[str, symtable.SymbolTable]]:
    """Yield scopes, each with the function or class that it belongs to; what has no name belongs to what it is in."""
    stack = list(waiting)
    while stack:
        within, scope = stack.pop()
        own = scope.get_name()
        named = own.isidentifier() and own not in _NAMELESS
        name = ".".join(part for part in (within, own if named else "") if part) or MODULE
        yield name, scope
        stack.extend(("" if name == MODULE else name, child) for child in scope.get_children())


def _unresolved(tree: ast.Module, files: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Yield imports that neither the program nor the standard library answers, unless somebody is ready for that."""
    owners = {id(node): name for name, each in functions(tree).items() for node in ast.walk(each)}
    ready = {id(node) for each in ast.walk(tree) if isinstance(each, ast.Try) for node in ast.walk(each)}
    for node in ast.walk(tree):
        if id(node) in ready:
            continue
        for module in _imported(node):
            if module not in sys.stdlib_module_names and not _own(module, files):
                yield owners.get(id(node), MODULE), module


def _imported(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name.partition(".")[0] for alias in node.names]
    if isinstance(node, ast.ImportFrom) and node.module and not node.level:
        return [node.module.partition(".")[0]]
    return []


def _own(module: str, files: Mapping[str, str]) -> bool:
    return any(part in (module, f"{module}.py") for path in files for part in path.split("/"))


def _still(node: ast.stmt) -> bool:
    match node:
        case ast.Import() | ast.ImportFrom() | ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef() | ast.Pass():
            return True
        case ast.Expr(value=ast.Constant()):
            return True
        case ast.Assign(value=value) | ast.AnnAssign(value=value):
            return not any(isinstance(each, ast.Call) for each in ast.walk(value)) if value else True
        case ast.If(body=body, orelse=orelse):
            return all(map(_still, (*body, *orelse)))
        case _:
            return False
