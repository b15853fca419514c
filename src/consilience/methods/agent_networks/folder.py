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

import json
import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from pydantic import TypeAdapter, ValidationError

from consilience.ground.errors import InvalidInput
from consilience.ground.folder import replace_folder, write_whole
from consilience.methods.agent_networks.artifact import Artifact
from consilience.methods.agent_networks.blueprint import Blueprint
from consilience.methods.agent_networks.formats import read, write
from consilience.methods.agent_networks.kinds.repository import files_of
from consilience.methods.agent_networks.order import Means, Order
from consilience.methods.agent_networks.profiles import Profiles

__all__ = ["VERSION", "NetworkFolder", "Record"]

VERSION = 1
"""Of the form of a run folder."""

_SUFFIXES = {"text": ".md", "choice": ".txt", "function": ".py"}


@dataclass(frozen=True, kw_only=True)
class Record:
    """What was asked for."""

    version: int = VERSION
    """Of the form of the folder."""
    run: str
    """Name of the run in its journal."""
    order: Order
    """What the run is to do."""
    means: Means
    """What the last sitting was allowed."""
    profiles: Profiles | None = None
    """Who the agents are, as the file had it that was named; those of the room if None."""


_RECORD = TypeAdapter(Record)


class NetworkFolder:
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
        self.path = path
        """The folder."""
        self.page = path / "page.html"
        """To look at."""
        self.transcript = path / "transcript.jsonl"
        """Events."""
        self.graph = path / "graph.yaml"
        """The network."""
        self.pending = path / "pending"
        """Artifacts that wait for somebody's word."""
        self._record = path / "run.json"
        self._result = path / "result.json"

    @property
    def begun(self) -> bool:
        """Whether a run lies there.

        Raises
        ------
        InvalidInput
            When that is no folder.
        """
        if self.path.exists() and not self.path.is_dir():
            raise InvalidInput(f"--out must name a folder; {self.path} is a file")
        return self._record.exists()

    def begin(self, record: Record, blueprint: Blueprint) -> None:
        """Lay a run down that is new, or the same again.

        Raises
        ------
        InvalidInput
            When the folder cannot be made, or another run lies there.
        """
        if self.begun and self.record().order != record.order:
            raise InvalidInput(
                f"{self.path} holds another run; go on with that by --resume {self.path}, or name another folder "
                "by --out"
            )
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            write(blueprint, self.graph)
            self.keep(record)
        except OSError as error:
            raise InvalidInput(
                f"{self.path} must be a folder that can be written; {error.strerror or error}"
            ) from error

    def keep(self, record: Record) -> None:
        """Write down what was asked for, without a password."""
        means = record.means
        if means.journal is not None:
            means = replace(means, journal=_without_password(means.journal))
        write_whole(self._record, _RECORD.dump_json(replace(record, means=means), indent=2) + b"\n")

    def record(self) -> Record:
        """Return what was asked for.

        Raises
        ------
        InvalidInput
            When no run lies there, or one of another version.
        """
        try:
            text = self._record.read_bytes()
        except OSError as error:
            raise InvalidInput(
                f"{self.path} must be the folder of a run, with run.json in it; {error.strerror or error}"
            ) from error
        try:
            version = json.loads(text)["version"]
        except (ValueError, KeyError, TypeError) as error:
            raise InvalidInput(
                f"{self._record} must be JSON with a version; start the run anew in another folder"
            ) from error
        if version != VERSION:
            raise InvalidInput(
                f"{self.path} is a run folder of version {version!r}, and this program reads version {VERSION}; use "
                "the program that wrote it, or start the run anew in another folder"
            )
        try:
            return _RECORD.validate_json(text)
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(map(str, first["loc"]))
            raise InvalidInput(f"{self._record} must hold what a run was asked for; {where}: {first['msg']}") from error

    def blueprint(self) -> Blueprint:
        """Return the network."""
        return read(self.graph)

    def journal(self, means: Means) -> str | Path:
        """Return where replies are kept."""
        return means.journal or self.path / "journal.sqlite"

    def result(self) -> dict[str, Any]:
        """Return how the run ended, as far as it did; an empty mapping before that."""
        try:
            found: dict[str, Any] = json.loads(self._result.read_bytes())
        except FileNotFoundError:
            return {}
        except (OSError, ValueError) as error:
            raise InvalidInput(f"{self._result} must be JSON; run it again to have it written anew") from error
        return found

    def keep_result(self, result: Mapping[str, Any]) -> None:
        """Write down how the run ended."""
        write_whole(self._result, json.dumps(result, indent=2) + "\n")

    def keep_artifact(self, artifact: Artifact, kind: str) -> Path:
        """Write what came of the run, and return where: a folder for a repository, else a file."""
        if kind != "repository":
            return write_whole(self.path / f"artifact{_SUFFIXES[kind]}", _bytes(artifact.text.rstrip("\n") + "\n"))
        target, aside = self.path / "artifact", self.path / ".artifact.part"
        shutil.rmtree(aside, ignore_errors=True)
        for name, text in files_of(artifact.text).items():
            write_whole(aside / name, _bytes(text))
        replace_folder(aside, target)
        return target

    def keep_pending(self, artifacts: Mapping[str, Artifact]) -> dict[str, Path]:
        """Write what waits for somebody's word, and nothing else, and return where by element."""
        shutil.rmtree(self.pending, ignore_errors=True)
        places: dict[str, Path] = {}
        for element, artifact in artifacts.items():
            name = re.sub(r"[^\w.+-]", "_", element.replace("->", "-to-")).lstrip(".")
            place = self.pending / f"{name}.txt"
            if place in places.values():
                place = self.pending / f"{name}.{len(places)}.txt"
            places[element] = write_whole(place, _bytes(artifact.text))
        return places


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "replace")  # a model may send halves of characters


def _without_password(address: str) -> str:
    if "://" not in address:
        return address
    parts = urlsplit(address)
    user, at, host = parts.netloc.rpartition("@")
    return urlunsplit(parts._replace(netloc=f"{user.partition(':')[0]}{at}{host}"))
