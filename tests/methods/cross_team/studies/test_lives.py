"""Lives of a run of teams: a kill leaves no trace in what comes out."""

import numpy as np
import pytest

from consilience.dialogue.messages import Message, Question
from consilience.dialogue.trials.lives import KEPT, Life, calls_of, journal_of
from consilience.methods.cross_team.studies.lives import live, scribble


def test_a_run_that_was_killed_goes_on_to_the_same_end(tmp_path):
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    whole.mkdir()
    killed.mkdir()
    first = live(whole, 3, 3)
    assert isinstance(first, Life)
    assert first.replayed == 0
    assert live(killed, 3, 3, until=30) is None
    kept = [key for what, key in calls_of(killed).entries() if what == KEPT]
    last = live(killed, 3, 3)
    assert (last.artifact, last.journal) == (first.artifact, first.journal)
    assert last.replayed >= len(kept) > 0
    with journal_of(killed) as journal:
        assert len(list(journal.calls())) == 3 * 8 + 3 * 2  # the works of three teams are merged three times


def test_a_life_that_fails_says_why(tmp_path):
    with pytest.raises(RuntimeError, match="1 team or more"):
        live(tmp_path, 0, 0)


def test_scribbles_follow_from_chance_alone():
    question = Question("A/p0", (Message("user", ("work",)),))
    one, same, other = (scribble(question, np.random.default_rng(number)) for number in (1, 1, 2))
    assert one == same != other
    assert len(one) == 800
