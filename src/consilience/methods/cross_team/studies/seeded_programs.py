"""Programs that are whole, and the same with one defect each, drawn from a seed: what a rater has to tell apart.

Whole programs are of eight families: a script, several files with data, a window, a menu that reads what is typed,
classes with abstract methods and hooks, threads that wait, a drawing, and a single line. Many use `pass` as it is meant
to be used. A defect is put into a program that had none, so that nothing else tells the two sorts apart.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np

from consilience.dialogue.work.kinds.repository import rendered
from consilience.dialogue.work.stubs import parsed

__all__ = ["DEFECTS", "FAMILIES", "HIDDEN", "UNTOLD", "Program", "defective", "fuzzed", "whole"]


@dataclass(frozen=True)
class Unit:
    """A function, and how it is used."""

    name: str
    imports: tuple[str, ...]
    head: str
    body: str
    wrong: str
    """A body that runs as well, and is wrong."""
    shown: str
    test: str

    @property
    def code(self) -> str:
        """Its source, without imports."""
        return f"{self.head}\n{textwrap.indent(textwrap.dedent(self.body).strip(), '    ')}\n"


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


UNITS = (
    Unit(
        "circle_area",
        ("import math",),
        "def circle_area(radius):",
        "return math.pi * radius ** 2",
        "return 2 * math.pi * radius",
        "circle_area(3)",
        "assert round(circle_area(3), 3) == 28.274",
    ),
    Unit(
        "count_words",
        ("from collections import Counter",),
        "def count_words(text):",
        "return Counter(text.lower().split())",
        "return Counter(text.split())",
        "count_words('To be or not to be')",
        "assert count_words('To to')['to'] == 2",
    ),
    Unit(
        "to_number",
        (),
        "def to_number(text, otherwise=0):",
        """
        number = otherwise
        try:
            number = float(text)
        except ValueError:
            pass
        return number
        """,
        "return otherwise",
        "to_number('4.5') + to_number('none')",
        "assert to_number('4.5') == 4.5 and to_number('x') == 0",
    ),
    Unit(
        "primes_below",
        (),
        "def primes_below(limit):",
        """
        found = []
        for number in range(2, limit):
            if all(number % prime for prime in found):
                found.append(number)
        return found
        """,
        "return [number for number in range(2, limit) if number % 2]",
        "primes_below(30)",
        "assert primes_below(12) == [2, 3, 5, 7, 11]",
    ),
    Unit(
        "encode",
        ("import string",),
        "def encode(text, shift):",
        """
        letters = string.ascii_lowercase
        table = str.maketrans(letters, letters[shift % 26:] + letters[:shift % 26])
        return text.lower().translate(table)
        """,
        "return text.lower() if shift else string.ascii_lowercase",
        "encode('Passenger', 3)",
        "assert encode('abz', 1) == 'bca'",
    ),
    Unit(
        "strength",
        (),
        "def strength(password):",
        """
        points = 0
        for check in (str.islower, str.isupper, str.isdigit):
            if any(check(letter) for letter in password):
                points += 1
            else:
                pass
        return points
        """,
        "return len(password)",
        "strength('Compass1')",
        "assert strength('aB1x') == 3 and strength('a') == 1",
    ),
    Unit(
        "merge_intervals",
        (),
        "def merge_intervals(intervals):",
        """
        merged = []
        for low, high in sorted(intervals):
            if merged and low <= merged[-1][1]:
                merged[-1][1] = max(merged[-1][1], high)
            else:
                merged.append([low, high])
        return merged
        """,
        "return sorted(map(list, intervals))",
        "merge_intervals([(1, 3), (2, 5), (8, 9)])",
        "assert merge_intervals([(1, 3), (2, 5)]) == [[1, 5]]",
    ),
    Unit(
        "roll",
        ("import random",),
        "def roll(sides, times, seed):",
        """
        source = random.Random(seed)
        return [source.randint(1, sides) for _ in range(times)]
        """,
        "return [random.randint(0, sides)] * (times + 1)",
        "roll(6, 4, 7)",
        "assert len(roll(6, 5, 1)) == 5 and roll(6, 5, 1) == roll(6, 5, 1)",
    ),
    Unit(
        "as_table",
        (),
        "def as_table(rows):",
        """
        widths = [max(len(str(cell)) for cell in column) for column in zip(*rows)]
        return [' '.join(str(cell).ljust(width) for cell, width in zip(row, widths)) for row in rows]
        """,
        "return [' '.join(map(str, row)) for row in rows]",
        "as_table([['name', 1], ['a', 200]])",
        "assert as_table([['ab', 1], ['c', 2]])[1] == 'c  2'",
    ),
    Unit(
        "checksum",
        ("import hashlib",),
        "def checksum(text):",
        "return hashlib.sha256(text.encode()).hexdigest()[:8]",
        "return hashlib.sha256(b'').hexdigest()[:8]",
        "checksum('bypass')",
        "assert checksum('a') == 'ca978112'",
    ),
    Unit(
        "days_between",
        ("from datetime import date",),
        "def days_between(first, last):",
        "return (date.fromisoformat(last) - date.fromisoformat(first)).days",
        "return (date.fromisoformat(first) - date.fromisoformat(last)).days",
        "days_between('2024-02-01', '2024-03-01')",
        "assert days_between('2024-02-01', '2024-03-01') == 29",
    ),
    Unit(
        "fibonacci",
        ("import functools",),
        "@functools.lru_cache(maxsize=None)\ndef fibonacci(number):",
        "return number if number < 2 else fibonacci(number - 1) + fibonacci(number - 2)",
        "return number if number < 2 else 2 * fibonacci(number - 1)",
        "fibonacci(40)",
        "assert fibonacci(10) == 55",
    ),
)


@dataclass(frozen=True)
class _Parts:
    """What a family makes a program of."""

    units: tuple[Unit, ...]
    extra: tuple[str, ...]
    """Lines in the midst of what is run."""
    seed: int

    def imports(self, *more: str) -> str:
        """Return all imports, a line each."""
        return "\n".join(sorted({*more, *(line for unit in self.units for line in unit.imports)}))

    @property
    def defined(self) -> str:
        """All functions."""
        return "\n\n".join(unit.code for unit in self.units)

    def shows(self, indent: int = 4) -> str:
        """Return the lines that use them, with the extra lines in between."""
        lines = [f"print('{unit.name}:', {unit.shown})" for unit in self.units]
        at = len(lines) // 2
        return textwrap.indent("\n".join([*lines[:at], *self.extra, *lines[at:]]), " " * indent)


_Built = tuple[dict[str, str], str, str]
"""Files, what is typed, and the module that has the functions."""

_START = '\n\nif __name__ == "__main__":\n    main()\n'


def _script(parts: _Parts) -> _Built:
    code = f'"""A script."""\n\n{parts.imports()}\n\n\n{parts.defined}\n\ndef main():\n{parts.shows()}\n{_START}'
    return {"main.py": code}, "", "main"


def _several(parts: _Parts) -> _Built:
    names = ", ".join(unit.name for unit in parts.units)
    files = {
        "main.py": f"{parts.imports('import json')}\n\nfrom tools.logic import {names}\n\n\ndef main():\n"
        f"    with open('settings.json') as file:\n        print(json.load(file)['title'])\n{parts.shows()}\n{_START}",
        "tools/__init__.py": "",
        "tools/logic.py": f"{parts.imports()}\n\n\n{parts.defined}",
        "settings.json": f'{{"title": "compass {parts.seed}"}}\n',
        "README.md": "# Tools\n\nRun `main.py`.\n",
    }
    return files, "", "tools.logic"


def _window(parts: _Parts) -> _Built:
    imports = parts.imports("import tkinter as tk", "from tkinter import messagebox")
    code = f"""{imports}


