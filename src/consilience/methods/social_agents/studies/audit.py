"""Whether the log has everything that was revealed, with its evidence, and shows whatever was done to it."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from typing import Any

from sqlalchemy import text

from consilience.dialogue.rehearsal import REHEARSAL_NOTICE
from consilience.dialogue.session import Session
from consilience.ground import Evidence, Measurement, RunFolder, Streams, Table
from consilience.methods.social_agents.audit import AuditLog, Entry, Event
from consilience.methods.social_agents.config import Config
from consilience.methods.social_agents.pursuit import Pursuit
from consilience.methods.social_agents.record import Talk
from consilience.methods.social_agents.speech import Told, Utterance
from consilience.methods.social_agents.store import Store
from consilience.methods.social_agents.studies.stage import Stage, player
from consilience.methods.social_agents.studies.success import SETS
from consilience.methods.social_agents.values import contains

__all__ = ["Disclosed", "Tried", "audit", "disclosed", "tamper"]

_FIRST = "0" * 64
"""What the first entry holds as the hash of the one before."""
_KEY = b"kept outside the database"
_COLUMNS = (
    *("number", "at", "turn", "event", "about", "owner", "counterpart", "task", "purpose", "rule", "approver"),
    *("messages", "digest", "seal", "previous", "hash"),
)
_Entries = dict[tuple[str, str, int], list[Entry]]
"""Of a log, by talk, owner and turn."""
_GOES_ON = re.compile(r"(?:\+[0-9]+)?=?\Z")
_WHOLE = frozenset({"number", "at", "turn", "entries"})


@dataclass
class Disclosed:
    """Facts that crossed, and how many of them the log has."""

    facts: int = 0
    """What was told of one's own messages."""
    logged: int = 0
    """Of these: an entry for that text, with messages of which one states the value."""
    forwarded: int = 0
    """What was told that a third party had told."""
    forwarded_logged: int = 0
    """Of these: an entry for that text."""
    missing: list[str] = field(default_factory=list)
    """Where there was none, as talk, number and slot."""

    def add(self, other: Disclosed) -> None:
        """Count what another counted."""
        self.facts += other.facts
        self.logged += other.logged
        self.forwarded += other.forwarded
        self.forwarded_logged += other.forwarded_logged
        self.missing += other.missing


@dataclass
class Tried:
    """What was done to a log, and how often it was seen."""

    done: int = 0
    seen: int = 0

    def count(self, *, seen: bool) -> None:
        """Count one."""
        self.done += 1
        self.seen += seen


def audit(config: Config, streams: Streams, folder: RunFolder) -> Evidence:
    """Measure the claim ``iagents.audit``.

    The facts that one side told another stand in the talks; each is looked up in the log by talk, turn and digest, and
    its evidence in the memory of who told it. Then a log is edited byte by byte, in every column.

    Parameters
    ----------
    config
        ``audit_tasks``, ``audit_entries``.
    streams
        For the worlds.
    folder
        For the record.
    """
    found = Disclosed()
    for name in ("needle-3", "schedule-hard"):
        for who in ("neighbour", "neighbour-leaky"):
            found.add(_of_tasks(name, config.audit_tasks, streams, who))
    tried = {key: tamper(config.audit_entries, key=key) for key in (b"", _KEY)}
    folder.record("audit", facts=found.facts, logged=found.logged)
    return Evidence(
        measurements=(*_of_facts(found), *_of_tampering(tried)),
        tables=(_table(tried),),
    )


def disclosed(stage: Stage, pursuit: Pursuit) -> Disclosed:
    """Lay the facts that were told in the talks of a task beside the log.

    Parameters
    ----------
    stage
        Where it was pursued.
    pursuit
        What became of it.
    """
    entries: _Entries = {}
    for handle in {one.handle for one in stage.people.values()}:
        for entry in stage.audit.revealed_about(handle):
            entries.setdefault((_begun(entry.task), entry.owner, entry.turn), []).append(entry)
    found = Disclosed()
    for branch in pursuit.root:
        for said in branch.talk.utterances:
            for told in said.tells:
                _look_up(stage, branch.talk, said, told, entries=entries, found=found)
    return found


def _look_up(stage: Stage, talk: Talk, said: Utterance, told: Told, *, entries: _Entries, found: Disclosed) -> None:
    own = told.source == said.speaker
    about = [
        one
        for one in entries.get((_begun(talk.name), said.speaker, said.number), [])
        if stage.audit.matches(one, said.text)
    ]
    if own:
        rows = [
            stage.message(said.speaker, number) for one in about if one.event == "disclosed" for number in one.messages
        ]
        logged = any(row is not None and contains(row.text, told.value) for row in rows)
        found.facts += 1
        found.logged += logged
    else:
        logged = any(one.event == "forwarded" and one.about == told.source for one in about)
        found.forwarded += 1
        found.forwarded_logged += logged
    if not logged:
        found.missing.append(f"{talk.name} {said.number} {told.slot}")


def _begun(name: str) -> str:
    """Return the name that a talk began with; one that goes on, or concludes, has another."""
    return _GOES_ON.sub("", name)


