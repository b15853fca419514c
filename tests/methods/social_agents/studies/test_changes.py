"""What is taken back in the middle of a task is not told from then on; without that, it is."""

import numpy as np
import pytest

from consilience.methods.social_agents.studies import changes
from consilience.methods.social_agents.studies.changes import CHANGES, changed


@pytest.fixture(autouse=True)
def one_task(monkeypatch):
    monkeypatch.setattr(changes, "TASKS", 1)


@pytest.mark.parametrize("change", CHANGES)
def test_nothing_is_told_that_was_taken_back(change) -> None:
    found = changed(change, np.random.default_rng(0))
    assert found.told == 0
    assert found.untouched > 0


def test_a_change_that_does_nothing_is_seen(monkeypatch) -> None:
    monkeypatch.setattr(changes, "CHANGES", {"nothing": lambda _: None})
    found = changed("nothing", np.random.default_rng(0))
    assert found.told == found.untouched > 0
