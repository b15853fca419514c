"""A pursuit keeps to its limits whatever a network does, and brings back what others know with whose it is."""

import asyncio
from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from consilience.ground.errors import InvalidInput
from consilience.methods.social_agents.consensus import agree
from consilience.methods.social_agents.control import Control
from consilience.methods.social_agents.pursuit import MORE_TURNS, Branch, PursuitLimits, Walk
from consilience.methods.social_agents.rationale import Board, Reading
from consilience.methods.social_agents.record import State, Talk, TalkLimits
from consilience.methods.social_agents.records import Person
from consilience.methods.social_agents.speech import Spent
from consilience.methods.social_agents.task import Assignment, Wanted

PETS = Assignment(
    question="Have Dan and Eva the same pet? And who pays?",
    wanted=(Wanted("pet", "the pet of Dan"), Wanted("dog", "the dog of Eva")),
    purpose="gossip",
)
PEOPLE = [Person(number, f"p{number}", f"P{number}", "") for number in range(6)]


@dataclass(frozen=True)
class Candidate:
    person: Person


class Everybody:
    """A network in which everybody knows everybody, talks use all that they may, and nobody knows unless told so.

    All slots cross but those that are refused.
    """

    def __init__(
        self, *, knows=(), ending="nobody knows", agrees=True, forward=True, on_run=None, greedy=True, refused=()
    ):
        self.knows, self.ending, self.agrees, self.forward = dict(knows), ending, agrees, forward
        self.on_run, self.greedy, self.refused = on_run, greedy, refused
        self.runs, self.asked = [], []

    def find(self, owner, text, *, without=()):
        return [Candidate(one) for one in PEOPLE if one.handle != owner and one.handle not in without]

    async def asks_contact(self, asker, to, purpose, text):
        self.asked.append((asker, to, purpose, text))
        return self.agrees

    async def run(self, task, asker, partner, *, name, limits, control, begun, conclude):
        if self.on_run is not None:
            self.on_run(self)
        self.runs.append((task, asker, partner, name, limits, begun, conclude))
        state = begun
        if state is None:
            board = Board(asker)
            for one in task.wanted:
                board = board.add(one.slot, one.text)
            state = State(a=board, b=Board(partner, board.rationales))
        before = begun.calls if begun is not None else 0
        calls = limits.calls if self.greedy else before + 1
        tokens = limits.tokens or (begun.tokens if begun is not None else 0)
        a = state.a
        for one in task.wanted:
            if partner in self.knows:
                value = Reading(
                    value=self.knows[partner],
                    source=partner,
                    turn=len(self.runs),
                    may_forward=self.forward,
                    vouched=True,
                )
                a = a.read(one.slot, value)
        shared = tuple(one.text for one in task.wanted if one.text not in self.refused)
        state = State(a=a, b=state.b, shared=shared, calls=calls, tokens=tokens, misses_a={"pet": 2, "dog": 2})
        return Talk(
            name=name,
            asker=asker,
            partner=partner,
            task=task,
            ending="known" if a.complete else self.ending,
            answer="",
            reasons=(),
            utterances=(),
            consensus=agree(a),
            spent=Spent(calls=calls, tokens=tokens, prompt_characters=10, model_s=0.25),
            seconds=1.0,
            state=state,
        )


def walked(network, limits=None, task=PETS, control=None):
    async def go():
        walk = Walk(network, limits or PursuitLimits(), control or Control())
        root = await walk.branch(task, "p0", "p1", ("p0", "p1"), name="t")
        return walk, root, await walk.conclude(root.talk)

    return asyncio.run(go())


# --- limits --------------------------------------------------------------------------------------------------------


any_limits = st.fixed_dictionaries(
    {
        "depth": st.integers(0, 3),
        "fan_out": st.integers(0, 3),
        "talks": st.integers(1, 8),
        "calls": st.integers(1, 50),
        "rounds": st.integers(0, 2),
        "tokens": st.sampled_from([None, 1, 500]),
    }
)


