"""Whole programs of eight families, put together of functions with their tests.

They are a script, several files with data, a window, a menu that reads what is typed, classes with abstract methods and
hooks, threads that wait, a drawing, and a single line. Many use `pass` as it is meant to be used.
"""

from __future__ import annotations

import textwrap
from collections.abc import Callable
from dataclasses import dataclass

__all__ = ["FAMILIES", "UNITS", "Parts", "Unit"]


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
class Parts:
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


Built = tuple[dict[str, str], str, str]
"""Files, what is typed, and the module that has the functions."""

_START = '\n\nif __name__ == "__main__":\n    main()\n'


def _script(parts: Parts) -> Built:
    code = f'"""A script."""\n\n{parts.imports()}\n\n\n{parts.defined}\n\ndef main():\n{parts.shows()}\n{_START}'
    return {"main.py": code}, "", "main"


def _several(parts: Parts) -> Built:
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


def _window(parts: Parts) -> Built:
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


def _menu(parts: Parts) -> Built:
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


def _classes(parts: Parts) -> Built:
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


def _waiting(parts: Parts) -> Built:
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


def _drawing(parts: Parts) -> Built:
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


def _line(parts: Parts) -> Built:
    if parts.extra:
        return _script(parts)
    return {"main.py": f"print(sum(number * number for number in range({parts.seed % 90 + 10})))\n"}, "", ""


FAMILIES: dict[str, Callable[[Parts], Built]] = {
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
