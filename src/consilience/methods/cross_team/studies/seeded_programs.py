"""Programs that are whole, and the same with one defect each, drawn from a seed: what a rater has to tell apart.

A defect is put into a program of `program_families` that had none, so that nothing else tells the two sorts apart.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np

from consilience.dialogue.work.kinds.repository import rendered
from consilience.dialogue.work.stubs import parsed
from consilience.methods.cross_team.studies.program_families import FAMILIES, UNITS, Parts, Unit

__all__ = ["DEFECTS", "FAMILIES", "HIDDEN", "UNTOLD", "Program", "defective", "fuzzed", "whole"]


@dataclass(frozen=True)
class Program:
    """A program, as a team would hand it in."""

    family: str
    text: str
    """What a rater is given."""
    typed: str
    """What it reads."""
    tests: str
    """Visible tests; whole programs pass them."""
    defect: str = ""
    """The sort of its defect; empty where it is whole."""


_MANY = 3


def whole(source: np.random.Generator) -> Program:
    """Draw a program without a defect."""
    return _built(*_drawn(source))


def defective(source: np.random.Generator, defect: str) -> Program:
    """Draw a program with a defect of that sort, of `DEFECTS`, `HIDDEN` or `UNTOLD`."""
    make = {**DEFECTS, **HIDDEN, **UNTOLD}[defect]
    while True:
        family, parts = _drawn(source)
        if family == "one line":
            continue
        made = make(source, family, parts)
        if made is not None:
            return replace(made, defect=defect)


def _drawn(source: np.random.Generator) -> tuple[str, Parts]:
    family = str(source.choice([*FAMILIES]))
    some = source.permutation(len(UNITS))[: int(source.integers(_MANY, 2 * _MANY + 1))]
    return family, Parts(tuple(UNITS[at] for at in some), (), int(source.integers(10**6)))


def _built(family: str, parts: Parts) -> Program:
    files, typed, module = FAMILIES[family](parts)
    names = ", ".join(unit.name for unit in parts.units)
    tests = "\n".join([f"from {module} import {names}", *(unit.test for unit in parts.units)]) if module else ""
    return Program(family, rendered(files), typed, tests)


def _changed(family: str, parts: Parts, change: Callable[[dict[str, str]], bool]) -> Program | None:
    """Build a program and change its files; None where there was nothing to change."""
    files, _, _ = FAMILIES[family](parts)
    before = _built(family, parts)
    return replace(before, text=rendered(files)) if change(files) else None


_Maker = Callable[[np.random.Generator, str, Parts], Program | None]


def _syntax(source: np.random.Generator, family: str, parts: Parts) -> Program | None:
    def change(files: dict[str, str]) -> bool:
        path = _code(source, files)
        lines = files[path].splitlines()
        at = int(source.integers(len(lines)))
        broken = [
            [*lines[:at], re.sub(r":$", "", lines[at]), *lines[at + 1 :]],
            [*lines[:at], lines[at] + "(", *lines[at + 1 :]],
            [*lines[:at], "   " + lines[at], *lines[at + 1 :]],
            [*lines[:at], "Here is the rest of the program:", *lines[at:]],
            [*lines[:at], lines[at][: len(lines[at]) // 2]],
        ][int(source.integers(5))]
        files[path] = "\n".join(broken) + "\n"
        return isinstance(parsed(files[path]), str)

    return _changed(family, parts, change)


def _import(source: np.random.Generator, family: str, parts: Parts) -> Program | None:
    used = [line for unit in parts.units for line in unit.imports]
    if not used:
        return None
    gone = str(source.choice(used))

    def change(files: dict[str, str]) -> bool:
        for path in [path for path in files if path.endswith(".py")]:
            files[path] = "".join(line for line in files[path].splitlines(keepends=True) if line.strip() != gone)
        return True

    return _changed(family, parts, change)


def _module(source: np.random.Generator, family: str, parts: Parts) -> Program | None:
    name = str(source.choice(["helpers", "game_engine", "colourful_tables", "tools.extra", "config_loader"]))

    def change(files: dict[str, str]) -> bool:
        if "tools/logic.py" in files and source.random() < 0.5:  # noqa: PLR2004  one of the two
            del files["tools/logic.py"]
        else:
            files["main.py"] = f"from {name} import build\n{files['main.py']}"
        return True

    return _changed(family, parts, change)


_RAISES = (
    "print({}['total'])",
    "print([1, 2][5])",
    "print(None.value)",
    "print(len(5))",
    "print(int('twelve'))",
    "print('sum: ' + 5)",
    "print(sum(1, 2, 3, 4))",
    "open('missing.txt').read()",
    "raise RuntimeError('no level was loaded')",
    "print(1 / (2 - 2))",
    "print('name'.capitalise())",
    "import sys; sys.exit(3)",
    "assert 1 > 2, 'the board is empty'",
)
_ENDLESS = (
    "while True:\n    count = 0",
    "left = 3\nwhile left != 0:\n    left -= 2",
    "import time\nready = False\nwhile not ready:\n    time.sleep(0.1)",
    "import threading\nthreading.Event().wait()",
    "import itertools\nfor number in itertools.count():\n    last = number",
    "step, at = 0, 1\nwhile at < 10:\n    at += step",
)
_STUBS = (
    "pass",
    "...",
    '"""Do what the name says."""',
    "raise NotImplementedError",
    "raise NotImplementedError('later')",
    "# TODO: implement\nreturn None",
    "# your code here\nreturn []",
    "print('not implemented yet')",
    '"""To be implemented."""\nreturn None',
    "raise Exception('Not implemented')",
)


def _raising(source: np.random.Generator, family: str, parts: Parts) -> Program | None:
    return _built(family, replace(parts, extra=(str(source.choice(_RAISES)),)))


def _endless(source: np.random.Generator, family: str, parts: Parts) -> Program | None:
    return _built(family, replace(parts, extra=(str(source.choice(_ENDLESS)),)))


def _stub(source: np.random.Generator, family: str, parts: Parts) -> Program | None:
    body = str(source.choice(_STUBS))
    return _built(family, _with_body(source, parts, lambda _: body))


def _wrong(source: np.random.Generator, family: str, parts: Parts) -> Program | None:
    return _built(family, _with_body(source, parts, lambda unit: unit.wrong))


def _with_body(source: np.random.Generator, parts: Parts, body: Callable[[Unit], str]) -> Parts:
    at = int(source.integers(len(parts.units)))
    units = [replace(unit, body=body(unit)) if here == at else unit for here, unit in enumerate(parts.units)]
    return replace(parts, units=tuple(units))


def _nothing(source: np.random.Generator, family: str, parts: Parts) -> Program | None:
    return replace(_built(family, parts), text=_junk(source)[int(source.integers(len(_junk(source))))])


def _junk(source: np.random.Generator) -> list[str]:
    noise = source.integers(0, 256, 400, dtype=np.uint8).tobytes()
    return [
        "",
        "   \n\n",
        "I am sorry, I cannot write this program.",
        rendered({"README.md": "# A program\n"}),
        rendered({"main.py": ""}),
        rendered({"main.py": "# main\n"}),
        rendered({"main.py": "def main():\n    print('ready')\n"}),
        rendered({"main.py": noise.decode("latin-1")}),
        rendered({"main.py": noise.decode("utf-8", "surrogateescape")}),
        rendered({"game.py": "print('ready')\n"}),
        noise.decode("latin-1"),
        rendered({"main.py": "x = " + "(" * 3000 + ")" * 3000 + "\n"}),
    ]


def _beyond(source: np.random.Generator, family: str, parts: Parts) -> Program | None:
    line = str(source.choice(_RAISES[:5]))
    return _built(family, replace(parts, extra=(f"import os\nif os.environ.get('LEVEL') == '2':\n    {line}",)))


DEFECTS: dict[str, _Maker] = {
    "does not parse": _syntax,
    "an import is missing": _import,
    "a module is missing": _module,
    "raises when run": _raising,
    "never ends": _endless,
    "a stub": _stub,
    "no program": _nothing,
}
"""Defects that running and parsing has to find, by what they are."""
HIDDEN: dict[str, _Maker] = {"a wrong result": _wrong}
"""Defects that tests have to find."""
UNTOLD: dict[str, _Maker] = {"raises where no run goes": _beyond}
"""Defects that nothing here finds."""


def _code(source: np.random.Generator, files: dict[str, str]) -> str:
    return str(source.choice([path for path, text in files.items() if path.endswith(".py") and text.strip()]))


def fuzzed(source: np.random.Generator, count: int) -> Iterator[str]:
    """Yield programs with characters taken out, doubled or exchanged at random places, for whoever must not crash."""
    for _ in range(count):
        letters = list(whole(source).text)
        for at in source.integers(0, len(letters), int(source.integers(1, 30))):
            letters[at] = str(source.choice(["", letters[at] * 2, "\0", "\ud800", "(", "\n", "`", "é"]))
        yield "".join(letters)
