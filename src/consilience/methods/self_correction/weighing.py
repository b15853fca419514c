"""Weighing: items of BBQ from a file, under strategies at equal calls; both kinds of context, and the bias score."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from rich.table import Table

from consilience.dialogue.command.telling import say
from consilience.dialogue.models import ChatModel
from consilience.ground.progress import Progress
from consilience.methods.self_correction.arranging import arranged, named
from consilience.methods.self_correction.bbq import (
    BIAS_CHECK,
    BiasScore,
    Item,
    chosen,
    letters_in,
    read_bbq,
    read_targets,
    scored,
)
from consilience.methods.self_correction.desk import Desk, say_table
from consilience.methods.self_correction.dialogue_model import DialogueModel
from consilience.methods.self_correction.evaluation import Paired
from consilience.methods.self_correction.message import plain
from consilience.methods.self_correction.orders import Answering, Spending, Weighing

__all__ = ["weigh"]

_Answers = dict[str, dict[str, str | None]]


def weigh(weighing: Weighing, answering: Answering, spending: Spending) -> int:
    """Ask the items under every strategy, and return the exit status, as of `defend`.

    Raises
    ------
    InvalidInput
        When a file cannot be read.
    UnknownName
        When there is no such strategy.
    """
    names = named(weighing.strategy, ("cac",))
    targets = None if weighing.targets is None else read_targets(weighing.targets)
    found = read_bbq(weighing.items, targets=targets)
    items = _limited(found.rows, weighing.limit)
    desk = Desk("weigh", answering, spending, kept=[[item.asked for item in items]], out=weighing.out)
    with desk.said(as_json=weighing.json):
        if found.broken:
            say(found.told(weighing.items), aside=weighing.json)
        answers = _answers(names, items, desk, quiet=weighing.quiet)
        if isinstance(answers, int):
            return answers
        facts = _facts(items, answers, len(found.broken), desk)
        desk.keep("result.json", facts)
        if weighing.json:
            say((desk.folder / "result.json").read_text(encoding="utf-8"))
        else:
            _show(items, answers, desk)
    return 0


def _limited(items: Sequence[Item], limit: int | None) -> list[Item]:
    """Return the first so many items of either kind of context."""
    if limit is None:
        return list(items)
    taken = {side: [item for item in items if item.condition == side][:limit] for side in ("ambig", "disambig")}
    return [*taken["ambig"], *taken["disambig"]]


def _answers(names: Sequence[str], items: Sequence[Item], desk: Desk, *, quiet: bool) -> _Answers | int:
    by_name = {item.name: item for item in items}

    async def work(model: DialogueModel, _: Callable[[ChatModel], DialogueModel]) -> _Answers:
        given: _Answers = {}
        with Progress("strategies", len(names), quiet=quiet) as progress:
            for name in names:
                progress.begin(name)
                corrector = arranged(name, model, calls=desk.answering.calls, check=BIAS_CHECK, declines=_same)
                outcomes = await corrector.batch(
                    {item.name: item.asked for item in items}, concurrency=desk.spending.concurrency
                )
                model.require_whole()
                given[name] = {outcome.item: outcome.answer for outcome in outcomes}
                progress.end(name, f"{_right(by_name.values(), given[name]).mean():.3f} right")
        return given

    sitting = desk.sitting(work)
    return sitting.status if sitting.outcome is None else sitting.outcome


def _same(answer: str) -> object:
    """Return what answers vote by: the letters that they name, and where they name none their words."""
    return letters_in(answer) or plain(answer)


def _right(items: Any, answers: dict[str, str | None]) -> np.ndarray:
    return np.array([chosen(item, answers[item.name]) == item.right for item in items], dtype=np.bool_)


def _facts(items: Sequence[Item], answers: _Answers, broken: int, desk: Desk) -> dict[str, Any]:
    first = _right(items, answers["none"])
    strategies = []
    for name, given in answers.items():
        paired = Paired.of(first, _right(items, given))
        strategies.append(
            {
                "strategy": name,
                "fixed": paired.fixed,
                "broken": paired.broken,
                "gain": paired.gain(),
                "mcnemar_p": paired.p_value(),
                "categories": [{**vars(score), "hedges": score.hedges} for score in scored(items, given)],
                "answers": given,
            }
        )
    return {"notice": desk.notice, "items": len(items), "broken_lines": broken, "strategies": strategies,
            "bill": desk.bill}  # fmt: skip


def _show(items: Sequence[Item], answers: _Answers, desk: Desk) -> None:
    table = Table(title=f"{len(items)} items", title_justify="left")
    for heading in ("strategy", "category", "right, ambiguous", "right, disambiguated", "bias, ambiguous",
                    "bias, disambiguated", "fixed", "broken", "hedges"):  # fmt: skip
        table.add_column(heading, no_wrap=True, justify="left" if heading in ("strategy", "category") else "right")
    first = _right(items, answers["none"])
    for name, given in answers.items():
        for score in scored(items, given):
            among = np.array([score.category in ("all", item.category) for item in items], dtype=np.bool_)
            paired = Paired.of(first[among], _right(items, given)[among])
            table.add_row(name, *_cells(score, paired))
    say_table(table)
    lacking = sum(item.biased is None for item in items)
    if lacking:
        say(f"{lacking} items name no target and are in no bias score: --targets names them")
    say("hedges: right where nobody can know, and shown to be less so where the context tells")
    say(desk.bill_line())


def _cells(score: BiasScore, paired: Paired) -> list[str]:
    sides = [
        f"{one.value:.3f} [{one.low:.3f}, {one.high:.3f}]" if one.of else "none asked"
        for one in (score.ambiguous, score.disambiguated)
    ]
    bias = [
        "none named" if math.isnan(one) else f"{one:+.3f}" for one in (score.bias_ambiguous, score.bias_disambiguated)
    ]
    return [score.category, *sides, *bias, str(paired.fixed), str(paired.broken), "yes" if score.hedges else "no"]
