"""Marks for answers: what is right, how much of it, and how often it was right when anything was said."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from consilience.ground.errors import InvalidInput
from consilience.methods.social_agents.concluding import half_hours
from consilience.methods.social_agents.worlds.people import Task

__all__ = ["Mark", "Summary", "gain", "iou", "mark", "normal", "summary", "token_f1"]

_ARTICLES: Final = frozenset({"a", "an", "the"})
_TOKEN = re.compile(r"[\w:]+")


@dataclass(frozen=True, slots=True)
class Mark:
    """What an answer is worth."""

    score: float
    """By the measure of its set, 0 to 1: exact or alias; for free time the overlap on 48 half-hours."""
    f1: float
    """Of tokens; for sets of names, of their items; for free time as `score`."""
    exact: bool
    answered: bool
    """Whether anything was said at all: no answer is an abstention."""


@dataclass(frozen=True, slots=True)
class Summary:
    """Marks of a set."""

    tasks: int
    score: float
    """Mean over all tasks, an abstention counting 0."""
    f1: float
    exact: float
    precision: float
    """Mean score over the tasks that were answered; 0 where none was."""
    abstained: float
    """Share of the tasks that were not answered."""
    wrong: float
    """Share of all tasks that were answered and not wholly right."""


def normal(text: str) -> str:
    """Return a text in the form in which answers are compared: no case, articles, punctuation or spare blanks.

    Examples
    --------
    >>> normal("  The Parrot. ")
    'parrot'
    """
    return " ".join(word for word in _TOKEN.findall(text.casefold()) if word not in _ARTICLES)


def token_f1(answer: str, truth: str) -> float:
    """Return the harmonic mean of precision and recall over words.

    Examples
    --------
    >>> token_f1("a green parrot", "parrot")
    0.666...
    """
    return _f1(normal(answer).split(), normal(truth).split())


def iou(answer: str, truth: str) -> float:
    """Return how much the half-hours of two lists of spans overlap: common ones over all of either.

    Examples
    --------
    >>> iou("7:00-8:00", "7:30-8:30")
    0.333...
    >>> iou("never", "never")
    1.0
    """
    mine, theirs = half_hours(answer), half_hours(truth)
    return len(mine & theirs) / len(mine | theirs) if mine | theirs else float(normal(answer) == normal(truth))


def mark(task: Task, answer: str | None) -> Mark:
    """Return the mark of an answer; None and an empty one abstain."""
    if answer is None or not answer.strip():
        return Mark(0.0, 0.0, exact=False, answered=False)
    if task.kind == "free":
        overlap = iou(answer, task.answer)
        return Mark(overlap, overlap, exact=overlap == 1, answered=True)
    if task.kind == "longest":
        items, wanted = _items(answer), _items(task.answer)
        right = set(items) == set(wanted)
        return Mark(float(right), _f1(items, wanted), exact=right, answered=True)
    right = normal(answer) in {normal(text) for text in (task.answer, *task.aliases)}
    best = max(token_f1(answer, text) for text in (task.answer, *task.aliases))
    return Mark(float(right), best, exact=right, answered=True)


def summary(tasks: Sequence[Task], answers: Mapping[str, str | None]) -> Summary:
    """Return the marks of a set; tasks without an answer abstained.

    Parameters
    ----------
    tasks
        At least one.
    answers
        By the id of the task.

    Raises
    ------
    InvalidInput
        If there are no tasks, or an answer is to none of them.
    """
    strays = sorted(set(answers) - {task.id for task in tasks})
    if not tasks or strays:
        raise InvalidInput(
            f"expected tasks, and answers to those alone; got {len(tasks)} tasks and strays {strays[:3]}"
        )
    marks = [mark(task, answers.get(task.id)) for task in tasks]
    answered = [one for one in marks if one.answered]
    return Summary(
        tasks=len(tasks),
        score=sum(one.score for one in marks) / len(marks),
        f1=sum(one.f1 for one in marks) / len(marks),
        exact=sum(one.exact for one in marks) / len(marks),
        precision=sum(one.score for one in answered) / len(answered) if answered else 0.0,
        abstained=1 - len(answered) / len(marks),
        wrong=sum(not one.exact for one in answered) / len(marks),
    )


def gain(score: float, own: float, oracle: float) -> float:
    """Return how much of the way from what one knows alone to what all know together was gone; may be negative.

    Raises
    ------
    InvalidInput
        If there is no way to go.

    Examples
    --------
    >>> gain(0.9, 0.5, 1.0)
    0.8
    """
    if oracle <= own:
        raise InvalidInput(f"the oracle must score more than own knowledge does; got {oracle!r} and {own!r}")
    return (score - own) / (oracle - own)


def _items(text: str) -> list[str]:
    return [normal(item) for item in re.split(r"[;,]|\band\b", text) if normal(item)]


def _f1(mine: Sequence[str], theirs: Sequence[str]) -> float:
    common = sum((Counter(mine) & Counter(theirs)).values())
    return 2 * common / (len(mine) + len(theirs)) if common else 0.0
