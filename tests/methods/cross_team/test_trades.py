import pytest

from consilience.methods.cross_team.tasks import Toolbox
from consilience.methods.cross_team.trades import TRADES, WRONG


def value(tool, source, argument):
    scope = {}
    exec(source, scope)
    try:
        return scope[tool.name](argument)
    except NotImplementedError:
        return "stub"


@pytest.mark.parametrize("hidden", [False, True], ids=["visible", "hidden"])
def test_every_way_to_be_wrong_is_found_by_the_tests(hidden):
    met = set()
    for number in range(40):
        for tool in Toolbox(number=number, functions=48).tools:
            met.add(tool.trade.name)
            expected = tool.values(hidden)
            for source in tool.variants[1:]:
                given = [value(tool, source, argument) for argument in tool.trade.arguments[hidden]]
                assert given != expected, (number, tool.name, source)
    assert met == {trade.name for trade in TRADES}


def test_each_function_has_so_many_ways_to_be_wrong_and_a_stub():
    for tool in Toolbox(number=3).tools:
        assert len(set(tool.variants)) == WRONG + 2
        assert "NotImplementedError" in tool.variants[-1]


def test_names_of_trades_differ():
    assert len({trade.name for trade in TRADES}) == len(TRADES)
