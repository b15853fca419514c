"""The shape of the house, read from its files alone: weight of floors, circles of imports, what is there twice."""

import ast
from collections.abc import Iterator, Mapping
from pathlib import Path

FLOORS = ("ground", "neural", "dialogue")
RUN = 12


def modules(package: Path) -> dict[str, Path]:
    """Return each module of `package` by its dotted name."""
    return {
        ".".join(path.relative_to(package.parent).with_suffix("").parts).removesuffix(".__init__"): path
        for path in sorted(package.rglob("*.py"))
    }


def shared_part(package: Path) -> float:
    """Return the part of all lines of `package` that stands on the floors shared by rooms."""
    lines = {name: len(path.read_text(encoding="utf-8").splitlines()) for name, path in modules(package).items()}
    shared = sum(count for name, count in lines.items() if name.split(".")[1:2] and name.split(".")[1] in FLOORS)
    return shared / sum(lines.values())


def imports(package: Path) -> dict[str, set[str]]:
    """Return what each module of `package` imports of it when it is loaded.

    Imports inside functions and those for type checkers alone are left out: neither runs then.
    """
    known = modules(package)
    graph = {}
    for name, path in known.items():
        tree = ast.parse(path.read_text(encoding="utf-8"))
        graph[name] = {target for target in _targets(tree.body, known) if target != name}
    return graph


def circle(graph: Mapping[str, set[str]]) -> list[str]:
    """Return one circle of a graph, its first node once more at the end; nothing where there is none."""
    done: set[str] = set()
    for start in graph:
        if start in done:
            continue
        path, waiting = [start], [iter(sorted(graph[start]))]
        while path:
            onward = next(waiting[-1], None)
            if onward is None:
                done.add(path.pop())
                waiting.pop()
            elif onward in path:
                return [*path[path.index(onward) :], onward]
            elif onward not in done:
                path.append(onward)
                waiting.append(iter(sorted(graph.get(onward, ()))))
    return []


def repeated(files: Mapping[str, str], run: int = RUN) -> list[str]:
    """Say in one line each which two places share `run` lines or more to the letter.

    Blank lines, imports, comments and docstrings do not count, nor does how far a line is indented. The heads of
    functions do not either: who keeps to a protocol, or to `get_params` of scikit-learn, writes the same head again.

    Parameters
    ----------
    files
        The text of each file by what it is called.
    run
        How many lines in a row are too many, at least 1.
    """
    kept = {name: list(_counted(text)) for name, text in files.items()}
    first: dict[tuple[str, ...], tuple[str, int]] = {}
    found = []
    for name, lines in kept.items():
        ended = -1
        for start in range(len(lines) - run + 1):
            window = tuple(line for _, line in lines[start : start + run])
            there, begun = first.setdefault(window, (name, start))
            if (there, begun) == (name, start) or (there == name and start - begun < run):
                continue
            if start > ended:
                found.append(f"{there}:{kept[there][begun][0]} ~ {name}:{lines[start][0]}")
            ended = start + run - 1
    return found


def clashes(door: Path) -> list[str]:
    """Say in one line each which public names of a door are also modules of its package.

    Importing a module puts it into its package under its name, over whatever was there.

    Parameters
    ----------
    door
        The folder of the package.
    """
    listed = (
        ast.literal_eval(node.value)
        for node in ast.parse((door / "__init__.py").read_text(encoding="utf-8")).body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__"
    )
    public = {name for names in listed for name in names}
    within = {path.stem: path.name for path in door.glob("*.py")}
    within |= {path.parent.name: f"{path.parent.name}/" for path in door.glob("*/__init__.py")}
    return [
        f"{door.name}: the public name `{name}` is also the module {within[name]}, which takes its place once it is "
        "imported; call the module otherwise"
        for name in sorted(public & set(within))
    ]


def _targets(body: list[ast.stmt], known: Mapping[str, Path]) -> Iterator[str]:
    for node in body:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in known)
        elif isinstance(node, ast.ImportFrom) and node.module in known:
            inner = [f"{node.module}.{alias.name}" for alias in node.names]
            yield from (name if name in known else node.module for name in inner)
        elif isinstance(node, ast.Try | ast.With | ast.For | ast.ClassDef) or (
            isinstance(node, ast.If) and "TYPE_CHECKING" not in ast.unparse(node.test)
        ):
            yield from _targets([child for child in ast.iter_child_nodes(node) if isinstance(child, ast.stmt)], known)


def _counted(text: str) -> Iterator[tuple[int, str]]:
    """Give the lines of code with their numbers: those of imports, docstrings and heads left out."""
    tree = ast.parse(text)
    passed: set[int] = set()
    for node in ast.walk(tree):
        told = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)  # a docstring, or three dots
        if told or isinstance(node, ast.Import | ast.ImportFrom):
            passed.update(range(node.lineno, (node.end_lineno or node.lineno) + 1))
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            begins = min([node.lineno, *(one.lineno for one in node.decorator_list)])
            passed.update(range(begins, node.body[0].lineno))
    for number, line in enumerate(text.splitlines(), 1):
        folded = " ".join(line.split())
        if folded and not folded.startswith("#") and number not in passed:
            yield number, folded
