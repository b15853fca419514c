import operator

import pytest

from consilience.methods.cross_team.studies.sharing import shared


@pytest.mark.parametrize("processes", [1, 2])
def test_results_come_in_the_order_of_the_lots(processes):
    assert shared(operator.mul, [(at, at) for at in range(5)], processes) == [0, 1, 4, 9, 16]


def test_a_failure_is_not_swallowed():
    with pytest.raises(ZeroDivisionError):
        shared(operator.truediv, [(1, 1), (1, 0)], 2)
