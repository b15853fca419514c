"""The inner side of a trial: runs a program, or tests on it, where nobody types or looks, and says how it ended.

Its text is what the sandbox runs, so that it stands on the standard library only. What a person would do is done by
stand-ins: what is typed comes from a script; a window is never shown, but what its loop was to call is called; who
sleeps is woken at once, with the clocks put forward. What the program writes is nobody's and goes nowhere.

A program gains nothing that has a module by the name of one that is used here, or that puts something of its own in the
place of what is called here: what says how it ended was taken in hand before.
"""

# It patches what a program sees, and whatever a program raises is the program's.
# ruff: noqa: BLE001, PTH100, PTH113, PTH119, PTH120, PTH123, S102, SIM115, SLF001

from __future__ import annotations

import sys

if __name__ == "__main__":  # as it runs in the sandbox, where the program's own folder would come first
    del sys.path[0]

import io
import os
import signal
import threading
import time
import traceback
import types
from collections.abc import Callable
from json.encoder import encode_basestring
from typing import Any, NoReturn

__all__ = ["run_program", "run_tests"]

PAST_END = 16
CALLBACKS = 50
_LINES = 40
_LONGEST, _SHORTEST = 400, 40
_ALL_FAULTS = 40_000
_THERE_ALREADY = ("built-in", "frozen")
"""Where modules come from that an interpreter has before any program: no program has others in their place."""


class Enough(BaseException):
    """A program was given all that there is, and goes on asking."""


class Slow(BaseException):
    """A test took longer than it may."""


class Script(io.TextIOWrapper):
    """Standard input: what is typed, then nothing more; who does not take that for an answer is stopped."""

    def __init__(self, typed: str) -> None:
        super().__init__(io.BytesIO(typed.encode("utf-8", "surrogatepass")), encoding="utf-8", errors="replace")
        self.past_end = 0

    def readline(self, size: int = -1, /) -> str:  # type: ignore[override]
        """Return the next line."""
        return self._noted(super().readline(size))

    def read(self, size: int | None = -1, /) -> str:
        """Return what is left."""
        return self._noted(super().read(size))

    def fileno(self) -> int:
        """Return the descriptor, which holds the same."""
        return 0

    def _noted(self, text: str) -> str:
        if not text:
            self.past_end += 1
            if self.past_end > PAST_END:
                raise Enough
        return text


class Loop:
    """What windows were to call later."""

    def __init__(self) -> None:
        self.shown = False
        self._waiting: list[tuple[Callable[..., Any], tuple[Any, ...]]] = []

    def later(self, call: object, arguments: tuple[Any, ...]) -> None:
        """Remember a call."""
        if callable(call):
            self._waiting.append((call, arguments))

    def run(self, *_: Any, **__: Any) -> None:
        """Make the calls, as many as are worth it, and close the window."""
        self.shown = True
        for _call in range(CALLBACKS):
            if not self._waiting:
                return
            call, arguments = self._waiting.pop(0)
            call(*arguments)


LOOP = Loop()


class Widget:
    """Stands in for anything that a window consists of."""

    def __init__(self, *_: Any, **options: Any) -> None:
        self.__dict__["_options"] = options
        self.__dict__["_value"] = options.get("value", options.get("textvariable", ""))

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return _answer(name, self)

    def __getitem__(self, key: Any) -> Any:
        return self._options.get(key, "") if isinstance(key, str) else Widget()

    def __setitem__(self, key: Any, value: Any) -> None:
        self._options[key] = value

    def __iter__(self) -> Any:
        return iter(())

    def __int__(self) -> int:
        return 0

    def __float__(self) -> float:
        return 0.0

    def __call__(self, *_: Any, **__: Any) -> Any:
        return Widget()

    def __enter__(self) -> Any:
        return self

    def __exit__(self, *_: object) -> None:
        return None


def _after(*arguments: Any) -> str:
    call = next((each for each in arguments if callable(each) and not isinstance(each, Widget)), None)
    LOOP.later(call, arguments[2:])
    return "later"


