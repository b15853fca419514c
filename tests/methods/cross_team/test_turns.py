import asyncio

import pytest

from consilience.dialogue.messages import Message, Reply
from consilience.dialogue.models import Unreachable
from consilience.dialogue.transcript import Transcript
from consilience.dialogue.work.artifact import Artifact
from consilience.dialogue.work.attempts import SEEDS
from consilience.dialogue.work.kinds import Text
from consilience.ground.errors import InvalidInput
from consilience.methods.cross_team.guard import Candidate
from consilience.methods.cross_team.prompts import Prompts
from consilience.methods.cross_team.rating import Rating
from consilience.methods.cross_team.result import Cell
from consilience.methods.cross_team.spec import Chain, Phase
from consilience.methods.cross_team.turns import Aggregating, PhaseSpent, Turn, Turns, asks_of

ASKED = (Message("user", ("Say hello.",)),)


class Told:
    """A session that says what it is told to, and takes events down as a session does."""

    def __init__(self, *replies, transcript=None):
        self.replies, self.asked, self.transcript, self.last = list(replies), [], transcript, ()
        self.present = self.peak = 0

    async def ask(self, question, *, priority=0.0, caused_by=()):
        self.asked.append((question, caused_by))
        self.present += 1
        self.peak = max(self.peak, self.present)
        await asyncio.sleep(0)
        self.present -= 1
        reply = self.replies.pop(0)
        if self.transcript is not None:
            self.last = (self.transcript.add("replied", question.element, after=caused_by),)
        if isinstance(reply, Exception):
            raise reply
        return Reply(text=reply, model="m")

    def last_event(self, element):
        return self.last


def turns(*, width=9, reasks=1, transcript=None, proceed=lambda: None):
    return Turns(width=width, reasks=reasks, transcript=transcript, proceed=proceed)


def turn(session, name="A/draft", **how):
    return Turn(name, session, Cell(), (), **how)


def test_questions_carry_what_belongs_to_their_element():
    session = Told("a", "b", "c")
    asking = turn(session, temperature=0.5, max_tokens=99, seed=3)
    for _ in range(3):
        asyncio.run(turns().ask(asking, ASKED))
    questions = [question for question, _ in session.asked]
    assert [question.occurrence for question in questions] == [0, 1, 2]
    assert {(question.settings.temperature, question.settings.max_tokens) for question in questions} == {(0.5, 99)}
    assert all(0 <= question.settings.seed < SEEDS for question in questions)


def test_each_event_comes_after_the_last_one_of_the_element():
    transcript = Transcript()
    session = Told(" ", "work", transcript=transcript)
    asyncio.run(turns(transcript=transcript).attempt(turn(session), ASKED, 1, Text().read))
    events = transcript.events()
    assert [event.kind for event in events] == ["replied", "dropped", "replied"]
    assert [event.after for event in events] == [(), ("0",), ("1",)]


def test_what_is_asked_counts_even_when_nobody_answers():
    asking = turn(Told(Unreachable("gone")))
    with pytest.raises(Unreachable):
        asyncio.run(turns().ask(asking, ASKED))
    assert asking.cell.calls == 1


def test_a_turn_asks_no_more_than_it_may():
    session = Told(" ", " ", "never asked")
    asking = turn(session, most=2)
    with pytest.raises(PhaseSpent):
        asyncio.run(turns(reasks=5).attempt(asking, ASKED, 1, Text().read))
    assert (asking.cell.calls, asking.cell.dropped, len(session.asked)) == (2, 2, 2)


@pytest.mark.parametrize("width", [1, 3, 10])
def test_no_more_questions_are_under_way_than_may_be(width):
    session = Told(*"abcdefghij")

    async def run():
        asked = turns(width=width)
        await asyncio.gather(*(asked.ask(turn(session, f"{at}"), ASKED) for at in range(10)))

    asyncio.run(run())
    assert session.peak == width


def test_nothing_is_asked_once_nothing_is_to_be_asked():
    def proceed():
        raise Unreachable("stop")

    session = Told("work")
    with pytest.raises(Unreachable, match="stop"):
        asyncio.run(turns(proceed=proceed).ask(turn(session), ASKED))
    assert not session.asked


def merge(session, *grades):
    chain = Chain(steps=(Phase(name="draft", assistant="w", prompt="Go."),), roles={"w": "You write."})
    asking = Aggregating(turns(), Prompts(chain, "Say hello.", Text()), session, Text().read, 0)
    parents = [
        Candidate(name, Artifact(f"work {name}", grade), Rating(usable=True))
        for name, grade in zip("ABC", grades, strict=False)
    ]
    return asking, asyncio.run(asking("meet+0.0", parents, ()))


def test_a_merge_is_one_question_whose_cost_is_kept_by_its_element():
    asking, merged = merge(Told("both"), 1, 1)
    assert merged.artifact == Artifact("both")
    assert (asking.cells["meet+0.0"].calls, asking.cells["meet+0.0"].state) == (1, "done")


def test_a_reply_that_parses_worse_than_the_best_parent_is_no_merge():
    session = Told("worse", "worse")
    asking, merged = merge(session, 1, 2)
    assert merged.artifact is None
    assert "parses as well as the best" in merged.reason
    assert (asking.cells["meet+0.0"].calls, asking.cells["meet+0.0"].state) == (2, "failed")


def test_who_is_asked_is_found_by_the_most_particular_name():
    one, other, rest = Told(), Told(), Told()
    named = {"A": one, "big": other, "": rest, "B/big": one}
    assert asks_of(rest, "A", None) is rest
    assert asks_of(named, "A", None) is one
    assert asks_of(named, "A", "small") is one
    assert asks_of(named, "C", "big") is other
    assert asks_of(named, "C", None) is rest
    assert asks_of(named, "A", None, "big") is other
    assert asks_of(named, "B", None, "big") is one


def test_who_is_not_there_to_ask_is_named():
    with pytest.raises(InvalidInput, match="'huge'"):
        asks_of({"": Told()}, "A", None, "huge")
    with pytest.raises(InvalidInput, match="'A' or 'huge'"):
        asks_of({"": Told()}, "A", "huge")
    with pytest.raises(InvalidInput, match="one session for all"):
        asks_of(Told(), "A", "huge")
