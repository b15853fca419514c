"""What a critic is worth, from answers whose truth is known: hits, false alarms, ranking, and how far scores mean it.

Here a hit is a wrong answer that was flagged: the critic looks for errors.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float
from sklearn.metrics import brier_score_loss, confusion_matrix, roc_auc_score

from consilience.ground.errors import InvalidInput
from consilience.ground.intervals import LEVEL, Estimate, area_interval, require_level, wilson
from consilience.methods.self_correction.progress import Outcome
from consilience.methods.self_correction.rounds import break_even_ratio

BINS = 10
"""Of equal width, over which calibration is averaged."""
RESAMPLES = 1000
"""Of the items, from a fixed seed."""

_Right = Bool[np.ndarray, " answer"]
_Scores = Float[np.ndarray, " answer"]


@dataclass(frozen=True, kw_only=True)
class Calibration:
    """What a critic is worth."""

    answers: int
    """Answers that it looked at."""
    accuracy: Estimate
    """Share of answers that were right to begin with."""
    tpr: Estimate
    """Share of wrong answers that it flagged, with Wilson's interval."""
    fpr: Estimate
    """Share of right answers that it flagged, with Wilson's interval."""
    auroc: Estimate | None
    """Chance that a right answer has a higher score than a wrong one, with Newcombe's interval; None without scores."""
    ece: Estimate | None
    """Expected calibration error, with an interval from items drawn again; None without scores."""
    ece_by_chance: float | None
    """Mean of the same error if scores were exactly the chances of being right: what small samples alone produce."""
    brier: float | None
    """Mean squared distance of the score from the truth; None without scores."""

    def needed_ratio(self, *, fix: float, spoil: float) -> float:
        """Return the TPR / FPR below which a round of correction lowers accuracy, for these answers."""
        return break_even_ratio(self.accuracy.value, fix=fix, spoil=spoil)


def calibrate(
    right: _Right, flagged: Bool[np.ndarray, " answer"], scores: _Scores | None = None, *, level: float = LEVEL
) -> Calibration:
    """Measure a critic on answers whose truth is known.

    Parameters
    ----------
    right
        Whether each answer is right.
    flagged
        Whether the critic objected to it.
    scores
        The chance of being right that it gave, 0 to 1.
    level
        Confidence of the intervals.

    Raises
    ------
    InvalidInput
        If lengths differ, there is no answer, or a score is out of range.

    Examples
    --------
    >>> right = np.array([True, True, True, False, False])
    >>> found = calibrate(right, ~right, np.array([0.9, 0.8, 0.7, 0.3, 0.6]))
    >>> found.tpr.value, found.fpr.value, found.auroc.value
    (1.0, 0.0, 1.0)
    """
    require_level(level)
    _require_fit(right, flagged, scores)
    (true_pass, false_alarm), (missed, hit) = confusion_matrix(~right, flagged, labels=[False, True])
    both = bool(right.any() and not right.all())
    area = float(roc_auc_score(right, scores)) if scores is not None and both else math.nan
    return Calibration(
        answers=right.size,
        accuracy=wilson(int(right.sum()), right.size, level=level),
        tpr=wilson(int(hit), int(hit + missed), level=level),
        fpr=wilson(int(false_alarm), int(false_alarm + true_pass), level=level),
        auroc=None if scores is None else area_interval(area, int(right.sum()), int((~right).sum()), level=level),
        ece=None if scores is None else _ece_estimate(right, scores, level),
        ece_by_chance=None if scores is None else _ece_by_chance(scores),
        brier=None if scores is None else float(brier_score_loss(right, scores, pos_label=True)),
    )


def calibrate_outcomes(outcomes: list[Outcome], right: list[list[bool]], *, level: float = LEVEL) -> Calibration:
    """Measure the critic of a loop on every answer that it looked at and had an opinion on.

    Parameters
    ----------
    outcomes
        What the loop returned.
    right
        Whether each attempt of each outcome is right.
    level
        Confidence of the intervals.

    Notes
    -----
    Later attempts are answers that earlier verdicts asked for, so that they are harder on average than first answers;
    attempts on one question are not independent, so that the intervals are a little too narrow.
    """
    looked = [
        (truth, attempt.verdict)
        for outcome, truths in zip(outcomes, right, strict=True)
        for attempt, truth in zip(outcome.attempts, truths, strict=True)
        if attempt.verdict is not None and attempt.verdict.flagged is not None
    ]
    scores = [verdict.score for _, verdict in looked]
    known = [score for score in scores if score is not None]
    return calibrate(
        np.array([truth for truth, _ in looked], dtype=np.bool_),
        np.array([verdict.flagged for _, verdict in looked], dtype=np.bool_),
        np.array(known) if len(known) == len(scores) else None,
        level=level,
    )


def expected_calibration_error(right: _Right, scores: _Scores) -> float:
    r"""Return the mean distance between score and share of right answers, over ten bins of equal width.

    Notes
    -----
    :math:`\sum_b (n_b/n)\,|\overline{r}_b - \overline{s}_b|`; never below zero, and above it by chance alone.

    Examples
    --------
    >>> expected_calibration_error(np.array([True, False]), np.array([0.5, 0.5]))
    0.0
    """
    bins = np.minimum((scores * BINS).astype(np.int64), BINS - 1)
    return float(np.abs(np.bincount(bins, right - scores, minlength=BINS)).sum() / scores.size)


def _ece_estimate(right: _Right, scores: _Scores, level: float) -> Estimate:
    rng = np.random.default_rng(0)
    drawn = (rng.integers(0, right.size, right.size) for _ in range(RESAMPLES))
    errors = [expected_calibration_error(right[rows], scores[rows]) for rows in drawn]
    low, high = np.quantile(errors, [0.5 - level / 2, 0.5 + level / 2])
    return Estimate(expected_calibration_error(right, scores), float(low), float(high), right.size)


def _ece_by_chance(scores: _Scores) -> float:
    rng = np.random.default_rng(1)
    truths = (rng.random(scores.size) < scores for _ in range(RESAMPLES))
    return float(np.mean([expected_calibration_error(right, scores) for right in truths]))


def _require_fit(right: _Right, flagged: Bool[np.ndarray, " answer"], scores: _Scores | None) -> None:
    if right.size == 0:
        raise InvalidInput("calibration needs an answer that the critic had an opinion on; got none")
    if flagged.shape != right.shape or (scores is not None and scores.shape != right.shape):
        raise InvalidInput(f"flags and scores must be as many as answers, {right.size}; got others")
    if scores is not None and not ((scores >= 0) & (scores <= 1)).all():
        raise InvalidInput("scores must lie between 0 and 1, as chances of being right; got others")
