"""Strategies by name, each as a corrector with one budget of calls, so that what differs is what the calls are for."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass
from types import MappingProxyType
from typing import Literal

from consilience.ground.errors import InvalidInput, UnknownName
from consilience.methods.self_correction.budget import Budget
from consilience.methods.self_correction.corrector import Corrector
from consilience.methods.self_correction.critics import SelfCritic
from consilience.methods.self_correction.defences import Demonstrated, Rails, Reflexion, Reminded, SmoothLLM
from consilience.methods.self_correction.judges import reads_as_refusal
from consilience.methods.self_correction.message import Respond
from consilience.methods.self_correction.prompts import REFUSE_ALL, SAFETY_CHECKS, read_safety, safety_or_unread
from consilience.methods.self_correction.reading import CHECK, Read, read_verdict, unread
from consilience.methods.self_correction.selection import Majority, Select
from consilience.methods.self_correction.stopping import CriticAgrees, MaxRounds, StopRule
from consilience.methods.self_correction.strategies import (
    BestOfN,
    CheckingAsContext,
    SelfRefine,
    SingleAnswer,
    Strategy,
    Vote,
)

About = Literal["right", "safe"]
"""What checks are about: whether an answer is right, or whether it does harm."""


@dataclass(frozen=True, kw_only=True)
class Checks:
    """How a model is asked to check itself, and how that is read."""

    prompt: str
    """What it is asked."""
    read: Read
    """How its reply becomes a verdict; raises where there is none."""
    lenient: Read
    """The same where the check is context and need not say anything."""


CHECKS: Mapping[About, Checks] = MappingProxyType(
    {
        "right": Checks(prompt=CHECK, read=read_verdict, lenient=read_verdict),
        "safe": Checks(prompt=SAFETY_CHECKS[0], read=read_safety, lenient=safety_or_unread),
    }
)
"""Checks by what they are about."""


@dataclass(frozen=True)
class _Arrangement:
    strategy: Strategy
    _: KW_ONLY
    told: str
    stop: Callable[[int], StopRule] | None = None
    read: Literal["unread", "lenient", "strict"] = "lenient"
    fresh: bool = False
    votes: bool = False


def _all_rounds(rounds: int) -> StopRule:
    return MaxRounds(rounds)


def _until_agreed(rounds: int) -> StopRule:
    return CriticAgrees() | MaxRounds(rounds)


_ARRANGED: Mapping[str, _Arrangement] = MappingProxyType(
    {
        "none": _Arrangement(SingleAnswer(), told="one answer"),
        "vote": _Arrangement(Vote(), told="as many answers as calls, and one of the majority", votes=True),
        "reminder": _Arrangement(Reminded(), told="one answer under a self-reminder"),
        "reminder-vote": _Arrangement(Reminded(Vote()), told="vote under a self-reminder", votes=True),
        "icd": _Arrangement(Demonstrated(), told="in-context defence: one answer after demonstrations"),
        "icd-vote": _Arrangement(Demonstrated(Vote()), told="vote after demonstrations", votes=True),
        "cac": _Arrangement(
            CheckingAsContext(), told="checking as context, all rounds, as published", stop=_all_rounds, read="unread"
        ),
        "cac-agree": _Arrangement(CheckingAsContext(), told="checking as context until agreed", stop=_until_agreed),
        "cac-fresh": _Arrangement(
            CheckingAsContext(), told="the same, checked with fresh eyes", stop=_until_agreed, fresh=True
        ),
        "self-refine": _Arrangement(SelfRefine(), told="Self-Refine until agreed", stop=_until_agreed),
        "best-of-n": _Arrangement(BestOfN(), told="answers and their ratings, and the best rated"),
        "smooth": _Arrangement(SmoothLLM(), told="SmoothLLM: changed copies, and one of the majority", votes=True),
        "reflexion": _Arrangement(Reflexion(), told="Reflexion: afresh, with what checks said", stop=_until_agreed),
        "input-rail": _Arrangement(Rails(output=False), told="the request is checked first", read="strict"),
        "output-rail": _Arrangement(Rails(input=False), told="the answer is checked", read="strict", fresh=True),
        "rails": _Arrangement(Rails(), told="both are checked", read="strict", fresh=True),
        "refuse-all": _Arrangement(Reminded(reminder=REFUSE_ALL), told="control: told to refuse everything"),
    }
)

STRATEGIES: Mapping[str, str] = MappingProxyType({name: each.told for name, each in _ARRANGED.items()})
"""Every strategy by name, and what it does with its calls."""


def named(names: Sequence[str], unless_given: Sequence[str]) -> tuple[str, ...]:
    """Return the names of strategies, "none" first, each once; "all" stands for all of them.

    Raises
    ------
    UnknownName
        If there is no such strategy.

    Examples
    --------
    >>> named((), ("cac",)), named(("vote", "none", "vote"), ())
    (('none', 'cac'), ('none', 'vote'))
    """
    wanted = [every for name in names or unless_given for every in (STRATEGIES if name == "all" else (name,))]
    for name in wanted:
        if name not in STRATEGIES:
            raise UnknownName("strategy", name, (*STRATEGIES, "all"))
    return tuple(dict.fromkeys(("none", *wanted)))


def arranged(
    name: str,
    model: Respond,
    *,
    calls: int,
    about: About = "safe",
    check: str | None = None,
    declines: Callable[[str], object] | None = None,
) -> Corrector:
    """Return the corrector of a strategy.

    Parameters
    ----------
    name
        One of `STRATEGIES`.
    model
        The model.
    calls
        What one question may take: rounds of a check and an answer are as many as fit, (calls - 1) / 2.
    about
        What checks are about.
    check
        Other words for the check; it must ask for the same closing lines.
    declines
        Answers with equal values of this function vote together; of checks on harm, a rule of phrases unless given.

    Raises
    ------
    UnknownName
        If there is no such strategy.
    InvalidInput
        If there is not a single call.

    Examples
    --------
    >>> arranged("cac", lambda messages: "4", calls=5).stop
    MaxRounds(rounds=2)
    """
    if name not in _ARRANGED:
        raise UnknownName("strategy", name, _ARRANGED)
    if calls < 1:
        raise InvalidInput(f"`calls` must be at least 1; got {calls}")
    one, checks = _ARRANGED[name], CHECKS[about]
    read = {"unread": unread, "lenient": checks.lenient, "strict": checks.read}[one.read]
    if declines is None and about == "safe":
        declines = reads_as_refusal
    strategy = _voting(one.strategy, declines)
    select: Select | None = Majority(declines) if one.votes and declines is not None else None
    return Corrector(
        model,
        SelfCritic(eyes="fresh" if one.fresh else "same chat", prompt=check or checks.prompt, read=read),
        strategy=strategy,
        stop=None if one.stop is None else one.stop((calls - 1) // 2),
        select=select,
        budget=Budget(calls=calls),
    )


def all_arranged(
    names: Iterable[str],
    model: Respond,
    *,
    calls: int,
    about: About = "safe",
    declines: Callable[[str], object] | None = None,
) -> dict[str, Corrector]:
    """Return the correctors of several strategies, "none" first: it is what the others are compared with."""
    ordered = dict.fromkeys(("none", *names))
    return {name: arranged(name, model, calls=calls, about=about, declines=declines) for name in ordered}


def _voting(strategy: Strategy, declines: Callable[[str], object] | None) -> Strategy:
    return SmoothLLM(declines=declines) if isinstance(strategy, SmoothLLM) and declines is not None else strategy
