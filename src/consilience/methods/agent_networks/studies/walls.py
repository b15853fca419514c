"""Whether code that a model wrote is contained: every attack against every wall that stands on this machine."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from consilience.dialogue.sandbox import WALLS, SandboxLimits, run
from consilience.dialogue.sandbox import walls as standing_walls
from consilience.ground import Evidence, Measurement, RunFolder, Streams, Table
from consilience.methods.agent_networks.config import Config
from consilience.methods.agent_networks.studies.attacks import (
    ATTACKS,
    FILE_MB,
    MEMORY_MB,
    OUTPUT_KB,
    PROCESSES,
    TREE_MB,
    WALL_S,
    Surroundings,
    surroundings,
)

__all__ = ["walls"]

LATE_S = 1.5
MEANS: dict[str, tuple[str, ...]] = {"all that stands here": (), "without namespaces": ("namespaces",)}
"""Means that are left out: a machine that forbids namespaces is simulated by leaving them out."""
LIMITS = SandboxLimits(
    wall_s=WALL_S,
    memory_mb=MEMORY_MB,
    processes=PROCESSES,
    file_mb=FILE_MB,
    tree_mb=TREE_MB,
    output_kb=OUTPUT_KB,
)


@dataclass(frozen=True)
class _Tried:
    """What became of an attack."""

    attack: str
    means: str
    status: str
    held: bool
    left: bool
    """Whether a process of it was there afterwards."""
    late_s: float
    """By how much it took longer than its limit; below 0 where it did not."""


def walls(config: Config, streams: Streams, folder: RunFolder) -> Evidence:  # noqa: ARG001  nothing is drawn
    """Measure the claim ``macnet.sandbox``.

    Parameters
    ----------
    config
        ``sandbox_rounds``.
    streams
        Not used.
    folder
        For the log.
    """
    tried = []
    with TemporaryDirectory() as scratch, surroundings(Path(scratch)) as around:
        for _ in range(config.sandbox_rounds):
            tried += [_tried(attack, means, around) for means in MEANS for attack in ATTACKS]
    folder.record("walls", attacks=len(tried), held=sum(one.held for one in tried))
    return Evidence(
        measurements=tuple(_measurements(tried)),
        tables=(_attacks(tried), _standing()),
    )


def _tried(name: str, means: str, around: Surroundings) -> _Tried:
    attack = ATTACKS[name]
    began = time.monotonic()
    outcome = run(
        {f"{around.mark}.py": attack.code(around)},
        ["python", "-S", "-E", f"{around.mark}.py"],
        limits=LIMITS,
        without=MEANS[means],
    )
    late_s = time.monotonic() - began - WALL_S
    left = _alive(around.mark)
    return _Tried(name, means, outcome.status, attack.held(outcome, around) and not left, left, late_s)


def _alive(mark: str) -> bool:
    """Whether a process has a word in its command line, half a second given to those that are dying."""
    until = time.monotonic() + 0.5
    while _seen(mark.encode()):
        if time.monotonic() > until:
            return True
        time.sleep(0.02)
    return False


def _seen(mark: bytes) -> bool:
    for folder in Path("/proc").iterdir():
        try:
            if folder.name.isdigit() and mark in (folder / "cmdline").read_bytes():
                return True
        except OSError:
            continue
    return False


def _measurements(tried: list[_Tried]) -> Iterator[Measurement]:
    for means, left_out in MEANS.items():
        some = [one for one in tried if one.means == means]
        stands, whole = ", ".join(standing_walls(without=left_out)), not left_out
        missed = sorted({one.attack for one in some if not one.held})
        latest = max(some, key=lambda one: one.late_s)
        yield Measurement(
            name=f"attacks contained, {means}",
            value=100 * sum(one.held for one in some) / len(some),
            at_least=100.0 if whole else None,
            unit="%",
            # Which walls stand is the machine's.
            timing=True,
            note=f"{len(ATTACKS)} attacks, {len(some) // len(ATTACKS)} times; walls that stood: {stands}"
            + (f"; not contained: {', '.join(missed)}" if missed else ""),
        )
        yield Measurement(
            name=f"longest over the limit, {means}",
            value=max(latest.late_s, 0.0),
            at_most=LATE_S if whole else None,
            unit="s",
            timing=True,
            note=f"{latest.attack}; a limit of {WALL_S:g} s, the making and removing of the sandbox included",
        )


def _attacks(tried: list[_Tried]) -> Table:
    return Table(
        title="Attacks on the sandbox",
        columns=("attack", "which", "walls", "ended", "contained", "processes left", "s over the limit"),
        rows=tuple(
            (
                one.attack,
                ATTACKS[one.attack].words,
                one.means,
                one.status,
                one.held,
                one.left,
                round(max(one.late_s, 0.0), 2),
            )
            for one in tried[: len(MEANS) * len(ATTACKS)]
        ),
        note='The first round. "done" is a program that ended by itself, with nothing reached.',
        timing=True,
    )


def _standing() -> Table:
    found = {means: standing_walls(without=left_out) for means, left_out in MEANS.items()}
    return Table(
        title="Walls, and by which means they stand here",
        columns=("wall", "holds", *MEANS),
        rows=tuple(
            (name, words, *(found[means].get(name, "none") for means in MEANS)) for name, words in WALLS.items()
        ),
        timing=True,
    )
