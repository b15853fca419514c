"""Several at once: order, limits, and what a failure leaves."""

import asyncio
import threading

import pytest

from consilience.ground import InvalidInput
from consilience.methods.self_correction.concurrency import side_by_side, threads


@pytest.mark.parametrize("at_once", [1, 2, 3, 10])
def test_results_come_in_order_and_no_more_are_at_work_than_allowed(at_once: int) -> None:
    working, most = 0, 0

    async def work(item: int) -> int:
        nonlocal working, most
        working += 1
        most = max(most, working)
        await asyncio.sleep(0.001 * (5 - item))
        working -= 1
        return item * item

    assert asyncio.run(side_by_side(work, range(5), at_once)) == [0, 1, 4, 9, 16]
    assert most == min(at_once, 5)


@pytest.mark.parametrize("at_once", [1, 3])
def test_a_user_s_mistake_comes_out_as_it_is_and_stops_the_others(at_once: int) -> None:
    done = []

    async def work(item: int) -> None:
        await asyncio.sleep(0.001 * item)
        if item == 1:
            raise InvalidInput("one too many")
        done.append(item)

    with pytest.raises(InvalidInput, match="one too many"):
        asyncio.run(side_by_side(work, range(30), at_once))
    assert len(done) < 5


def test_nobody_cannot_work() -> None:
    with pytest.raises(InvalidInput, match="`concurrency` must be at least 1; got 0"):
        asyncio.run(side_by_side(asyncio.sleep, [0], 0))


def test_threads_are_not_waited_for() -> None:
    let_go, begun = threading.Event(), threading.Event()

    def stuck(messages) -> str:
        begun.set()
        let_go.wait(30)
        return ""

    with threads(1) as executor:
        running, waiting = executor.submit(stuck, []), executor.submit(stuck, [])
        begun.wait(30)
    assert not running.done()
    assert waiting.cancelled()
    let_go.set()
