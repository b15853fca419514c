"""Whether exports of other programs come in whole: every message, who wrote it and when; and only once."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from sqlalchemy import text

from consilience.ground import Evidence, Measurement, RunFolder, Streams, Table
from consilience.methods.social_agents.config import Config
from consilience.methods.social_agents.importers.samples import SAMPLES, ZONE, Fidelity, Sample, read_back
from consilience.methods.social_agents.importing import import_file
from consilience.methods.social_agents.records import from_us
from consilience.methods.social_agents.store import Store

__all__ = ["imports"]

OWNER = "Ann Ode"
"""Who exported the conversation."""
_HELD = text(
    "SELECT p.name, m.sent_at, m.text FROM visibility v JOIN message m ON m.id = v.message "
    "JOIN person p ON p.id = m.sender WHERE v.owner = :owner"
)


@dataclass(frozen=True)
class _Came:
    """What became of a sample."""

    sample: str
    read: Fidelity
    """By its reader."""
    held: int
    """Messages of the truth that the owner's memory has, with the right author and time."""
    extra: int
    """Messages that it has beside."""
    planned: int
    """Messages that the dry run added; it is to be none."""
    again: int
    """Messages that bringing it in a second time added or changed."""


def imports(config: Config, streams: Streams, folder: RunFolder) -> Evidence:
    """Measure the claim ``iagents.import``.

    Each sample is one conversation of our own, as a program, phone and language would have written it down. It is
    read, planned, brought into a new store, and brought in again.

    Parameters
    ----------
    config, streams
        Nothing is drawn.
    folder
        For the record.
    """
    del config, streams
    with TemporaryDirectory() as scratch:
        came = [_brought(sample, Path(scratch) / f"{number}") for number, sample in enumerate(SAMPLES)]
    folder.record("imports", samples=len(came), whole=sum(one.read.whole for one in came))
    return Evidence(measurements=_measurements(came), tables=(_table(came),))


def _brought(sample: Sample, folder: Path) -> _Came:
    fidelity, _ = read_back(sample, folder)
    path = sample.write(folder)
    with Store.open(folder / "store.sqlite") as store:
        owner = store.add_person("ann", OWNER)
        options = {"zone": ZONE, **sample.options}
        merge = {OWNER: "ann"}
        import_file(store, path, owner, merge=merge, dry_run=True, **options)
        planned = sum(_held(store, owner.id).values())
        first = import_file(store, path, owner, merge=merge, **options)
        held = _held(store, owner.id)
        second = import_file(store, path, owner, merge=merge, **options)
        later = _held(store, owner.id)
    truth = Counter((told.author, told.sent_at.astimezone(UTC), told.text) for told in sample.truth)
    return _Came(
        sample=sample.name,
        read=fidelity,
        held=(truth & held).total(),
        extra=(held - truth).total() + abs(first.new - held.total()),
        planned=planned,
        again=second.new + second.edited + second.taken_back + (later - held).total() + (held - later).total(),
    )


def _held(store: Store, owner: int) -> Counter[tuple[str, datetime, str]]:
    with store.reading() as connection:
        rows = connection.execute(_HELD, {"owner": owner}).all()
    return Counter((name, from_us(sent_at), told) for name, sent_at, told in rows)


def _measurements(came: list[_Came]) -> tuple[Measurement, ...]:
    messages = sum(one.read.messages for one in came)
    note = f"{messages} messages of {len(came)} exports: programs, phones, languages and forms"
    shares = {
        "messages that are read": sum(one.read.found for one in came),
        "authors that are right": sum(one.read.authors for one in came),
        "times that are right": sum(one.read.times for one in came),
        "messages in memory, with author and time": sum(one.held for one in came),
    }
    none = {
        "messages in memory that nobody wrote": sum(one.extra for one in came),
        "messages that a dry run added": sum(one.planned for one in came),
        "messages that a second import added or changed": sum(one.again for one in came),
    }
    return (
        *(
            Measurement(name=name, value=100 * count / messages, at_least=100.0, unit="%", note=note)
            for name, count in shares.items()
        ),
        *(Measurement(name=name, value=count, at_most=0.0, note=note) for name, count in none.items()),
    )


def _table(came: list[_Came]) -> Table:
    return Table(
        title="Exports of one conversation",
        columns=("export", "messages", "read", "authors", "times", "in memory", "beside them", "second time"),
        rows=tuple(
            (
                one.sample,
                one.read.messages,
                one.read.found,
                one.read.authors,
                one.read.times,
                one.held,
                one.extra,
                one.again,
            )
            for one in came
        ),
        note="Samples are of our own making after the forms that these programs write; they are no files of theirs.",
    )
