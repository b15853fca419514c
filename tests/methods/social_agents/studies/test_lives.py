"""A life that is killed goes on where it was; what people saw is in the talks in the end."""

import pytest

from consilience.methods.social_agents.studies.lives import Size, live, seen_in

SMALL = Size(people=8, contacts=10, messages=200, recursive=2, seed=4)


def test_a_run_that_is_killed_goes_on_and_says_nothing_twice(tmp_path) -> None:
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    whole.mkdir()
    broken.mkdir()
    unharmed = live(whole, SMALL)
    assert unharmed is not None
    assert (unharmed.tasks, unharmed.errors) == (12, 0)
    assert sorted(seen_in(whole)) == sorted(unharmed.said)
    assert live(broken, SMALL, until=unharmed.turns // 2) is None
    before = seen_in(broken)
    assert 0 < len(before) < unharmed.turns
    life = live(broken, SMALL)
    assert life is not None
    assert life.answers == unharmed.answers
    assert set(before) <= set(life.said)
    assert not set(before) & set(seen_in(broken)[len(before) :])


def test_a_life_that_cannot_begin_says_so(tmp_path) -> None:
    with pytest.raises(RuntimeError, match="a life ended with status 1"):
        live(tmp_path, Size(people=3, contacts=2, messages=50, recursive=0, seed=0))
