"""How long a lookup in one's own messages takes, and how long it takes with the original's method on MariaDB.

This is the protocol. It was written before anything was timed by it; wherever what the original does is not known to
the letter, what makes it quicker is taken, and wherever there is a choice for ours, what makes it slower.

1. A question is one lookup for both, whatever it takes: the words of the question that tell something, by one person,
   in all that this person wrote or heard. The words are the same for both. Common words are left out by a long list,
   for each word that is kept costs the original a statement and ours next to nothing.
2. The original sends a statement a word: LIKE, windows of three rows before and after by COALESCE(LAG(...)) and LEAD
   in the person's rows, the rows between by a join with BETWEEN, by number, ten a word. Its words come in the order
   of a set, which is any. All are sent, then thirty rows are kept, without a rank. Its table has the key of its rows
   for its only index. The statement's form is the quickest known that has these parts and brings these rows (see
   `original`; beside it stands, without a bar, the form that is described).
3. Ours is `Memory.search` as it comes, `Query(words=...)`: thirty messages, ranked, each utterance once, and one
   message before and after each, up to ninety rows. It reads a SQLite file, through both walls.
4. Both are timed at the caller: from the words to the rows in Python. Questions are in an order that is drawn anew
   each round; for each question both have their turns one right after the other, and a coin says who begins. So ours
   finds the processor's caches as the server left them. MariaDB answers through a socket file on the same machine.
5. Every single timing counts, none is left out and none replaced by a median: quantiles are over lookups and rounds
   together. A ratio is a quantile of theirs over the same quantile of ours, over the same lookups and rounds. Beside
   it stands the same with each lookup's median of rounds, for both.
6. All questions that there are, up to `lookup_queries`, are asked of both. What is chosen, is chosen on seeds from
   100 on; what is reported, is of other seeds.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from consilience.ground import Evidence, Measurement, RunFolder, Streams, Table
from consilience.methods.social_agents.config import Config
from consilience.methods.social_agents.records import Query
from consilience.methods.social_agents.store import Store
from consilience.methods.social_agents.studies.mariadb import absent, mariadb
from consilience.methods.social_agents.studies.original import SELF_JOIN, Original
from consilience.methods.social_agents.studies.place import ROWS, Lookup, bars, in_place, lookups, settle, spoken
from consilience.methods.social_agents.worlds.people import World

__all__ = ["lookup"]

FRACTIONS = {"half of the lookups": (0.5, 5.0, 100.0), "95 of 100 lookups": (0.95, 25.0, 50.0)}
"""Quantiles, with the most milliseconds that a lookup may take and how many times less than the original's."""
AS_DESCRIBED = 40
"""Lookups, once each, of the form that is described."""
OURS, ALONE = "ours", "ours, without what stands beside it"
THEIRS, DESCRIBED, NOTHING = "original on MariaDB", "original, self-join as described", "nothing on MariaDB"

Finds = Callable[[Lookup], int]
"""Does a lookup and returns how many rows it brought."""


@dataclass
class _Times:
    """What was timed: by who did it and which lookup, milliseconds round for round; and how many rows were brought."""

    taken: dict[str, dict[int, list[float]]] = field(default_factory=lambda: defaultdict(lambda: defaultdict(list)))
    rows: dict[str, list[int]] = field(default_factory=lambda: defaultdict(list))

    def take(self, who: str, number: int, finds: Finds, one: Lookup) -> None:
        """Let somebody do a lookup, and keep how long it took."""
        began = time.perf_counter()
        found = finds(one)
        self.taken[who][number].append((time.perf_counter() - began) * 1e3)
        self.rows[who].append(found)

    def all_of(self, who: str, numbers: Sequence[int] | None = None) -> np.ndarray:
        """Return every timing, a row a lookup; of some lookups if they are given."""
        return np.array([self.taken[who][number] for number in (self.taken[who] if numbers is None else numbers)])

    def numbers(self, who: str) -> list[int]:
        """Return which lookups somebody did."""
        return sorted(self.taken[who]) if who in self.taken else []


def lookup(config: Config, streams: Streams, folder: RunFolder) -> Evidence:
    """Measure the claim ``iagents.lookup`` by the protocol above.

    Parameters
    ----------
    config
        ``lookup_queries``, ``lookup_rounds``, ``original_queries``, and the place.
    streams
        Of the place, which lookups, and in which order.
    folder
        For the record.
    """
    world = in_place(config, streams)
    chosen = _chosen(lookups(config, world), config.lookup_queries, streams)
    why = absent() if config.original_queries else "this recipe does not run the original"
    order = streams.generator("order")
    with TemporaryDirectory() as scratch, Store.open(Path(scratch) / "store.sqlite") as store:
        finds = _ours(store, world)
        if why:
            times = _timed(finds, chosen, config, order)
        else:
            with mariadb() as connection:
                original = Original(connection, world, streams.generator("order of keywords"))
                times = _timed(finds | _theirs(original), chosen, config, order)
    p50 = float(np.median(times.all_of(OURS)))
    folder.record("lookup", queries=len(chosen), words=float(np.mean([len(one.words) for one in chosen])), p50_ms=p50)
    where = f"{spoken(config, world)}; {np.mean([len(one.words) for one in chosen]):.2f} words a lookup"
    return Evidence(
        measurements=(*_absolute(times, world, where), *_ratios(times, world, why)),
        tables=(_table(times, where),),
    )


