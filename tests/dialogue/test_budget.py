"""What may be spent is never overdrawn, whatever is asked in whatever order."""

import asyncio
import pickle
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consilience.dialogue.budget import Budget, BudgetExhausted, Purse
from consilience.dialogue.messages import Usage
from consilience.dialogue.models import Unreachable
from consilience.ground.errors import InvalidInput

caps = st.builds(
    Budget,
    calls=st.none() | st.integers(0, 20),
    tokens=st.none() | st.integers(0, 5000),
    usd=st.none() | st.floats(0, 1),
)
bounds = st.tuples(st.integers(1, 800), st.floats(0, 0.3))
steps = st.lists(
    st.tuples(st.integers(0, 3), bounds, st.sampled_from(["settle", "release", "unknown"]), st.floats(0, 1)),
    max_size=60,
)


def within(purse: Purse) -> bool:
    budget, (calls, tokens, usd) = purse.budget, purse.reserved
    return (
        (budget.calls is None or purse.calls + calls <= budget.calls)
        and (budget.tokens is None or purse.tokens + tokens <= budget.tokens)
        and (budget.usd is None or purse.usd + usd <= budget.usd + 1e-15)
    )


@given(caps, caps, steps)
def test_what_is_spent_and_reserved_never_goes_over_any_cap(root_caps, child_caps, played):
    root = Purse(root_caps)
    purses = [root, root.child(child_caps), *root.share(2)]
    held = []
    for which, (tokens, usd), end, share in played:
        try:
            held.append((purses[which].reserve(tokens=tokens, usd=usd), tokens, usd))
        except BudgetExhausted:
            if held:
                hold, most, dollars = held.pop(0)
                actual = Usage(int(most * share), 0, dollars * share)
                hold.release() if end == "release" else hold.settle(None if end == "unknown" else actual)
        assert all(within(purse) for purse in purses)
    for hold, _, _ in held:
        hold.release()
    assert all(purse.reserved == (0, 0, 0.0) for purse in purses)


@given(st.integers(0, 2**32), st.integers(1, 40), st.integers(50, 400))
def test_many_who_wait_spend_all_that_fits_and_nothing_more(seed, askers, cap):
    chance = random.Random(seed)
    purse = Purse(Budget(tokens=cap))

    async def ask(bound: int, actual: int) -> str:
        try:
            hold = await purse.hold(tokens=bound, priority=chance.random())
        except BudgetExhausted as error:
            return "exhausted" if error.spent + bound > cap else "too early"
        assert within(purse)
        await asyncio.sleep(0)
        hold.settle(Usage(actual))
        return "done"

    async def everybody() -> list[str]:
        sizes = [(bound := chance.randint(1, 60), chance.randint(0, bound)) for _ in range(askers)]
        return await asyncio.wait_for(asyncio.gather(*(ask(*size) for size in sizes)), 10)

    outcomes = asyncio.run(everybody())
    assert purse.tokens <= cap
    assert purse.reserved == (0, 0, 0.0)
    assert purse.calls == outcomes.count("done")
    assert "too early" not in outcomes


def test_whoever_is_cancelled_while_waiting_blocks_nobody():
    async def play() -> tuple[str, int]:
        purse = Purse(Budget(tokens=100))
        first = await purse.hold(tokens=80)
        large = asyncio.ensure_future(purse.hold(tokens=90))
        small = asyncio.ensure_future(purse.hold(tokens=30))
        await asyncio.sleep(0)
        assert not small.done()  # though it would fit: the large one came first
        large.cancel()
        first.settle(Usage(10))
        (await asyncio.wait_for(small, 1)).settle(Usage(20))
        return "done", purse.tokens

    assert asyncio.run(play()) == ("done", 30)


def test_woken_and_cancelled_at_once_hands_the_turn_on():
    async def play() -> int:
        purse = Purse(Budget(tokens=100))
        first = await purse.hold(tokens=100)
        waiting = [asyncio.ensure_future(purse.hold(tokens=50)) for _ in range(2)]
        await asyncio.sleep(0)
        first.release()
        waiting[0].cancel()
        (await asyncio.wait_for(waiting[1], 1)).settle(Usage(50))
        return purse.tokens

    assert asyncio.run(play()) == 50


def test_a_share_counts_above_and_shares_do_not_take_from_one_another():
    purse = Purse(Budget(calls=5, tokens=1000, usd=1.0))
    one, two = purse.share(2)
    one.reserve(tokens=400).settle(Usage(400, 0, 0.5))
    assert (purse.calls, purse.tokens, purse.usd) == (1, 400, 0.5)
    with pytest.raises(BudgetExhausted, match="`tokens` allows 500; 400 spent"):
        one.reserve(tokens=101)
    two.reserve(tokens=500).settle(Usage(500))
    assert purse.tokens == 900


def test_time_runs_from_the_first_reservation():
    now = [100.0]
    purse = Purse(Budget(wall_s=10), clock=lambda: now[0])
    assert purse.begin() == 10
    now[0] = 109.5
    purse.child(Budget()).reserve().release()
    now[0] = 110.0
    with pytest.raises(BudgetExhausted, match=r"`wall_s` allows 10 s; 10\.0 s are over"):
        purse.reserve()


def test_a_hold_ends_once():
    purse = Purse(Budget(calls=3))
    hold = purse.reserve()
    hold.settle(Usage(1))
    hold.settle(Usage(1))
    hold.release()
    assert (purse.calls, purse.tokens, purse.reserved) == (1, 1, (0, 0, 0.0))


def test_the_error_says_what_to_do_and_crosses_processes():
    purse = Purse(Budget(usd=0.01))
    with pytest.raises(BudgetExhausted) as caught:
        purse.reserve(usd=0.02)
    assert str(caught.value) == (
        "the budget is exhausted: `usd` allows $0.0100; $0.0000 spent, $0.0000 reserved by calls under way, "
        "and the next call may take $0.0200. What was answered is in the journal: resume with a higher `usd` to go on "
        "from there"
    )
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)


def test_the_error_says_what_failed_before_it():
    error = BudgetExhausted("calls", 3, 3, 0, 1)
    assert "failed" not in str(error)
    error.__cause__ = Unreachable("nothing answers")
    assert error.told.endswith("and the next call may take 1; the attempt before failed: nothing answers")
    assert str(error).startswith(f"{error.told}. What was answered")


@pytest.mark.parametrize("wrong", [{"calls": -1}, {"usd": float("nan")}, {"wall_s": float("inf")}])
def test_caps_that_are_no_amounts_are_refused(wrong):
    with pytest.raises(InvalidInput, match=next(iter(wrong))):
        Budget(**wrong)


def test_no_parts_is_no_split():
    with pytest.raises(InvalidInput, match="parts"):
        Purse(Budget(calls=1)).share(0)
