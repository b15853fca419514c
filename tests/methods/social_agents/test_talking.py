"""Two agents find out what neither knows; nobody reads what is not theirs, and a talk ends, stops and goes on."""

import asyncio
import json
import random
import time
from datetime import UTC, datetime

import numpy as np
import pytest

from consilience.dialogue.budget import Budget
from consilience.dialogue.journal import Journal
from consilience.dialogue.models import Unreachable
from consilience.dialogue.session import Session
from consilience.dialogue.transcript import Transcript
from consilience.ground.errors import InvalidInput
from consilience.methods.social_agents.control import Control
from consilience.methods.social_agents.honesty import foreign_words
from consilience.methods.social_agents.party import Party
from consilience.methods.social_agents.record import TalkLimits
from consilience.methods.social_agents.records import Message
from consilience.methods.social_agents.scoring import mark
from consilience.methods.social_agents.sections import one_line, read_memory, sections
from consilience.methods.social_agents.talking import talk
from consilience.methods.social_agents.task import Assignment, Wanted
from consilience.methods.social_agents.values import contains
from consilience.methods.social_agents.wire import Crossed, OpenWire
from consilience.methods.social_agents.worlds.friends import friends_like
from consilience.methods.social_agents.worlds.needle import needle
from consilience.methods.social_agents.worlds.schedule import schedule

PLACE = Assignment(question="Where is the dinner?", wanted=(Wanted("place", "the place of the dinner"),))
LOST = {"facts": [], "say": "I do not know.", "asks": "", "done": False}


class Wall:
    """A wire that lets nothing of a list pass, and remembers what it was given."""

    def __init__(self, *words, refused=False):
        self.words, self.refused = words, refused
        self.sent, self.passed, self.resumed = [], [], []

    async def send(self, outgoing):
        self.sent.append(outgoing)
        if any(word in outgoing.say for word in self.words):
            return Crossed(text="", reason="not that", refused=self.refused)
        self.passed.append(outgoing.say)
        return Crossed(text=outgoing.say)

    def resume(self, talk, owner, counterpart, said):
        self.resumed.append((owner, tuple(said)))


def sides(company, asks_a, asks_b, rows_a=(), rows_b=(), **given):
    ann, bea = company.person("ann", 1), company.person("bea", 2)
    return (
        Party(person=ann, memory=company.Rows(*rows_a), asks=asks_a, **given),
        Party(person=bea, memory=company.Rows(*rows_b, first=100), asks=asks_b, **given),
    )


def run(company, asks_a, asks_b, task=PLACE, *, rows_a=(), rows_b=(), wire=None, **given):
    a, b = sides(company, asks_a, asks_b, rows_a, rows_b)
    return asyncio.run(talk(a, b, task, wire=wire or OpenWire(), **given))


def tells(value, *evidence, say=None, asks=""):
    facts = [{"slot": "place", "value": value, "confidence": 0.9, "evidence": list(evidence)}]
    return {"facts": facts, "say": f"It is {value}." if say is None else say, "asks": asks, "done": False}


WORLDS = {
    "needle-1": lambda rng: needle(3, 1, rng, length=20),
    "needle-2": lambda rng: needle(3, 2, rng, length=20),
    "friends": lambda rng: friends_like(4, rng, length=20),
    "easy": lambda rng: schedule("easy", 2, rng),
    "hard": lambda rng: schedule("hard", 1, rng),
}


def talks_of(company, world, name="neighbour", wire=None, limits=None, **given):
    """Let the people of all tasks talk; return the talks and all that was shown, by whom it was shown to."""

    async def all_of_them():
        async with Session(company.player(name)) as session:
            town = company.Town(world, company.Recording(session))
            ended = [
                await talk(
                    town.party(task.asker, **given),
                    town.party(task.partner, **given),
                    company.asked(task),
                    wire=wire or OpenWire(),
                    name=task.id,
                    limits=limits,
                )
                for task in world.tasks
            ]
            return ended, town.asks.prompts

    return asyncio.run(all_of_them())


@pytest.mark.parametrize("kind", WORLDS)
def test_honest_neighbours_find_what_neither_knows(company, kind):
    world = company.made(WORLDS[kind])
    ended, _ = talks_of(company, world)
    assert [mark(task, one.answer).score for task, one in zip(world.tasks, ended, strict=True)] == [1.0] * len(ended)
    assert all(one.ending == "known" and one.spent.calls <= 61 for one in ended)