def _of_tasks(name: str, count: int, streams: Streams, who: str) -> Disclosed:
    async def all_of_them() -> Disclosed:
        world = SETS[name](count, streams.generator(name))
        found = Disclosed()
        async with Session(player(who)) as session:
            with Stage(world, session) as stage:
                for task in world.tasks:
                    found.add(disclosed(stage, await stage.solve(task)))
        return found

    return asyncio.run(all_of_them())


# --- what is done to a log ---------------------------------------------------------------------------------------


def tamper(entries: int, *, key: bytes = b"") -> dict[str, Tried]:
    """Do everything to a log that can be done to it, one thing at a time, and count how often it is seen.

    Parameters
    ----------
    entries
        How many it has, from 2 to 9.
    key
        Of the log.
    """
    tried = {name: Tried() for name in ("byte edited", "byte added", "entry deleted", "entries reordered", "cut off")}
    with Store.open(":memory:") as store:
        log = _written(store, entries, key)
        noted = log.head()
        for table, column, where, value in _fields(store):
            for kind, other in _edits(column, value):
                with _Done(store, table, column, where, other, value):
                    tried[kind].count(seen=not log.verify().ok)
        rows = _rows(store)
        for number in range(1, entries + 1):
            with _Rows(store, [row for row in rows if row["number"] != number], rows):
                tried["entry deleted"].count(seen=not log.verify().ok)
            renumbered = [row | {"number": at} for at, row in enumerate(_without(rows, number), 1)]
            with _Rows(store, renumbered, rows):
                tried["entry deleted"].count(seen=not log.verify().ok)
        for one, two in combinations(range(entries), 2):
            swapped = list(rows)
            swapped[one], swapped[two] = rows[two] | {"number": one + 1}, rows[one] | {"number": two + 1}
            with _Rows(store, swapped, rows):
                tried["entries reordered"].count(seen=not log.verify().ok)
        for kept in range(entries):
            with _CutOff(store, rows, kept):
                tried["cut off"].count(seen=not log.verify(noted).ok)
        if key:
            tried["made anew without the key"] = Tried()
            tried["made anew without the key"].count(seen=_made_anew(store, log, rows))
        if not log.verify(noted).ok:
            raise RuntimeError("a log that was put back as it was is not sound")
    return tried


def _written(store: Store, count: int, key: bytes) -> AuditLog:
    log = AuditLog(store, key=key)
    events: tuple[Event, ...] = ("disclosed", "blocked", "forwarded", "asked", "granted", "denied", "withdrawn")
    for number in range(count):
        event = events[number % len(events)]
        told = event in ("disclosed", "forwarded")
        log.add(
            event,
            owner="ann",
            counterpart="bea",
            about="cem" if event == "forwarded" else "",
            task=f"task/{number}",
            turn=number,
            purpose="schedule-hard",
            messages=(number + 1, number + 20) if told else (),
            rule="friends / * / *: allow",
            approver="policy",
            text=f"The pet of Ann is number {number}." if told else None,
        )
    return log


def _fields(store: Store) -> Iterator[tuple[str, str, str, Any]]:
    """Give every value of the tables of a log: table, column, which row, value."""
    for row in _rows(store):
        yield from (("audit", column, f"number = {row['number']}", row[column]) for column in _COLUMNS)
    with store.reading() as connection:
        (entries, hashed), salts = (
            connection.execute(text("SELECT entries, hash FROM audit_head")).one(),
            connection.execute(text("SELECT number, salt FROM audit_salt ORDER BY number")).all(),
        )
    yield from (("audit_head", "entries", "id = 1", entries), ("audit_head", "hash", "id = 1", hashed))
    yield from (("audit_salt", "salt", f"number = {number}", salt) for number, salt in salts)


def _edits(column: str, value: Any) -> Iterator[tuple[str, Any]]:
    """Give all that one byte changed, and one byte more, make of a value."""
    told = str(value)
    for at, char in enumerate(told):
        other = str((int(char) + 1) % 10) if char.isdecimal() else chr(ord(char) ^ 1)
        if column == "number":  # the database itself refuses one that another entry has
            other = "0"
        changed = told[:at] + other + told[at + 1 :]
        yield "byte edited", int(changed) if column in _WHOLE else changed
    more = told + "1"
    yield "byte added", int(more) if column in _WHOLE else more


def _rows(store: Store) -> list[dict[str, Any]]:
    with store.reading() as connection:
        found = connection.execute(text(f"SELECT {', '.join(_COLUMNS)} FROM audit ORDER BY number"))  # noqa: S608  ours
        return [dict(row._mapping) for row in found]  # noqa: SLF001  a public attribute of rows


def _without(rows: Sequence[dict[str, Any]], number: int) -> list[dict[str, Any]]:
    return [row for row in rows if row["number"] != number]


