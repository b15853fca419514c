"""Killed and resumed: a run is ended by SIGKILL in the middle, and its trace compared with that of a whole one."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from consilience.ground.errors import InvalidInput
from consilience.methods.self_correction.budget import Budget
from consilience.methods.self_correction.corrector import Corrector
from consilience.methods.self_correction.scripted import ScriptedModel
from consilience.methods.self_correction.stopping import CriticAgrees, MaxRounds
from consilience.methods.self_correction.trace import Trace, fingerprint

__all__ = ["Interrupted", "kill_and_resume", "traced_run"]

LATENCY_S = 0.004
CONCURRENCY = 8
CALLS = 7
_CHILD = (
    "import sys; from pathlib import Path; "
    "from consilience.methods.self_correction.studies.interruption import traced_run; "
    "traced_run(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))"
)
_PATIENCE_S = 900.0


@dataclass(frozen=True, kw_only=True)
class Interrupted:
    """What became of a run that was killed."""

    kills: int
    """Times that it was killed in the middle."""
    kept: tuple[int, ...]
    """Lines on the trace after each kill."""
    lines: int
    """Lines on the trace at the end."""
    whole_lines: int
    """Lines on the trace of a run that nobody killed."""
    identical: bool
    """Whether both traces are the same, but for the times that calls took."""
    untouched: bool
    """Whether what a kill had left stayed as it was, byte for byte."""
    repeated: int
    """Calls that are on the trace more than once."""


def traced_run(path: Path, items: int, seed: int) -> None:
    """Send so many questions through the loop, several at a time, with a trace; the same at every call."""
    truths = {f"question {number}": f"answer {number}" for number in range(items)}
    model = ScriptedModel(truths, start=0.5, tpr=0.8, fpr=0.2, fix=0.4, spoil=0.4, latency_s=LATENCY_S, seed=seed)
    stop = (CriticAgrees() & MaxRounds(1)) | MaxRounds(3)
    corrector = Corrector(model, stop=stop, budget=Budget(calls=CALLS))
    corrector.run({question: question for question in truths}, concurrency=CONCURRENCY, trace=path)


def kill_and_resume(folder: Path, *, items: int, kills: int, seed: int) -> Interrupted:
    """Start the run in another process, kill it each time that it has come further, and let it end at last.

    Raises
    ------
    InvalidInput
        If this system cannot kill a process at once.
    """
    if not hasattr(signal, "SIGKILL"):
        raise InvalidInput("this system has no SIGKILL; run the study elsewhere")
    killed, whole = folder / "killed.jsonl", folder / "whole.jsonl"
    for path in (killed, whole):
        path.unlink(missing_ok=True)
    traced_run(whole, items, seed)
    total = _lines(whole)
    left = [_killed(killed, items, seed, at=total * number // (kills + 1)) for number in range(1, kills + 1)]
    _child(killed, items, seed).wait(_PATIENCE_S)
    end = killed.read_bytes()
    return Interrupted(
        kills=kills,
        kept=tuple(part.count(b"\n") for part in left),
        lines=_lines(killed),
        whole_lines=total,
        identical=fingerprint(killed) == fingerprint(whole),
        untouched=all(end.startswith(part[: part.rfind(b"\n") + 1]) for part in left),
        repeated=Trace(killed, read_only=True).spent.calls - len(Trace(killed, read_only=True).calls),
    )


def _killed(path: Path, items: int, seed: int, *, at: int) -> bytes:
    """Kill the run once its trace has so many lines, and return what it left."""
    child = _child(path, items, seed)
    deadline = time.monotonic() + _PATIENCE_S
    while _lines(path) < at and child.poll() is None and time.monotonic() < deadline:
        time.sleep(LATENCY_S / 4)
    child.kill()
    if child.wait() != -signal.SIGKILL:
        raise InvalidInput(f"the run had ended before it could be killed at line {at}: give it more items")
    return path.read_bytes() if path.exists() else b""


def _child(path: Path, items: int, seed: int) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-c", _CHILD, str(path), str(items), str(seed)])  # noqa: S603


def _lines(path: Path) -> int:
    return path.read_bytes().count(b"\n") if path.exists() else 0
