"""Defending: strategies side by side on requests from files, attack success with over-refusal beside it."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.table import Table

from consilience.dialogue.command.flags import read_text
from consilience.dialogue.command.telling import say
from consilience.dialogue.models import ChatModel
from consilience.ground.errors import InvalidInput
from consilience.ground.intervals import Estimate
from consilience.ground.progress import Progress
from consilience.ground.wording import many
from consilience.methods.self_correction.arranging import all_arranged, named
from consilience.methods.self_correction.behaviours import Behaviour, of_categories, read_behaviours
from consilience.methods.self_correction.desk import Desk, say_table
from consilience.methods.self_correction.dialogue_model import DialogueModel
from consilience.methods.self_correction.judges import ModelJudge
from consilience.methods.self_correction.orders import Answering, Defending, Spending
from consilience.methods.self_correction.side_by_side import Row, defended
from consilience.methods.self_correction.template_bot import BOT, JUDGE, SUFFIX, knows, recipes

__all__ = ["defend"]

_COMPARED = ("reminder", "icd", "cac", "self-refine", "best-of-n", "smooth", "rails")
_OWN = 60
"""Requests of the stand-in's own, where no file is given."""


@dataclass(frozen=True, kw_only=True)
class _Requests:
    attacks: tuple[Behaviour, ...]
    twins: tuple[Behaviour, ...]
    suffix: str
    told: tuple[str, ...] = ()
    broken: int = 0
    not_known: int = 0
    """Of a stand-in: requests that it has nothing to say to."""

    @property
    def warning(self) -> str:
        """What has to be said of requests that are not the stand-in's own; empty where there are none."""
        if not self.not_known:
            return ""
        return (
            f"the stand-in does not know {self.not_known:,} of {len(self.attacks) + len(self.twins):,} requests and "
            "neither declines nor helps: the numbers say nothing about them; name who answers with --model"
        )


def defend(defending: Defending, answering: Answering, spending: Spending) -> int:
    """Compare strategies, and return the exit status: 0 at the end, 1 when stopped, 2 for a wrong key, 130 on ctrl-C.

    Raises
    ------
    InvalidInput
        When a file cannot be read, or there is nothing to ask a model that is not the stand-in.
    UnknownName
        When there is no such strategy.
    """
    names = named(defending.strategy, _COMPARED)
    requests = _requests(defending, answering)
    kept = [requests.attacks, requests.twins, requests.suffix, defending.judge, defending.judge_base_url]
    desk = Desk("defend", answering, spending, kept=kept, out=defending.out)
    judge, told = _judge(defending, answering, desk)
    with desk.said(as_json=defending.json):
        for line in filter(None, (*requests.told, *told, requests.warning)):
            say(line, aside=defending.json)
        rows = _rows(names, requests, desk, judge, quiet=defending.quiet)
        if isinstance(rows, int):
            return rows
        facts = _facts(requests, rows, desk)
        desk.keep("result.json", facts)
        if defending.json:
            say(json.dumps(json.loads((desk.folder / "result.json").read_text(encoding="utf-8")), indent=2))
        else:
            _show(requests, rows, desk)
    return 0


def _requests(defending: Defending, answering: Answering) -> _Requests:
    suffix = read_text("--suffix", defending.suffix).strip()
    if defending.behaviours is None:
        answering.name(BOT)
        if answering.base_url is not None or not _plays(answering.model):
            raise InvalidInput("--behaviours must name a file with requests; only the stand-in has some of its own")
        if defending.benign is not None:
            raise InvalidInput("--benign must come with --behaviours; got it alone")
        unsafe, harmless = recipes(defending.limit or _OWN)
        own = "no requests were given: those of the stand-in are rehearsed, recipes for nonsense"
        return _Requests(attacks=unsafe, twins=harmless, suffix=suffix or SUFFIX, told=(own,))
    attacks, told, broken = _from(defending.behaviours, defending.limit, benign=False)
    twins: tuple[Behaviour, ...] = ()
    lines = [told] if told else []
    if defending.benign is not None:
        twins, told, more = _from(defending.benign, defending.limit, benign=True)
        lines += [told] if told else []
        broken += more
    else:
        lines.append(
            "no benign twins were given (--benign): over-refusal stays unknown, and nobody can tell a defence from a "
            "model that refuses more"
        )
    strange = [each for each in (*attacks, *twins) if answering.is_played(BOT) and not knows(each.request)]
    return _Requests(
        attacks=attacks, twins=twins, suffix=suffix, told=tuple(lines), broken=broken, not_known=len(strange)
    )


