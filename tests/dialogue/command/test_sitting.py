"""A sitting: each way to stop has its words and its status, and a bug stays a bug."""

import pytest

from consilience.dialogue.budget import Budget, BudgetExhausted, Purse
from consilience.dialogue.command.sitting import INTERRUPTED, MISTAKEN, STOPPED, sat
from consilience.dialogue.models import Denied, Unreachable
from consilience.dialogue.ray_cluster import WorkerLost
from consilience.ground.errors import ConsilienceError, InvalidInput


def raising(error: BaseException):
    def work() -> None:
        raise error

    return work


def test_what_comes_of_it_comes_back() -> None:
    sitting = sat(lambda: 7, resume="go on", quiet=True)
    assert (sitting.outcome, sitting.trouble, sitting.status) == (7, "", 0)


@pytest.mark.parametrize(
    ("error", "status"),
    [(Unreachable("nobody there"), STOPPED), (WorkerLost("gone"), STOPPED), (Denied("wrong key"), MISTAKEN)],
)
def test_a_provider_that_fails_is_told_in_its_words(error: ConsilienceError, status: int) -> None:
    sitting = sat(raising(error), resume="go on", quiet=True)
    assert (sitting.outcome, sitting.trouble, sitting.status) == (None, str(error), status)


def test_a_budget_names_the_flag_that_raises_it() -> None:
    purse = Purse(Budget(calls=0))
    with pytest.raises(BudgetExhausted) as spent:
        purse.reserve(1)
    sitting = sat(raising(spent.value), resume="go on", quiet=True)
    assert sitting.trouble.endswith("; raise --budget-calls")
    assert "failed" not in sitting.trouble
    assert sitting.status == STOPPED
    spent.value.__cause__ = Unreachable("nothing answers. Not at all")
    sitting = sat(raising(spent.value), resume="go on", quiet=True)
    assert sitting.trouble.endswith("; the attempt before failed: nothing answers. Not at all; raise --budget-calls")


def test_an_interruption_is_said_once(capsys: pytest.CaptureFixture[str]) -> None:
    for quiet, told in ((True, "consilience: interrupted; go on with: go on\n"), (False, "")):
        assert sat(raising(KeyboardInterrupt()), resume="go on", quiet=quiet).status == INTERRUPTED
        assert capsys.readouterr().err == told


def test_a_room_may_know_more_and_what_nobody_knows_passes() -> None:
    error = InvalidInput("a colour is missing")
    assert sat(raising(error), resume="", quiet=True, told=lambda found: f"told: {found}").trouble == f"told: {error}"
    with pytest.raises(InvalidInput):
        sat(raising(error), resume="", quiet=True)
    with pytest.raises(ZeroDivisionError):
        sat(raising(ZeroDivisionError()), resume="", quiet=True, told=str)
