"""How fast messages come into memory and go from it, and whether anything of what went is left in the files."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from sqlalchemy import bindparam, text

from consilience.ground import Evidence, Measurement, RunFolder, Streams, Table
from consilience.methods.social_agents.config import Config
from consilience.methods.social_agents.records import NewMessage, Query, Receipt
from consilience.methods.social_agents.store import Store
from consilience.methods.social_agents.studies.place import bars, in_place, settle, spoken
from consilience.methods.social_agents.worlds.people import World

__all__ = ["END", "ingest", "marked", "residues"]

END = "qzxkv"
"""End of every planted word. An index may keep the beginning of a word once for many, the end it has to keep."""
ENOUGH_FORGOTTEN = 10_000
NEW = 50
"""Single messages that are added and then searched for."""
SLICES = 40
"""Vectors of which a piece is looked for in the files."""
SEARCHED = 200
"""Planted words that are searched for after they were forgotten."""
_PIECE = 32
_LETTERS = np.array(list("bcdfghjklmnpqrtvwxz"))
_VECTORS = text(
    "SELECT DISTINCT e.id, e.vector, e.summary FROM placed p JOIN episode e ON e.id = p.episode "
    "WHERE p.message IN :numbers ORDER BY e.id"
).bindparams(bindparam("numbers", expanding=True))


@dataclass(frozen=True)
class _Round:
    """What one file took."""

    ingest_s: float
    seen_ms: tuple[float, ...]
    """From the call that adds a message to its being found."""
    episodes_s: float
    forget_s: float
    receipt: Receipt
    planted: int
    """Ends of planted words in the files before."""
    left: int
    """And after."""
    vectors: int
    """Pieces of vectors in the files before."""
    vectors_left: int
    """And after."""
    found: int
    """Planted words that a search finds after."""
    kept: int
    """Messages that are still there."""
    size: int
    """Bytes of the files, full."""


def ingest(config: Config, streams: Streams, folder: RunFolder) -> Evidence:
    """Measure the claim ``iagents.ingest``.

    A word that no other has is planted in each message that is to be forgotten. Before and after, the files are read
    as bytes: for the ends of these words, and for pieces of the vectors of the episodes that the messages were in.

    Parameters
    ----------
    config
        ``ingest_rounds``, ``ingest_forgotten``, and the place.
    streams
        Of the place and of the words.
    folder
        For the record.
    """
    world = in_place(config, streams)
    count = min(config.ingest_forgotten, len(world.messages) // 2)
    rounds = []
    for number in range(config.ingest_rounds):
        planted, words = marked(world, count, streams.generator(f"words {number}"))
        with TemporaryDirectory() as scratch:
            rounds.append(_round(planted, words, Path(scratch)))
        folder.record("ingest", ingest_s=rounds[-1].ingest_s, forget_s=rounds[-1].forget_s, left=rounds[-1].left)
    where = spoken(config, world)
    return Evidence(
        measurements=_measurements(rounds, world, count, where),
        tables=(_table(rounds, len(world.messages), where),),
    )


def marked(world: World, count: int, chance: np.random.Generator) -> tuple[World, dict[str, str]]:
    """Return the world with a word of its own in some messages, and these words by what the messages are called."""
    chosen = chance.permutation(len(world.messages))[:count].tolist()
    heads = chance.choice(_LETTERS, size=(count, 9))
    words = {place: f"{''.join(head)}{END}" for place, head in zip(chosen, heads.tolist(), strict=True)}
    lines = tuple(
        replace(line, text=f"{line.text} {words[place]}") if place in words else line
        for place, line in enumerate(world.messages)
    )
    return replace(world, messages=lines), {world.messages[place].source_id: word for place, word in words.items()}


def residues(files: Sequence[Path], pieces: Sequence[bytes]) -> int:
    """Return how often the pieces stand in the files.

    Examples
    --------
    >>> with TemporaryDirectory() as folder:
    ...     path = Path(folder) / "file"
    ...     _ = path.write_bytes(b"abcab")
    ...     residues([path], [b"ab", b"x"])
    2
    """
    return sum(whole.count(piece) for whole in (file.read_bytes() for file in files) for piece in pieces)


def _round(world: World, words: dict[str, str], scratch: Path) -> _Round:
    path = scratch / "store.sqlite"
    with Store.open(path) as store:
        began = time.perf_counter()
        people = settle(world, store)
        ingest_s = time.perf_counter() - began
        seen_ms = _seen(store, world)
        began = time.perf_counter()
        for person in people.values():
            store.memory(person).rebuild_episodes()
        episodes_s = time.perf_counter() - began
        numbers = _numbers(store, words)
        with store.reading() as connection:
            pieces = _pieces([row[1] for row in connection.execute(_VECTORS, {"numbers": numbers[:500]})])
        before = _bytes_left(scratch, pieces)
        size = sum(file.stat().st_size for file in scratch.iterdir())
        began = time.perf_counter()
        receipt = store.forget(messages=numbers)
        forget_s = time.perf_counter() - began
        after = _bytes_left(scratch, pieces)
        found = _findable(store, world, words)
        with store.reading() as connection:
            kept = connection.execute(text("SELECT COUNT(*) FROM message")).scalar_one()
    return _Round(
        ingest_s=ingest_s,
        seen_ms=seen_ms,
        episodes_s=episodes_s,
        forget_s=forget_s,
        receipt=receipt,
        planted=before[0],
        left=after[0],
        vectors=before[1],
        vectors_left=after[1],
        found=found,
        kept=kept,
        size=size,
    )


def _seen(store: Store, world: World) -> tuple[float, ...]:
    """Add messages one by one, and return how long each took till its listener found it."""
    chats = [(chat, people) for chat, people in enumerate(world.conversations, 1) if len(people.members) > 1][:NEW]
    lasted = max(line.sent_at for line in world.messages)
    taken = []
    for place, (chat, about) in enumerate(chats):
        sender, listener = (store.person(handle.replace(" ", "_")) for handle in about.members[:2])
        memory, word = store.memory(listener), f"fresh{'abcdefghij'[place // 10]}{'abcdefghij'[place % 10]}"
        message = NewMessage(chat, sender.id, lasted + timedelta(minutes=place), f"the word is {word}")
        began = time.perf_counter()
        added = store.add_messages([message])
        hits = memory.search(Query(words=(word,), limit=1))
        taken.append((time.perf_counter() - began) * 1e3)
        if [hit.message.id for hit in hits] != list(added.ids):
            taken[-1] = float("inf")
    return tuple(taken)


def _numbers(store: Store, words: dict[str, str]) -> list[int]:
    with store.reading() as connection:
        rows = connection.execute(text("SELECT id, source_id FROM message")).all()
    return [number for number, name in rows if name in words]


def _pieces(vectors: Sequence[bytes]) -> list[bytes]:
    """Return of each vector a piece that is not all zeros."""
    cut = [[one[at : at + _PIECE] for at in range(0, len(one), _PIECE)] for one in vectors[:SLICES]]
    return [max(pieces, key=lambda piece: len(set(piece))) for pieces in cut]


def _bytes_left(scratch: Path, pieces: Sequence[bytes]) -> tuple[int, int]:
    files = sorted(scratch.iterdir())
    return residues(files, [END.encode()]), residues(files, pieces)


def _findable(store: Store, world: World, words: dict[str, str]) -> int:
    """Return how many of some forgotten words a search of their sender still finds."""
    some = dict(list(words.items())[:SEARCHED])
    senders = {line.source_id: line.sender for line in world.messages if line.source_id in some}
    return sum(
        len(store.memory(senders[name].replace(" ", "_")).search(Query(words=(word,)))) for name, word in some.items()
    )


def _measurements(rounds: Sequence[_Round], world: World, count: int, where: str) -> tuple[Measurement, ...]:
    seen = np.concatenate([one.seen_ms for one in rounds])
    first, none = rounds[0], bars(world, at_most=0.0)
    return (
        _timed(
            "time to add all messages, with index",
            [one.ingest_s for one in rounds],
            f"{where}, a new SQLite file",
            bars(world, at_most=10.0),
        ),
        Measurement(
            name="time till a new message is found",
            value=np.quantile(seen, 0.95),
            low=seen.min(),
            high=seen.max(),
            unit="ms",
            timing=True,
            note=f"of {len(seen)} messages, each added and searched for by who heard it; 95 of 100, with extremes",
            **bars(world, at_most=50.0),
        ),
        _timed(
            f"time to forget {count:,} messages",
            [one.forget_s for one in rounds],
            f"spread over all conversations, with {first.receipt.episodes:,} episodes that they were in or before, "
            f"index and log, in a file of {first.size / 1e6:.0f} MB",
            bars(world, at_most=2.0) if count >= ENOUGH_FORGOTTEN else {},
        ),
        Measurement(
            name="planted words in the files after that",
            value=sum(one.left for one in rounds),
            note=f"read as bytes; {first.planted:,} before",
            **none,
        ),
        Measurement(
            name="pieces of their vectors in the files after that",
            value=sum(one.vectors_left for one in rounds),
            note=f"{first.vectors} before, of {SLICES} episodes",
            **none,
        ),
        Measurement(
            name="planted words that a search still finds",
            value=sum(one.found for one in rounds),
            note=f"of {SEARCHED} words looked for by who wrote them",
            **none,
        ),
        Measurement(
            name="messages lost that were not to be forgotten",
            value=sum(len(world.messages) + len(one.seen_ms) - count - one.kept for one in rounds),
            **none,
        ),
        _timed("time to make everybody's episodes", [one.episodes_s for one in rounds], "not part of adding", {}),
    )


def _timed(name: str, each: Sequence[float], note: str, held: dict[str, Any]) -> Measurement:
    return Measurement(
        name=name,
        value=median(each),
        low=min(each),
        high=max(each),
        unit="s",
        timing=True,
        note=f"{note}; median of {len(each)}, with extremes",
        **held,
    )


def _table(rounds: Sequence[_Round], messages: int, where: str) -> Table:
    return Table(
        title="A file filled, and emptied in part",
        columns=("round", "messages", "added, s", "messages a second", "episodes, s", "forgotten, s", "file, MB"),
        rows=tuple(
            (
                number,
                messages,
                round(one.ingest_s, 2),
                round(messages / one.ingest_s),
                round(one.episodes_s, 2),
                round(one.forget_s, 2),
                round(one.size / 1e6, 1),
            )
            for number, one in enumerate(rounds, 1)
        ),
        note=f"In {where}.",
        timing=True,
    )
