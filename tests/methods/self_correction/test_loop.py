"""The loop on one question: who is asked when, and what is left when something fails."""

import asyncio
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from consilience.methods.self_correction.budget import Budget
from consilience.methods.self_correction.corrector import Corrector
from consilience.methods.self_correction.critics import EnsembleCritic, SelfCritic
from consilience.methods.self_correction.message import user
from consilience.methods.self_correction.progress import Outcome, Verdict
from consilience.methods.self_correction.reading import unread
from consilience.methods.self_correction.selection import Best, Last, Revert
from consilience.methods.self_correction.stopping import CriticAgrees, MaxRounds, Never
from consilience.methods.self_correction.strategies import BestOfN, CheckingAsContext, SelfRefine, Vote
from consilience.methods.self_correction.trace import Trace


class Reciting:
    """A model that says one line after the other; an exception among them is raised."""

    def __init__(self, *lines: str | Exception) -> None:
        self.lines = list(lines)
        self.asked: list[list] = []

    async def __call__(self, messages) -> str:
        self.asked.append(messages)
        line = self.lines[len(self.asked) - 1]
        if isinstance(line, Exception):
            raise line
        return line


def correct(respond, critic=None, **settings) -> Outcome:
    return asyncio.run(Corrector(respond, critic, **settings).correct("Two and two?"))


def marks(*scores: float | Exception) -> Callable[[str, str], float]:
    """Return a critic that gives one score after the other."""
    left = list(scores)

    def critic(question: str, answer: str) -> float:
        score = left.pop(0)
        if isinstance(score, Exception):
            raise score
        return score

    return critic


def test_the_published_form_takes_two_calls_a_round_and_one_and_returns_the_last_answer() -> None:
    model = Reciting("5", "Looks fine.", "4", "Looks bad.", "3")
    outcome = correct(model, SelfCritic(read=unread), stop=MaxRounds(2), budget=Budget(calls=9))
    assert (outcome.answer, outcome.stopped.rule, outcome.spent.calls) == ("3", "max rounds", 5)
    assert [len(asked) for asked in model.asked] == [1, 3, 5, 7, 9]
    assert [attempt.verdict and attempt.verdict.text for attempt in outcome.attempts] == [
        "Looks fine.",
        "Looks bad.",
        None,
    ]


def test_a_check_in_the_same_chat_is_the_chat_the_next_answer_sees() -> None:
    model = Reciting("5", "Off.\nVERDICT: wrong", "4", "Good.\nVERDICT: right")
    assert correct(model).stopped.rule == "critic agrees"
    assert model.asked[2][:-1] == [*model.asked[1], {"role": "assistant", "content": "Off.\nVERDICT: wrong"}]


def test_nobody_looks_where_nobody_asks() -> None:
    outcome = correct(Reciting("4", "5", "4"), marks(), strategy=Vote(3))
    assert (outcome.answer, outcome.stopped) == ("4", ("strategy", "3 answers drawn"))


@pytest.mark.parametrize("settings", [{"select": Best()}, {"stop": CriticAgrees()}])
def test_a_rule_or_a_choice_may_ask_for_the_critic(settings) -> None:
    outcome = correct(Reciting("3", "4"), marks(0.2, 0.9), strategy=Vote(2), **settings)
    assert [attempt.verdict.score for attempt in outcome.attempts] == [0.2, 0.9]


def test_the_best_is_known_only_when_the_last_was_looked_at() -> None:
    outcome = correct(Reciting("3", "4"), marks(0.2, 0.9), select=Best(), stop=MaxRounds(1))
    assert (outcome.answer, outcome.stopped.rule) == ("4", "max rounds")
    reverted = correct(Reciting("4", "5"), marks(0.4, 0.3), select=Revert(), stop=MaxRounds(1))
    assert (reverted.answer, reverted.chosen) == ("4", 0)


def test_a_budget_may_end_before_that_look() -> None:
    model = Reciting("3", "VERDICT: wrong", "4")
    outcome = correct(model, select=Best(), stop=MaxRounds(1), budget=Budget(calls=3))
    assert outcome.stopped.rule == "max rounds"
    assert "the last answer has no score, budget: calls: 3 of 3 made" in outcome.stopped.words
    assert outcome.answer == "3"


@pytest.mark.parametrize(
    ("settings", "calls", "answers"),
    [
        ({"strategy": CheckingAsContext(), "stop": Never()}, 7, 4),
        ({"strategy": SelfRefine(), "stop": Never()}, 7, 4),
        ({"strategy": BestOfN()}, 7, 4),
        ({"strategy": Vote()}, 7, 7),
        ({"strategy": CheckingAsContext(), "stop": Never()}, 8, 4),
    ],
)
def test_every_strategy_spends_its_calls_and_no_more(settings, calls: int, answers: int) -> None:
    model = Reciting(*["VERDICT: wrong"] * 20)
    outcome = correct(model, budget=Budget(calls=calls), **settings)
    assert outcome.spent.calls == len(model.asked) == calls
    assert len(outcome.attempts) == answers
    assert outcome.stopped == ("budget", f"calls: {calls} of {calls} made")


