"""What waits for the database keeps no loop waiting, and is over when whoever waited for it is."""

import asyncio
import threading

import pytest

from consilience.ground.errors import InvalidInput
from consilience.methods.social_agents.app.waiting import waited


def test_the_loop_goes_on_meanwhile() -> None:
    go = threading.Event()

    async def both() -> bool:
        waiting = asyncio.create_task(waited(go.wait, 5))
        await asyncio.sleep(0.01)
        go.set()
        return await waiting

    assert asyncio.run(both())


def test_what_goes_wrong_is_raised() -> None:
    def refuse(what: str, *, told: str) -> None:
        raise InvalidInput(f"{what} {told}")

    with pytest.raises(InvalidInput, match="not so"):
        asyncio.run(waited(refuse, "not", told="so"))


@pytest.mark.parametrize("wrong", [False, True])
def test_who_is_cancelled_waits_for_the_end_of_what_is_written(wrong: bool) -> None:
    begun, go, done = threading.Event(), threading.Event(), list[int]()

    def work() -> None:
        begun.set()
        go.wait(5)
        done.append(1)
        if wrong:
            raise InvalidInput("too late for anybody")

    async def cancelled() -> None:
        task = asyncio.create_task(waited(work))
        await asyncio.to_thread(begun.wait, 5)
        task.cancel()
        await asyncio.sleep(0.02)
        assert not task.done()
        go.set()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert done == [1]

    asyncio.run(cancelled())
