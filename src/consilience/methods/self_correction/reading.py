"""How critics are asked, and how what they say becomes a verdict."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import Any

from consilience.ground.errors import InvalidInput
from consilience.methods.self_correction.progress import Verdict

CHECK = (
    "Check the answer above: look for what could be wrong with it, and say in a few sentences what you find. "
    "Close with two lines of their own, the first saying VERDICT: followed by right or wrong, the second saying "
    "CONFIDENCE: followed by how sure you are of that, from 0 to 100."
)
"""What a critic is asked where the conversation holds the answer."""

# Nothing here runs over the end of a line before its word, or a page of empty lines would be read from each of them.
_BEFORE = r"^(?:[^\w\n]|_)*"
_COLON = r"(?:[^\w\n:\uff1a]|_)*[:\uff1a]"
_CONFIDENCE = re.compile(
    rf"{_BEFORE}confidence{_COLON}[\W_]*?(\d+(?:[.,]\d+)?|[.,]\d+)[ *]*(?:(%)|(?:/|out of) *(\d+))?",
    re.IGNORECASE | re.MULTILINE,
)
_MOST = 100.0
_SHOWN = 60


Read = Callable[[str], Verdict]
"""How the text of a model becomes a verdict."""


def closing_word(name: str, words: str) -> re.Pattern[str]:
    """Return the pattern of a closing line ``NAME: word``; one that leaves two words open, as a form does, is none."""
    before = rf"{_BEFORE}(?:(?:my|final|overall) +)*{name}{_COLON}[\W_]*"
    return re.compile(rf"{before}({words})\b(?![ *]*(?:/|\||or\b))", re.IGNORECASE | re.MULTILINE)


_VERDICT = closing_word("verdict", "right|correct|wrong|incorrect")


def read_verdict(text: str) -> Verdict:
    r"""Read what `CHECK` asks for: a line with the verdict and, where there is one, a line with the confidence.

    The last such line counts; one that leaves both open, as "right or wrong", is none. Sure of wrong at 90 makes a
    score of .1.

    Raises
    ------
    InvalidInput
        If there is no verdict, or a confidence above 100.

    Examples
    --------
    >>> verdict = read_verdict("The sum is off.\n**VERDICT: wrong**\nCONFIDENCE: 80")
    >>> verdict.flagged, verdict.confidence, round(verdict.score, 3)
    (True, 0.8, 0.2)
    """
    verdicts = _VERDICT.findall(text)
    if not verdicts:
        raise InvalidInput(f"expected a line 'VERDICT: right' or 'VERDICT: wrong'; got {_short(text)}")
    wrong = verdicts[-1].lower() in ("wrong", "incorrect")
    confidence = read_confidence(text)
    weight = 1.0 if confidence is None else confidence
    return Verdict(text=text, score=1 - weight if wrong else weight, flagged=wrong, confidence=confidence)


def read_confidence(text: str) -> float | None:
    """Return the confidence of the last line that has one, as a share; None where there is none.

    It is asked for from 0 to 100. "9/10" and "9 out of 10" are what they say, and a decimal fraction up to one without
    a percent sign, as "0.9", is a share already: nobody means nine tenths of a percent.

    Examples
    --------
    >>> [read_confidence(f"CONFIDENCE: {said}") for said in ("90", "90 %", "0.9", "9/10", "0.5 %", "high")]
    [0.9, 0.9, 0.9, 0.9, 0.005, None]
    """
    found = _CONFIDENCE.findall(text)
    if not found:
        return None
    written, percent, whole = found[-1]
    value = float(written.replace(",", "."))
    if whole:
        return value / float(whole) if float(whole) else None
    is_share = not percent and not written.isdigit() and value <= 1
    return value if is_share else value / _MOST


def unread(text: str) -> Verdict:
    """Take the text as it is, without score or flag: all that the paper's form of checking needs."""
    return Verdict(text=text)


Judged = Verdict | float | bool
"""What a function may say: a verdict, the chance that the answer is right, or whether it is."""


def as_verdict(found: Any) -> Verdict:
    """Return the verdict that a function's result stands for.

    Raises
    ------
    InvalidInput
        If it is no verdict, boolean or number from 0 to 1.

    Examples
    --------
    >>> as_verdict(False).score, as_verdict(0.75).flagged
    (0.0, False)
    """
    if isinstance(found, Verdict):
        return found
    plain = found.item() if hasattr(found, "item") else found
    if not isinstance(plain, bool | int | float) or not math.isfinite(plain):
        raise InvalidInput(f"expected a Verdict, a boolean or a number from 0 to 1; got {_short(found)}")
    score = float(plain)
    verdict = Verdict(score=score)
    words = "The check found nothing wrong with the answer." if not verdict.flagged else "The check failed the answer."
    how = "" if isinstance(plain, bool) else f" (score {score:.2f})"
    return Verdict(text=words + how, score=score)


def _short(found: object) -> str:
    written = str(found)
    return repr(written if len(written) <= _SHOWN else f"{written[: _SHOWN - 1]}…")
