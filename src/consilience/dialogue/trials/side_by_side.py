"""Engines side by side: every job in a process of its own, in turns, so that none has the quieter machine."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict
from statistics import median
from types import ModuleType
from typing import TypeVar

from consilience.dialogue.trials import rival
from consilience.dialogue.trials.apart import said_apart
from consilience.dialogue.trials.rival import Job, Outcome

__all__ = ["in_turns", "run_apart", "typical"]

Engine = TypeVar("Engine", bound=str)
Result = TypeVar("Result")


def run_apart(module: ModuleType, job: Job, python: str = sys.executable) -> Outcome:
    """Run a job in a process of its own.

    Parameters
    ----------
    module
        Whose `main` reads a job, and says an `Outcome` on its last line; it imports nothing of this package but
        `consilience.dialogue.trials.rival` at its top.
    job
        What to run.
    python
        A Python that has the engine; our own needs this one.
    """
    ours = python == sys.executable
    command = ["-m", module.__name__] if ours else [python, "-I", str(rival.__file__), str(module.__file__)]
    try:
        return Outcome(**json.loads(said_apart(command, json.dumps(asdict(job)))))
    except RuntimeError as error:
        raise RuntimeError(f"{job.engine}: {error}") from error


def in_turns(
    engines: Sequence[Engine], places: Iterable[str], rounds: int, run: Callable[[Engine, str, int], Result]
) -> dict[tuple[str, Engine], list[Result]]:
    """Run every engine in every place in turns, round for round.

    Parameters
    ----------
    engines
        By name.
    places
        What they are run on, by name.
    rounds
        How often each has its turn.
    run
        Runs an engine in a place, given the number of the round.

    Returns
    -------
    dict
        By place and engine, a result a round.

    Examples
    --------
    >>> in_turns(("a", "b"), ["x"], 2, lambda engine, place, turn: f"{engine}{turn}")
    {('x', 'a'): ['a0', 'a1'], ('x', 'b'): ['b0', 'b1']}
    """
    places = list(places)
    found: dict[tuple[str, Engine], list[Result]] = {(place, engine): [] for place in places for engine in engines}
    for turn in range(rounds):
        for place in places:
            for engine in engines:
                found[place, engine].append(run(engine, place, turn))
    return found


def typical(outcomes: Sequence[Outcome], of: str) -> float:
    """Return the median of a field over rounds; ``"cpu_ms"`` is processor time a call, in milliseconds."""
    if of == "cpu_ms":
        return median(1e3 * one.cpu_s / one.calls for one in outcomes)
    return float(median(getattr(one, of) for one in outcomes))