def _set(widget: Widget | None) -> Callable[..., None]:
    def put(*arguments: Any, **_: Any) -> None:
        if widget is not None and arguments:
            widget.__dict__["_value"] = arguments[-1]

    return put


def _answer(name: str, widget: Widget | None = None) -> Any:
    """Return what a widget or a module of windows has under a name that it is asked for."""
    value = "" if widget is None else widget.__dict__.get("_value", "")
    told: dict[str, Any] = {
        "mainloop": LOOP.run,
        "done": LOOP.run,
        "exitonclick": LOOP.run,
        "after": _after,
        "after_idle": lambda call=None, *rest: _after(0, call, *rest),
        "ontimer": lambda call=None, *_: LOOP.later(call, ()),
        "get": lambda *_: value,
        "set": _set(widget),
        "insert": _set(widget),
        "wrapper": lambda call, *rest, **options: call(Widget(), *rest, **options),
        "getch": _key,
        "getkey": lambda *_: chr(_key()),
        "getmaxyx": lambda *_: (_LINES, _LINES),
        "position": lambda *_: (0.0, 0.0),
        "pos": lambda *_: (0.0, 0.0),
        "coords": lambda *_: [0.0] * 4,
        "bbox": lambda *_: (0, 0, 1, 1),
        "curselection": lambda *_: (),
        "winfo_children": lambda *_: [],
    }
    if name in told:
        return told[name]
    if name.startswith(("winfo_", "create_", "xcor", "ycor", "heading", "distance", "window_", "color_pair")):
        return lambda *_, **__: 100
    if name.startswith("ask"):
        return lambda *_, **__: None
    if name.isupper():
        return name.lower()
    return lambda *_, **__: Widget() if widget is None else None


def _key(*_: Any) -> int:
    character = sys.stdin.read(1)
    return ord(character) if character else -1


