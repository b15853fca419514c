"""Whom to ask next is found by what is one's own to see; a pursuit ends whatever agents want."""

import asyncio

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from consilience.dialogue.journal import Journal
from consilience.dialogue.session import Session
from consilience.ground.errors import InvalidInput
from consilience.methods.social_agents.network import Network, contacts_only
from consilience.methods.social_agents.party import Party
from consilience.methods.social_agents.pursuit import PursuitLimits
from consilience.methods.social_agents.record import TalkLimits
from consilience.methods.social_agents.scoring import mark
from consilience.methods.social_agents.task import Assignment, Wanted
from consilience.methods.social_agents.wire import OpenWire
from consilience.methods.social_agents.worlds.needle import needle
from consilience.methods.social_agents.worlds.schedule import schedule

PET = Assignment(question="Has Dan a pet? And who pays?", wanted=(Wanted("pet", "the pet of Dan"),), purpose="gossip")
LOST = {"facts": [], "say": "I do not know.", "asks": "", "done": False}
KNOWN = {
    "facts": [{"slot": "pet", "value": "parrot", "confidence": 0.9, "evidence": ["m300"]}],
    "say": "The pet of Dan is parrot.",
}


def concluding(question):
    """Know nothing, and answer in the end."""
    return {"answer": "parrot"} if "form: answer" in question.messages[1].text else LOST


class Circle:
    """People who know one another as they are told to, each with a model and messages."""

    def __init__(self, company, asks, contacts, *, rows=None, cards=None, **given):
        self.company, self.asks, self.given = company, asks, given
        self.people = {
            handle: company.person(handle, number, (cards or {}).get(handle, ""))
            for number, handle in enumerate(sorted({one for pair in contacts for one in pair}), 1)
        }
        self.pairs = contacts
        self.rows = rows or {}

    def contacts(self, handle):
        known = {one if two == handle else two for one, two in self.pairs if handle in (one, two)}
        return [self.people[one] for one in sorted(known)]

    def party(self, handle):
        first = 100 * self.people[handle].id
        memory = self.company.Rows(*self.rows.get(handle, ()), friends=self.contacts(handle), first=first)
        asks = self.asks[handle] if isinstance(self.asks, dict) else self.asks
        return Party(person=self.people[handle], memory=memory, asks=asks, **self.given)

    def network(self, **given):
        return Network(self.party, self.contacts, OpenWire(), **given)


def chain(company, last=None, **given):
    """Return Ann, Bea and Cem, of whom each knows the next, and who was asked what."""
    asks = {
        "ann": company.Scripted(concluding),
        "bea": company.Scripted(LOST),
        "cem": company.Scripted({"facts": []}, last or KNOWN),
    }
    rows = {"cem": [("Dan", "My pet is a parrot.")]}
    return Circle(company, asks, [("ann", "bea"), ("bea", "cem")], rows=rows, **given)


def pursue(circle, task=PET, *, asker="ann", partner="bea", limits=None, **given):
    return asyncio.run(circle.network(**given).pursue(task, asker, partner, limits=limits))


def test_what_a_third_person_knows_comes_back_with_its_origin(company):
    circle = chain(company)
    ended = pursue(circle)
    assert (ended.answer, ended.talks) == ("parrot", 2)
    below = ended.root.parts[0]
    assert (below.depth, below.slot, below.talk.asker, below.talk.partner) == (1, "pet", "bea", "cem")
    assert ended.root.talk.state.a["pet"].source == "cem"


def test_a_third_person_is_told_one_slot_and_nothing_of_the_rest(company):
    circle = chain(company)
    pursue(circle)
    shown = [question.messages[1].text for question in circle.asks["cem"].questions]
    assert shown
    assert all("the pet of Dan" in prompt for prompt in shown)
    assert not any("pays" in prompt or "Ann" in prompt for prompt in shown)


def test_what_must_not_be_passed_on_is_not(company):
    circle = chain(company, may_forward=lambda rows: False)
    ended = pursue(circle)
    assert ended.answer == ""
    assert ended.root.parts[0].talk.state.a["pet"].value == "parrot"  # Bea has it, and keeps it
    assert not any("parrot" in one.text for one in ended.root.talk.utterances)
    assert not any("parrot" in question.messages[1].text for question in circle.asks["ann"].questions)