@pytest.mark.parametrize(
    ("critic", "rule", "words"),
    [
        (marks(ValueError("no")), "critic failed", "ValueError: no"),
        (marks(0.1, KeyError("x")), "critic failed", "KeyError: 'x'"),
        (marks(float("nan")), "critic unreadable", "expected a Verdict"),
        (marks(0.1, 17.0), "critic unreadable", "must lie between 0 and 1"),
        (lambda question, answer: "good", "critic unreadable", "got 'good'"),
    ],
)
def test_a_critic_that_fails_costs_no_answer(critic, rule: str, words: str) -> None:
    outcome = correct(Reciting("3", "4"), critic)
    assert outcome.stopped.rule == rule
    assert words in outcome.stopped.words
    assert outcome.answer == outcome.attempts[-1].answer


def test_a_model_that_answers_nonsense_as_its_own_critic() -> None:
    outcome = correct(Reciting("4", "What a lovely day."))
    assert outcome.answer == "4"
    assert outcome.stopped == (
        "critic unreadable",
        "expected a line 'VERDICT: right' or 'VERDICT: wrong'; got 'What a lovely day.'",
    )


def test_the_best_so_far_is_returned_when_the_model_fails() -> None:
    failing = RuntimeError("overloaded")
    outcome = correct(Reciting("3", "4", failing), marks(0.9, 0.2), strategy=BestOfN(5))
    assert (outcome.answer, outcome.stopped) == ("3", ("answer failed", "RuntimeError: overloaded"))
    assert outcome.spent.calls == 3


def test_without_a_first_answer_there_is_none() -> None:
    outcome = correct(Reciting(RuntimeError("overloaded")))
    assert (outcome.answer, outcome.chosen, outcome.attempts) == (None, None, ())
    assert outcome.stopped.rule == "answer failed"


def test_a_critic_model_that_fails_is_the_critic_s_failure() -> None:
    outcome = correct(Reciting("4", RuntimeError("overloaded")))
    assert outcome.stopped == ("critic failed", "RuntimeError: overloaded")


def test_a_critic_of_one_s_own_asks_within_the_budget() -> None:
    class Asking:
        async def review(self, given, ask) -> Verdict:
            said = await ask([{"role": "user", "content": given.answer}], role="doubt")
            return Verdict(text=said, score=0.1)

    model = Reciting("5", "Is it?", "6")
    outcome = correct(model, Asking(), stop=Never(), strategy=CheckingAsContext(), budget=Budget(calls=3))
    assert (outcome.answer, outcome.spent.calls, outcome.attempts[0].verdict.text) == ("6", 3, "Is it?")


def test_a_bug_in_a_rule_is_no_recorded_reason() -> None:
    class Broken(Never):
        def reason(self, progress) -> None:
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        correct(Reciting("4"), marks(1.0), stop=Broken(), select=Last())


class Gives:
    """A critic of one's own that gives something else than a verdict."""

    def __init__(self, found) -> None:
        self.found = found

    async def review(self, given, ask):
        return self.found


@pytest.mark.parametrize("found", [None, True, "good", {"score": 1.0}])
def test_a_critic_that_gives_no_verdict_costs_no_answer(found) -> None:
    outcome = correct(Reciting("3"), Gives(found))
    assert outcome.stopped == ("critic unreadable", f"expected a Verdict of the critic; got {type(found).__name__}")
    assert outcome.answer == "3"


async def never(question: str, answer: str) -> bool:
    await asyncio.sleep(60)
    return True


async def stays_away(given, ask) -> Verdict:
    await ask([user("And?")], role="check")
    await asyncio.sleep(60)
    return Verdict(score=1.0)


async def gives_up(given, ask) -> Verdict:
    raise TimeoutError("of my own")


class Asks:
    """A critic of one's own."""

    def __init__(self, review) -> None:
        self.review = review


@pytest.mark.parametrize("critic", [never, Asks(stays_away), EnsembleCritic([SelfCritic(), never])])
def test_a_critic_that_waits_is_cut_off_where_the_seconds_end(critic) -> None:
    begin = time.monotonic()
    outcome = correct(Reciting("4", "VERDICT: wrong"), critic, budget=Budget(seconds=0.05))
    assert outcome.stopped == ("budget", "seconds: the critic took longer than was left")
    assert outcome.answer == "4"
    assert time.monotonic() - begin < 30


def test_calls_of_a_critic_have_a_limit_of_their_own_and_are_on_the_trace(tmp_path: Path) -> None:
    async def model(messages) -> str:
        await asyncio.sleep(60 if messages[-1]["content"] == "And?" else 0)
        return "4"

    trace = tmp_path / "t"
    corrector = Corrector(model, Asks(stays_away), budget=Budget(seconds=0.05))
    outcome = asyncio.run(corrector.correct("Q", trace=trace))
    assert outcome.stopped == ("critic failed", "TimeoutError: no reply in the time that the budget left")
    assert [call.role for call in Trace(trace, read_only=True).calls] == ["answer", "check"]


def test_a_timeout_of_the_critic_s_own_is_its_failure() -> None:
    outcome = correct(Reciting("4"), Asks(gives_up), budget=Budget(seconds=30))
    assert outcome.stopped == ("critic failed", "TimeoutError: of my own")