{parts.defined}

class App(tk.Tk):
    def __init__(self):
        super().__init__()
        self.title("window {parts.seed}")
        self.count = tk.IntVar(value=0)
        self.canvas = tk.Canvas(self, width=200, height=100)
        self.canvas.pack()
        self.entry = tk.Entry(self)
        self.entry.pack(side=tk.LEFT)
        tk.Button(self, text="Show", command=self.show).pack()
        self.bind("<Return>", lambda event: self.show())
        self.protocol("WM_DELETE_WINDOW", self.destroy)
        self.after(50, self.tick)

    def show(self):
        messagebox.showinfo("Result", self.entry.get())

    def tick(self):
        self.count.set(self.count.get() + 1)
        self.canvas.create_line(0, 0, self.count.get(), 10)
        self.after(50, self.tick)


def main():
    app = App()
{parts.shows()}
    app.mainloop()
{_START}"""
    return {"main.py": code}, "", "main"


def _menu(parts: _Parts) -> _Built:
    code = f"""{parts.imports()}


{parts.defined}

def ask(question):
    return input(question).strip()


def main():
    while True:
        choice = ask("1 show, 2 help, q quit: ")
        if choice == "q":
            break
        elif choice == "1":
{parts.shows(12)}
        elif choice == "2":
            print("Nothing may bypass this menu.")
        else:
            pass
    print("Goodbye")
{_START}"""
    return {"main.py": code}, ("1\n2\nx\nq\n", "1\n", "2\n1\n")[parts.seed % 3], "main"


def _classes(parts: _Parts) -> _Built:
    imports = parts.imports("from abc import ABC, abstractmethod", "from dataclasses import dataclass", "import sys")
    code = f"""{imports}


{parts.defined}

class StockError(Exception):
    pass


class Listener:
    def changed(self, name):
        pass


class Printer(Listener):
    def changed(self, name):
        print("changed", name, file=sys.stderr)


class Item(ABC):
    @abstractmethod
    def price(self):
        pass


@dataclass
class Good(Item):
    name: str
    cents: int

    def price(self):
        return self.cents / 100


class Stock:
    def __init__(self, listener):
        self.items = {{}}
        self.listener = listener

    def add(self, item):
        self.items[item.name] = item
        self.listener.changed(item.name)

    def take(self, name):
        if name not in self.items:
            raise StockError(f"there is no {{name}}")
        return self.items.pop(name)


