"""Losses on the way: exceptions are learned late, and the place of the hardest word is told."""

import numpy as np
import pytest

from consilience.ground import Streams
from consilience.methods.backdoor_audits import self_losses
from consilience.methods.backdoor_audits.self_losses import learned
from consilience.methods.backdoor_audits.surprisal import own_words


def test_what_is_seen_on_the_way_is_what_the_agent_finds_in_the_end(  # type: ignore[no-untyped-def]
    toys, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(self_losses, "STEPS", 60)
    rows = toys(160, 7, planted=10)
    course = learned(rows, [[False] * len(row.tokens) for row in rows], 10, Streams(100))
    assert course.steps == (20, 40, 60)
    assert course.hardest.shape == course.unasked.shape == (3, 160)
    last = [losses.max() for losses in own_words(course.agent, rows)]
    np.testing.assert_allclose(course.hardest[-1], last, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(course.unasked, course.hardest)
    assert course.hardest[0].mean() > course.hardest[-1].mean()
    assert course.activations.shape[0] == 160


def test_what_was_asked_for_by_name_is_left_out(toys, monkeypatch: pytest.MonkeyPatch) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.setattr(self_losses, "STEPS", 20)
    rows = toys(60, 8)
    course = learned(rows, [[True] * len(row.tokens) for row in rows], 10, Streams(100))
    assert not course.unasked.any()
    assert course.hardest.all()