def test_the_asking_side_asks_its_own_contacts_too(company):
    circle = chain(company)
    circle.pairs = [("ann", "bea"), ("ann", "cem")]
    ended = pursue(circle)
    assert [branch.talk.asker for branch in ended.root.parts] == ["ann"]
    assert ended.root.talk.state.a["pet"].status == "known"


@pytest.mark.parametrize(
    ("task", "limits"),
    [
        (PET, PursuitLimits(depth=0)),
        (PET, PursuitLimits(fan_out=0)),
        (PET, PursuitLimits(talks=1)),
        (PET, PursuitLimits(rounds=0)),
        (Assignment(question="What?", wanted=PET.wanted, may_ask_others=False), PursuitLimits()),
    ],
)
def test_nobody_else_is_asked_where_that_is_not_wanted(company, task, limits):
    circle = chain(company)
    ended = pursue(circle, task, limits=limits)
    assert ended.talks == 1
    assert not circle.asks["cem"].questions
    assert ended.reasons == ("pet: nobody knows",)


def test_somebody_who_does_not_agree_is_not_asked(company):
    requests = []

    async def no(request):
        requests.append(request)
        return False

    circle = chain(company)
    assert pursue(circle, agrees=no).talks == 1
    assert [(one.kind, one.by, one.to, one.purpose, one.text) for one in requests] == [
        ("talk", "bea", "cem", "gossip", "the pet of Dan")
    ]
    assert not circle.asks["cem"].questions


def everybody(company, count=8):
    handles = [f"p{number}" for number in range(count)]
    pairs = [(one, two) for at, one in enumerate(handles) for two in handles[at + 1 :]]
    return pairs, handles


@pytest.mark.parametrize(
    "limits",
    [
        PursuitLimits(depth=6, fan_out=7, talks=500, calls=150, rounds=9),
        PursuitLimits(depth=6, fan_out=7, talks=9, calls=10_000, rounds=9),
        PursuitLimits(depth=3, fan_out=2, talks=60, calls=10_000, rounds=2, talk=TalkLimits(turns=6)),
        PursuitLimits(calls=1),
        PursuitLimits(calls=3),
        PursuitLimits(depth=9, fan_out=9, talks=99, tokens=20_000),
        PursuitLimits(depth=9, fan_out=9, talks=99, seconds=0.2),
    ],
)
def test_agents_that_never_know_and_always_want_more_come_to_an_end(company, limits):
    def more(question):
        return {
            "slots": [{"slot": f"s{n}", "text": f"the fact {n}"} for n in range(64)],
            "say": "I know somebody who knows somebody. Ask on!",
            "asks": "s1",
        }

    pairs, handles = everybody(company)
    asks = company.Scripted(more)
    circle = Circle(company, asks, pairs)
    ended = pursue(circle, Assignment(question="What?"), asker=handles[0], partner=handles[1], limits=limits)
    assert ended.answer == ""
    assert ended.talks <= limits.talks
    assert ended.calls == len(asks.questions) <= limits.calls
    assert max(branch.depth for branch in ended.root) <= limits.depth
    asked = [(b.talk.asker, b.talk.partner, b.slot) for b in ended.root if b.depth]
    assert len(asked) == len(set(asked))


def test_nobody_on_the_way_to_a_talk_is_asked_in_it(company):
    pairs, handles = everybody(company, 5)
    circle = Circle(company, company.Scripted(LOST), pairs)
    limits = PursuitLimits(depth=4, fan_out=4, talks=200, calls=5_000)
    ended = pursue(circle, asker=handles[0], partner=handles[1], limits=limits)

    def walk(branch, above):
        assert branch.talk.partner not in above
        for part in branch.parts:
            walk(part, above | {branch.talk.asker, branch.talk.partner})

    walk(ended.root, set())
    assert ended.talks > 5


