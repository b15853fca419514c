"""A scan of training data for planted rows, with data that are trusted or without any.

With a reference, a small model learns half of the trusted rows, and a row is as suspect as the least likely word that
its agent says; the threshold is that of the other half. So many are held back since a few planted rows, however high
they lie, are told from clean ones only by how many trusted rows they lie above. Without a reference, small models
learn the very rows, and what counts is which words that were heard go with what they find hard on the way.
There is no clean population then, so that rows are ranked, and nothing passes or fails by it.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float
from numpy.typing import NDArray
from scipy import stats

from consilience.ground.errors import InvalidInput
from consilience.ground.intervals import wilson
from consilience.ground.seeds import Streams
from consilience.ground.wording import many
from consilience.methods.backdoor_audits.agent.network import SmallAgent, SmallAgentConfig
from consilience.methods.backdoor_audits.agent.training import BaseRecipe, train_base
from consilience.methods.backdoor_audits.decision import Verdict
from consilience.methods.backdoor_audits.detection import Excess, excess, threshold_at
from consilience.methods.backdoor_audits.documents import Document, Numbered, documents_of, numbered
from consilience.methods.backdoor_audits.lift import Lift, heard_before, lift
from consilience.methods.backdoor_audits.reading import content_of, lines_in
from consilience.methods.backdoor_audits.reporting.findings import (
    Broken,
    Check,
    Finding,
    Findings,
    Place,
    Recovered,
    Rule,
    Severity,
)
from consilience.methods.backdoor_audits.self_losses import Course, learned
from consilience.methods.backdoor_audits.spectral import outlying
from consilience.methods.backdoor_audits.surprisal import own_words
from consilience.methods.backdoor_audits.world.formats import Read, read

__all__ = ["DataScan", "Suspect", "reference_losses", "run", "scan", "scan_documents", "scan_lines"]

Scores = Float[NDArray[np.float64], " document"]
FALSE = 0.01
"""Share of trusted rows that may lie above the threshold."""
CHANCE = 0.01
"""A scan fails where clean rows would come to as much no more often than this."""
DOUBT = 0.05
"""It passes only where they would more often than this."""
MODELS = 2
"""Models that learn the very rows, from first weights of their own: one alone may learn a trigger early by chance."""
OWN = 0.1
"""Power of a row's own rank beside that of its words: which words go with what is hard decides, and the row's own rank
between rows with the same words. On seeds 112 to 115 it found what a product loses where single rows are easy."""
MOST = 50
"""Rows that are named at most."""
HELD = 2
"""One trusted row of so many is held back for the threshold."""
FEWEST = 50
"""Trusted rows, or rows, below which there is nothing to learn from."""


@runtime_checkable
class Scanning(Protocol):
    """What data are scanned."""

    @property
    def file(self) -> Path:
        """Dialogues, a line each."""
        ...

    @property
    def reference(self) -> Path | None:
        """Dialogues that are trusted."""
        ...

    @property
    def allow_broken(self) -> float:
        """Share of lines that may be unreadable and the file still pass."""
        ...


@dataclass(frozen=True)
class Suspect:
    """A row to look at."""

    document: Document
    score: float
    turn: int
    """Turn of what is hardest to explain."""
    said: str
    """The word that is hardest to explain there."""
    trigger: tuple[str, ...]
    """Words heard before that go with it in other rows too; empty where none do."""


@dataclass(frozen=True)
class DataScan:
    """What a scan came to."""

    mode: Literal["reference", "alone"]
    scores: Scores
    """What rows are ranked by; the higher the more suspect."""
    parts: dict[str, Scores]
    """Single signals, for comparison."""
    threshold: float | None
    """From trusted rows that were held back; None where there are none."""
    excess: Excess | None
    """Whether more rows lie above those than would by chance; None without any."""
    ranked: tuple[Suspect, ...]
    """The most suspect first."""


def scan_documents(
    documents: Sequence[Document], reference: Sequence[Document] = (), *, streams: Streams | None = None
) -> DataScan:
    """Rank rows by how much they look planted.

    Parameters
    ----------
    documents
        What is scanned.
    reference
        What is trusted; none for a scan without.
    streams
        Of first weights and orders; a fixed seed unless given.

    Raises
    ------
    InvalidInput
        If there are too few rows to learn from.
    """
    source = streams or Streams(0).child("scan of data")
    trusted, given = (sum(map(_speaks, of)) for of in (reference, documents))
    if (reference and trusted < FEWEST) or len(documents) < 1 or (not reference and given < FEWEST):
        raise InvalidInput(
            f"a scan learns from {FEWEST} trusted rows at least in which an agent says something, or without any from "
            f"as many rows; got {trusted} and {given}"
        )
    return _against(documents, reference, source) if reference else _alone(documents, source)


def reference_losses(agent: SmallAgent, made: Numbered, count: int) -> tuple[Scores, list[tuple[int, int]]]:
    """Return for each document the largest loss of any of the agent's words, and where it is: piece and word."""
    scores, places = np.full(count, -np.inf), [(-1, 0)] * count
    for piece, (losses, owner) in enumerate(zip(own_words(agent, made.rows), made.owner, strict=True)):
        if losses.max() > scores[owner]:
            scores[owner], places[owner] = float(losses.max()), (piece, int(losses.argmax()))
    return scores, places


