"""How long a lookup in one's own messages takes, and how long it takes with the original's method on MariaDB.

This is the protocol. It was written before anything was timed by it; wherever what the original does is not known to the
letter, what makes it quicker is taken, and wherever there is a choice for ours, what makes it slower.

1. A question is one lookup for both, whatever it takes: the words of the question that tell something, by one person,
   in all that this person wrote or heard. The words are the same for both. Common words are left out by a long list, for
   each word that is kept costs the original a statement and ours next to nothing.
2. The original sends a statement a word: LIKE, windows of three rows before and after by COALESCE(LAG(...)) and LEAD in
   the person's rows, the rows between by a join with BETWEEN, by number, ten a word. Its words come in the order of a set,
   which is any. All are sent, then thirty rows are kept, without a rank. Its table has the key of its rows for its only
   index. The statement's form is the quickest known that has these parts and brings these rows (see `original`).
3. Ours is `Memory.search` as it comes, `Query(words=...)`: thirty messages, ranked, each utterance once, and one message
   before and after each, up to ninety rows. It reads a SQLite file, through both walls.
4. Both are told of at the caller: from the words to the rows in Python. Questions are in an order that is drawn anew
   each round; for each question both have their turns one right after the other, and a coin says who begins. So ours finds the
   processor's caches as the server left them. MariaDB answers through a socket file on the same machine.
5. Every single timing counts, none is left out and none replaced by a median: quantiles are over lookups and rounds together.
   A ratio is a quantile of theirs over the same quantile of ours, over the same lookups and rounds. Beside it stands the
   same with each lookup's median of rounds, for both.
6. All questions that there are, up to `lookup_queries`, are asked of both. What is chosen, is chosen on seeds from 100 on;
   what is reported, is of other seeds.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from consilience.ground import Evidence, Measurement, RunFolder, Streams, Table
from consilience.methods.social_agents.config import Config
from consilience.methods.social_agents.records import Query
from consilience.methods.social_agents.store import Store
from consilience.methods.social_agents.studies.mariadb import absent, mariadb
from consilience.methods.social_agents.studies.original import Original
from consilience.methods.social_agents.studies.place import ROWS, Lookup, bars, in_place, lookups, settle, spoken
from consilience.methods.social_agents.worlds.people import World

__all__ = ["lookup"]

FRACTIONS = {"half of the lookups": (0.5, 5.0, 100.0), "95 of 100 lookups": (0.95, 25.0, 50.0)}
"""Quantiles, with the most milliseconds that a lookup may take and how many times less than the original's."""


@dataclass
class _Times:
    """Milliseconds of each lookup, a row a round; and what was found."""

    ours: list[list[float]] = field(default_factory=list)
    beside: list[list[float]] = field(default_factory=list)
    """With one message before and after each."""
    original: list[list[float]] = field(default_factory=list)
    """Of as many lookups as the original does."""
    nothing: list[list[float]] = field(default_factory=list)
    """Of asking MariaDB for nothing."""
    rows: dict[str, list[int]] = field(default_factory=lambda: defaultdict(list))

    def take(self, of: str, number: int, work: Callable[[], int]) -> None:
        """Do something in a round, and keep how long it took."""
        rounds: list[list[float]] = getattr(self, of)
        while len(rounds) <= number:
            rounds.append([])
        began = time.perf_counter()
        found = work()
        rounds[number].append((time.perf_counter() - began) * 1e3)
        self.rows[of].append(found)


def lookup(config: Config, streams: Streams, folder: RunFolder) -> Evidence:
    """Measure the claim ``iagents.lookup``.

    Both look for the same words in the messages of the same person, bring thirty messages at most, and have their
    turns round for round, so that either finds its caches as it left them. Ours is `Memory.search` on a SQLite file,
    the same lookup as that of ``iagents.recall``. Where they are compared, a lookup takes what it takes in the median
    of the rounds, for both: else the tail would be that of whatever else the machine does.

    Parameters
    ----------
    config
        ``lookup_queries``, ``lookup_rounds``, ``original_queries``, and the place.
    streams
        Of the place, and which lookups.
    folder
        For the record.
    """
    world = in_place(config, streams)
    chosen = _chosen(lookups(config, world), config.lookup_queries, streams)
    why = absent() if config.original_queries else "this recipe does not run the original"
    with TemporaryDirectory() as scratch, Store.open(Path(scratch) / "store.sqlite") as store:
        ours = _ours(store, world)
        if why:
            times = _timed(ours, None, chosen, config)
        else:
            with mariadb() as connection:
                times = _timed(ours, Original(connection, world), chosen, config)
    folder.record("lookup", queries=len(chosen), p50_ms=float(np.median(times.ours)))
    where = spoken(config, world)
    return Evidence(
        measurements=(*_absolute(times, world, where), *_ratios(times, world, why)),
        tables=(_table(times, where),),
    )