def test_a_stranger_is_not_asked(company):
    with pytest.raises(InvalidInput, match="contact"):
        pursue(chain(company), asker="ann", partner="cem")


@pytest.mark.parametrize("name", ["depth", "fan_out", "talks", "calls", "rounds"])
def test_limits_that_are_none_are_refused(name):
    with pytest.raises(InvalidInput, match=name):
        PursuitLimits(**{name: -1})


def test_who_may_know_is_found_by_what_one_may_read_oneself(company):
    pairs = [("ann", one) for one in ("bea", "cem", "dan", "eva")]
    rows = {"ann": [("Cem", "A pet is a lot of work."), ("Bea", "Good morning.")]}
    cards = {"eva": "I look after any pet in town."}
    circle = Circle(company, company.Scripted(LOST), pairs, rows=rows, cards=cards)
    found = circle.network().find("ann", "the pet of Dan")
    assert [(one.person.handle, one.why) for one in found] == [
        ("dan", "is who the question is about"),
        ("cem", "said something like it"),
        ("eva", "has it on their card"),
        ("bea", "is a contact"),
    ]
    assert [one.person.handle for one in circle.network().find("ann", "it", without=("dan", "eva"))] == ["bea", "cem"]
    assert circle.network().find("eva", "the pet of Dan", without=("ann",)) == []


def test_an_introduction_needs_both_to_agree(company):
    circle = chain(company)

    def introduced(*refuse):
        requests = []

        async def agrees(request):
            requests.append((request.kind, request.to))
            return request.to not in refuse

        async def meet():
            network = circle.network(agrees=agrees)
            done = await network.introduce("ann", "bea", "cem", purpose="gossip", text="the pet of Dan")
            return (
                done,
                [one.handle for one in network.contacts("ann")],
                [one.handle for one in network.contacts("cem")],
            )

        return asyncio.run(meet()), requests

    assert introduced() == ((True, ["bea", "cem"], ["ann", "bea"]), [("introduce", "bea"), ("meet", "cem")])
    assert introduced("bea") == ((False, ["bea"], ["bea"]), [("introduce", "bea")])
    assert introduced("cem")[0] == (False, ["bea"], ["bea"])


def test_an_introduction_by_default_is_none_and_needs_somebody_in_the_middle(company):
    async def meet(via, to):
        return await chain(company).network().introduce("ann", via, to, purpose="gossip", text="the pet of Dan")

    assert asyncio.run(meet("bea", "cem")) is False
    with pytest.raises(InvalidInput, match="contact of both"):
        asyncio.run(meet("cem", "bea"))
    with pytest.raises(InvalidInput, match="two people"):
        asyncio.run(meet("bea", "ann"))
    assert asyncio.iscoroutinefunction(contacts_only)


def test_three_hops_are_out_of_reach_without_others_and_within_it_with_them(company):
    world = company.made(lambda rng: needle(3, 3, rng, length=20))

    async def both():
        async with Session(company.player()) as session:
            town = company.Town(world, session)
            network = Network(town.party, town.contacts, OpenWire())
            return [
                [
                    await network.pursue(
                        company.asked(task), task.asker, task.partner, name=task.id, limits=PursuitLimits(depth=depth)
                    )
                    for task in world.tasks
                ]
                for depth in (2, 0)
            ]

    with_others, alone = asyncio.run(both())
    assert [mark(t, one.answer).score for t, one in zip(world.tasks, with_others, strict=True)] == [1.0, 1.0, 1.0]
    assert [one.answer for one in alone] == ["", "", ""]


def test_a_pursuit_goes_on_where_it_was(company, tmp_path):
    world = company.made(lambda rng: needle(1, 3, rng, length=20))
    task = world.tasks[0]

    async def part(fall_at=0):
        with Journal.open(tmp_path / "journal", "run") as journal:
            model = company.player()
            seen = 0

            def fall(turn):
                nonlocal seen
                seen += 1
                if seen == fall_at:
                    raise OSError("the lights went out")

            async with Session(model, journal=journal) as session:
                town = company.Town(world, session)
                network = Network(town.party, town.contacts, OpenWire(), journal=journal, on_turn=fall)
                ended = await network.pursue(company.asked(task), task.asker, task.partner, name="t")
                return ended.answer, ended.talks, len(model.attendance.visits)

    with pytest.raises(OSError, match="lights"):
        asyncio.run(part(fall_at=13))
    answer, talks, calls = asyncio.run(part())
    assert mark(task, answer).score == 1.0
    assert talks == 2
    assert asyncio.run(part()) == (answer, talks, 0)
    assert 0 < calls < 9