class Window(types.ModuleType):
    """Stands in for a module that opens windows."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        made: Any
        if name.endswith("Error") or name == "error":
            made = type(name, (Exception,), {})
        elif name[:1].isupper() and not name.isupper():
            starts = {"IntVar": 0, "DoubleVar": 0.0, "BooleanVar": False}
            made = type(name, (Widget,), {"__module__": self.__name__})
            if name in starts:
                made.__init__ = _variable(starts[name])
        else:
            made = _answer(name)
        setattr(self, name, made)
        return made


def _variable(start: Any) -> Callable[..., None]:
    def begin(self: Widget, *_: Any, **options: Any) -> None:
        self.__dict__.update(_options=options, _value=options.get("value", start))

    return begin


_TK = ("messagebox", "ttk", "filedialog", "simpledialog", "font", "scrolledtext", "colorchooser", "constants")
_STARRED = (
    "Tk",
    "Toplevel",
    "Frame",
    "LabelFrame",
    "Label",
    "Button",
    "Entry",
    "Text",
    "Canvas",
    "Listbox",
    "Scrollbar",
    "Menu",
    "Menubutton",
    "Checkbutton",
    "Radiobutton",
    "Scale",
    "Spinbox",
    "Message",
    "PanedWindow",
    "PhotoImage",
    "StringVar",
    "IntVar",
    "DoubleVar",
    "BooleanVar",
    "TclError",
    "Event",
    "END",
    "INSERT",
    "LEFT",
    "RIGHT",
    "TOP",
    "BOTTOM",
    "BOTH",
    "X",
    "Y",
    "N",
    "S",
    "E",
    "W",
    "NE",
    "NW",
    "SE",
    "SW",
    "NSEW",
    "CENTER",
    "NORMAL",
    "DISABLED",
    "ACTIVE",
    "HIDDEN",
    "WORD",
    "CHAR",
    "NONE",
    "YES",
    "NO",
    "ALL",
    "ANCHOR",
    "HORIZONTAL",
    "VERTICAL",
    "SUNKEN",
    "RAISED",
    "FLAT",
    "GROOVE",
    "RIDGE",
    "SOLID",
    "SINGLE",
    "BROWSE",
    "MULTIPLE",
    "EXTENDED",
    "mainloop",
)
_DRAWN = (
    "Turtle",
    "Screen",
    "forward",
    "backward",
    "left",
    "right",
    "goto",
    "penup",
    "pendown",
    "color",
    "done",
    "mainloop",
    "exitonclick",
    "ontimer",
)


def _hang_windows() -> None:
    for name, starred in (("tkinter", _STARRED), ("turtle", _DRAWN), ("curses", ())):
        sys.modules[name] = module = Window(name)
        module.__dict__.update(__all__=list(starred), __path__=[])
        for below in _TK if name == "tkinter" else ():
            sys.modules[f"{name}.{below}"] = inner = Window(f"{name}.{below}")
            setattr(module, below, inner)


def _put_clocks() -> None:
    """Let nobody wait: a sleep is over at once, and every clock shows that it was slept."""
    slept = [0.0]
    wait = time.sleep

    def sleep(seconds: Any, /) -> None:
        slept[0] += max(0.0, float(seconds))
        wait(0)

    time.sleep = sleep
    for name in ("time", "monotonic", "perf_counter"):
        setattr(time, name, _ahead(getattr(time, name), slept))


def _ahead(clock: Callable[[], float], slept: list[float]) -> Callable[[], float]:
    return lambda: clock() + slept[0]


def _mute() -> int:
    """Send what is written nowhere; return a descriptor that still leads outside."""
    outside = os.dup(1)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in (1, 2):
        os.dup2(nowhere, stream)
    sys.stdout = open(1, "w", encoding="utf-8", errors="replace", closefd=False)
    sys.stderr = open(2, "w", encoding="utf-8", errors="replace", closefd=False)
    return outside


def _prepare(typed: str, folder: str) -> tuple[int, Script]:
    script = Script(typed)
    outside = _mute()
    sys.stdin = script
    sys.path.insert(0, os.path.abspath(folder))
    _make_way(folder)
    _hang_windows()
    _put_clocks()
    return outside, script


def _make_way(folder: str) -> None:
    """Forget modules of whose names the program has its own: where it is started by itself, nobody has loaded them."""
    for name, module in list(sys.modules.items()):
        first = name.partition(".")[0]
        origin = getattr(getattr(module, "__spec__", None), "origin", "built-in")
        is_own = os.path.isfile(f"{folder}/{first}.py") or os.path.isfile(f"{folder}/{first}/__init__.py")
        if is_own and origin not in _THERE_ALREADY and first != "encodings":
            del sys.modules[name]


def _arm(handler: Callable[..., Any], cpu_s: float, wall_s: float) -> None:
    signal.signal(signal.SIGPROF, handler)
    signal.signal(signal.SIGALRM, handler)
    signal.setitimer(signal.ITIMER_PROF, cpu_s)
    signal.setitimer(signal.ITIMER_REAL, wall_s)


def _say(
    outside: int,
    mark: str,
    how: str | bool,  # noqa: FBT001  a fact, not a switch
    error: str,
    seconds: float,
    *,
    write: Callable[..., Any] = os.write,
    quoted: Callable[[str], str] = encode_basestring,
) -> None:
    """Say three facts as JSON: without escapes, which take six bytes a letter, as not all that is said is kept."""
    first = quoted(how) if isinstance(how, str) else "true" if how else "false"
    write(outside, f"\n{mark}[{first}, {quoted(error)}, {seconds!r}]\n".encode("utf-8", "replace"))


def _module(name: str, path: str) -> types.ModuleType:
    module = types.ModuleType(name)
    module.__dict__.update(__file__=path, __builtins__=__builtins__)
    sys.modules[name] = module
    return module


def _words(error: BaseException, longest: int = _LONGEST) -> str:
    """Return an exception with the place in the program where it was raised."""
    lines = traceback.extract_tb(error.__traceback__)
    others = ("<", "snippet.py", sys.prefix, sys.base_prefix, "/usr/lib")
    own = [line for line in lines if not line.filename.startswith(others)]
    place = f"{os.path.basename(own[-1].filename)}, line {own[-1].lineno}: " if own else ""
    said = f": {error}" if str(error) else ""
    return f"{place}{type(error).__name__}{said}"[:longest]


def run_program(mark: str, *, main: str, typed: str, cpu_s: float, wall_s: float) -> NoReturn:  # noqa: C901  ends
    """Run a program as if it was started, and say how that ended: a word, the error, and its processor time."""
    outside, script = _prepare(typed, os.path.dirname(main) or ".")
    owner = os.getpid()

    def end(how: str, error: str = "") -> NoReturn:
        if os.getpid() == owner:
            _say(outside, mark, how, error, time.process_time() - began)
        os._exit(0)

    def late(*_: Any) -> None:
        end("input" if script.past_end > PAST_END else "timeout")

    def broken(facts: Any) -> None:
        if facts.exc_type is not SystemExit:
            end("error", f"in a thread, {_words(facts.exc_value)}")

    threading.excepthook = broken
    sys.argv = [main]
    began = time.process_time()
    _arm(late, cpu_s, wall_s)
    try:
        with open(main, "rb") as file:
            code = compile(file.read(), main, "exec")
        exec(code, vars(_module("__main__", main)))
        _finish()
    except SystemExit as leaving:
        if leaving.code not in (None, 0, False):
            end("error", f"it exits with {str(leaving.code)[:_LONGEST]}")
    except (Enough, EOFError) as error:
        if isinstance(error, Enough) or script.past_end:
            end("input")
        end("error", _words(error))
    except BaseException as error:
        end("memory" if isinstance(error, MemoryError) else "error", _words(error))
    end("window" if LOOP.shown else "done")


def _finish() -> None:
    """Wait for threads and do what was left for the end, as an interpreter would."""
    import atexit  # noqa: PLC0415  the only use

    for thread in threading.enumerate():
        if thread is not threading.current_thread() and not thread.daemon:
            thread.join()
    atexit._run_exitfuncs()


def run_tests(
    mark: str, *, source: str | None, tests: list[tuple[bool, str]], typed: str, cpu_s: float, wall_s: float
) -> NoReturn:
    """Try tests one after the other, and say of each whether it passed or what came instead; first of the loading."""
    outside, _ = _prepare(typed, ".")
    longest = max(_SHORTEST, min(_LONGEST, _ALL_FAULTS // (1 + sum(counts for counts, _ in tests))))
    scope = vars(_module("answer" if source else "tests", source or "tests.py"))

    def late(*_: Any) -> None:
        raise Slow

    def load() -> None:
        if source:
            with open(source, "rb") as file:
                exec(compile(file.read(), source, "exec"), scope)

    say, attempt, clock = _say, _attempt, time.process_time
    sys.modules["__main__"] = types.ModuleType("__main__")  # this one is nobody's to change
    for counts, work in [(True, load), *[(counts, _executing(code, scope)) for counts, code in tests]]:
        began = clock()
        _arm(late, cpu_s, wall_s)
        passed, fault = attempt(work, longest)
        if counts:
            say(outside, mark, passed, fault, clock() - began)
        if not passed and work is load:
            break
    os._exit(0)


def _executing(code: str, scope: dict[str, Any]) -> Callable[[], None]:
    run = exec
    return lambda: run(code, scope)


def _attempt(work: Callable[[], None], longest: int) -> tuple[bool, str]:
    """Return whether work was done, and what kept it from that, in so many characters."""
    try:
        work()
    except Slow:
        return False, "it took too long"
    except BaseException as error:
        return False, _words(error, longest) or "it fails"
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.setitimer(signal.ITIMER_REAL, 0)
    return True, ""