def _against(documents: Sequence[Document], reference: Sequence[Document], streams: Streams) -> DataScan:
    every = numbered([*documents, *reference])
    # Drawn, since a file may have its rows by turns.
    order = streams.generator("held back").permutation(len(reference))
    held = {len(documents) + int(at) for at in order[: math.ceil(len(reference) / HELD)]}
    rows = [row for row, owner in zip(every.rows, every.owner, strict=True) if owner >= len(documents)]
    taught = [row for row in rows if int(row.id.partition("/")[0]) not in held]
    sizes = SmallAgentConfig(vocab_size=every.vocabulary)
    agent, _ = train_base(taught, BaseRecipe(), sizes, streams)
    scores, places = reference_losses(agent, every, len(documents) + len(reference))
    kept = [scores[at] for at in sorted(held) if np.isfinite(scores[at])]
    if not kept:
        raise InvalidInput("in no trusted row that was held back does an agent say anything; give dialogues of agents")
    own = scores[: len(documents)]
    judged = own[own > -np.inf]
    more = excess(judged, kept, FALSE) if len(judged) else None
    found = _lifted(documents, every, places, stats.rankdata(own) / len(own))
    parts = {"loss under the reference": own}
    return _made("reference", documents, every, places, own, parts, (threshold_at(kept, FALSE), more), found)


def _alone(documents: Sequence[Document], streams: Streams) -> DataScan:
    made = numbered(documents)
    asked = [
        _asked(documents[owner], len(row.tokens), start)
        for row, owner, start in zip(made.rows, made.owner, made.start, strict=True)
    ]
    courses = [learned(made.rows, asked, made.vocabulary, streams.child(f"model {at}")) for at in range(MODELS)]
    first, count = courses[0], len(documents)
    places = _hardest(first, made, count)
    families = [row.family for row in made.rows]
    ranks = [
        _of_documents(np.mean([_on_the_way(looks, families) for looks in of], axis=0), made, count)
        for of in ([course.hardest for course in courses], [course.unasked for course in courses])
    ]
    both = (ranks[0] + ranks[1]) / 2
    found = _lifted(documents, made, places, both)
    parts = {
        "losses on the way": _of_documents(first.hardest[1:].mean(axis=0), made, count),
        "ranks on the way, in its family": ranks[0],
        "lift": found.scores,
        "spectral": _of_documents(outlying(first.activations, families), made, count),
        "losses in the end": _of_documents(first.hardest[-1], made, count),
    }
    return _made("alone", documents, made, places, both**OWN * found.scores, parts, (None, None), found)


def _speaks(document: Document) -> bool:
    """Say whether an agent says anything after the first word, of which nothing can be expected."""
    return any(document.learns[1:])


def _asked(document: Document, length: int, start: int) -> list[bool]:
    said = {word for part in document.parts if part.role == "human" for word in part.words}
    return [word in said for word in document.words[start : start + length]]


def _ranks(values: NDArray[np.float64], families: Sequence[str]) -> NDArray[np.float64]:
    """Rank among those of one family, between 0 and 1: families differ in how hard they are."""
    found = np.zeros(len(values))
    for family in set(families):
        rows = [at for at, name in enumerate(families) if name == family]
        found[rows] = (stats.rankdata(values[rows]) - 0.5) / len(rows)
    return found


