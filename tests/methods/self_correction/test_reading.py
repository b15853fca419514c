"""Reading: which words are a verdict, and which are nonsense."""

import math
import time

import pytest

from consilience.ground import InvalidInput
from consilience.methods.self_correction.progress import Verdict
from consilience.methods.self_correction.reading import CHECK, as_verdict, read_confidence, read_verdict, unread


@pytest.mark.parametrize(
    ("text", "flagged", "score"),
    [
        ("VERDICT: right", False, 1.0),
        ("Verdict: Incorrect.", True, 0.0),
        ("> **VERDICT:** right\n> **CONFIDENCE:** 75%", False, 0.75),
        ("VERDICT: right\nOn second thought:\nVERDICT: wrong\nCONFIDENCE: 90", True, 0.1),
        ("verdict : correct\nconfidence: 50.5", False, 0.505),
        ("VERDICT: right\nNo, it is not.\n__Final verdict__: wrong", True, 0.0),
        ("VERDICT\uff1awrong\nCONFIDENCE\uff1a80", True, 0.2),
        ("VERDICT: right or wrong\nVERDICT: wrong", True, 0.0),
    ],
)
def test_a_verdict_is_read_from_its_lines(text: str, flagged: bool, score: float) -> None:
    found = read_verdict(text)
    assert (found.flagged, found.text) == (flagged, text)
    assert found.score == pytest.approx(score)


@pytest.mark.parametrize(
    "text", ["", "It is right.", "The VERDICT: wrong", "VERDICT: maybe", "VERDICT: right\nCONFIDENCE: 101", CHECK]
)
def test_what_holds_no_verdict_is_nonsense(text: str) -> None:
    with pytest.raises(InvalidInput):
        read_verdict(text)


@pytest.mark.parametrize("page", ["\n", "* \n", "verdict\n", ":", "my "])
def test_a_page_of_nothing_is_read_at_once(page: str) -> None:
    text = f"verdict{page * 300_000}"
    began = time.process_time()
    with pytest.raises(InvalidInput):
        read_verdict(text)
    assert read_confidence(text) is None
    assert time.process_time() - began < 5


@pytest.mark.parametrize("found", [math.nan, math.inf, -0.1, 7, "wrong", None, [0.5]])
def test_what_a_function_may_not_say(found) -> None:
    with pytest.raises(InvalidInput):
        as_verdict(found)


def test_a_verdict_of_one_s_own_is_left_as_it_is() -> None:
    verdict = Verdict(score=0.3, flagged=False)
    assert as_verdict(verdict) is verdict


def test_numbers_and_truths_come_with_words() -> None:
    assert as_verdict(0.75).text == "The check found nothing wrong with the answer. (score 0.75)"
    assert as_verdict(False).text == "The check failed the answer."
    assert unread("VERDICT: wrong").flagged is None


@pytest.mark.parametrize("said", ["right or wrong", "right/wrong", "**right** | wrong", "not right", "partly right"])
def test_a_line_that_leaves_it_open_is_no_verdict(said: str) -> None:
    with pytest.raises(InvalidInput, match="expected a line 'VERDICT: right'"):
        read_verdict(f"VERDICT: {said}")


@pytest.mark.parametrize(
    ("said", "confidence"),
    [
        ("0.95", 0.95), ("1.0", 1.0), (".9", 0.9), ("0,95", 0.95), ("9/10", 0.9), ("9 out of 10", 0.9),
        ("95/100", 0.95), ("**95**%", 0.95), ("0.5 %", 0.005), ("1", 0.01), ("100", 1.0), ("62,5", 0.625),
        ("3/0", None), ("high", None),
    ],
)  # fmt: skip
def test_how_sure_a_critic_is_in_its_own_notation(said: str, confidence: float | None) -> None:
    """Asked from 0 to 100, many models answer from 0 to 1 or out of ten: sure of right is not sure of wrong."""
    found = read_verdict(f"VERDICT: right\nCONFIDENCE: {said}")
    assert found.confidence == (None if confidence is None else pytest.approx(confidence))
    assert found.score == pytest.approx(1.0 if confidence is None else confidence)