def main():
    stock = Stock(Printer())
    stock.add(Good("compass", {parts.seed % 900 + 100}))
    try:
        stock.take("passport")
    except StockError:
        pass
{parts.shows()}
    print(stock.take("compass").price())
{_START}"""
    return {"main.py": code}, "", "main"


def _waiting(parts: _Parts) -> _Built:
    code = f"""{parts.imports("import threading", "import time", "import queue")}


{parts.defined}

def work(tasks, results):
    while True:
        task = tasks.get()
        if task is None:
            return
        time.sleep(2)
        results.append(task * task)


def main():
    tasks, results = queue.Queue(), []
    workers = [threading.Thread(target=work, args=(tasks, results)) for _ in range(2)]
    for worker in workers:
        worker.start()
    for number in range({parts.seed % 5 + 3}):
        tasks.put(number)
    for worker in workers:
        tasks.put(None)
    for worker in workers:
        worker.join()
    for left in range(10, 0, -1):
        time.sleep(1)
{parts.shows()}
    print(sorted(results))
{_START}"""
    return {"main.py": code}, "", "main"


def _drawing(parts: _Parts) -> _Built:
    code = f"""{parts.imports("import turtle")}


{parts.defined}

def star(pen, size):
    for _ in range(5):
        pen.forward(size)
        pen.right(144)


def main():
    screen = turtle.Screen()
    screen.title("passing {parts.seed}")
    pen = turtle.Turtle()
    pen.speed(0)
    star(pen, 80)
{parts.shows()}
    screen.mainloop()
{_START}"""
    return {"main.py": code}, "", "main"


def _line(parts: _Parts) -> _Built:
    if parts.extra:
        return _script(parts)
    return {"main.py": f"print(sum(number * number for number in range({parts.seed % 90 + 10})))\n"}, "", ""


FAMILIES: dict[str, Callable[[_Parts], _Built]] = {
    "script": _script,
    "several files": _several,
    "window": _window,
    "menu": _menu,
    "classes": _classes,
    "waiting": _waiting,
    "drawing": _drawing,
    "one line": _line,
}
"""By name."""

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


def _drawn(source: np.random.Generator) -> tuple[str, _Parts]:
    family = str(source.choice([*FAMILIES]))
    some = source.permutation(len(UNITS))[: int(source.integers(_MANY, 2 * _MANY + 1))]
    return family, _Parts(tuple(UNITS[at] for at in some), (), int(source.integers(10**6)))


def _built(family: str, parts: _Parts) -> Program:
    files, typed, module = FAMILIES[family](parts)
    names = ", ".join(unit.name for unit in parts.units)
    tests = "\n".join([f"from {module} import {names}", *(unit.test for unit in parts.units)]) if module else ""
    return Program(family, rendered(files), typed, tests)


def _changed(family: str, parts: _Parts, change: Callable[[dict[str, str]], bool]) -> Program | None:
    """Build a program and change its files; None where there was nothing to change."""
    files, _, _ = FAMILIES[family](parts)
    before = _built(family, parts)
    return replace(before, text=rendered(files)) if change(files) else None


_Maker = Callable[[np.random.Generator, str, _Parts], Program | None]


def _syntax(source: np.random.Generator, family: str, parts: _Parts) -> Program | None:
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


def _import(source: np.random.Generator, family: str, parts: _Parts) -> Program | None:
    used = [line for unit in parts.units for line in unit.imports]
    if not used:
        return None
    gone = str(source.choice(used))

    def change(files: dict[str, str]) -> bool:
        for path in [path for path in files if path.endswith(".py")]:
            files[path] = "".join(line for line in files[path].splitlines(keepends=True) if line.strip() != gone)
        return True

    return _changed(family, parts, change)


def _module(source: np.random.Generator, family: str, parts: _Parts) -> Program | None:
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


def _raising(source: np.random.Generator, family: str, parts: _Parts) -> Program | None:
    return _built(family, replace(parts, extra=(str(source.choice(_RAISES)),)))


def _endless(source: np.random.Generator, family: str, parts: _Parts) -> Program | None:
    return _built(family, replace(parts, extra=(str(source.choice(_ENDLESS)),)))


def _stub(source: np.random.Generator, family: str, parts: _Parts) -> Program | None:
    body = str(source.choice(_STUBS))
    return _built(family, _with_body(source, parts, lambda _: body))


def _wrong(source: np.random.Generator, family: str, parts: _Parts) -> Program | None:
    return _built(family, _with_body(source, parts, lambda unit: unit.wrong))


def _with_body(source: np.random.Generator, parts: _Parts, body: Callable[[Unit], str]) -> _Parts:
    at = int(source.integers(len(parts.units)))
    units = [replace(unit, body=body(unit)) if here == at else unit for here, unit in enumerate(parts.units)]
    return replace(parts, units=tuple(units))


def _nothing(source: np.random.Generator, family: str, parts: _Parts) -> Program | None:
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


def _beyond(source: np.random.Generator, family: str, parts: _Parts) -> Program | None:
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
