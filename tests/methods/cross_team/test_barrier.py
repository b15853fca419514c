import asyncio
import statistics
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consilience.ground.errors import InvalidInput, UnknownName
from consilience.methods.cross_team.barrier import Barrier

NAMES = "ABCDEF"


def in_loop(make):
    async def run():
        return make()

    return asyncio.run(run())


@st.composite
def histories(draw):
    """Names, a quorum, and who comes or withdraws in which order."""
    count = draw(st.integers(1, len(NAMES)))
    steps = [(name, draw(st.booleans())) for name in draw(st.permutations(NAMES[:count]))]
    return NAMES[:count], draw(st.none() | st.integers(1, 8)), steps


@given(histories())
def test_it_is_met_as_soon_as_all_who_live_or_a_quorum_have_come_and_not_before(history):
    names, quorum, steps = history

    async def run():
        barrier, came, gone = Barrier(names, quorum=quorum), [], set()
        for name, comes in steps:
            open_before = barrier.is_met
            if comes:
                assert barrier.arrive(name, name.lower()) is not open_before
            else:
                barrier.withdraw(name)
            if not open_before:
                came += [name] if comes else []
                gone |= set() if comes else {name}
                living = len(names) - len(gone)
                assert barrier.is_met == (len(came) >= (living if quorum is None else min(quorum, living)))
        assert barrier.is_met  # nobody is left, so nobody blocks
        assert await barrier.met() == tuple((name, name.lower()) for name in sorted(came))
        assert barrier.late == tuple(sorted({name for name, comes in steps if comes} - set(came)))
        assert barrier.withdrawn == tuple(sorted(name for name, comes in steps if not comes))

    asyncio.run(run())


def test_everybody_waits_for_the_last():
    async def run():
        barrier = Barrier("AB")
        barrier.arrive("B", 2)
        waiting = asyncio.create_task(barrier.met())
        await asyncio.sleep(0.01)
        assert not waiting.done()
        barrier.arrive("A", 1)
        return await waiting

    assert asyncio.run(run()) == (("A", 1), ("B", 2))


def test_a_deadline_counts_from_the_first_who_comes():
    async def run():
        barrier = Barrier("ABC", deadline_s=0.03)
        await asyncio.sleep(0.05)
        assert not barrier.is_met  # nobody was there
        barrier.arrive("B", 2)
        began = time.perf_counter()
        met = await asyncio.wait_for(barrier.met(), 2)
        assert time.perf_counter() - began >= 0.025
        assert barrier.arrive("A", 1) is False
        return met

    assert asyncio.run(run()) == (("B", 2),)


def test_nobody_waits_for_a_deadline_when_all_are_there():
    async def run():
        barrier = Barrier("AB", deadline_s=1e6)
        barrier.arrive("A", 1)
        barrier.arrive("B", 2)
        assert barrier.is_met
        assert barrier._timer.cancelled()  # a loop that is closed has nothing left to do

    asyncio.run(run())


def test_when_all_withdraw_nothing_was_brought():
    async def run():
        barrier = Barrier("AB")
        barrier.withdraw("A")
        barrier.withdraw("B")
        barrier.withdraw("B")
        return await barrier.met()

    assert asyncio.run(run()) == ()


def test_who_came_and_then_dies_has_come():
    async def run():
        barrier = Barrier("AB")
        barrier.arrive("A", 1)
        barrier.withdraw("A")
        assert not barrier.is_met
        barrier.arrive("B", 2)
        return await barrier.met()

    assert asyncio.run(run()) == (("A", 1), ("B", 2))


def test_whoever_waits_goes_on_within_five_milliseconds():
    async def once():
        barrier, woke = Barrier(map(str, range(256))), []

        async def team(name):
            barrier.arrive(name, name)
            await barrier.met()
            woke.append(time.perf_counter())

        waiting = [asyncio.create_task(team(str(at))) for at in range(255)]
        await asyncio.sleep(0)
        began = time.perf_counter()
        barrier.arrive("255", "255")
        await asyncio.gather(*waiting)
        return woke[0] - began

    assert statistics.median(asyncio.run(once()) for _ in range(5)) < 5e-3


@pytest.mark.parametrize(
    ("names", "how", "says"),
    [
        ("", {}, "must expect somebody"),
        ("AA", {}, "each once"),
        ("A", {"quorum": 0}, "`quorum` must be at least 1"),
        ("A", {"deadline_s": 0}, "`deadline_s` must be above 0"),
        ("A", {"deadline_s": float("nan")}, "`deadline_s` must be above 0"),
    ],
)
def test_what_means_nothing_is_refused(names, how, says):
    with pytest.raises(InvalidInput, match=says):
        in_loop(lambda: Barrier(names, **how))


def test_who_is_not_expected_or_comes_again_is_refused():
    async def run():
        barrier = Barrier(["A", "B", "C"])
        with pytest.raises(UnknownName, match="did you mean 'A'"):
            barrier.arrive("a", 1)
        with pytest.raises(UnknownName):
            barrier.withdraw("D")
        barrier.arrive("A", 1)
        with pytest.raises(InvalidInput, match="must come once"):
            barrier.arrive("A", 1)
        barrier.withdraw("B")
        with pytest.raises(InvalidInput, match="not after it withdrew"):
            barrier.arrive("B", 1)

    asyncio.run(run())
