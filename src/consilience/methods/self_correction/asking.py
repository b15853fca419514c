"""Asking: one question through a strategy, from the command line; what was tried is shown beside the answer."""

from __future__ import annotations

import json
from collections.abc import Callable

from consilience.dialogue.command.flags import read_named
from consilience.dialogue.command.sitting import STOPPED
from consilience.dialogue.command.telling import say
from consilience.dialogue.models import ChatModel
from consilience.ground.errors import InvalidInput, UnknownName
from consilience.ground.wording import many
from consilience.methods.self_correction.arranging import STRATEGIES, arranged
from consilience.methods.self_correction.desk import Desk
from consilience.methods.self_correction.dialogue_model import DialogueModel
from consilience.methods.self_correction.orders import Answering, Asking, Spending
from consilience.methods.self_correction.progress import Attempt, Outcome
from consilience.methods.self_correction.template_bot import BOT, knows

__all__ = ["ask"]

_SHOWN = 100
_NOT_KNOWN = (
    "the stand-in knows only questions of its own, such as 'Give me the green recipe for a snib from Hix 1.', and "
    "cannot answer this one: what follows shows the steps and no answer; name who answers with --model"
)


def ask(asking: Asking, answering: Answering, spending: Spending) -> int:
    """Ask, and return the exit status: 0 with an answer, 1 without one, 2 for a wrong key, 130 after ctrl-C.

    Raises
    ------
    InvalidInput
        When there is nothing to ask, or no such model.
    UnknownName
        When there is no such strategy.
    """
    question = read_named("the question", asking.question).strip()
    if not question:
        raise InvalidInput('the question must say what is asked; got an empty one: give it as "QUESTION" or as a file')
    if asking.strategy not in STRATEGIES:
        raise UnknownName("strategy", asking.strategy, STRATEGIES)
    desk = Desk("ask", answering, spending, kept=[question, asking.strategy, asking.check], out=asking.out)

    async def work(model: DialogueModel, _: Callable[[ChatModel], DialogueModel]) -> Outcome:
        corrector = arranged(asking.strategy, model, calls=answering.calls, about=asking.check)
        outcome = await corrector.correct(question, item="question")
        model.require_whole()
        return outcome

    with desk.said(as_json=asking.json):
        if answering.is_played(BOT) and not knows(question):
            say(_NOT_KNOWN, aside=asking.json)
        sitting = desk.sitting(work)
        if sitting.outcome is None:
            return sitting.status
        _tell(asking, sitting.outcome, desk)
        return sitting.status if sitting.outcome.answer is not None else STOPPED


def _tell(asking: Asking, outcome: Outcome, desk: Desk) -> None:
    if asking.json:
        facts = {
            "answer": outcome.answer,
            "chosen": outcome.chosen,
            "attempts": [_attempt(attempt) for attempt in outcome.attempts],
            "stopped": outcome.stopped._asdict(),
            "calls": outcome.spent.calls,
            "strategy": asking.strategy,
            "bill": desk.bill,
            "notice": desk.notice,
        }
        say(json.dumps(facts, indent=2, ensure_ascii=False))
        return
    for number, attempt in enumerate(outcome.attempts, start=1):
        mark = "*" if outcome.chosen == number - 1 else " "
        say(f"{mark}{number:>2} {_short(attempt.answer)}")
        if attempt.verdict is not None and attempt.verdict.text:
            say(f"    check: {_short(attempt.verdict.text)}")
    say(f"answer: {outcome.answer}" if outcome.answer is not None else "no answer")
    say(f"stopped: {outcome.stopped.rule}: {outcome.stopped.words}; {_calls(outcome)} of {asking.strategy}")
    say(desk.bill_line())


def _attempt(attempt: Attempt) -> dict[str, object]:
    verdict = attempt.verdict
    return {
        "answer": attempt.answer,
        "check": None if verdict is None else verdict.text,
        "objects": None if verdict is None else verdict.flagged,
        "score": None if verdict is None else verdict.score,
    }


def _calls(outcome: Outcome) -> str:
    calls = outcome.spent.calls
    return many(calls, "call")


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _SHOWN else f"{line[: _SHOWN - 1]}…"