def test_nobody_is_shown_a_message_that_is_not_theirs(company):
    world = company.made(WORLDS["friends"])
    _, prompts = talks_of(company, world)
    for element, prompt in prompts:
        handle = element.rpartition("/")[2]
        shown = sections(prompt)
        rows = (*read_memory(shown["memory"]), *read_memory(shown["episodes"]))
        theirs = {(name, one_line(text)) for name, text in world.said(world.seen_by(handle))}
        assert {(row.sender, row.text) for row in rows} <= theirs


def test_every_word_of_a_reply_is_in_its_prompt(company):
    ended, prompts = talks_of(company, company.made(WORLDS["needle-2"]))
    for one in ended:
        for utterance in one.utterances:
            shown = "\n".join(prompt for _, prompt in prompts)
            assert not foreign_words(shown, utterance.text)


def test_a_side_that_misreads_is_outvoted_by_itself(company):
    world = company.made(lambda rng: needle(12, 2, rng, length=20), 5)
    ended, _ = talks_of(company, world, "neighbour-noisy")
    marks = [mark(task, one.answer) for task, one in zip(world.tasks, ended, strict=True)]
    assert np.mean([one.score for one in marks]) >= 0.9


def test_replies_that_are_no_json_end_no_talk_badly(company):
    world = company.made(lambda rng: needle(6, 2, rng, length=20), 3)
    ended, _ = talks_of(company, world, "neighbour-rambling")
    marks = [mark(task, one.answer) for task, one in zip(world.tasks, ended, strict=True)]
    assert np.mean([one.score for one in marks]) >= 0.5
    assert all(one.answer or one.reasons for one in ended)


def test_without_a_plan_facts_scroll_away(company):
    world = company.made(lambda rng: schedule("medium", 2, rng))
    with_plan, _ = talks_of(company, world)
    without, _ = talks_of(company, world, plan=False)
    scores = [[mark(t, o.answer).score for t, o in zip(world.tasks, e, strict=True)] for e in (with_plan, without)]
    assert np.mean(scores[0]) == 1.0
    assert np.mean(scores[1]) < 0.7


def test_what_a_task_is_known_to_need_is_not_planned_again(company):
    asker = company.Scripted(LOST, LOST, {"answer": "Oak Street"})
    other = company.Scripted({"facts": []}, tells("Oak Street", "m100"), tells("Oak Street", "m100"))
    ended = run(company, asker, other, rows_b=["The dinner is on Oak Street."])
    assert (ended.ending, ended.answer) == ("known", "Oak Street")
    assert all("form: draft" not in question.messages[1].text for question in asker.questions)
    assert [one.asks for one in ended.utterances[::2]] == ["place", "place"]
    assert "Do you know the place of the dinner?" in ended.utterances[0].text


def test_what_is_invented_or_cited_from_nowhere_does_not_count(company):
    other = company.Scripted({"facts": []}, tells("Elm Street", "m555"), tells("Elm Street"), LOST)
    ended = run(company, company.Scripted(LOST), other, rows_b=["The dinner is on Oak Street."])
    assert ended.answer == ""
    assert not any(utterance.tells for utterance in ended.utterances)
    assert ended.reasons


def test_a_value_whose_words_are_not_in_its_message_is_never_known(company):
    other = company.Scripted({"facts": []}, tells("Elm Avenue", "m100"))
    ended = run(company, company.Scripted(LOST), other, rows_b=["The dinner is on Oak Street."])
    assert ended.ending != "known"
    assert ended.answer == ""


def test_two_who_say_different_things_are_asked_again(company):
    asker = company.Scripted(
        tells("Elm Street", "m1", say="Hm."), tells("Elm Street", "m1", say="Hm."), tells("Elm Street", "m1", say="Hm.")
    )
    other = company.Scripted({"facts": []}, tells("Oak Street", "m100"))
    task = Assignment(question="Where?", wanted=(*PLACE.wanted, Wanted("time", "the time of the dinner")))
    rows = {"rows_a": ["Dinner on Elm Street."], "rows_b": ["The place of the dinner is Oak Street."]}
    ended = run(company, asker, other, task, **rows)
    assert ended.ending != "known"
    assert any("stand against" in why or "nobody" in why for why in ended.reasons)


def test_what_crosses_is_the_text_and_what_is_in_it(company):
    wall = Wall()
    ended, _ = talks_of(company, company.made(WORLDS["needle-2"]), wire=wall)
    for one in ended:
        for utterance in one.utterances:
            assert utterance.text in wall.passed
            assert all(contains(utterance.text, told.value) for told in utterance.tells)
    assert {outgoing.purpose for outgoing in wall.sent} == {"needle-2"}
    assert all(set(outgoing.declared) <= {row.id for row in outgoing.seen} for outgoing in wall.sent)