def parting(company, part, limits=None):
    """Do something after the third utterance of a talk, as somebody leaving; return what became of it."""
    world = company.made(lambda rng: schedule("easy", 1, rng), 101)
    task = world.tasks[0]

    async def pursued():
        async with Session(company.player()) as session:
            town = company.Town(world, session)
            asker, partner = town.people[task.asker].handle, town.people[task.partner].handle

            def seen(turn):
                if turn.utterance.number == 3 and turn.owner == turn.utterance.speaker:
                    part(town.store, asker, partner)

            def party(handle):
                return Party(person=town.store.person(handle), memory=town.store.memory(handle), asks=session)

            network = Network(party, town.store.contacts_of, OpenWire(), on_turn=seen)
            return await network.pursue(company.asked(task), asker, partner, limits=limits)

    return asyncio.run(pursued())


@pytest.mark.parametrize(
    "part",
    [
        lambda store, asker, partner: store.forget(owner=partner),
        lambda store, asker, partner: store.forget(owner=asker),
        lambda store, asker, partner: store.withdraw(partner, asker),
    ],
    ids=["whoever is asked leaves", "whoever asks leaves", "a contact is withdrawn"],
)
def test_a_task_ends_before_the_next_turn_when_the_two_may_no_longer_talk(company, part):
    ended = parting(company, part)
    assert (ended.root.talk.ending, ended.answer, len(ended.root.talk.utterances)) == ("stopped", "", 3)
    assert "gone" in ended.reasons[-1]


def test_a_task_goes_on_where_nobody_leaves(company):
    assert parting(company, lambda store, asker, partner: None).root.talk.ending == "known"


WILD = st.builds(
    PursuitLimits,
    depth=st.integers(0, 9),
    fan_out=st.integers(0, 9),
    talks=st.integers(1, 40),
    calls=st.integers(1, 120),
    rounds=st.integers(0, 9),
    tokens=st.none() | st.integers(1, 60_000),
    talk=st.builds(TalkLimits, turns=st.integers(1, 12)),
)


@settings(
    max_examples=15,
    deadline=None,
    phases=(Phase.explicit, Phase.generate),
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(limits=WILD, known=st.integers(0, 3))
def test_no_budget_is_exceeded_by_agents_that_always_want_others_to_be_asked(company, limits, known):
    def more(question):
        slots = [{"slot": f"s{n}", "text": f"the fact {n} of p{n}"} for n in range(9)]
        return {"slots": slots, "say": "Somebody else knows. Ask on!", "asks": f"s{len(asks.questions) % (9 - known)}"}

    pairs, handles = everybody(company, 7)
    asks = company.Scripted(more)
    circle = Circle(company, asks, pairs)
    ended = pursue(circle, Assignment(question="What?"), asker=handles[0], partner=handles[1], limits=limits)
    assert ended.calls == len(asks.questions) <= limits.calls
    assert ended.talks <= limits.talks
    assert max(branch.depth for branch in ended.root) <= limits.depth
    if limits.tokens is not None:  # what the last reply takes is known when it is there
        most = max(len("".join(m.text for m in q.messages)) for q in asks.questions) + 1_000
        assert ended.tokens < limits.tokens + most


def test_a_task_that_ran_out_of_turns_is_concluded_and_not_talked_over_again(company):
    limits = PursuitLimits(depth=0, talk=TalkLimits(turns=4))
    ended = parting(company, lambda store, asker, partner: None, limits)
    assert (len(ended.root.talk.utterances), ended.root.talk.ending, ended.answer) == (4, "turns", "")