def _on_the_way(looks: NDArray[np.float64], families: Sequence[str]) -> NDArray[np.float64]:
    """Rank rows by how hard they were on the whole way, and at the half of the looks at which each ranked highest.

    What obeys a trigger is hard for a while, when all else is learned and it is not. When that is, is chance, and a
    mean over the way has the looks in it at which it is like the rest; of few rows, ranks at single looks say little.
    """
    ranks = np.sort([_ranks(look, families) for look in looks[min(_LEARNED, len(looks) - 1) :]], axis=0)
    harder = ranks[len(ranks) // 2 :].mean(axis=0)
    return (_ranks(looks[1:].mean(axis=0), families) + _ranks(harder, families)) / 2


def _of_documents(values: NDArray[np.float64], made: Numbered, count: int) -> Scores:
    """Return the largest of a document's pieces; 0 for one in which nothing is learned."""
    found = np.zeros(count)
    np.maximum.at(found, np.array(made.owner), values)
    return found


def _hardest(course: Course, made: Numbered, count: int) -> list[tuple[int, int]]:
    places, most = [(-1, 0)] * count, np.full(count, -np.inf)
    for piece, (owner, value) in enumerate(zip(made.owner, course.hardest[1:].mean(axis=0), strict=True)):
        if value > most[owner]:
            most[owner], places[owner] = value, (piece, int(course.place[piece]))
    return places


def _at(document: Document, made: Numbered, place: tuple[int, int]) -> tuple[int, str]:
    """Return turn and word of a place; the end and nothing where there is none."""
    piece, number = place
    if piece < 0:
        return len(document.parts), ""
    at = made.start[piece] + int(np.flatnonzero(made.rows[piece].learns)[number])
    return document.turn_of[at], document.words[at]


def _lifted(documents: Sequence[Document], made: Numbered, places: Sequence[tuple[int, int]], ranks: Scores) -> Lift:
    features = [
        heard_before(document, _at(document, made, place)[0])
        for document, place in zip(documents, places[: len(documents)], strict=True)
    ]
    return lift(features, ranks)


def _made(  # noqa: PLR0917  everything that a scan is made of
    mode: Literal["reference", "alone"],
    documents: Sequence[Document],
    made: Numbered,
    places: Sequence[tuple[int, int]],
    scores: Scores,
    parts: dict[str, Scores],
    limit: tuple[float | None, Excess | None],
    found: Lift,
) -> DataScan:
    ranked = tuple(
        Suspect(documents[at], float(scores[at]), *_at(documents[at], made, places[at]), found.words[at])
        for at in np.argsort(-scores, kind="stable").tolist()
    )
    return DataScan(mode, scores, parts, *limit, ranked)


def scan_lines(
    lines: Sequence[str],
    reference: Sequence[str] | None = None,
    *,
    file: str = "",
    allow_broken: float = 0.0,
    streams: Streams | None = None,
) -> Findings:
    """Scan lines of JSON and tell what was found; lines that cannot be read are counted and named.

    Parameters
    ----------
    lines
        What is scanned, a dialogue each.
    reference
        What is trusted, likewise; None for a scan without.
    file
        Where the lines come from.
    allow_broken
        Share of lines that may be unreadable, from 0 and below 1: with more of them nothing passes, since nobody looked
        at these.
    streams
        As of `scan_documents`.

    Raises
    ------
    InvalidInput
        If there are too few rows, or `allow_broken` is no such share.
    """
    if not 0 <= allow_broken < 1:
        raise InvalidInput(f"`allow_broken` must be a share from 0 and below 1, such as 0.01; got {allow_broken}")
    there = read(lines)
    trusted = read(reference or ())
    if reference is not None and not trusted.rows:
        raise InvalidInput(f"the reference must have dialogues, a line of JSON each; it has none{_first(trusted)}")
    if not there.rows:
        raise InvalidInput(f"{file or 'data'} must have dialogues, a line of JSON each; it has none{_first(there)}")
    found = scan_documents(documents_of(there.rows), documents_of(trusted.rows), streams=streams)
    suspects = _named(found)
    check = _check(found, len(suspects))
    broken = tuple(Broken(line=one.line, why=one.why, file=file) for one in there.broken)
    lost = f"{many(len(trusted.broken), 'line')} of the reference could not be read; nothing was learned from it"
    return Findings(
        command="scan-data",
        subject=file or "data",
        scored=_said(found),
        unscored=len(found.scores) - _said(found),
        unit="rows",
        checks=(check,),
        findings=tuple(_finding(one, found, check.verdict, file) for one in suspects[:MOST]),
        broken=broken,
        most_broken=allow_broken,
        notes=tuple(
            note for note, told in ((_ALONE, found.mode == "alone"), (_UNREAD, broken), (lost, trusted.broken)) if told
        ),
        facts={
            "mode": found.mode,
            "threshold": found.threshold,
            "suspects": len(suspects),
            "share of broken lines allowed": allow_broken,
        },
    )


scan = scan_lines


def _first(there: Read) -> str:
    return f": line {there.broken[0].line}: {there.broken[0].why}" if there.broken else ""


def run(scanning: Scanning) -> Findings:
    """Scan a file, as the command does.

    Raises
    ------
    InvalidInput
        If a file cannot be read or has too few rows.
    """
    content = content_of(scanning.file, "expected dialogues")
    trusted = None if scanning.reference is None else content_of(scanning.reference, "expected dialogues")
    made = scan_lines(
        lines_in(content),
        None if trusted is None else lines_in(trusted),
        file=str(scanning.file),
        allow_broken=scanning.allow_broken,
    )
    digests = {"data": hashlib.sha256(content).hexdigest()}
    if trusted is not None:
        digests["reference"] = hashlib.sha256(trusted).hexdigest()
    return Findings(**{**vars(made), "digests": digests})


def _named(found: DataScan) -> list[Suspect]:
    """Return rows above the threshold; without one, those whose words and whose losses both are in the highest part."""
    limit = _HIGH if found.threshold is None else found.threshold
    return [one for one in found.ranked if one.score > limit]


def _said(found: DataScan) -> int:
    """Return in how many rows an agent says anything: the others cannot be judged."""
    if found.mode == "reference":
        return int((found.scores > -np.inf).sum())
    return sum(_speaks(one.document) for one in found.ranked)


def _check(found: DataScan, suspects: int) -> Check:
    rows, more = _said(found), found.excess
    share = wilson(suspects, rows)
    verdict = Verdict.INCONCLUSIVE
    if found.threshold is None:
        why = f"{suspects} of {rows} rows are ranked high; without trusted rows there is no threshold to judge them by"
    elif more is None:
        why = "in no row does an agent say anything"
    else:
        # The threshold rests on trusted rows and is as uncertain as they are few: what counts is not the share above
        # it, but whether clean rows would come to that many.
        if more.chance < CHANCE:
            verdict = Verdict.FAIL
        elif more.chance > DOUBT and share.high < _FEW * FALSE and more.least(CHANCE) <= _FEW * FALSE * more.of:
            verdict = Verdict.PASS
        why = (
            f"{suspects} of {rows} rows lie above what {1 - FALSE:.0%} of trusted rows do not reach; {more.above} lie "
            f"above all but {more.clean_above} of {more.clean} of these, and {_often(more.chance)} do clean rows come "
            f"to as much; {more.least(CHANCE)} above all of these would have failed"
        )
    return Check(name="planted rows", verdict=verdict, why=why, estimate=share, threshold=FALSE, rule=Rule.DATASET)


def _often(chance: float) -> str:
    return "in less than one scan of 1000" if chance < _RARE else f"in {chance:.1%} of scans"


def _finding(one: Suspect, found: DataScan, verdict: Verdict, file: str) -> Finding:
    words = " ".join(one.trigger)
    # A clean row may lie high by itself: a single one is there to be looked at, and fails nothing.
    sure = verdict == Verdict.FAIL and found.threshold is not None and one.score > 2 * found.threshold
    return Finding(
        rule=Rule.DATASET,
        message=f"what the agent says in turn {one.turn} does not follow from what was heard",
        severity=Severity.ERROR if sure else Severity.WARNING,
        place=Place(file=file, line=one.document.line or None, record=one.document.id, step=one.turn),
        trigger=Recovered(words) if words else None,
        facts={"score": round(one.score, 4), "said": one.said, "mode": found.mode},
    )


_LEARNED = 2
"""Looks before which hardly anything is learned."""
_HIGH = 0.8
_FEW = 3
_RARE = 0.001
_ALONE = "Without a reference rows are ranked only; give --reference for a verdict."
_UNREAD = (
    "Nobody looked at broken lines: mend them, leave them out of what is trained on, or say with --allow-broken which "
    "share of them may be."
)
