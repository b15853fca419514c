"""A kept run: the folder of one run of agents, the record of what was asked for, and how the run ended.

::

    run.json          version, order and means: all that was asked for
    journal.sqlite    what was answered, unless another journal keeps it
    transcript.jsonl  what happened when
    result.json       how it ended and what it cost
    page.html         all of that to look at

What else lies there is a room's own.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Generic, TypeVar
from urllib.parse import urlsplit, urlunsplit

from pydantic import TypeAdapter, ValidationError

from consilience.dialogue.command.means import Means
from consilience.dialogue.journal import Journal
from consilience.dialogue.transcript import Event, read_events
from consilience.ground.errors import InvalidInput, UnknownName
from consilience.ground.folder import replace_folder, write_whole

__all__ = ["KeptRun", "Record", "in_bytes", "without_password"]

Order = TypeVar("Order")
Asked = TypeVar("Asked", bound="Record[Any]")


@dataclass(frozen=True, kw_only=True)
class Record(Generic[Order]):
    """What was asked for; a room that keeps more derives a record of its own, whose new fields have defaults."""

    version: int = 1
    """Of the form of the folder."""
    run: str
    """Name of the run in its journal."""
    order: Order
    """What the run is to do."""
    means: Means
    """What the last sitting was allowed."""


class KeptRun(Generic[Asked]):
    """One run of agents on disk.

    Parameters
    ----------
    path
        The folder.
    records
        Class of its record, such as ``Record[Order]``; the order is a dataclass that pydantic can read.
    writes
        What a run of the room writes beside what every run does.
    version
        Of the form of the folder.
    """

    def __init__(
        self, path: Path, records: Callable[..., Asked], *, writes: Sequence[str] = (), version: int = 1
    ) -> None:
        self.path = path
        """The folder."""
        self.page = path / "page.html"
        """To look at."""
        self.transcript = path / "transcript.jsonl"
        """Events."""
        self._writes = (*writes, "transcript.jsonl", "result.json", "page.html")
        self._version = version
        self._form: TypeAdapter[Asked] = TypeAdapter(records)  # type: ignore[arg-type]  # or what stands for a class
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

    def require_free(self) -> None:
        """Refuse a folder where no run lies, and something does that a run would write over.

        Raises
        ------
        InvalidInput
            When there is such a file or folder; of a run that was cut off as it was laid down, there is a journal.
        """
        if self.begun or (self.path / "journal.sqlite").exists():
            return
        lost = [name for name in self._writes if (self.path / name).exists()]
        if lost:
            raise InvalidInput(
                f"--out must name a folder in which nothing lies that a run writes over; {self.path} has "
                f"{', '.join(lost)}: name another"
            )

    def lay(self, record: Asked, beside: Callable[[], object] = lambda: None) -> None:
        """Lay a run down that is new, or the same again.

        Parameters
        ----------
        record
            What was asked for.
        beside
            Writes what else belongs to it, before the record.

        Raises
        ------
        InvalidInput
            When the folder cannot be made, or another run lies there.
        """
        if self.begun and self.record().order != record.order:
            raise self.another()
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            beside()
            self.keep(record)
        except OSError as error:
            raise InvalidInput(
                f"{self.path} must be a folder that can be written; {error.strerror or error}"
            ) from error

    def require_same(self, run: str) -> None:
        """Refuse where another run lies than that of this name.

        Raises
        ------
        InvalidInput
            When one does.
        """
        if self.begun and self.record().run != run:
            raise self.another()

    def another(self) -> InvalidInput:
        """Return the complaint that another run lies there."""
        return InvalidInput(
            f"{self.path} holds another run; go on with that by --resume {self.path}, or name another folder by --out"
        )

    def keep(self, record: Asked) -> None:
        """Write down what was asked for, without a password."""
        means = record.means
        if means.journal is not None:
            means = replace(means, journal=without_password(means.journal))
        write_whole(self._record, self._form.dump_json(replace(record, means=means), indent=2) + b"\n")

    def record(self) -> Asked:
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
        if version != self._version:
            raise InvalidInput(
                f"{self.path} is a run folder of version {version!r}, and this program reads version {self._version}; "
                "use the program that wrote it, or start the run anew in another folder"
            )
        try:
            return self._form.validate_json(text)
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(map(str, first["loc"]))
            raise InvalidInput(f"{self._record} must hold what a run was asked for; {where}: {first['msg']}") from error

    def journal(self, means: Means) -> str | Path:
        """Return where replies are kept."""
        return means.journal or self.path / "journal.sqlite"

    def replies(self, record: Asked, resume: str, *, replay_only: bool = False) -> Journal:
        """Open the journal of the run.

        Parameters
        ----------
        record
            What was asked for.
        resume
            The command that goes on with it.
        replay_only
            Whether it is only to be read.

        Raises
        ------
        InvalidInput
            When it cannot be opened, or is only to be read and holds nothing of the run.
        """
        try:
            return Journal.open(self.journal(record.means), record.run, replay_only=replay_only)
        except UnknownName as error:
            raise InvalidInput(
                f"no reply of the run in {self.path} is in its journal: none has come yet, or --journal names another; "
                f"go on with: {resume}"
            ) from error

    def events(self) -> list[Event]:
        """Return what happened in all its sittings; nothing where none wrote it down."""
        return read_events(self.transcript) if self.transcript.exists() else []

    def result(self) -> dict[str, Any]:
        """Return how the run ended, as far as it did; an empty mapping before that.

        Raises
        ------
        InvalidInput
            When something else lies in its place.
        """
        try:
            found = json.loads(self._result.read_bytes())
        except FileNotFoundError:
            return {}
        except (OSError, ValueError, RecursionError) as error:
            raise InvalidInput(f"{self._result} must be JSON; run it again to have it written anew") from error
        if not isinstance(found, dict):
            raise InvalidInput(f"{self._result} must hold a JSON object; run it again to have it written anew")
        return found

    def keep_result(self, result: Mapping[str, Any]) -> None:
        """Write down how the run ended."""
        write_whole(self._result, json.dumps(result, indent=2) + "\n")

    def keep_text(self, name: str, text: str) -> Path:
        """Write a text whole, ending in a line, and return where."""
        return write_whole(self.path / name, in_bytes(text.rstrip("\n") + "\n"))

    def keep_files(self, name: str, files: Mapping[str, str]) -> Path:
        """Write a folder of files in place of the one that was there, whole or not at all, and return where."""
        target, aside = self.path / name, self.path / f".{name}.part"
        shutil.rmtree(aside, ignore_errors=True)
        for place, text in files.items():
            write_whole(aside / place, in_bytes(text))
        replace_folder(aside, target)
        return target


def in_bytes(text: str) -> bytes:
    r"""Return a text in UTF-8; halves of characters, which a model may send, become question marks.

    Examples
    --------
    >>> in_bytes("half a \ud83d")
    b'half a ?'
    """
    return text.encode("utf-8", "replace")


def without_password(address: str) -> str:
    """Return the address of a database without its password; the name of a file as it is.

    Examples
    --------
    >>> without_password("postgresql://ada:secret@host/db")
    'postgresql://ada@host/db'
    """
    if "://" not in address:
        return address
    parts = urlsplit(address)
    user, at, host = parts.netloc.rpartition("@")
    return urlunsplit(parts._replace(netloc=f"{user.partition(':')[0]}{at}{host}"))
