"""Selection: which answer is returned, and what decides between equals."""

import pytest

from consilience.methods.self_correction.progress import Attempt, Verdict
from consilience.methods.self_correction.selection import Best, Last, Majority, Revert


def attempts(*scores: float | None) -> list[Attempt]:
    return [Attempt(f"answer {place}", None if s is None else Verdict(score=s)) for place, s in enumerate(scores)]


@pytest.mark.parametrize(
    ("select", "scores", "chosen"),
    [
        (Last(), (0.9, 0.1), 1),
        (Best(), (0.2, 0.9, 0.5), 1),
        (Best(), (0.9, 0.9), 0),
        (Best(), (0.0, None), 0),
        (Best(), (None, None), 1),
        (Revert(), (0.4, 0.9, 0.5), 2),
        (Revert(), (0.5, 0.9, 0.5), 0),
        (Revert(0.2), (0.4, 0.5), 0),
        (Revert(), (0.4, 0.6, None), 1),
        (Revert(), (None,), 0),
    ],
)
def test_the_chosen_one(select, scores, chosen: int) -> None:
    assert select.choose(attempts(*scores)) == chosen


def test_a_verdict_without_a_score_ranks_below_any_score() -> None:
    assert Best().choose([Attempt("a", Verdict(score=0.0)), Attempt("b", Verdict(text="fine"))]) == 0


def test_votes_count_equal_answers() -> None:
    answers = [Attempt(text) for text in ("It is 5", "4", " 4 ", "It is 5", "So it is 5")]
    assert Majority().choose(answers) == 0
    assert Majority(same=lambda answer: answer.split()[-1]).choose(answers) == 0
    assert Majority(same=lambda answer: answer.strip()[0]).choose(answers) == 0
    assert Majority().choose([Attempt("a"), Attempt("b"), Attempt("B")]) == 1
