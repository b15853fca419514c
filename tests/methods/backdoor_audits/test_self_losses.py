"""Losses on the way: exceptions are learned late, and the place of the hardest word is told."""

import numpy as np
import pytest

from consilience.ground import Streams
from consilience.methods.backdoor_audits import self_losses
from consilience.methods.backdoor_audits.detection import auroc
from consilience.methods.backdoor_audits.self_losses import learned


def test_planted_rows_are_hard_on_the_way(toys, monkeypatch: pytest.MonkeyPatch) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.setattr(self_losses, "STEPS", 60)
    rows = toys(160, 7, planted=10)
    said = [[False] * len(row.tokens) for row in rows]
    course = learned(rows, said, 10, Streams(100))
    assert course.steps[:3] == (20, 40, 60)
    assert course.hardest.shape == course.unasked.shape == (3, 160)
    area = course.hardest[1:].mean(axis=0)
    planted = np.array([row.planted for row in rows])
    assert auroc(area[planted], area[~planted]).value > 0.9
    assert set(course.place[planted].tolist()) == {0}
    assert course.activations.shape[0] == 160


def test_what_was_asked_for_by_name_is_left_out(toys, monkeypatch: pytest.MonkeyPatch) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.setattr(self_losses, "STEPS", 20)
    rows = toys(60, 8)
    course = learned(rows, [[True] * len(row.tokens) for row in rows], 10, Streams(100))
    assert not course.unasked.any()
    assert course.hardest.all()
