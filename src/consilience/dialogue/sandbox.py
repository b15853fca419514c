"""A sandbox for programs that a language model wrote: limited, cut off, ended for certain, honest about its walls.

Nothing but the kernel of Linux is needed: namespaces give a program a network without ways out, its own processes and
a view of its own files; a filter of system calls and Landlock close what namespaces leave open, and stand in where a
machine forbids them. Which walls stood is said with every outcome and by `walls`; what has to stand is demanded with
``require``.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import asdict
from functools import cache
from pathlib import Path

from consilience.dialogue.sandbox_box import Box, Job, Plan, SandboxFailed
from consilience.dialogue.sandbox_snippets import Snippets, cancellable, demand
from consilience.dialogue.sandbox_terms import (
    WALLS,
    Outcome,
    SandboxLimits,
    Status,
    Variables,
    checked_files,
    checked_variables,
    existing_paths,
    known_means,
    known_walls,
    outcome_of,
)
from consilience.ground.errors import InvalidInput

__all__ = [
    "WALLS",
    "Outcome",
    "SandboxFailed",
    "SandboxLimits",
    "Snippets",
    "Status",
    "run",
    "run_async",
    "walls",
]


def run(
    files: Mapping[str, str | bytes],
    command: Sequence[str],
    *,
    limits: SandboxLimits | None = None,
    stdin: bytes = b"",
    env: Variables = (),
    readable: Sequence[str | Path] = (),
    require: Collection[str] = (),
    without: Collection[str] = (),
) -> Outcome:
    r"""Run a program that nobody has to trust, and say what came of it.

    Parameters
    ----------
    files
        The files it finds in the folder it starts in, by relative path.
    command
        Program and arguments; ``"python"`` is the interpreter of the caller, without the packages of its environment.
        No shell reads it.
    limits
        What it may use; `SandboxLimits` if left out.
    stdin
        What it reads from standard input.
    env
        Variables beside PATH, HOME and LANG; nothing of the caller's environment is passed on.
    readable
        Paths that it may read beside the interpreter and the system's libraries and programs: packages, for example.
    require
        Walls, of `WALLS`, without which it is not to be run.
    without
        Means that are not to be used: ``"namespaces"`` (or only those of ``"users"``), ``"landlock"``, ``"calls"``.

    Raises
    ------
    InvalidInput
        If a required wall cannot stand here, a path leaves the folder, or the command is not a sequence of words.
    SandboxFailed
        If no sandbox can be built at all.

    Examples
    --------
    >>> outcome = run({"main.py": "print(6 * 7)"}, ["python", "main.py"])
    >>> outcome.status, outcome.returncode, outcome.stdout
    ('done', 0, b'42\n')
    """
    job, plan = _prepared(files, command, limits=limits, stdin=stdin, env=env, readable=readable, without=without)
    return _run_alone(job, plan, known_walls(require), lambda _: None)


async def run_async(
    files: Mapping[str, str | bytes],
    command: Sequence[str],
    *,
    limits: SandboxLimits | None = None,
    stdin: bytes = b"",
    env: Variables = (),
    readable: Sequence[str | Path] = (),
    require: Collection[str] = (),
    without: Collection[str] = (),
) -> Outcome:
    """Do as `run` does, beside other tasks; a task that is cancelled ends the program before it goes.

    Each program waits in a thread of the loop's default executor, which therefore bounds how many run at once.
    """
    job, plan = _prepared(files, command, limits=limits, stdin=stdin, env=env, readable=readable, without=without)
    required = known_walls(require)
    return await cancellable(lambda started: _run_alone(job, plan, required, started))


def walls(*, without: Collection[str] = ()) -> dict[str, str]:
    """Say which walls stand on this machine, and by which means.

    Examples
    --------
    >>> "limits" in walls()
    True
    """
    return dict(_standing(known_means(without)))


@cache
def _standing(without: frozenset[str]) -> Mapping[str, str]:
    box = Box(Plan(limits=asdict(SandboxLimits()), without=without))
    box.close()
    return box.walls


def _prepared(
    files: Mapping[str, str | bytes],
    command: Sequence[str],
    *,
    limits: SandboxLimits | None,
    stdin: bytes,
    env: Variables,
    readable: Sequence[str | Path],
    without: Collection[str],
) -> tuple[Job, Plan]:
    words = [command] if isinstance(command, str) else list(command)
    if isinstance(command, str) or not words or any("\0" in word for word in words):
        raise InvalidInput(f"expected a command as a sequence of words, ['python', 'main.py']; got {command!r}")
    plan = Plan(
        limits=asdict(limits or SandboxLimits()), readable=existing_paths(readable), without=known_means(without)
    )
    job = Job(files=checked_files(files, plan.limits), command=tuple(command), stdin=stdin, env=checked_variables(env))
    return job, plan


def _run_alone(job: Job, plan: Plan, required: frozenset[str], started: Callable[[Box], None]) -> Outcome:
    box = Box(plan)
    try:
        demand(required, box)
        started(box)
        raw = box.run(job)
    finally:
        box.close()
    return outcome_of(raw, job, box.walls, plan.limits)