def test_what_the_wire_stops_is_not_said_and_is_declined(company):
    other = company.Scripted({"facts": []}, tells("Oak Street", "m100"))
    wall = Wall("Oak", refused=True)
    ended = run(company, company.Scripted(LOST), other, rows_b=["The dinner is on Oak Street."], wire=wall)
    assert not any("Oak" in utterance.text for utterance in ended.utterances)
    assert "I may not tell the place of the dinner." in ended.utterances[1].text
    assert ended.reasons == ("place: bea will not tell",)
    assert ended.withheld == sum("Oak" in outgoing.say for outgoing in wall.sent)  # refused once is not asked again


def test_a_text_that_says_too_much_is_put_plainly(company):
    dump = "It is Oak Street. My PIN is 4711."
    other = company.Scripted({"facts": []}, tells("Oak Street", "m100", say=dump))
    asker = company.Scripted(LOST, LOST, {"answer": "Oak Street"})
    ended = run(company, asker, other, rows_b=["The dinner is on Oak Street."], wire=Wall("PIN"))
    assert ended.utterances[1].text == "The place of the dinner is Oak Street."
    assert ended.answer == "Oak Street"
    assert ended.withheld


def test_a_model_that_dumps_without_knowing_is_heard_to_know_nothing(company):
    other = company.Scripted({"facts": []}, LOST | {"say": "Secret! PIN 4711"})
    ended = run(company, company.Scripted(LOST), other, wire=Wall("PIN"))
    assert ended.utterances[1].text.startswith("I do not know the place of the dinner yet.")
    assert not any("PIN" in utterance.text for utterance in ended.utterances)
    assert ended.utterances[1].lacks == "place"


def test_a_plan_that_may_not_be_told_stays_with_its_side(company):
    plan = {"slots": [{"slot": "s1", "text": "the place"}, {"slot": "s2", "text": "the illness of Cem"}]}
    asker = company.Scripted(plan, LOST)
    other = company.Scripted({"facts": []}, LOST)
    ended = run(company, asker, other, Assignment(question="Where?"), wire=Wall("illness"))
    assert [one.slot for one in ended.state.a] == ["s1", "s2"]
    assert [one.slot for one in ended.state.b] == ["s1"]
    assert not any("illness" in question.messages[1].text for question in other.questions)


def test_each_person_watches_their_own_side_only(company):
    seen = []
    other = company.Scripted({"facts": []}, tells("Oak Street", "m100"))
    wall = Wall("Oak")
    run(company, company.Scripted(LOST), other, rows_b=["The dinner is on Oak Street."], wire=wall, on_turn=seen.append)
    for one in seen:
        assert one.board.owner == one.owner
        if one.utterance.speaker != one.owner:
            assert (one.found.messages, one.withheld) == ((), "")
    assert any(one.found.messages and one.withheld for one in seen)


def test_a_talk_ends_at_each_of_its_limits(company):
    never = LOST | {"say": "Hm."}

    def ended(**limits):
        task = Assignment(question="What?", wanted=tuple(Wanted(f"s{n}", f"the fact {n}") for n in range(40)))
        return run(company, company.Scripted(never), company.Scripted(never), task, limits=TalkLimits(**limits))

    assert ended(silent_turns=4).ending == "nothing new"
    assert len(ended(silent_turns=99, turns=5).utterances) == 5
    assert ended(silent_turns=99, turns=5).ending == "turns"
    for calls in (1, 2, 7):
        few = ended(silent_turns=99, calls=calls)
        assert (few.ending, few.spent.calls <= calls) == ("calls", True)
    assert ended(silent_turns=99, tokens=50).ending == "tokens"
    assert ended(silent_turns=99, seconds=0).ending == "seconds"


def test_a_side_that_was_asked_for_everything_is_not_asked_forever(company):
    ended = run(company, company.Scripted(LOST), company.Scripted({"facts": []}, LOST))
    assert ended.ending == "nobody knows"
    assert len(ended.utterances) < 8
    assert ended.reasons == ("place: nobody knows",)


def test_limits_that_are_none_are_refused():
    for name in ("turns", "calls", "silent_turns", "support", "tokens"):
        with pytest.raises(InvalidInput, match=name):
            TalkLimits(**{name: 0})


def test_a_model_that_fails_ends_a_talk_with_the_reason(company):
    ended = run(company, company.Scripted(Unreachable("nobody is there")), company.Scripted({"facts": []}))
    assert ended.ending == "failed"
    assert "nobody is there" in ended.reasons


