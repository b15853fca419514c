"""A run of agents: what its folder tells of the order, of what happened so far and of how it ended."""

from __future__ import annotations

import json
import sqlite3
from collections import Counter
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.parse import quote

from consilience.dialogue.transcript import Event, events_in
from consilience.ground.errors import InvalidInput
from consilience.studio.keeping import kept, stamp_of
from consilience.studio.lines import number
from consilience.studio.measured import State
from consilience.studio.places import Place, content_of, is_plain

__all__ = ["JOURNAL", "AgentRun", "is_written"]

JOURNAL = "journal.sqlite"
"""Where a run keeps what was said, unless it was told another place."""


@dataclass(frozen=True, slots=True)
class _Told:
    """What a file tells, or why it cannot be read."""

    facts: Mapping[str, Any] = field(default_factory=dict)
    events: tuple[Event, ...] = ()
    trouble: str = ""


@dataclass
class AgentRun:
    """The folder of a run of agents, whichever room it is of."""

    place: Place
    """Where it lies."""
    troubles: list[str] = field(default_factory=list)
    """What in it could not be read, in a line each."""

    def __post_init__(self) -> None:
        """Read what there is."""
        path = self.place.path
        record, result = kept(path / "run.json", _object), kept(path / "result.json", _object)
        told = kept(path / "transcript.jsonl", _events)
        self.record, self.result, self.events = record.facts, result.facts, told.events
        self.at_work = is_written(path)
        self.troubles += [one.trouble for one in (record, result, told) if one.trouble]

    @property
    def stamp(self) -> tuple[object, ...]:
        """What changes when anything of the run does that a page shows."""
        files = ("run.json", "result.json", "transcript.jsonl", "page.html", JOURNAL, f"{JOURNAL}-wal")
        return self.place.name, self.at_work, *(stamp_of(self.place.path / name) for name in files)

    @property
    def name(self) -> str:
        """Name of the run in its journal."""
        return str(self.record.get("run") or self.place.path.name)

    @property
    def room(self) -> str:
        """The package name of the method, as far as the path or the files tell."""
        parts = [part.replace("-", "_") for part in self.place.name.split("/")[:-1]]
        if parts:
            return parts[-1]
        return "agent_networks" if (self.place.path / "graph.yaml").exists() else ""

    @property
    def order(self) -> Mapping[str, Any]:
        """What the run was to do."""
        found = self.record.get("order")
        return found if isinstance(found, dict) else {}

    @property
    def means(self) -> Mapping[str, Any]:
        """What it was allowed."""
        found = self.record.get("means")
        return found if isinstance(found, dict) else {}

    @property
    def task(self) -> str:
        """What the agents work on, in a line."""
        told = str(self.order.get("task", ""))
        return next((line.strip("# ") for line in told.splitlines() if line.strip("# ")), "")

    @property
    def state(self) -> State:
        """Whether it goes on, has come to its end, or was cut off."""
        if self.at_work:
            return "running"
        return "finished" if self.result and self.result.get("outcome") != "stopped" else "interrupted"

    @property
    def journal(self) -> Path | None:
        """Its journal; None where that lies elsewhere or is not there."""
        path = self.place.path / JOURNAL
        return path if is_plain(path) else None

    @property
    def page(self) -> bool:
        """Whether the room has drawn a page of it."""
        return (self.place.path / "page.html").is_file()

    @cached_property
    def elements(self) -> int:
        """How many elements there are to be done; 0 where that is not known."""
        told = [event.facts.get("elements") for event in self.events if event.kind == "run.begins"]
        return next((count for count in reversed(told) if isinstance(count, int)), 0)

    @cached_property
    def done(self) -> int:
        """How many elements have been done."""
        return len({event.element for event in self.events if event.kind in ("committed", "skipped")} - {""})

    @cached_property
    def spent(self) -> dict[str, float]:
        """What its calls cost so far: calls, tokens of questions and of replies, money."""
        told: Counter[str] = Counter()
        for event in self.events:
            if event.kind in ("replied", "replayed"):
                told["calls"] += 1
            if event.kind == "replied":
                for name in ("input_tokens", "output_tokens", "usd"):
                    told[name] += number(event.facts.get(name)) or 0  # type: ignore[assignment]
        return {name: float(told[name]) for name in ("calls", "input_tokens", "output_tokens", "usd")}

    @property
    def notice(self) -> str:
        """What has to be said of who answered."""
        return str(self.result.get("notice", ""))

    @property
    def when(self) -> float:
        """When the last thing was written, in seconds of the Unix epoch; 0 where nothing was."""
        names = ("result.json", "transcript.jsonl", "run.json")
        stamps = [stamp_of(self.place.path / name) for name in names]
        return max((stamp[2] / 1e9 for stamp in stamps if stamp), default=0.0)


def is_written(folder: Path) -> bool:
    """Whether a process writes the journal in a folder now: it holds a lock file beside it."""
    return any(_is_held(path) for path in folder.glob(f"{JOURNAL}.*.lock") if is_plain(path))


def _is_held(path: Path) -> bool:
    address = f"file:{quote(str(path))}?mode=ro"
    try:
        with closing(sqlite3.connect(address, uri=True, timeout=0)) as looking:
            looking.execute("SELECT name FROM sqlite_master").fetchall()
    except sqlite3.OperationalError as error:
        return error.sqlite_errorcode & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
    except sqlite3.Error:
        return False
    return False


def _object(path: Path) -> _Told:
    try:
        found = json.loads(content_of(path))
    except FileNotFoundError:
        return _Told()
    except (OSError, ValueError, RecursionError) as error:
        return _Told(trouble=f"{path.name} cannot be read: {error}")
    return _Told(facts=found) if isinstance(found, dict) else _Told(trouble=f"{path.name} must hold a JSON object")


def _events(path: Path) -> _Told:
    try:
        return _Told(events=tuple(events_in(content_of(path), path)))
    except FileNotFoundError:
        return _Told()
    except OSError as error:
        return _Told(trouble=f"{path.name} cannot be read: {error.strerror or error}")
    except InvalidInput as error:
        return _Told(trouble=f"{path.name}: {error}")