def _chosen(found: Sequence[Lookup], most: int, streams: Streams) -> list[Lookup]:
    order = streams.generator("lookups").permutation(len(found))[:most]
    return [found[place] for place in order.tolist()]


def _ours(store: Store, world: World) -> Callable[[Lookup, int], int]:
    people = settle(world, store)
    memories = {handle: store.memory(person) for handle, person in people.items()}

    def find(lookup: Lookup, context: int) -> int:
        hits = memories[lookup.owner].search(Query(words=lookup.words, context=context, limit=ROWS))
        return sum(1 + len(hit.before) + len(hit.after) for hit in hits)

    return find


def _timed(
    ours: Callable[[Lookup, int], int], original: Original | None, chosen: Sequence[Lookup], config: Config
) -> _Times:
    times = _Times()
    for one in chosen[:5]:  # whoever comes first opens files and parses statements
        ours(one, 0)
        ours(one, 1)
    for number in range(config.lookup_rounds):
        for one in chosen:
            times.take("ours", number, partial(ours, one, 0))
        for one in chosen:
            times.take("beside", number, partial(ours, one, 1))
        if original is not None:
            for one in chosen[: config.original_queries]:
                times.take("original", number, partial(_rows_of, original, one))
                times.take("nothing", number, original.nothing)
    return times


def _rows_of(original: Original, one: Lookup) -> int:
    return len(original.looked_up(one.owner, one.words))


def _absolute(times: _Times, world: World, where: str) -> Iterator[Measurement]:
    for name, (fraction, most, _) in FRACTIONS.items():
        each = [float(np.quantile(one, fraction)) for one in times.ours]
        yield Measurement(
            name=f"time within which {name} are done",
            value=np.quantile(times.ours, fraction),
            low=min(each),
            high=max(each),
            unit="ms",
            timing=True,
            note=f"all of {len(times.ours)} rounds of {len(times.ours[0])} lookups in {where}, with the rounds' "
            "extremes; SQLite in a file, in process",
            **bars(world, at_most=most),
        )


def _ratios(times: _Times, world: World, why: str) -> Iterator[Measurement]:
    for name, (fraction, _, least) in FRACTIONS.items():
        said = f"times less than the original, {name}"
        held = bars(world, at_least=least)
        if why:
            yield Measurement(name=said, value=None, timing=True, note=why, **held)
            continue
        some = len(times.original[0])
        pairs = list(zip(times.original, times.ours, strict=True))
        each = [_quantile(theirs, fraction) / _quantile(own[:some], fraction) for theirs, own in pairs]
        typical = np.median(times.original, axis=0), np.median(times.ours, axis=0)[:some]
        yield Measurement(
            name=said,
            value=np.quantile(typical[0], fraction) / np.quantile(typical[1], fraction),
            low=min(each),
            high=max(each),
            timing=True,
            note=f"the same {some} lookups, each as in the median of {len(each)} rounds; extremes of single rounds; "
            "the original's method on MariaDB through a socket file, where asking for nothing takes "
            f"{np.median(times.nothing):.2g} ms; ours is in process, so this is one of method and of place together",
            **held,
        )


def _quantile(times: Sequence[float], fraction: float) -> float:
    return float(np.quantile(times, fraction))


def _table(times: _Times, where: str) -> Table:
    some = len(times.original[0]) if times.original else 0
    ways = {
        "ours": (times.ours, "ours"),
        "ours, one message before and after each": (times.beside, "beside"),
        "ours, the lookups of the original": ([one[:some] for one in times.ours] if some else [], "ours"),
        "original on MariaDB": (times.original, "original"),
        "nothing on MariaDB": (times.nothing, "nothing"),
    }
    return Table(
        title="Lookups, milliseconds",
        columns=("who", "lookups", "rounds", "p50", "p95", "p99", "most", "rows brought"),
        rows=tuple(
            (
                who,
                len(rounds[0]),
                len(rounds),
                *(round(float(np.quantile(rounds, at)), 3) for at in (0.5, 0.95, 0.99, 1)),
                round(float(np.mean(times.rows[of])), 1),
            )
            for who, (rounds, of) in ways.items()
            if rounds
        ),
        note=f"In {where}.",
        timing=True,
    )