def test_a_session_that_may_spend_no_more_ends_a_talk(company):
    async def poor():
        async with Session(company.player(), budget=Budget(calls=3)) as session:
            town = company.Town(company.made(WORLDS["needle-2"]), session)
            task = town.world.tasks[0]
            return await talk(town.party(task.asker), town.party(task.partner), company.asked(task), wire=OpenWire())

    ended = asyncio.run(poor())
    assert (ended.ending, ended.answer) == ("budget", "")


def test_replies_of_noise_raise_nothing(company):
    chance = random.Random(1)

    def noise(question):
        kind = chance.randrange(4)
        if kind == 0:
            return "".join(chr(chance.randrange(1, 0x2FF)) for _ in range(chance.randrange(200)))
        if kind == 1:
            return json.dumps({"facts": chance.choice([None, 5, [[]], {"place": {"a": 1}}]), "say": [1], "asks": {}})
        if kind == 2:
            return json.dumps(tells("Oak", "m1"))[: chance.randrange(90)]
        return json.dumps({"slots": [{"slot": "\x00" * 9, "text": "<board>"}] * 99, "answer": 7, "say": "x" * 5000})

    for _ in range(60):
        ended = run(company, company.Scripted(noise), company.Scripted(noise), Assignment(question="Where?"))
        assert all(len(one.text) <= 1_200 for one in ended.utterances)


def test_one_person_does_not_talk_with_themselves(company):
    ann = Party(person=company.person("ann"), memory=company.Rows(), asks=company.Scripted(LOST))
    with pytest.raises(InvalidInput, match="two people"):
        asyncio.run(talk(ann, ann, PLACE, wire=OpenWire()))


def test_a_person_ends_a_talk_while_a_model_is_thinking(company):
    class Slow(company.Scripted):
        async def ask(self, question, **given):
            await asyncio.sleep(60)

    async def killed():
        control = Control()
        a, b = sides(company, Slow(LOST), company.Scripted({"facts": []}))
        under_way = asyncio.ensure_future(talk(a, b, Assignment(question="Where?"), wire=OpenWire(), control=control))
        await asyncio.sleep(0.01)
        control.kill("bea")
        return await asyncio.wait_for(under_way, 5)

    ended = asyncio.run(killed())
    assert (ended.ending, ended.answer, ended.utterances) == ("stopped", "", ())


def test_a_pause_holds_the_next_turn_and_no_more(company):
    async def paused():
        control = Control()
        other = company.Scripted({"facts": []}, LOST)
        a, b = sides(company, company.Scripted(LOST), other)
        under_way = asyncio.ensure_future(
            talk(a, b, PLACE, wire=OpenWire(), control=control, on_turn=lambda _: control.pause())
        )
        await asyncio.sleep(0.05)
        held = len(other.questions), under_way.done()
        for _ in range(40):
            control.resume()
            await asyncio.sleep(0.005)
        return held, (await under_way).ending

    assert asyncio.run(paused()) == ((1, False), "nobody knows")


def test_what_a_person_corrects_stands_against_agents(company):
    control = Control()
    control.edit("ann", "bea", "place", "Mill Lane")
    control.edit("ann", "cem", "place", "Elm Street")  # of another talk of hers
    asker = company.Scripted({"answer": "Mill Lane"})
    ended = run(company, asker, company.Scripted({"facts": []}), control=control)
    assert (ended.ending, ended.answer, len(ended.utterances)) == ("known", "Mill Lane", 0)
    assert control.edits("ann", "cem") == [("ann", "place", "Elm Street")]


def test_a_person_speaks_instead_of_their_agent(company):
    control = Control()
    control.answer_as_me("bea", "cem", "Do not tell Ann.")
    control.answer_as_me("bea", "ann", "It is  Mill Lane,\nas ever.")
    heard = {"facts": [{"slot": "place", "value": "Mill Lane"}], "say": "Thanks.", "asks": "", "done": True}
    ended = run(
        company,
        company.Scripted(LOST, heard, {"answer": "Mill Lane"}),
        company.Scripted({"facts": []}),
        control=control,
    )
    said = ended.utterances[1]
    assert (said.text, said.by_person, said.speaker) == ("It is Mill Lane, as ever.", True, "bea")
    assert control.line("bea", "cem") == "Do not tell Ann."
    assert (ended.ending, ended.answer) == ("known", "Mill Lane")


def test_what_is_withdrawn_on_the_way_is_not_shown_again(company):
    gone = []

    def lets(rows, other, purpose):
        assert (other, purpose) in {("ann", "task"), ("bea", "task")}
        return [] if gone else rows

    other = company.Scripted({"facts": []}, LOST)
    a, b = sides(company, company.Scripted(LOST), other, (), ["The dinner is on Oak Street."], lets=lets)
    asyncio.run(talk(a, b, PLACE, wire=OpenWire(), on_turn=gone.append))
    shown = ["Oak Street" in question.messages[1].text for question in other.questions]
    assert shown[0]
    assert not any(shown[2:])
    assert len(shown) > 2


