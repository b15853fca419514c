"""How much of what answers a question is among thirty messages, by this memory and by the original's method."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from consilience.ground import Evidence, Measurement, RunFolder, Streams, Table
from consilience.methods.social_agents.config import Config
from consilience.methods.social_agents.store import Store
from consilience.methods.social_agents.studies.mariadb import absent, mariadb
from consilience.methods.social_agents.studies.original import Original
from consilience.methods.social_agents.studies.place import (
    ROWS,
    Lookup,
    in_place,
    looked_up,
    lookups,
    row_names,
    settle,
    spoken,
)
from consilience.methods.social_agents.worlds.people import World

__all__ = ["found_of", "is_fresh", "recall", "reciprocal_rank"]

BARS = {"recall": 1.6, "MRR": 3.0}
"""How many times the original's."""
RESAMPLES = 2000
OURS, THEIRS = "ours, words", "original on MariaDB"

Names = Sequence[str]
"""Of rows in the world, in the order in which they were brought."""
Finds = Callable[[Lookup], Names]


def recall(config: Config, streams: Streams, folder: RunFolder) -> Evidence:
    """Measure the claim ``iagents.recall``.

    Both are given the content words of each question, search the messages of one person who saw the answer, and bring
    thirty rows. An utterance that was heard by several stands in several rows, of which one is enough. How much a match
    gives to what is beside it was chosen on half of the questions, so the other half is told apart (`is_fresh`).

    Parameters
    ----------
    config
        ``recall_questions``, and the place: without questions nothing is measured.
    streams
        Of the place, which questions, and resamples.
    folder
        For the record.
    """
    why = absent() if config.script and config.questions else "it takes a script and questions, whose paths are given"
    if why:
        return Evidence(measurements=tuple(_unmeasured(why)))
    world = in_place(config, streams)
    asked = lookups(config, world)
    order = streams.generator("questions").permutation(len(asked))[: config.recall_questions]
    asked = [asked[place] for place in order.tolist()]
    with TemporaryDirectory() as scratch, Store.open(Path(scratch) / "store.sqlite") as store, mariadb() as connection:
        original = Original(connection, world, streams.generator("order of keywords"))
        brought = {way: [finds(one) for one in asked] for way, finds in _ways(store, original, world)}
    scores = {way: _scores(asked, names) for way, names in brought.items()}
    for way, (recalled, ranks) in scores.items():
        folder.record("recall", way=way, recall=float(recalled.mean()), mrr=float(ranks.mean()))
    return Evidence(
        measurements=(*_ratios(scores, streams), *_fresh(asked, scores, streams)),
        tables=(_table(asked, brought, scores, spoken(config, world)),),
    )


def is_fresh(question: str) -> bool:
    """Return whether a question is of the half on which nothing was chosen.

    Examples
    --------
    >>> [is_fresh(f"question {number}") for number in range(4)]
    [True, True, True, True]
    """
    return sha256(question.encode()).digest()[-1] % 2 == 1


def found_of(gold: Sequence[frozenset[str]], names: Names) -> float:
    """Return the share of utterances of which a row was brought.

    Examples
    --------
    >>> found_of([frozenset("ab"), frozenset("c")], ["x", "b"])
    0.5
    """
    brought = set(names)
    return sum(bool(rows & brought) for rows in gold) / len(gold)


def reciprocal_rank(gold: Sequence[frozenset[str]], names: Names) -> float:
    """Return 1 over the place of the first row that was looked for; 0 where none was brought.

    Examples
    --------
    >>> reciprocal_rank([frozenset("ab"), frozenset("c")], ["x", "b"])
    0.5
    """
    wanted = frozenset[str]().union(*gold)
    return next((1 / place for place, name in enumerate(names, 1) if name in wanted), 0.0)


def _ways(store: Store, original: Original, world: World) -> Iterator[tuple[str, Finds]]:
    people = settle(world, store)
    names = row_names(store)

    def ours(context: int) -> Finds:
        return lambda one: [names[row] for row in looked_up(store, people[one.owner], one, context)]

    def episodes(one: Lookup) -> Names:
        found = store.memory(people[one.owner]).recall(" ".join(one.words), 5)
        return [names[row] for episode in found for row in episode.messages][:ROWS]

    yield OURS, ours(0)
    yield "ours, words, each with its neighbours", ours(1)
    yield "ours, episodes", episodes
    yield THEIRS, lambda one: [original.names[row] for row in original.looked_up(one.owner, one.words)]


def _scores(asked: Sequence[Lookup], brought: Sequence[Names]) -> tuple[np.ndarray, np.ndarray]:
    pairs = list(zip(asked, brought, strict=True))
    recalled = np.array([found_of(one.gold, names) for one, names in pairs])
    return recalled, np.array([reciprocal_rank(one.gold, names) for one, names in pairs])


def _ratios(scores: Mapping[str, tuple[np.ndarray, np.ndarray]], streams: Streams) -> Iterator[Measurement]:
    for place, (name, least) in enumerate(BARS.items()):
        yield _ratio(name, scores[OURS][place], scores[THEIRS][place], streams, at_least=least)


def _fresh(
    asked: Sequence[Lookup], scores: Mapping[str, tuple[np.ndarray, np.ndarray]], streams: Streams
) -> Iterator[Measurement]:
    fresh = np.array([is_fresh(one.question) for one in asked])
    if not fresh.any():
        return
    for place, name in enumerate(BARS):
        ours, theirs = (scores[way][place][fresh] for way in (OURS, THEIRS))
        yield _ratio(f"{name} of questions that nothing was chosen on", ours, theirs, streams)


def _ratio(
    name: str, ours: np.ndarray, theirs: np.ndarray, streams: Streams, *, at_least: float | None = None
) -> Measurement:
    draws = streams.generator(f"resamples of {name}").integers(len(ours), size=(RESAMPLES, len(ours)))
    ratios = ours[draws].mean(axis=1) / np.maximum(theirs[draws].mean(axis=1), 1e-9)
    low, high = np.quantile(ratios, (0.025, 0.975))
    return Measurement(
        name=f"{name}, times the original's",
        value=ours.mean() / max(theirs.mean(), 1e-9),
        low=low,
        high=high,
        note=f"{ours.mean():.3f} against {theirs.mean():.3f} over {len(ours)} questions, the same words for both, "
        f"{ROWS} rows; interval: 95 % of resampled questions",
        at_least=at_least,
    )


def _unmeasured(why: str) -> Iterator[Measurement]:
    for name, least in BARS.items():
        yield Measurement(name=f"{name}, times the original's", value=None, at_least=least, note=why)


def _table(
    asked: Sequence[Lookup],
    brought: Mapping[str, Sequence[Names]],
    scores: Mapping[str, tuple[np.ndarray, np.ndarray]],
    where: str,
) -> Table:
    return Table(
        title=f"What is found in {ROWS} rows",
        columns=("way", "questions", "recall", "MRR", "found anything", "rows"),
        rows=tuple(
            (
                way,
                len(asked),
                round(float(recalled.mean()), 4),
                round(float(ranks.mean()), 4),
                round(float((ranks > 0).mean()), 4),
                round(float(np.mean([len(names) for names in brought[way]])), 1),
            )
            for way, (recalled, ranks) in scores.items()
        ),
        note=f"FriendsQA over {where}.",
    )