def _chosen(found: Sequence[Lookup], most: int, streams: Streams) -> list[Lookup]:
    order = streams.generator("lookups").permutation(len(found))[:most]
    return [found[place] for place in order.tolist()]


def _ours(store: Store, world: World) -> dict[str, Finds]:
    people = settle(world, store)
    memories = {handle: store.memory(person) for handle, person in people.items()}

    def as_it_comes(one: Lookup) -> int:
        hits = memories[one.owner].search(Query(words=one.words, limit=ROWS))
        return sum(1 + len(hit.before) + len(hit.after) for hit in hits)

    def alone(one: Lookup) -> int:
        return len(memories[one.owner].search(Query(words=one.words, context=0, limit=ROWS)))

    return {OURS: as_it_comes, ALONE: alone}


def _theirs(original: Original) -> dict[str, Finds]:
    return {
        THEIRS: lambda one: len(original.looked_up(one.owner, one.words)),
        DESCRIBED: lambda one: len(original.looked_up(one.owner, one.words, SELF_JOIN)),
        NOTHING: lambda _: original.nothing(),
    }


def _timed(finds: dict[str, Finds], chosen: Sequence[Lookup], config: Config, chance: np.random.Generator) -> _Times:
    times = _Times()
    _warmed(finds, chosen[:5])
    for _ in range(config.lookup_rounds):
        for number in chance.permutation(len(chosen)).tolist():
            both = [OURS, THEIRS] if THEIRS in finds and number < config.original_queries else [OURS]
            for who in both if chance.random() < 0.5 else both[::-1]:  # noqa: PLR2004 - a coin
                times.take(who, number, finds[who], chosen[number])
        for number, one in enumerate(chosen):
            for who in (ALONE, NOTHING):
                if who in finds:
                    times.take(who, number, finds[who], one)
    described = min(AS_DESCRIBED, config.original_queries) if DESCRIBED in finds else 0
    for number, one in enumerate(chosen[:described]):
        times.take(DESCRIBED, number, finds[DESCRIBED], one)
    return times


def _warmed(finds: dict[str, Finds], some: Sequence[Lookup]) -> None:
    """Let everybody open files and parse statements, which whoever comes first would have to."""
    for one in some:
        for who in finds.keys() - {DESCRIBED}:
            finds[who](one)


def _absolute(times: _Times, world: World, where: str) -> Iterator[Measurement]:
    taken = times.all_of(OURS)
    for name, (fraction, most, _) in FRACTIONS.items():
        each = np.quantile(taken, fraction, axis=0)
        yield Measurement(
            name=f"time within which {name} are done",
            value=np.quantile(taken, fraction),
            low=each.min(),
            high=each.max(),
            unit="ms",
            timing=True,
            note=f"all of {taken.shape[1]} rounds of {len(taken)} lookups in {where}, with the rounds' extremes; "
            "SQLite in a file, in process",
            **bars(world, at_most=most),
        )


def _ratios(times: _Times, world: World, why: str) -> Iterator[Measurement]:
    for name, (fraction, _, least) in FRACTIONS.items():
        said = f"times less than the original, {name}"
        held = bars(world, at_least=least)
        if why:
            yield Measurement(name=said, value=None, timing=True, note=why, **held)
            continue
        numbers = times.numbers(THEIRS)
        theirs, ours = times.all_of(THEIRS, numbers), times.all_of(OURS, numbers)
        each = np.quantile(theirs, fraction, axis=0) / np.quantile(ours, fraction, axis=0)
        typical = np.quantile(np.median(theirs, 1), fraction) / np.quantile(np.median(ours, 1), fraction)
        nothing = np.median(times.all_of(NOTHING))
        yield Measurement(
            name=said,
            value=np.quantile(theirs, fraction) / np.quantile(ours, fraction),
            low=each.min(),
            high=each.max(),
            timing=True,
            note=f"every timing of {ours.shape[1]} rounds of the same {len(numbers)} lookups, with rounds' extremes; "
            f"{typical:.0f} of each lookup's median; the quickest form of the original's method on MariaDB (its "
            "released statement, run once outside, brought the same rows in 1.1 to 1.4 times the time) through a "
            f"socket file, where asking for nothing takes {nothing:.2g} ms; ours is in process, so this is one of "
            "method and of place together",
            **held,
        )
    if not why:
        numbers = times.numbers(DESCRIBED)
        theirs, ours = times.all_of(DESCRIBED), times.all_of(OURS, numbers)
        for name, (fraction, *_) in FRACTIONS.items():
            yield Measurement(
                name=f"times less than a self-join as described, {name}",
                value=np.quantile(theirs, fraction) / np.quantile(ours, fraction),
                timing=True,
                note=f"the same {len(numbers)} lookups; no bar, for the claim is held against the quickest form",
            )


def _table(times: _Times, where: str) -> Table:
    return Table(
        title="Lookups, milliseconds",
        columns=("who", "lookups", "rounds", "p50", "p95", "p99", "most", "rows brought"),
        rows=tuple(
            (
                who,
                len(times.numbers(who)),
                times.all_of(who).shape[1],
                *(round(float(np.quantile(times.all_of(who), at)), 3) for at in (0.5, 0.95, 0.99, 1)),
                round(float(np.mean(times.rows[who])), 1),
            )
            for who in (OURS, ALONE, THEIRS, DESCRIBED, NOTHING)
            if who in times.taken
        ),
        note=f"In {where}.",
        timing=True,
    )
