"""Stop rules: one at a time and combined. Where the loop as a whole stops is tested with its study."""

import pytest

from consilience.ground import InvalidInput
from consilience.methods.self_correction.progress import Attempt, Progress, Spent, Verdict
from consilience.methods.self_correction.rounds import Rounds
from consilience.methods.self_correction.stopping import (
    CriticAgrees,
    MaxRounds,
    Never,
    NoChange,
    PredictedGain,
    Repeat,
    Seconds,
    Threshold,
    Tokens,
)


def progress(answers: str, verdict: Verdict | None = None, spent: Spent = Spent()) -> Progress:  # noqa: B008
    attempts = [Attempt(answer) for answer in answers[:-1]] + [Attempt(answers[-1], verdict)]
    return Progress(item="0", question=(), attempts=attempts, spending=lambda: spent)


@pytest.mark.parametrize(
    ("rule", "going_on", "words"),
    [
        (MaxRounds(2), progress("ab"), ""),
        (MaxRounds(2), progress("abc"), "2 of 2 rounds made"),
        (Threshold(0.9), progress("a"), ""),
        (Threshold(0.9), progress("a", Verdict(text="no score")), ""),
        (Threshold(0.9), progress("a", Verdict(score=0.89)), ""),
        (Threshold(0.9), progress("a", Verdict(score=0.9)), "score 0.9, 0.9 is enough"),
        (CriticAgrees(), progress("a"), ""),
        (CriticAgrees(), progress("a", Verdict(text="hm")), ""),
        (CriticAgrees(), progress("a", Verdict(score=0.1)), ""),
        (CriticAgrees(), progress("ab", Verdict(score=0.7)), "no objection to the answer of round 1"),
        (NoChange(), progress("a"), ""),
        (NoChange(), progress("aba"), ""),
        (NoChange(), progress("baA"), "round 2 left the answer as it was"),
        (NoChange(same=str), progress("baA"), ""),
        (Repeat(), progress("abc"), ""),
        (Repeat(), progress("abcb"), "round 3 repeats the answer of 2 before"),
        (Repeat(), progress("abcc"), "round 3 repeats the answer of 1 before"),
        (PredictedGain(Rounds(0.5, 0.0), start=0.5, cost=0.2), progress("a"), ""),
        (PredictedGain(Rounds(0.5, 0.0), start=0.5, cost=0.2), progress("ab"), "round 2 would gain 0.125 and cost 0.2"),
        (PredictedGain(Rounds(0.0, 0.5), start=0.5, cost=0.0), progress("a"), "round 1 would gain -0.25 and cost 0"),
        (Seconds(2.0), progress("a", spent=Spent(seconds=1.9)), ""),
        (Seconds(2.0), progress("a", spent=Spent(seconds=2.0)), "2 s in calls, 2 are enough"),
        (Tokens(9), progress("a", spent=Spent(tokens_in=4, tokens_out=4)), ""),
        (Tokens(9), progress("a", spent=Spent(tokens_in=4, tokens_out=5)), "9 tokens, 9 are enough"),
        (Never(), progress("aaa", Verdict(score=1.0)), ""),
    ],
)
def test_when_and_in_which_words(rule, going_on: Progress, words: str) -> None:
    found = rule.reason(going_on)
    assert (found.words if found else "") == words


def test_either_stops_by_the_first_that_does() -> None:
    rule = MaxRounds(5) | NoChange() | Repeat()
    assert rule.reason(progress("abb")).rule == "no change"
    assert rule.reason(progress("abc")) is None
    assert repr(rule) == "((MaxRounds(rounds=5) | NoChange()) | Repeat())"


def test_both_stop_together() -> None:
    rule = MaxRounds(1) & CriticAgrees()
    assert rule.reason(progress("ab")) is None
    assert rule.reason(progress("a", Verdict(score=1.0))) is None
    found = rule.reason(progress("ab", Verdict(score=1.0)))
    assert found == ("max rounds & critic agrees", "1 of 1 rounds made; no objection to the answer of round 1")


def test_a_combination_needs_the_critic_if_a_part_does() -> None:
    assert (MaxRounds(1) | Threshold(0.5)).needs_verdict
    assert (MaxRounds(1) & CriticAgrees()).needs_verdict
    assert not (MaxRounds(1) | NoChange()).needs_verdict


@pytest.mark.parametrize(
    "make",
    [
        lambda: MaxRounds(-1),
        lambda: Threshold(1.5),
        lambda: PredictedGain(Rounds(0.5, 0.1), start=2.0, cost=0.1),
        lambda: PredictedGain(Rounds(0.5, 0.1), start=0.5, cost=-0.1),
    ],
)
def test_rules_out_of_range_are_refused(make) -> None:
    with pytest.raises(InvalidInput):
        make()
