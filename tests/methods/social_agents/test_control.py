"""The hand of a person on a talk: what it holds, what it lets go on, and that an end is an end."""

import asyncio

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from consilience.methods.social_agents.control import Control

PAIRS = st.sampled_from([("ann", "bea"), ("bea", "ann"), ("ann", "cem"), ("cem", "ann")])
"""Who says something to whom in the two talks of a pursuit."""


def within(work, seconds=2.0):
    """Run something that has to come to an end."""

    async def bounded():
        async with asyncio.timeout(seconds):
            return await work

    return asyncio.run(bounded())


async def waits(work):
    """Return whether something still waits after everybody had their turn."""
    task = asyncio.ensure_future(work)
    for _ in range(5):
        await asyncio.sleep(0)
    done = task.done()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    return not done


class Hands(RuleBasedStateMachine):
    """All that people may do in two talks, in any order, beside what it should come to."""

    def __init__(self):
        super().__init__()
        self.runner = asyncio.Runner()
        self.control = Control()
        self.paused, self.ended_by = False, None
        self.edits = {"bea": [], "cem": []}
        self.lines = {(who, to): [] for one in self.edits for who, to in (("ann", one), (one, "ann"))}

    @rule()
    def pause(self):
        self.control.pause()
        self.paused = self.ended_by is None

    @rule()
    def resume(self):
        self.control.resume()
        self.paused = False

    @rule(who=st.sampled_from(["ann", "bea"]))
    def kill(self, who):
        self.control.kill(who)
        self.ended_by = self.ended_by or who
        self.paused = False

    @rule(pair=PAIRS, value=st.text(max_size=3))
    def edit(self, pair, value):
        who, to = pair
        self.control.edit(who, to, "place", value)
        self.edits[who if to == "ann" else to].append((who, "place", value))

    @rule(pair=PAIRS, text=st.integers().map(str))
    def answer(self, pair, text):
        self.control.answer_as_me(*pair, text)
        self.lines[pair].append(text)

    @rule(other=st.sampled_from(["bea", "cem"]))
    def take_edits(self, other):
        assert self.control.edits("ann", other) == self.edits[other]
        self.edits[other] = []

    @rule(pair=PAIRS)
    def take_line(self, pair):
        assert self.control.line(*pair) == (self.lines[pair].pop(0) if self.lines[pair] else None)

    @invariant()
    def is_as_it_should_be(self):
        assert (self.control.paused, self.control.ended_by) == (self.paused, self.ended_by)

    @invariant()
    def waits_only_while_it_is_paused(self):
        async def look():
            if await waits(self.control.checkpoint()):
                return "waits"
            return "goes on" if await self.control.checkpoint() else "is over"

        expected = "is over" if self.ended_by else "waits" if self.paused else "goes on"
        assert self.runner.run(look()) == expected

    def teardown(self):
        self.runner.close()


Hands.TestCase.settings = settings(max_examples=25, stateful_step_count=12, deadline=None, derandomize=True)
TestHands = Hands.TestCase


def test_a_kill_wakes_what_is_paused():
    async def killed():
        control = Control()
        control.pause()
        waiting = asyncio.ensure_future(control.checkpoint())
        await asyncio.sleep(0)
        assert not waiting.done()
        control.kill("bea")
        return await waiting, control.paused

    assert within(killed()) == (False, False)


def test_what_is_ended_is_neither_paused_nor_resumed():
    async def ended():
        control = Control()
        control.kill("ann")
        control.pause()
        first = await control.checkpoint()
        control.resume()
        control.kill("bea")
        return first, await control.checkpoint(), control.paused, control.ended_by

    assert within(ended()) == (False, False, False, "ann")


def test_a_resume_wakes_what_is_paused_once():
    async def held():
        control = Control()
        control.pause()
        control.pause()
        waiting = asyncio.ensure_future(control.checkpoint())
        control.resume()
        return await waiting, await control.checkpoint()

    assert within(held()) == (True, True)


def test_work_is_given_up_and_told_so_when_it_ends():
    async def given_up():
        control, seen = Control(), []

        async def work():
            try:
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                seen.append("given up")
                raise

        under_way = asyncio.ensure_future(control.unless_ended(work()))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        control.kill("ann")
        return await under_way, seen

    assert within(given_up()) == (None, ["given up"])


def test_work_that_is_paused_goes_on_to_its_end():
    async def paused():
        control = Control()
        control.pause()
        return await control.unless_ended(asyncio.sleep(0, "done"))

    assert within(paused()) == "done"


def test_work_that_fails_fails_as_it_is():
    async def failing():
        raise OSError("the lights went out")

    with pytest.raises(OSError, match="lights"):
        within(Control().unless_ended(failing()))


def test_who_gives_up_waiting_gives_up_the_work():
    async def cancelled():
        control, seen = Control(), []

        async def work():
            try:
                await asyncio.sleep(60)
            finally:
                seen.append("given up")

        outer = asyncio.ensure_future(control.unless_ended(work()))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        outer.cancel()
        await asyncio.gather(outer, return_exceptions=True)
        left = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        return outer.cancelled(), seen, left

    assert within(cancelled()) == (True, ["given up"], [])


def test_lines_are_said_in_the_order_in_which_they_were_written():
    control = Control()
    for text in ("one", "two"):
        control.answer_as_me("ann", "bea", text)
        control.edit("ann", "bea", "place", text)
    assert [control.line("ann", "bea") for _ in range(3)] == ["one", "two", None]
    assert [value for _, _, value in control.edits("bea", "ann")] == ["one", "two"]


def test_what_is_said_in_one_talk_is_taken_by_no_other():
    control = Control()
    control.answer_as_me("ann", "bea", "It is Mill Lane.")
    control.edit("ann", "bea", "place", "Mill Lane")
    control.edit("cem", "ann", "place", "Elm Street")
    assert (control.line("ann", "cem"), control.line("bea", "ann")) == (None, None)
    assert control.edits("ann", "cem") == [("cem", "place", "Elm Street")]
    assert control.line("ann", "bea") == "It is Mill Lane."
    assert control.edits("ann", "bea") == [("ann", "place", "Mill Lane")]


def test_what_no_file_takes_is_not_handed_on():
    control = Control()
    control.answer_as_me("ann", "bea", "Oak \ud83d Street \x00")
    control.edit("ann", "bea", "pl\udcfface", "Oak\ud800")
    assert control.line("ann", "bea") == "Oak ? Street \x00"
    assert control.edits("ann", "bea") == [("ann", "pl?ace", "Oak?")]


def test_what_people_said_after_the_end_is_kept_for_nobody_else():
    control = Control()
    control.kill("ann")
    control.answer_as_me("bea", "ann", "It is Mill Lane.")
    control.edit("bea", "ann", "place", "Mill Lane")
    assert control.line("ann", "bea") is None
    assert [control.line("bea", "ann") for _ in range(2)] == ["It is Mill Lane.", None]
    assert [control.edits("ann", "bea") for _ in range(2)] == [[("bea", "place", "Mill Lane")], []]