def _from(path: Path, limit: int | None, *, benign: bool) -> tuple[tuple[Behaviour, ...], str, int]:
    found = read_behaviours(path, benign=benign)
    return of_categories(found.rows, limit), found.told(path), len(found.broken)


def _plays(model: str | None) -> bool:
    return model is None or model.startswith("rehearsal:")


def _judge(defending: Defending, answering: Answering, desk: Desk) -> tuple[ChatModel, tuple[str, ...]]:
    """Return who judges, and what has to be said of that."""
    if defending.judge_base_url is not None and not defending.judge:
        raise InvalidInput("--judge-base-url must come with --judge, the server's own name for the model; got none")
    if defending.judge:
        return desk.other(defending.judge, defending.judge_base_url), ()
    if answering.base_url is None and _plays(answering.model):
        return desk.other(JUDGE, None), ()
    return desk.model, ("the model judges its own answers: name another one with --judge",)


def _rows(names: Sequence[str], requests: _Requests, desk: Desk, judge: ChatModel, *, quiet: bool) -> list[Row] | int:
    async def work(model: DialogueModel, beside: Callable[[ChatModel], DialogueModel]) -> list[Row]:
        judging = beside(judge)
        with Progress("strategies", len(names), quiet=quiet) as progress:

            def ended(name: str, row: Row) -> None:
                judging.require_whole()  # who takes not a single answer is no judge
                progress.end(name, f"attack success {row.attack_success.value:.3f}")

            return await defended(
                all_arranged(names, model, calls=desk.answering.calls),
                requests.attacks,
                requests.twins,
                ModelJudge(judging),
                suffix=requests.suffix,
                concurrency=desk.spending.concurrency,
                whole=model.require_whole,
                begin=progress.begin,
                end=ended,
            )

    sitting = desk.sitting(work)
    return sitting.status if sitting.outcome is None else sitting.outcome


def _facts(requests: _Requests, rows: Sequence[Row], desk: Desk) -> dict[str, Any]:
    return {
        "notice": desk.notice,
        "attacks": len(requests.attacks),
        "twins": len(requests.twins),
        "broken_rows": requests.broken,
        "not_known": requests.not_known,
        "strategies": [_row(row) for row in rows],
        "bill": desk.bill,
    }


def _row(row: Row) -> dict[str, Any]:
    return {
        "strategy": row.strategy,
        "calls": row.calls,
        "attack_success": row.attack_success,
        "attack_success_by_phrases": row.by_phrases,
        "over_refusal": row.over_refusal,
        "twins_helped": row.helped,
        "fixed": row.paired.fixed,
        "broken": row.paired.broken,
        "gain": row.paired.gain(),
        "mcnemar_p": row.paired.p_value(),
        "told_apart": row.told_apart,
        "reading": row.reading,
        "neither": row.neither,
        "unanswered": row.unanswered,
        "unpaired": row.unpaired,
        "unjudged": row.unjudged,
        "answers": [
            {"item": outcome.item, "answer": outcome.answer, "stopped": outcome.stopped.rule}
            for outcome in row.outcomes
        ],
    }


def _show(requests: _Requests, rows: Sequence[Row], desk: Desk) -> None:
    attacks, twins = len(requests.attacks), len(requests.twins)
    title = f"{many(attacks, 'attack')}, {many(twins, 'benign twin')}"
    table = Table(title=title, title_justify="left")
    headings = ("strategy", "calls", "attack success", "over-refusal", "helped", "fixed", "broken", "gain", "shown")
    for heading in headings:
        table.add_column(heading, no_wrap=True, justify="left" if heading in ("strategy", "shown") else "right")
    for row in rows:
        table.add_row(
            row.strategy,
            f"{row.calls:.2f}",
            _cell(row.attack_success),
            _cell(row.over_refusal),
            _cell(row.helped),
            str(row.paired.fixed),
            str(row.paired.broken),
            _cell(row.paired.gain()),
            row.reading,
        )
    say_table(table)
    for what in ("unanswered", "unjudged", "neither"):
        counts = {row.strategy: count for row in rows if (count := getattr(row, what))}
        if counts:
            say(f"{what}: {', '.join(f'{name} {count}' for name, count in counts.items())}{_SAID.get(what, '')}")
    if requests.warning:
        say(requests.warning)
    say("intervals: 95 %, of Wilson and Newcombe; fixed and broken against one answer, on attacks and twins together")
    say(desk.bill_line())


def _cell(estimate: Estimate | None) -> str:
    return "unknown" if estimate is None else f"{estimate.value:.3f} [{estimate.low:.3f}, {estimate.high:.3f}]"


_SAID = {"unanswered": "; they are in no share, and a row in which more than one in twenty is missing shows nothing"}
