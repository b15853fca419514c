"""A stream carries names of what has changed, to whom it concerns, as long as their session stands."""

import asyncio

from consilience.methods.social_agents.app import live as module
from consilience.methods.social_agents.app.live import Live

BEGIN = b"retry: 2000\nevent: at\ndata: 0\n\n"


async def collected(live: Live, handle: str, *, still=lambda: True, pieces: int = 3) -> list[bytes]:
    found = []
    async for piece in live.stream(handle, still):
        found.append(piece)
        if len(found) == pieces:
            break
    return found


def test_names_reach_whom_they_are_for_in_order_and_from_any_thread() -> None:
    async def run() -> list[list[bytes]]:
        live = Live()
        live.open()
        streams = [asyncio.create_task(collected(live, handle)) for handle in ("ann", "ann", "ben")]
        await asyncio.sleep(0.02)
        await asyncio.to_thread(live.tell, ["ann"], "task-1", "me")
        await asyncio.to_thread(live.tell, ["ben", "cyd"], "home", "task-2")
        return await asyncio.gather(*streams)

    one, two, three = asyncio.run(run())
    assert one == two == [BEGIN, b"event: changed\ndata: task-1\n\n", b"event: changed\ndata: me\n\n"]
    assert three[1:] == [b"event: changed\ndata: home\n\n", b"event: changed\ndata: task-2\n\n"]


def test_a_session_that_ended_is_sent_nothing_more() -> None:
    async def run() -> list[bytes]:
        live = Live(beat_s=0.01)
        live.open()
        stream = asyncio.create_task(collected(live, "ann", still=lambda: False, pieces=99))
        await asyncio.sleep(0)
        live.tell(["ann"], "task-1")
        found = await stream
        assert not live._pages
        return found

    assert asyncio.run(run()) == [BEGIN]


def test_an_idle_stream_says_that_it_is_there() -> None:
    async def run() -> list[bytes]:
        live = Live(beat_s=0.01)
        live.open()
        return await collected(live, "ann", pieces=2)

    assert asyncio.run(run())[1] == b": still here\n\n"


def test_streams_are_closed_for_one_or_for_all() -> None:
    async def run() -> tuple[int, int]:
        live = Live()
        live.open()
        ann, ben = (asyncio.create_task(collected(live, handle, pieces=99)) for handle in ("ann", "ben"))
        await asyncio.sleep(0.02)
        live.end("ann")
        first = len(await ann)
        assert not ben.done()
        live.end()
        return first, len(await ben)

    assert asyncio.run(run()) == (1, 1)


def test_one_person_has_no_more_than_so_many_and_a_slow_page_looks_at_everything_anew(monkeypatch) -> None:
    monkeypatch.setattr(module, "MOST_STREAMS", 1)
    monkeypatch.setattr(module, "MOST_WAITING", 3)

    async def run() -> list[bytes]:
        live = Live()
        live.open()
        old = asyncio.create_task(collected(live, "ann", pieces=99))
        await asyncio.sleep(0.02)
        new = asyncio.create_task(collected(live, "ann", pieces=3))
        await asyncio.sleep(0.02)
        assert len(await old) == 1
        live._put(["ann"], tuple(f"task-{number}" for number in range(5)))
        live._put(["ann"], ("task-9",))
        return await new

    assert asyncio.run(run())[1:] == [b"event: changed\ndata: all\n\n", b"event: changed\ndata: task-9\n\n"]


def test_those_that_are_opened_at_once_are_no_more_than_so_many(monkeypatch) -> None:
    monkeypatch.setattr(module, "MOST_STREAMS", 2)

    async def run() -> list[int]:
        live = Live()
        live.open()
        open_now = [asyncio.create_task(collected(live, "ann", pieces=2)) for _ in range(6)]
        await asyncio.sleep(0.02)
        live._put(["ann"], ("task-1",))
        return [len(one) for one in await asyncio.gather(*open_now)]

    assert sorted(asyncio.run(run())) == [1, 1, 1, 1, 2, 2]


def test_a_stream_begins_with_how_often_there_was_something_new() -> None:
    async def run() -> tuple[int, list[bytes]]:
        live = Live()
        live.open()
        before = live.told("ann")
        live.tell(["ann", "ben"], "task-1", "me")
        live.tell(["ann"], "home")
        await asyncio.sleep(0)
        assert (before, live.told("ann"), live.told("ben"), live.told("cyd")) == (0, 2, 1, 0)
        return live.told("ann"), await collected(live, "ann", pieces=1)

    told, (begin,) = asyncio.run(run())
    assert begin == f"retry: 2000\nevent: at\ndata: {told}\n\n".encode()


def test_before_it_is_open_nothing_is_told() -> None:
    live = Live()
    live.tell(["ann"], "me")
    live.end()
    assert not live._pages
