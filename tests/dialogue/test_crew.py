import asyncio

import pytest

from consilience.dialogue.crew import Crew
from consilience.ground.errors import InvalidInput


def test_jobs_bring_forth_jobs_until_none_is_left():
    crew, done = Crew(3), []

    async def job(number):
        await asyncio.sleep(0)
        done.append(number)
        for child in (2 * number, 2 * number + 1):
            if child < 100:
                crew.push(0, job, child)

    crew.push(0, job, 1)
    asyncio.run(crew.work())
    assert sorted(done) == list(range(1, 100))


def test_there_is_no_task_for_what_nobody_works_on():
    crew, most = Crew(5), 0

    async def job():
        nonlocal most
        most = max(most, len(asyncio.all_tasks()))
        await asyncio.sleep(0)

    for _ in range(1000):
        crew.push(0, job)
    asyncio.run(crew.work())
    assert most <= 5 + 1


def test_a_job_never_waits_for_another_while_a_worker_is_free():
    crew, both = Crew(2), asyncio.Event()
    met = []

    async def first():
        crew.push(0, second)
        crew.push(0, second)

    async def second():
        met.append(None)
        if len(met) == 2:
            both.set()
        await asyncio.wait_for(both.wait(), 5)

    crew.push(0, first)
    asyncio.run(crew.work())
    assert len(met) == 2


def test_trouble_ends_what_is_ready_and_waits_for_what_was_begun():
    crew, done = Crew(3), []

    async def troubled():
        await asyncio.sleep(0)
        raise InvalidInput("trouble")

    async def begun(name):
        await asyncio.sleep(0.01)
        done.append(name)
        crew.proceed()
        done.append("never")

    crew.push(2, begun, "begun")
    crew.push(2, troubled)
    crew.push(1, begun, "begun too")
    crew.push(0, begun, "not begun")
    with pytest.raises(InvalidInput, match="trouble"):
        asyncio.run(crew.work())
    assert sorted(done) == ["begun", "begun too"]


def test_a_bug_ends_everything_and_keeps_its_type():
    crew, done = Crew(2), []

    async def bug():
        await asyncio.sleep(0)
        raise ZeroDivisionError

    async def slow():
        await asyncio.sleep(10)
        done.append("slow")

    crew.push(0, bug)
    crew.push(0, slow)
    with pytest.raises(ZeroDivisionError):
        asyncio.run(crew.work())
    assert not done


def test_jobs_that_never_wait_leave_the_loop_to_others():
    crew = Crew(1)
    ticks, seen = [], []

    async def job():
        seen.append(len(ticks))

    async def tick():
        while True:
            ticks.append(None)
            await asyncio.sleep(0)

    async def both():
        ticking = asyncio.ensure_future(tick())
        for _ in range(1000):
            crew.push(0, job)
        await crew.work()
        ticking.cancel()

    asyncio.run(both())
    assert seen[-1] > 5


def test_nothing_to_do_is_done_at_once():
    asyncio.run(Crew(1).work())