@settings(max_examples=25)
@given(any_limits, st.integers(1, 20), st.booleans())
def test_no_limit_is_passed_whatever_the_network_does(drawn, each, greedy):
    limits = PursuitLimits(**drawn, talk=TalkLimits(calls=each))
    network = Everybody(greedy=greedy)
    walk, root, _ = walked(network, limits)
    assert walk.talks <= limits.talks
    assert walk.talks == len(list(root))
    assert max(branch.depth for branch in root) <= limits.depth
    if greedy:
        assert walk.calls <= limits.calls
        assert limits.tokens is None or walk.tokens <= limits.tokens + len(network.runs)  # each talk may use one
    assert len(set(network.asked)) == len(network.asked)
    for asker, _, _, text in network.asked:
        of_slot = [one for one in network.asked if (one[0], one[3]) == (asker, text)]
        assert len(of_slot) <= limits.fan_out * max(1, len(list(root)))
    assert all(run[4].calls >= 1 for run in network.runs)


def test_nobody_on_the_way_to_a_talk_is_asked_in_it():
    _, root, _ = walked(Everybody(greedy=False), PursuitLimits(depth=3, fan_out=3, talks=80, calls=900))

    def walk(branch, above):
        assert branch.talk.partner not in above
        for part in branch.parts:
            assert part.talk.asker in (branch.talk.asker, branch.talk.partner)
            walk(part, above | {branch.talk.asker, branch.talk.partner})

    walk(root, set())
    assert max(branch.depth for branch in root) == 3


def test_nobody_is_asked_the_same_by_the_same_person_twice_in_any_round():
    network = Everybody(knows={"p2": "parrot"}, greedy=False)  # whose word the partner keeps, so that it goes on
    walked(network, PursuitLimits(depth=1, fan_out=3, talks=99, calls=900, rounds=3))
    assert len([run for run in network.runs if run[3].startswith("t+")]) > 1
    assert len(set(network.asked)) == len(network.asked)


def test_no_more_contacts_are_asked_for_a_slot_than_the_fan_out():
    network = Everybody(greedy=False)
    walked(network, PursuitLimits(depth=1, fan_out=2, talks=99, calls=900))
    for side in ("p0", "p1"):
        for one in PETS.wanted:
            assert len([each for each in network.asked if (each[0], each[3]) == (side, one.text)]) == 2


@pytest.mark.parametrize("ending", ["stopped", "budget", "failed", "calls", "tokens", "seconds"])
def test_after_such_an_end_nobody_is_asked_and_nothing_concluded(ending):
    network = Everybody(ending=ending)
    walk, root, last = walked(network)
    assert (walk.talks, root.parts, network.asked) == (1, (), [])
    assert last is root.talk


@pytest.mark.parametrize("ending", ["nobody knows", "nothing new", "done", "turns"])
def test_after_such_an_end_others_are_asked_and_the_task_is_concluded(ending):
    network = Everybody(ending=ending, greedy=False)
    walk, _, _ = walked(network)
    assert walk.talks > 1
    assert network.runs[-1][3] == "t="
    assert [run[6] for run in network.runs] == [False] * (len(network.runs) - 1) + [True]


def test_a_task_that_may_not_be_told_to_others_stays_with_two():
    network = Everybody()
    private = Assignment(question="What?", wanted=PETS.wanted, may_ask_others=False)
    assert walked(network, task=private)[0].talks == 1
    assert network.asked == []


def test_who_does_not_agree_is_asked_once_and_has_no_talk():
    network = Everybody(agrees=False)
    walk, root, _ = walked(network)
    assert (walk.talks, root.parts) == (1, ())
    assert network.asked
    assert len(set(network.asked)) == len(network.asked)


def test_an_end_by_hand_asks_nobody_else():
    control = Control()

    def kill(network):
        if len(network.runs) == 1:
            control.kill("p0")

    network = Everybody(on_run=kill, greedy=False)
    walked(network, control=control)
    branches = [run for run in network.runs if run[3] not in ("t", "t=")]
    assert len(branches) == 1
    assert len(network.asked) == 1


def test_a_talk_that_goes_on_may_say_some_more():
    network = Everybody(knows={"p2": "parrot"}, greedy=False)
    walked(network, PursuitLimits(talk=TalkLimits(turns=3)))
    again = [run for run in network.runs if run[3].startswith("t+") and not run[3].endswith("=")]
    assert again
    assert all(run[4].turns >= 3 for run in again)
    assert all(run[5].ending is None for run in again)
    assert MORE_TURNS > 0


