"""Lives of a run: what is written down of them, and that a kill leaves no trace in what comes out."""

import numpy as np
import pytest

from consilience.dialogue.messages import Message, Question
from consilience.dialogue.trials.lives import KEPT, SENT, Life, calls_of, journal_of
from consilience.methods.agent_networks.prompts import ACTOR, CRITIC, FINISHED
from consilience.methods.agent_networks.studies.lives import WORKS, live, payload, scribble


@pytest.mark.parametrize("work", WORKS)
def test_a_run_that_was_killed_goes_on_to_the_same_end(work, tmp_path):
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    whole.mkdir()
    killed.mkdir()
    first = live(work, whole, 16, 3)
    assert isinstance(first, Life)
    assert first.replayed == 0
    assert live(work, killed, 16, 3, until=40) is None
    before = calls_of(killed).entries()
    sent, kept = ({key for what, key in before if what == kind} for kind in (SENT, KEPT))
    last = live(work, killed, 16, 3)
    assert (last.artifact, last.journal) == (first.artifact, first.journal)
    assert len(kept) <= last.replayed <= len(sent)
    again = [key for what, key in calls_of(killed).entries(len(before)) if what == SENT]
    assert not kept.intersection(again)
    assert len(sent) + len(again) - len(sent.intersection(again)) == len({*sent, *again})
    with journal_of(killed) as journal:
        assert len(list(journal.calls())) == len({*sent, *again})


def test_offline_nothing_is_sent(tmp_path):
    first = live("noise", tmp_path, 4, 0)
    entries = len(calls_of(tmp_path))
    again = live("noise", tmp_path, 4, 0, offline=True)
    assert (again.artifact, again.journal) == (first.artifact, first.journal)
    assert again.replayed == entries / 2
    assert len(calls_of(tmp_path)) == entries
    said, kept = payload(tmp_path, "noise", 0)
    assert 0 < said < kept  # in a small journal the pages of its tables count


def test_a_life_that_fails_says_why(tmp_path):
    with pytest.raises(RuntimeError, match="at least one agent"):
        live("noise", tmp_path, 0, 0)


def test_scribbles_fit_the_role():
    def said(role, number):
        question = Question("0->1", (Message("system", (role,)), Message("user", ("work",))))
        return scribble(question, np.random.default_rng(number))

    comments = [said(CRITIC, number) for number in range(100)]
    assert 10 < sum(comment == FINISHED for comment in comments) < 60
    assert all(len(said(ACTOR, number)) == 1400 for number in range(5))
    assert said(ACTOR, 1) == said(ACTOR, 1) != said(ACTOR, 2)
