"""Verdicts and counts."""

import math

import numpy as np
import pytest

from consilience.ground import InvalidInput
from consilience.methods.self_correction.progress import Attempt, Progress, Spent, Verdict


@pytest.mark.parametrize("number", [-0.1, 1.1, math.nan, math.inf])
@pytest.mark.parametrize("name", ["score", "confidence"])
def test_numbers_of_a_critic_are_chances(name: str, number: float) -> None:
    with pytest.raises(InvalidInput, match=f"critic's {name}"):
        Verdict(**{name: number})


def test_the_score_flags_unless_the_critic_does() -> None:
    assert Verdict(score=0.5).flagged is False
    assert Verdict(score=0.49).flagged is True
    assert Verdict(score=0.9, flagged=True).flagged is True
    assert Verdict(text="hm").flagged is None


@pytest.mark.usefixtures("past_the_types")
def test_numpy_s_truth_is_truth() -> None:
    """Rules ask whether a flag is False, and NumPy's is another object."""
    assert Verdict(flagged=np.False_).flagged is False
    assert Verdict(score=np.float64(0.2)).flagged is True


@pytest.mark.usefixtures("past_the_types")
def test_words_of_a_critic_are_text() -> None:
    with pytest.raises(InvalidInput, match="text must be a text; got NoneType"):
        Verdict(text=None)


def test_rounds_are_one_less_than_answers() -> None:
    progress = Progress(item="0", question=())
    assert progress.rounds == -1
    progress.attempts += [Attempt("a"), Attempt("b", Verdict(score=1.0))]
    assert (progress.rounds, progress.last.answer) == (1, "b")
    assert progress.spent == Spent()
    assert Spent(1, 2, 3).tokens == 5
