"""A job's own process, once the walls stand: its files and its input, and what it runs.

Part of the inner side of the sandbox: it stands on the standard library only.
"""

# pathlib takes as long to load as a bare interpreter to start.
# ruff: noqa: PTH103, PTH108, PTH120, PTH123

from __future__ import annotations

import atexit
import os
import sys
from typing import NoReturn

from consilience.dialogue import sandbox_walls

__all__ = ["give_input", "run_command", "run_snippet", "write_files"]

_SIGPIPE, _SIGXFSZ = 13, 25
_PIPE_BYTES = 60_000


def write_files(files: dict[str, bytes]) -> None:
    """Write the job's files into the folder it is in."""
    for name, content in files.items():
        folder = os.path.dirname(name)
        if folder:
            os.makedirs(folder, exist_ok=True)
        with open(name, "xb") as file:
            file.write(content)


def give_input(content: bytes) -> None:
    """Let standard input be the content: through a pipe where it holds it, else from a file without a name."""
    if len(content) <= _PIPE_BYTES:
        source, target = os.pipe()
        os.write(target, content)
        os.close(target)
    else:
        source = os.open(".standard-input", os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        os.unlink(".standard-input")
        rest = memoryview(content)
        while rest:
            rest = rest[os.write(source, rest) :]
        os.lseek(source, 0, os.SEEK_SET)
    os.dup2(source, 0)
    os.close(source)
    for stream in (1, 2):
        # A job before this one may have changed what the pipes do, for both ends of them are old.
        os.set_blocking(stream, True)


def run_command(command: list[str], environment: dict[str, str]) -> NoReturn:
    """Become the program; ``python`` is the interpreter that runs this."""
    from signal import SIG_DFL, signal  # noqa: PLC0415  slow to load, and only here

    for number in (_SIGPIPE, _SIGXFSZ):
        signal(number, SIG_DFL)
    if command[0] in ("python", "python3"):
        os.execve(sys.executable, [sys.executable, *command[1:]], environment)  # noqa: S606  no shell is the point
    os.execvpe(command[0], command, environment)  # noqa: S606


def run_snippet(code: str, home: str, environment: dict[str, str]) -> int:
    """Run code as the main module of this process, as an interpreter would."""
    os.closerange(3, 64)
    sandbox_walls.prctl(sandbox_walls.DUMPABLE, 1)
    os.environ.clear()
    os.environ.update(environment)
    for name in [name for name in sys.modules if name.partition(".")[0] == "consilience"]:
        del sys.modules[name]
    module = type(sys)("__main__")
    vars(module)["__builtins__"] = __builtins__
    sys.modules["__main__"] = module
    sys.argv = ["snippet.py"]
    sys.path.insert(0, home)
    try:
        exec(compile(code, "snippet.py", "exec"), vars(module))  # noqa: S102  this is what the walls are for
        returned = 0
    except SystemExit as exit_:
        returned = _exit_code(exit_.code)
    except BaseException as error:  # noqa: BLE001  whatever a program raises is the program's
        returned = 1
        trace = error.__traceback__.tb_next if error.__traceback__ else None
        sys.excepthook(type(error), error.with_traceback(trace), trace)
    _finish()
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError, AttributeError):
            returned = returned or 120
    return returned


def _finish() -> None:
    """Wait for threads and do what was left for the end, as an interpreter would."""
    if "threading" in sys.modules:
        import threading  # noqa: PLC0415  not loaded for those who do not need it

        for thread in threading.enumerate():
            if thread is not threading.main_thread() and not thread.daemon:
                thread.join()
    atexit._run_exitfuncs()  # noqa: SLF001  there is no other way to leave by `os._exit` in order


def _exit_code(code: object) -> int:
    if code is None:
        return 0
    if isinstance(code, int):
        return code & 0xFF
    sys.stderr.write(f"{code}\n")
    return 1
