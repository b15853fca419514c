"""Pauses grow and differ; a breaker lets one try for all."""

import asyncio

import pytest
from fast_loop import loop_time, run_fast
from hypothesis import given
from hypothesis import strategies as st

from consilience.dialogue.models import ModelError, Unreachable
from consilience.dialogue.retrying import Breaker, CircuitOpen, Pauses, Retry
from consilience.ground.errors import InvalidInput

RETRY = Retry(breaker_failures=3, breaker_pause_s=30.0)


@given(st.integers(0, 2000), st.floats(0, 100), st.integers(0, 100))
def test_a_pause_is_at_most_what_it_may_be_and_at_least_what_is_asked(attempt, asked_s, seed):
    pause_s = Pauses(Retry(first_s=0.5, most_s=30, seed=seed)).after(attempt, asked_s)
    assert asked_s <= pause_s <= max(asked_s, min(30, 0.5 * 2 ** min(attempt, 10)))


def test_the_same_seed_gives_the_same_pauses():
    one, two = Pauses(Retry(seed=1)), Pauses(Retry(seed=1))
    assert [one.after(3) for _ in range(5)] == [two.after(3) for _ in range(5)]
    assert len({one.after(3) for _ in range(5)}) == 5


def opened() -> Breaker:
    breaker = Breaker(RETRY)
    for _ in range(3):
        breaker.failed(Unreachable("nobody there"), probe=False)
    return breaker


def test_after_so_many_failures_one_tries_and_the_others_wait_for_it():
    async def play() -> tuple[list[bool], float]:
        breaker = opened()

        async def call() -> bool:
            probe = await breaker.admit()
            if probe:
                await asyncio.sleep(5)
                breaker.succeeded()
            return probe

        return sorted(await asyncio.gather(*(call() for _ in range(10)))), loop_time()

    assert run_fast(play()) == ([False] * 9 + [True], 35.0)


def test_when_the_one_that_tries_fails_the_others_fail_with_it_and_say_since_when_and_why():
    async def play() -> list[object]:
        breaker = opened()

        async def call() -> None:
            if await breaker.admit():
                await asyncio.sleep(5)
                breaker.failed(Unreachable("still nobody"), probe=True)

        outcomes = await asyncio.gather(*(call() for _ in range(4)), return_exceptions=True)
        assert not breaker.closed
        return outcomes

    outcomes = run_fast(play())
    failed = [outcome for outcome in outcomes if isinstance(outcome, CircuitOpen)]
    assert len(failed) == 3
    assert "no answer since 20" in str(failed[0])
    assert "4 failures in a row; the last: still nobody" in str(failed[0])


@pytest.mark.parametrize("told", [False, True])
def test_when_the_one_that_tries_is_given_up_another_one_does(told):
    async def play() -> tuple[bool, int]:
        breaker = opened()
        await asyncio.sleep(30)
        assert await breaker.admit()
        waiting = [asyncio.ensure_future(breaker.admit()) for _ in range(3)]
        await asyncio.sleep(1)
        if told:
            waiting[0].cancel()
        breaker.abandoned()
        await asyncio.sleep(1)
        probes = [task for task in waiting if task.done() and not task.cancelled() and task.result()]
        breaker.succeeded()
        await asyncio.gather(*waiting, return_exceptions=True)
        return breaker.closed, len(probes)

    assert run_fast(play()) == (True, 1)


def test_an_answer_starts_the_count_anew():
    breaker = Breaker(RETRY)
    error: ModelError = Unreachable("nobody there")
    breaker.failed(error, probe=False)
    breaker.failed(error, probe=False)
    assert not breaker.calm
    breaker.succeeded()
    breaker.failed(error, probe=False)
    assert breaker.closed


@pytest.mark.parametrize(
    "wrong", [{"attempts": 0}, {"breaker_failures": 0}, {"first_s": -1.0}, {"most_s": float("nan")}]
)
def test_numbers_that_make_no_sense_are_refused(wrong):
    with pytest.raises(InvalidInput, match=next(iter(wrong))):
        Retry(**wrong)