def test_time_that_is_gone_is_gone_for_all():
    async def slow():
        walk = Walk(Everybody(), PursuitLimits(seconds=0.05, talk=TalkLimits(seconds=60)), Control())
        first = walk._left((0, 0, 0), 0, conclude=False).seconds
        await asyncio.sleep(0.06)
        return first, walk._left((0, 0, 0), 0, conclude=False).seconds, walk._spent()

    first, last, spent = asyncio.run(slow())
    assert 0 < first <= 0.05
    assert (last, spent) == (0, True)


@pytest.mark.parametrize(("name", "least"), [("depth", 0), ("fan_out", 0), ("talks", 1), ("calls", 1), ("rounds", 0)])
def test_limits_below_what_makes_sense_are_refused(name, least):
    assert getattr(PursuitLimits(**{name: least}), name) == least
    with pytest.raises(InvalidInput, match=f"`{name}` of a pursuit must be at least {least}; got {least - 1}"):
        PursuitLimits(**{name: least - 1})


# --- what comes back -----------------------------------------------------------------------------------------------


def test_what_a_contact_of_the_partner_knows_goes_to_the_partner_to_be_told():
    network = Everybody(knows={"p2": "parrot"}, greedy=False, forward=False)
    _, root, _ = walked(network)
    assert (root.parts[0].talk.asker, root.parts[0].talk.partner, root.parts[0].slot) == ("p1", "p2", "pet")
    begun = next(run[5] for run in network.runs if run[3] == "t+1")
    one = begun.b["pet"]
    assert (one.value, one.source, one.may_forward, one.readings[0].vouched) == ("parrot", "p2", False, True)
    assert begun.a["pet"].status == "unknown"  # it is for the partner to tell, or not
    assert "pet" not in begun.misses_a  # and for the asker to ask for again


def test_a_contact_is_told_one_slot_and_what_it_is_for():
    network = Everybody(greedy=False)
    walked(network, PursuitLimits(depth=1))
    for task, _, _, name, _, _, _ in network.runs:
        if "." in name:
            assert task.question in {one.text for one in PETS.wanted}
            assert [one.text for one in task.wanted] == [task.question]
            assert task.purpose == "gossip"
            assert "pays" not in task.question
    assert {purpose for _, _, purpose, _ in network.asked} == {"gossip"}


def test_a_slot_that_did_not_cross_is_asked_of_nobody_by_either_side():
    network = Everybody(greedy=False, refused=("the pet of Dan",))
    _, root, _ = walked(network, PursuitLimits(talks=40, calls=500))
    assert {one[0] for one in network.asked} >= {"p0", "p1"}
    assert {one[3] for one in network.asked} == {"the dog of Eva"}
    assert {branch.slot for branch in root} == {"", "dog"}


def test_who_knows_is_the_last_who_is_asked():
    network = Everybody(knows={"p2": "parrot"}, greedy=False)
    walked(network, PursuitLimits(depth=1, fan_out=4, rounds=1))
    asked = [each for each in network.asked if each[3] == "the pet of Dan"]
    assert [each[:2] for each in asked] == [("p1", "p2")]


def test_what_all_cost_is_the_sum_of_what_each_did():
    network = Everybody(greedy=False, knows={"p3": "parrot"})
    walk, root, _ = walked(network, PursuitLimits(depth=2, talks=40, calls=500))
    assert walk.calls == len(network.runs)  # each run asked one more question, those that went on too
    assert walk.model_s == 0.25 * len(network.runs)
    assert walk.talks == len(list(root))


def test_each_talk_has_a_name_of_its_own():
    network = Everybody(greedy=False)
    walked(network, PursuitLimits(depth=2, talks=40, calls=500))
    names = [run[3] for run in network.runs]
    assert len(names) > 10
    assert len(set(names)) == len(names)


def test_branches_are_told_in_the_order_in_which_they_grew():
    _, root, talk = walked(Everybody(ending="stopped"))
    assert list(root) == [root]
    leaf, twig = Branch(talk, 2, "z"), Branch(talk, 1, "y")
    made = Branch(talk, 0, "", (Branch(talk, 1, "x", (leaf,)), twig))
    assert [one.slot for one in made] == ["", "x", "z", "y"]
