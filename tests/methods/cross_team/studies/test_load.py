"""Teams under load, and what they weigh."""

import pytest

from consilience.dialogue.trials.load import WAYS
from consilience.methods.cross_team.studies.load import weigh, weigh_apart


@pytest.mark.parametrize("way", WAYS)
def test_every_way_asks_the_same(way):
    weight = weigh(5, way)
    assert (weight.teams, weight.calls, weight.merges) == (5, 5 * 8 + 2 * 4, 2 * 4)
    assert weight.cpu_ms == pytest.approx(1e3 * weight.cpu_s / weight.calls)
    assert weight.cpu_s > 0


def test_a_process_of_its_own_finds_the_same_and_says_what_went_wrong():
    assert weigh_apart(3, "kept").calls == weigh(3, "kept").calls
    with pytest.raises(RuntimeError, match="1 team or more"):
        weigh_apart(0, "bare")