@dataclass
class _Done:
    """A value that is another for a while; its table, column and row are this module's own words."""

    store: Store
    table: str
    column: str
    where: str
    other: Any
    value: Any

    def __enter__(self) -> None:
        self._put(self.other, self.where)

    def __exit__(self, *_: object) -> None:
        moved = self.column == "number"
        self._put(self.value, f"number = {self.other}" if moved else self.where)

    def _put(self, value: Any, where: str) -> None:
        with self.store.writing() as connection:
            connection.execute(text(f"UPDATE {self.table} SET {self.column} = :value WHERE {where}"), {"value": value})  # noqa: S608  ours


@dataclass
class _Rows:
    """A log that has other rows for a while."""

    store: Store
    others: Sequence[dict[str, Any]]
    rows: Sequence[dict[str, Any]]

    def __enter__(self) -> None:
        _put_rows(self.store, self.others)

    def __exit__(self, *_: object) -> None:
        _put_rows(self.store, self.rows)


def _put_rows(store: Store, rows: Sequence[dict[str, Any]]) -> None:
    names = ", ".join(f":{column}" for column in _COLUMNS)
    with store.writing() as connection:
        connection.execute(text("DELETE FROM audit"))
        for row in rows:
            connection.execute(text(f"INSERT INTO audit ({', '.join(_COLUMNS)}) VALUES ({names})"), row)  # noqa: S608  ours


@dataclass
class _CutOff:
    """A log that is put back, with the note of its end and its salts, to what it was earlier, for a while."""

    store: Store
    rows: Sequence[dict[str, Any]]
    kept: int
    salts: Sequence[dict[str, Any]] = ()

    def __enter__(self) -> None:
        with self.store.reading() as connection:
            found = connection.execute(text("SELECT number, salt FROM audit_salt ORDER BY number"))
            self.salts = [dict(row._mapping) for row in found]  # noqa: SLF001  a public attribute of rows
        self._put(self.kept)

    def __exit__(self, *_: object) -> None:
        self._put(len(self.rows))

    def _put(self, count: int) -> None:
        _put_rows(self.store, self.rows[:count])
        _end(self.store, count, self.rows[count - 1]["hash"] if count else _FIRST)
        with self.store.writing() as connection:
            connection.execute(text("DELETE FROM audit_salt"))
            for salt in self.salts:
                if salt["number"] <= count:
                    connection.execute(text("INSERT INTO audit_salt (number, salt) VALUES (:number, :salt)"), salt)


def _end(store: Store, entries: int, hashed: str) -> None:
    with store.writing() as connection:
        connection.execute(
            text("UPDATE audit_head SET entries = :entries, hash = :hash WHERE id = 1"),
            {"entries": entries, "hash": hashed},
        )


def _made_anew(store: Store, log: AuditLog, rows: Sequence[dict[str, Any]]) -> bool:
    """Whether a chain is seen that somebody made who has the database, knows the method and lacks the key."""
    keyless = AuditLog(store)
    previous, forged = _FIRST, []
    for row in rows:
        one = row | {"owner": "somebody else" if row["number"] == 1 else row["owner"], "previous": previous}
        one["hash"] = previous = keyless._hash(one)  # noqa: SLF001  what an attacker would copy
        forged.append(one)
    with _Rows(store, forged, rows):
        _end(store, len(forged), previous)
        seen = keyless.verify().ok and not log.verify().ok
        _end(store, len(rows), rows[-1]["hash"])
    return seen


# --- what it comes to --------------------------------------------------------------------------------------------


def _of_facts(found: Disclosed) -> Iterator[Measurement]:
    yield Measurement(
        name="facts told of one's own messages that stand in the log with their evidence",
        value=100 * found.logged / found.facts if found.facts else None,
        at_least=100.0,
        unit="%",
        note=f"{found.facts} facts, honest and leaky neighbours; talk, turn and digest of the text agree, and a "
        f"message named there states the value. {REHEARSAL_NOTICE.capitalize()}",
    )
    yield Measurement(
        name="facts passed on from third parties that stand in the log",
        value=100 * found.forwarded_logged / found.forwarded if found.forwarded else None,
        at_least=100.0,
        unit="%",
        note=f"{found.forwarded} facts" if found.forwarded else "none was passed on at this size",
    )


def _of_tampering(tried: dict[bytes, dict[str, Tried]]) -> Iterator[Measurement]:
    for name in ("byte edited", "byte added", "entry deleted", "entries reordered", "cut off"):
        both = [found[name] for found in tried.values()]
        yield Measurement(
            name=f"what was done to a log and is seen: {name}",
            value=100 * sum(one.seen for one in both) / sum(one.done for one in both),
            at_least=100.0,
            unit="%",
            note=f"{sum(one.done for one in both)} times, with a key and without{_NOTES.get(name, '')}",
        )


_NOTES = {
    "byte edited": ": every byte of every column of entries, end and salts",
    "cut off": ": rows and the note of the end, against an end that was noted elsewhere",
}


def _table(tried: dict[bytes, dict[str, Tried]]) -> Table:
    return Table(
        title="What was done to the log",
        columns=("what", "key", "times", "seen"),
        rows=tuple(
            (name, "yes" if key else "no", one.done, one.seen)
            for key, found in tried.items()
            for name, one in found.items()
        ),
        note="Without a key, who knows the method can make a whole chain anew; only an end that was noted elsewhere "
        "shows it.",
    )