def test_a_talk_goes_on_where_it_was_and_says_nothing_twice(company, tmp_path):
    world = company.made(lambda rng: schedule("easy", 1, rng))
    task = world.tasks[0]

    async def part(stop_at, where):
        with Journal.open(tmp_path / where, "run") as journal:
            model = company.player()
            async with Session(model, journal=journal) as session:
                town = company.Town(world, session)
                wall = Wall()

                def fall(seen):
                    if stop_at and seen.utterance.number == stop_at:
                        raise OSError("the lights went out")

                ended = await talk(
                    town.party(task.asker),
                    town.party(task.partner),
                    company.asked(task),
                    wire=wall,
                    journal=journal,
                    on_turn=fall,
                )
                return ended, len(model.attendance.visits), wall

    whole, calls, _ = asyncio.run(part(0, "whole"))
    with pytest.raises(OSError, match="lights"):
        asyncio.run(part(3, "broken"))
    rest, rest_calls, wall = asyncio.run(part(0, "broken"))
    assert (rest.answer, rest.utterances) == (whole.answer, whole.utterances)
    assert rest.state == whole.state
    assert rest_calls == calls - 5  # two plans and three turns were safe
    assert [owner for owner, _ in wall.resumed] == [task.asker, task.partner]
    again, no_calls, _ = asyncio.run(part(0, "broken"))
    assert (again.answer, again.ending, no_calls) == (whole.answer, "known", 0)


def test_what_a_limit_ended_goes_on_with_a_higher_one(company, tmp_path):
    async def part(turns):
        with Journal.open(tmp_path / "journal", "run") as journal:
            a, b = sides(
                company,
                company.Scripted(LOST),
                company.Scripted({"facts": []}, tells("Oak Street", "m100")),
                (),
                ["The dinner is on Oak Street."],
            )
            return await talk(a, b, PLACE, wire=OpenWire(), journal=journal, limits=TalkLimits(turns=turns))

    assert asyncio.run(part(1)).ending == "turns"
    assert asyncio.run(part(1)).ending == "turns"
    assert asyncio.run(part(20)).ending == "known"


def test_a_journal_that_holds_something_else_is_not_gone_on_with(company, tmp_path):
    async def spoilt():
        with Journal.open(tmp_path / "journal", "run") as journal:
            await journal.put_artifact("talk/state", '{"a": 1}')
            a, b = sides(company, company.Scripted(LOST), company.Scripted(LOST))
            await talk(a, b, PLACE, wire=OpenWire(), journal=journal)

    with pytest.raises(InvalidInput, match="another name"):
        asyncio.run(spoilt())


def test_a_transcript_has_what_happened_and_not_what_was_said(company):
    with Transcript() as transcript:
        other = company.Scripted({"facts": []}, tells("Oak Street", "m100"))
        run(company, company.Scripted(LOST), other, rows_b=["The dinner is on Oak Street."], transcript=transcript)
        said = [event for event in transcript.events() if event.kind == "said"]
    assert [event.facts["number"] for event in said] == list(range(1, len(said) + 1))
    assert "Oak" not in str([event.facts for event in said])


def test_clocks_that_go_backwards_do_not_matter_to_a_talk(company, monkeypatch):
    hours = iter(range(10_000, 0, -1))
    monkeypatch.setattr(time, "time", lambda: 3600.0 * next(hours))
    sent = []

    def later(question):  # while the talk is on, the fact comes in, dated years before all else
        if not sent:
            sent.append(
                Message(900, 1, 9, "Cem", datetime(2011, 3, 4, tzinfo=UTC), "The place of the dinner is Mill Lane.")
            )
            b.memory.rows.extend(sent)
            b.memory._words[900] = {"place", "dinner", "mill", "lane", "the", "of", "is"}
            return LOST
        return tells("Mill Lane", "m900")

    a, b = sides(
        company, company.Scripted({"answer": "Mill Lane", "say": "Well?", "asks": "place"}), company.Scripted(later)
    )
    ended = asyncio.run(talk(a, b, PLACE, wire=OpenWire(), limits=TalkLimits(seconds=60)))
    assert (ended.ending, ended.answer) == ("known", "Mill Lane")
    assert 0 <= ended.seconds < 60
    assert ended.state.b["place"].evidence == (900,)
