"""The order: networks and kinds from what was typed."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from consilience.dialogue.work.kinds import Choice, Function, Repository, Text
from consilience.methods.agent_networks.order import Order
from consilience.methods.agent_networks.topology import topology


def test_a_network_by_its_shape() -> None:
    order = Order(topology="small-world", agents=9, edges=14, rewiring=0.5, reverse=True, seed=3)
    made = topology("small-world", 9, edges=14, rewiring=0.5, reverse=True, seed=3)
    assert order.network().network == made


@pytest.mark.parametrize(
    ("order", "kind"),
    [
        (Order(), Text()),
        (Order(kind="choice", options=3, answer="B"), Choice(options=3, answer="B")),
        (Order(kind="function", entry="f", tests="assert f()"), Function(entry="f", tests="assert f()")),
        (Order(kind="repository", main="run.py"), Repository(main="run.py")),
    ],
)
def test_a_kind_by_its_name(order: Order, kind: object) -> None:
    assert order.task_kind() == kind


def test_what_there_is_to_score_by() -> None:
    assert not Order().scored
    assert not Order(kind="choice").scored
    assert Order(kind="choice", answer="A").scored
    assert not Order(kind="function", entry="f").scored
    assert Order(kind="function", entry="f", hidden_tests="assert f()").scored
    assert Order(kind="repository").scored


def test_the_digest_is_that_of_what_is_to_be_done() -> None:
    assert Order(task="a").digest == Order(task="a").digest
    assert len({Order(task="a").digest, Order(task="b").digest, Order(task="a", seed=1).digest}) == 3


def test_what_came_later_leaves_the_names_of_runs_as_they_were() -> None:
    assert Order(task="a").digest == "2144f4cc"
    assert (
        len({Order(task="a", temperature=(1, 0.5)).digest, Order(task="a", profiles=Path("b")).digest, "2144f4cc"}) == 3
    )


def test_flags_that_were_given() -> None:
    assert Order(task="a", max_tokens=5).given() == {"--task": "a", "--max-tokens": 5}


@pytest.mark.parametrize(
    "wrong",
    [{"rounds": 0}, {"group": 1}, {"seed": -1}, {"density": 1.1}, {"failure": "panic"}, {"temperature": (1.0, -1.0)}],
)
def test_what_is_out_of_range_is_refused(wrong: dict) -> None:
    with pytest.raises(ValidationError):
        Order(**wrong)
