"""What a room must have, read from its files alone: a bare new folder is told what it lacks."""

import ast
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

from house_shape import clashes

RECIPES = ("smoke", "small", "paper")
SECTIONS = ("Question", "Idea", "Use", "What you should see", "Claims", "Limits", "Sources")
EQUATION = re.compile(r"^\n {4}\S", re.MULTILINE)
PICTURE = re.compile(r"^!\[", re.MULTILINE)
MOST_NAMES = 15
CATALOGUE = "src/consilience/catalogue.py"
UNSAYING = {"utils", "common", "helpers", "core", "base", "misc", "manager"}


def lacks(room: Path, tests: Path, page: Path) -> list[str]:
    """Say in one line each what the room in folder `room` lacks; nothing when it is complete.

    Parameters
    ----------
    room
        The package, such as ``src/consilience/methods/convex_networks``.
    tests
        The folder that mirrors it, such as ``tests/methods/convex_networks``.
    page
        Its page in the documentation.
    """
    return [
        *_door(room),
        *_config(room),
        *_experiment(room),
        *_recipes(room),
        *_page(page),
        *_names(room),
        *_mirror(room, tests),
    ]


def unlisted(name: str, root: Path) -> list[str]:
    """Say in one line each where the room called `name` is not spoken of; nothing when it is known everywhere.

    Parameters
    ----------
    name
        Of the package, such as ``"convex_networks"``.
    root
        Of the repository.
    """
    entry = re.search(rf'Method\(\s*name="{name}",(.*?)\n    \),', _text(root / CATALOGUE), re.DOTALL)
    if entry is None:
        return [f"{CATALOGUE}: METHODS has no Method(name={name!r})"]
    given = dict(re.findall(r'(arxiv|extra)="([^"]*)"', entry[1]))
    extras = tomllib.loads(_text(root / "pyproject.toml"))["project"]["optional-dependencies"]
    expected = {
        "mkdocs.yml": (f"methods/{name}.md", "the page is not in the navigation"),
        "CHANGELOG.md": (f"`{name}`", "no line names the room"),
        "CITATION.cff": (f"arxiv.org/abs/{given['arxiv']}", "no reference gives its paper"),
        "docs/papers.md": (given["arxiv"], "its paper is not in the index"),
    }
    found = [f"{file}: {told}" for file, (word, told) in expected.items() if word not in _text(root / file)]
    if given.get("extra") not in extras:
        found.append(f"{CATALOGUE}: the room needs extra=..., one of the optional dependencies in pyproject.toml")
    return found


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def _tree(path: Path) -> ast.Module | None:
    return ast.parse(path.read_text(encoding="utf-8")) if path.is_file() else None


def _defines(tree: ast.Module, name: str) -> bool:
    """Whether a module defines `name`, or imports it to pass it on."""
    for node in tree.body:
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) and node.name == name:
            return True
        if isinstance(node, ast.ImportFrom) and name in {alias.asname or alias.name for alias in node.names}:
            return True
    return False


def _door(room: Path) -> Iterator[str]:
    tree = _tree(room / "__init__.py")
    if tree is None:
        yield "__init__.py: the door is missing"
        return
    told = ast.get_docstring(tree) or ""
    for word, meaning in (("?", "the question it answers"), ("Idea:", "its idea"), ("arXiv:", "its source")):
        if word not in told:
            yield f"__init__.py: the docstring must give {meaning} ({word!r} is not in it)"
    names = next(
        (
            node.value
            for node in tree.body
            if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__"
        ),
        None,
    )
    if not isinstance(names, ast.List | ast.Tuple):
        yield "__init__.py: __all__ must list the public names"
    elif not 0 < len(names.elts) <= MOST_NAMES:
        yield f"__init__.py: __all__ must have 1 to {MOST_NAMES} names; got {len(names.elts)}"
    yield from clashes(room)


def _config(room: Path) -> Iterator[str]:
    tree = _tree(room / "config.py")
    if tree is None or not _defines(tree, "Config"):
        yield "config.py: a class Config is missing"


def _experiment(room: Path) -> Iterator[str]:
    tree = _tree(room / "experiment.py")
    if tree is None or not _defines(tree, "run"):
        yield "experiment.py: a function run(config, folder) is missing"


def _recipes(room: Path) -> Iterator[str]:
    for recipe in RECIPES:
        path = room / "recipes" / f"{recipe}.toml"
        if not path.is_file():
            yield f"recipes/{recipe}.toml: the recipe is missing"
            continue
        try:
            tomllib.loads(path.read_text(encoding="utf-8"))
        except tomllib.TOMLDecodeError as error:
            yield f"recipes/{recipe}.toml: must be TOML; {error}"


def _page(page: Path) -> Iterator[str]:
    if not page.is_file():
        yield f"docs/methods/{page.name}: the page is missing"
        return
    parts = re.split(r"^## (.+?)\s*$", page.read_text(encoding="utf-8"), flags=re.MULTILINE)
    sections = dict(zip(parts[1::2], parts[2::2], strict=True))
    for section in SECTIONS:
        if section not in sections:
            yield f"docs/methods/{page.name}: a section '## {section}' is missing"
    there = [section for section in sections if section in SECTIONS]
    if there != sorted(there, key=SECTIONS.index):
        yield f"docs/methods/{page.name}: sections come in the order {', '.join(SECTIONS)}"
    if not EQUATION.search(sections.get("Idea", "\n    ...")):
        yield f"docs/methods/{page.name}: the idea has no equation, a line of its own that is indented"
    if not PICTURE.search(sections.get("What you should see", "![")):
        yield f"docs/methods/{page.name}: what one should see has no picture"


def _names(room: Path) -> Iterator[str]:
    for path in sorted(room.rglob("*.py")):
        if path.stem in UNSAYING:
            yield f"{path.relative_to(room)}: the name says nothing; name the file after what it holds"


def _mirror(room: Path, tests: Path) -> Iterator[str]:
    for path in sorted(room.rglob("*.py")):
        module = path.relative_to(room)
        if module.name == "__init__.py":
            continue
        folder = tests / module.parent
        if not (folder / f"test_{module.stem}.py").is_file() and not list(folder.glob(f"test_{module.stem}_*.py")):
            yield f"{module}: tests/methods/{room.name}/{module.parent / f'test_{module.stem}.py'} is missing"
