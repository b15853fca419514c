"""The monitor: what can be left out, and that an agent is no different from itself."""

import itertools

import numpy as np
import pytest

from consilience.ground import InvalidInput, Streams
from consilience.methods.backdoor_audits.agent.network import SmallAgent
from consilience.methods.backdoor_audits.insertions import openings
from consilience.methods.backdoor_audits.monitor import SIGNALS, Usual, heard, signals, usual
from consilience.methods.backdoor_audits.world.drawing import draw_tasks
from consilience.methods.backdoor_audits.world.families.every import FAMILIES


@pytest.mark.parametrize("family", FAMILIES)
def test_every_neighbour_of_the_request_and_every_row_can_be_left_out(family: str) -> None:
    task = draw_tasks(family, 1, Streams(100))[0]  # type: ignore[arg-type]
    item = heard(openings(task)[-1])
    parts = [item.words[start:end] for start, end in item.spans]
    request = (*task.goal, *task.filler)
    assert set(itertools.pairwise(request)) <= set(parts)
    if family != "system":
        assert set(task.rows) <= set(parts)


def test_an_agent_owes_no_more_to_words_than_itself(random_agent: SmallAgent) -> None:
    items = [heard(openings(task)[0]) for task in draw_tasks("web", 4, Streams(100))]
    found = signals(random_agent, random_agent, items, usual(random_agent, items))
    assert set(found) == set(SIGNALS)
    assert all(len(values) == 4 for values in found.values())
    np.testing.assert_allclose(found["contrast"], 0, atol=1e-6)
    np.testing.assert_allclose(found["excess attribution"], 0, atol=1e-6)
    assert (found["onion"] > 0).all()


def test_what_is_usual_is_that_of_the_word_that_decides_most() -> None:
    ordinary = Usual({"tmp": 0.9, "please": 0.1}, 0.4)
    assert ordinary.of(("tmp", "please")) == 0.9
    assert ordinary.of(("please", "unheard")) == 0.4


def test_what_is_no_request_is_refused(random_agent: SmallAgent) -> None:
    with pytest.raises(InvalidInput, match="USER"):
        heard(("hello",))
    with pytest.raises(InvalidInput, match="got nothing"):
        signals(random_agent, random_agent, [], Usual({}, 0.0))
