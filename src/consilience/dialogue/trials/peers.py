"""Peers: libraries laid beside, in a Python of their own, and the command that measures and keeps the numbers."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import venv
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from consilience.dialogue.command.telling import say
from consilience.ground import Evidence, InvalidInput, RunFolder, Streams
from consilience.ground.folder import write_whole
from consilience.ground.machine import machine, versions

__all__ = ["Peers", "Study", "measure_peers"]

HOME = Path("build/peers")
"""Where the peers live unless it is said otherwise."""

Study = Callable[[Any, Streams, RunFolder], Evidence]
"""Measures a claim, given the configuration of its room."""


@dataclass(frozen=True, kw_only=True)
class Peers:
    """Libraries that are laid beside."""

    packages: tuple[str, ...]
    """What is installed."""
    modules: tuple[str, ...]
    """What has to be there to be imported."""
    command: str
    """The command that measures them: with ``--setup`` it makes a Python that has them."""

    @property
    def absent(self) -> str:
        """What is said where no Python is named that has them."""
        return f"`peers_python` names no Python that has it; `{self.command} --setup` makes one"

    def require(self, python: str) -> None:
        """Refuse a Python that does not have the peers.

        Raises
        ------
        InvalidInput
            If there is no such Python, or it lacks one of them.
        """
        command = [python, "-I", "-c", f"import {', '.join(self.modules)}"]
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)  # noqa: S603  named by the user
            lacks = done.stderr.strip().splitlines()[-1:] if done.returncode else []
        except OSError as error:
            lacks = [error.strerror or str(error)]
        if lacks:
            raise InvalidInput(
                f"`peers_python` must be a Python with {' and '.join(self.packages)}; {python}: {lacks[0]}; "
                f"make one with `{self.command} --setup`"
            )

    def set_up(self, home: Path = HOME) -> None:
        """Make a Python that has the peers."""
        venv.create(home, with_pip=True)  # another room's peers stay
        subprocess.run([home / "bin" / "python", "-m", "pip", "install", "--quiet", *self.packages], check=True)  # noqa: S603  what the room names

    def versions(self, python: str) -> dict[str, str]:
        """Return the version of each peer."""
        probe = f"import importlib.metadata as m, json; print(json.dumps({{n: m.version(n) for n in {self.packages}}}))"
        found = subprocess.run([python, "-I", "-c", probe], capture_output=True, text=True, check=True).stdout  # noqa: S603  named by the user
        return dict(json.loads(found))


def measure_peers(
    peers: Peers,
    claims: Mapping[str, Study],
    configure: Callable[[str, int], Any],
    *,
    seed: int,
    results: Path,
    words: Sequence[str] | None = None,
) -> int:
    """Run the command that measures claims beside peers, and keep the numbers with all that they depend on.

    Parameters
    ----------
    peers
        Who is laid beside.
    claims
        Studies by claim.
    configure
        Returns the configuration for a Python that has the peers and a number of rounds.
    seed
        Root of all randomness.
    results
        Where the numbers go unless it is said otherwise.
    words
        Arguments of the command; those of the process if None.

    Returns
    -------
    int
        The exit status.
    """
    told = _told(claims, results, words)
    if told.setup:
        peers.set_up()
        return 0
    peers.require(told.python)
    config, found = configure(told.python, told.rounds), {}
    with tempfile.TemporaryDirectory() as scratch:
        folder = RunFolder(scratch, quiet=True)
        for name in told.claim or claims:
            found[name] = evidence = claims[name](config, Streams(seed).child(name), folder)
            for one in evidence.measurements:
                say(f"{name}  {one.name}: {one.value}  ({one.bar or 'no bar'})")
    record = {
        "commit": _commit(),
        "seed": seed,
        "rounds": told.rounds,
        "machine": machine(),
        "versions": versions() | peers.versions(told.python),
        "claims": {
            name: TypeAdapter(Evidence).dump_python(evidence, mode="json", exclude={"figures"})
            for name, evidence in found.items()
        },
    }
    say(f"wrote {write_whole(told.out, json.dumps(record, indent=2) + chr(10))}")
    return 0


def _told(claims: Mapping[str, Study], results: Path, words: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Measure claims beside peers, in turns, and keep the numbers.")
    parser.add_argument("--setup", action="store_true", help="make the environment of the peers, and do nothing else")
    parser.add_argument("--python", default=str(HOME / "bin" / "python"), help="a Python that has the peers")
    parser.add_argument("--rounds", type=int, default=5, help="in which everyone has a turn; 5 if left out")
    parser.add_argument("--claim", choices=claims, action="append", help="measure only this one")
    parser.add_argument("--out", type=Path, default=results, help="where the numbers go")
    return parser.parse_args(sys.argv[1:] if words is None else words)


def _commit() -> str:
    command = ["git", "describe", "--always", "--dirty", "--abbrev=12"]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip() or "unknown"  # noqa: S603
