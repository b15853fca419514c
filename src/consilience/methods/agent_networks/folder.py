"""The folder of one run of a network, and what lies in it.

::

    run.json          version, order and means: all that was asked for
    graph.yaml        the network, with what is noted on its elements
    journal.sqlite    what was answered, unless another journal keeps it
    transcript.jsonl  what happened when
    artifact.*        what came of it: a file, or a folder of files
    pending/          artifacts that wait for somebody's word
    result.json       how it ended and what it cost
    page.html         all of that to look at
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from consilience.dialogue.command.kept import KeptRun, Record, in_bytes
from consilience.dialogue.work.artifact import Artifact
from consilience.dialogue.work.kinds.repository import files_of
from consilience.ground.folder import write_whole
from consilience.methods.agent_networks.blueprint import Blueprint
from consilience.methods.agent_networks.formats import read, write
from consilience.methods.agent_networks.order import Order
from consilience.methods.agent_networks.profiles import Profiles

__all__ = ["NetworkFolder", "NetworkRecord"]

_SUFFIXES = {"text": ".md", "choice": ".txt", "function": ".py"}
_OWN = (
    "graph.yaml",
    "artifact",
    "artifact.md",
    "artifact.txt",
    "artifact.py",
    "pending",
)
"""What a run writes, beside what every run of agents does."""
_LONGEST_NAME = 50
"""Letters of the name of an element in that of a file, of up to four bytes each."""


@dataclass(frozen=True, kw_only=True)
class NetworkRecord(Record[Order]):
    """What was asked for, with what was in the files that the order names."""

    order: Order
    """What the run is to do."""
    profiles: Profiles | None = None
    """Who the agents are, as the file had it that was named; those of the room if None."""


class NetworkFolder(KeptRun[NetworkRecord]):
    """One run of a network on disk.

    Parameters
    ----------
    path
        The folder.

    Examples
    --------
    >>> NetworkFolder(Path("runs/poem")).page.as_posix()
    'runs/poem/page.html'
    """

    def __init__(self, path: Path) -> None:
        super().__init__(path, NetworkRecord, writes=_OWN)
        self.graph = path / "graph.yaml"
        """The network."""
        self.pending = path / "pending"
        """Artifacts that wait for somebody's word."""

    def begin(self, record: NetworkRecord, blueprint: Blueprint) -> None:
        """Lay a run down that is new, or the same again.

        Raises
        ------
        InvalidInput
            When the folder cannot be made, or another run lies there.
        """
        self.lay(record, partial(write, blueprint, self.graph))

    def blueprint(self) -> Blueprint:
        """Return the network."""
        return read(self.graph)

    def keep_artifact(self, artifact: Artifact, kind: str) -> Path:
        """Write what came of the run, and return where: a folder for a repository, else a file."""
        if kind != "repository":
            return self.keep_text(f"artifact{_SUFFIXES[kind]}", artifact.text)
        return self.keep_files("artifact", files_of(artifact.text))

    def keep_pending(self, artifacts: Mapping[str, Artifact]) -> dict[str, Path]:
        """Write what waits for somebody's word, and nothing else, and return where by element."""
        shutil.rmtree(self.pending, ignore_errors=True)
        places: dict[str, Path] = {}
        for element, artifact in artifacts.items():
            name = re.sub(r"[^\w.+-]", "_", element.replace("->", "-to-")).lstrip(".")[:_LONGEST_NAME]
            place = self.pending / f"{name}.txt"
            if place in places.values():
                place = self.pending / f"{name}.{len(places)}.txt"
            places[element] = write_whole(place, in_bytes(artifact.text))
        return places
