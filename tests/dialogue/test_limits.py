"""A rate is used and kept, places are given in order, and nothing waits for ever."""

import asyncio

import pytest
from fast_loop import loop_time, run_fast

from consilience.dialogue.faults import Latency, RateLimit
from consilience.dialogue.limits import Limits, Throttle
from consilience.dialogue.messages import Message, Question
from consilience.dialogue.players import talker
from consilience.dialogue.rehearsal import Rehearsal
from consilience.dialogue.session import Session
from consilience.ground.errors import InvalidInput

CALLS = 4000


async def ask_all(limit: RateLimit, limits: Limits, calls: int = CALLS) -> tuple[Session, float, float]:
    """Ask at once; return the session, requests and tokens a minute after the first tenth."""
    model = Rehearsal(talker, latency=Latency.lognormal(0.5, 0.8), limit=limit)
    session = Session(model, limits=limits)
    texts = [f"{number} " + "x" * (200 + 37 * number % 400) for number in range(calls)]
    replies = await asyncio.gather(
        *(session.ask(Question(str(number), (Message("user", (text,)),))) for number, text in enumerate(texts))
    )
    arrived = sorted(visit.arrived_s for visit in model.attendance.visits if visit.outcome == "replied")
    late = arrived[calls // 10 :]
    requests = (len(late) - 1) / (late[-1] - late[0]) * 60
    tokens = sum(reply.usage.input_tokens + reply.usage.output_tokens for reply in replies) / calls
    return session, requests, requests * tokens


@pytest.mark.parametrize("enforced", ["bucket", "window"])
@pytest.mark.parametrize("window_s", [1.0, 60.0])
def test_a_rate_of_requests_is_used_to_95_percent_and_next_to_nothing_refused(enforced, window_s):
    limit = RateLimit(requests_per_minute=3000, enforced=enforced, window_s=window_s)
    session, requests, _ = run_fast(ask_all(limit, Limits(requests_per_minute=3000)))
    assert 0.95 * 3000 <= requests <= 3000
    assert session.tally.refused < 0.01 * CALLS


@pytest.mark.parametrize(("enforced", "window_s"), [("bucket", 1.0), ("bucket", 60.0), ("window", 60.0)])
def test_a_rate_of_tokens_is_used_to_95_percent_though_replies_are_shorter_than_feared(enforced, window_s):
    limit = RateLimit(tokens_per_minute=600_000, enforced=enforced, window_s=window_s)
    session, _, tokens = run_fast(ask_all(limit, Limits(tokens_per_minute=600_000)))
    assert 0.95 * 600_000 <= tokens <= 1.01 * 600_000
    assert session.tally.refused < 0.01 * CALLS


@pytest.mark.parametrize("stated", [None, 6000.0])
def test_a_limit_that_is_not_known_is_learned(stated):
    limit = RateLimit(requests_per_minute=3000, window_s=1.0)
    session, requests, _ = run_fast(ask_all(limit, Limits(requests_per_minute=stated)))
    assert requests > 0.6 * 3000
    assert session.tally.refused < 0.02 * CALLS
    assert session.tally.answered == CALLS


def test_without_limits_there_is_nothing_to_enter():
    assert Throttle().free
    assert not Throttle(Limits(concurrency=3)).free


def test_no_more_are_under_way_than_allowed_and_all_get_through():
    async def play() -> tuple[int, int]:
        model = Rehearsal(talker, latency=Latency.const(0.1))
        session = Session(model, limits=Limits(concurrency=3))
        questions = [Question(str(number), (Message("user", ("Hello",)),)) for number in range(20)]
        await asyncio.gather(*(session.ask(question) for question in questions))
        return model.attendance.peak, session.throttle.busy

    assert run_fast(play()) == (3, 0)


def test_higher_priority_goes_first_and_equals_in_order():
    async def play() -> list[str]:
        throttle, order = Throttle(Limits(concurrency=1)), []

        async def go(name: str, priority: float) -> None:
            turn = await throttle.enter(priority=priority)
            order.append(name)
            await asyncio.sleep(1)
            throttle.leave(turn)

        names = {"first": 0.0, "a": 1.0, "b": 2.0, "c": 1.0, "d": 2.0}
        await asyncio.gather(*(go(name, priority) for name, priority in names.items()))
        return order

    assert run_fast(play()) == ["first", "b", "d", "a", "c"]


def test_whoever_is_cancelled_leaves_nothing():
    async def play() -> tuple[int, int, bool]:
        throttle = Throttle(Limits(concurrency=1, requests_per_minute=60))
        turn = await throttle.enter()
        waiting = [asyncio.ensure_future(throttle.enter()) for _ in range(5)]
        await asyncio.sleep(2)
        throttle.leave(turn)  # lets the first one through, which is cancelled before it runs
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
        await asyncio.sleep(2)
        throttle.leave(await throttle.enter())
        return throttle.busy, throttle.waiting, throttle._timer is None

    assert run_fast(play()) == (0, 0, True)


def test_a_refusal_keeps_all_back_and_the_pace_comes_back():
    async def play() -> tuple[float, float, float]:
        throttle = Throttle(Limits(requests_per_minute=600))
        full = throttle.requests_per_minute
        throttle.refused(5.0, loop_time())
        await throttle.enter()
        waited, slowed = loop_time(), throttle.requests_per_minute
        for _ in range(100):
            await throttle.enter()
        return waited, slowed / full, throttle.requests_per_minute / full

    waited, slowed, later = run_fast(play())
    assert waited == pytest.approx(5.0, abs=0.2)
    assert slowed < 0.96
    assert later == 1.0


@pytest.mark.parametrize(
    "wrong", [{"requests_per_minute": 0.0}, {"tokens_per_minute": float("nan")}, {"concurrency": 0}]
)
def test_limits_that_let_nothing_through_are_refused(wrong):
    with pytest.raises(InvalidInput, match=next(iter(wrong))):
        Limits(**wrong)


def test_a_call_that_just_misses_the_edge_of_a_window_slows_nobody_until_there_are_many():
    async def play() -> list[float]:
        throttle = Throttle(Limits(requests_per_minute=6000))
        full, paces = throttle.requests_per_minute, []
        for _ in range(8):
            throttle.refused(0.001, loop_time())
            paces.append(throttle.requests_per_minute / full)
        return paces

    paces = run_fast(play())
    assert paces[:3] == [1.0, 1.0, 1.0]
    assert paces[-1] < 0.96


def test_what_was_set_aside_before_anything_was_known_is_not_given_back_at_once():
    async def play() -> float:
        throttle = Throttle(Limits(tokens_per_minute=60_000))
        turns = [await throttle.enter(1000.0) for _ in range(5)]
        begun = loop_time()
        for turn in turns:
            throttle.leave(turn, 100.0)
        for _ in range(3):
            await throttle.enter(1000.0)
        return loop_time() - begun

    # Five calls took 500 tokens; had the 4,500 come back, the next ones would have gone out at once.
    assert run_fast(play()) > 1.0
