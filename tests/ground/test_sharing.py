"""Work that is shared: in order, the same here and elsewhere, and no failure is lost."""

import operator
import os
from functools import partial

import pytest

from consilience.ground.sharing import shared

_VARIABLE = "CONSILIENCE_TEST_BEGUN"


def begin() -> None:
    os.environ[_VARIABLE] = "yes"


def begun(_: int) -> str | None:
    return os.environ.get(_VARIABLE)


@pytest.mark.parametrize("processes", [1, 2])
def test_results_come_in_the_order_of_the_jobs(processes: int) -> None:
    jobs = [partial(operator.mul, at, at) for at in range(5)]
    assert shared(operator.call, jobs, processes) == [0, 1, 4, 9, 16]


def test_no_jobs_have_no_results() -> None:
    assert shared(abs, [], 2) == []


@pytest.mark.parametrize("processes", [1, 2])
def test_a_failure_is_not_swallowed(processes: int) -> None:
    with pytest.raises(ZeroDivisionError):
        shared(operator.call, [partial(operator.truediv, 1, by) for by in (1, 0)], processes)


def test_each_of_several_processes_begins_as_it_is_told_and_this_one_is_left_alone() -> None:
    assert shared(begun, [0, 1, 2], 2, begin=begin) == ["yes"] * 3
    assert begun(0) is None
