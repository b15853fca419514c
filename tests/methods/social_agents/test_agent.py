"""One side of a talk: what it counts, what it asks for, what it is shown, and what it costs."""

import asyncio

import pytest

from consilience.dialogue.models import Unreachable
from consilience.methods.social_agents.agent import ASKED_AT_MOST, REASKS, Agent
from consilience.methods.social_agents.party import Party
from consilience.methods.social_agents.rationale import MOST_SLOTS
from consilience.methods.social_agents.sections import asking_for, read_memory, sections
from consilience.methods.social_agents.speech import CallsSpent, Spent, Told, Utterance
from consilience.methods.social_agents.task import Assignment, Wanted

WANTED = tuple(Wanted(name, f"the {name} of the dinner") for name in ("place", "time", "host"))
DINNER = Assignment(question="Where, when and with whom is the dinner?", wanted=WANTED, purpose="meeting")
LOST = {"facts": [], "say": "I do not know.", "asks": "", "done": False}
OAK = "The place of the dinner is Oak Street."


def fact(slot, value, *evidence, confidence=0.9):
    return {"slot": slot, "value": value, "confidence": confidence, "evidence": list(evidence)}


@pytest.fixture
def side(company):
    """Return a maker of Ann's agent, which speaks with Bea's."""

    def make(*replies, rows=(), task=DINNER, support=1, spent=None, **given):
        asks = company.Scripted(*(replies or (LOST,)))
        party = Party(person=company.person("ann", 1), memory=company.Rows(*rows), asks=asks, **given)
        agent = Agent(party, company.person("bea", 2), task, element="t/ann", spent=spent or Spent(), support=support)
        agent.asks = asks
        agent.shared = frozenset(one.text for one in task.wanted)
        return agent

    return make


def planned(agent):
    asyncio.run(agent.draft(ask=False))
    return agent


def said(number=2, text="Well.", **given):
    return Utterance(number=number, speaker="bea", speaker_name="Bea", text=text, **given)


def told(slot, value, source="bea", **given):
    return Told(slot=slot, value=value, source=source, **given)


def turn(agent, number=1, heard=()):
    return asyncio.run(agent.turn(number, heard))


def shown(agent, at=-1):
    prompt = "\n".join(message.text for message in agent.asks.questions[at].messages)
    return sections(prompt)


# --- what it hears -------------------------------------------------------------------------------------------------


def test_what_is_told_is_counted_with_whose_it_is_and_whether_it_may_go_on(side):
    agent = planned(side())
    agent.misses["place"] = 1
    agent.hear(said(tells=(told("place", "Oak Street", "cem", may_forward=False, vouched=True),)))
    one = agent.board["place"]
    assert (one.status, one.value, one.source, one.may_forward) == ("known", "Oak Street", "cem", False)
    assert agent.misses["place"] == 0


def test_an_echo_of_ones_own_and_what_is_on_no_board_count_nothing(side):
    agent = planned(side())
    before = agent.board
    agent.hear(said(tells=(told("place", "Oak Street", "ann", vouched=True), told("weather", "rain", vouched=True))))
    assert agent.board == before


def test_who_lacks_a_slot_is_asked_for_it_once_more_and_then_left_alone(side):
    agent = planned(side())
    for times in range(ASKED_AT_MOST):
        assert "place" not in agent.aside
        assert agent.misses["place"] == times
        agent.hear(said(2 + times, lacks="place"))
    assert agent.aside == {"place"}
    assert [one.slot for one in agent.askable] == ["time", "host"]


def test_who_declines_is_not_asked_again(side):
    agent = planned(side())
    agent.hear(said(declines="place"))
    assert agent.board["place"].status == "declined"
    assert agent.aside == {"place"}
    assert "place" not in [one.slot for one in agent.askable]


def test_who_asks_for_a_slot_is_asked_for_it_last(side):
    agent = planned(side())
    agent.hear(said(asks="place"))
    assert [one.slot for one in agent.askable] == ["time", "host", "place"]
    agent.hear(said(4, asks="place"))
    assert "place" not in agent.aside  # asking twice is no more than not to know it


def test_what_a_person_says_stands_and_may_be_of_a_new_slot(side):
    agent = planned(side())
    agent.correct("place", "Mill Lane", 3)
    agent.hear(said(5, tells=(told("place", "Oak Street", vouched=True),)))
    agent.correct("parking", "behind the house", 5)
    assert agent.board.known == {"place": "Mill Lane", "parking": "behind the house"}


# --- what it asks for ----------------------------------------------------------------------------------------------


def test_unknown_slots_are_asked_for_before_contested_and_unsure_ones(side):
    agent = planned(side(support=2))
    agent.hear(said(2, tells=(told("place", "Oak Street"),)))
    agent.hear(said(3, tells=(told("time", "8 pm"), told("time", "9 pm", "cem"))))
    assert [(one.slot, one.status) for one in agent.askable] == [
        ("host", "unknown"),
        ("time", "conflict"),
        ("place", "fuzzy"),
    ]


def test_a_conflict_is_asked_for_again_until_it_is_settled(side):
    agent = planned(side(LOST))
    agent.correct("host", "Cem", 0)
    agent.hear(said(2, tells=(told("place", "Oak Street", vouched=True), told("time", "8 pm", vouched=True))))
    agent.hear(said(4, tells=(told("place", "Elm Street", "cem", vouched=True),)))
    assert turn(agent, 5).asks == "place"
    agent.hear(said(6, tells=(told("place", "Elm Street", "dan", vouched=True),)))
    assert agent.board.complete
    assert turn(agent, 7).asks == ""


def test_nothing_is_asked_that_the_other_side_was_not_told_of(side):
    agent = planned(side(LOST | {"asks": "host"}))
    agent.shared = frozenset({"the time of the dinner"})
    move = turn(agent)
    assert move.asks == "time"
    assert "host" not in move.say


def test_the_model_chooses_among_what_is_to_be_asked_for(side):
    agent = planned(side(LOST | {"asks": "host"}))
    assert turn(agent).asks == "host"
    agent.hear(said(declines="host"))
    assert turn(agent, 3).asks == "place"


def test_what_one_only_has_to_read_again_is_not_asked_of_others(side):
    agent = planned(side(LOST | {"facts": [fact("place", "Oak Street", "m1")]}, rows=[OAK], support=2))
    assert turn(agent).asks == "time"
    assert agent.board["place"].status == "fuzzy"
    assert [one.slot for one in agent.askable] == ["time", "host"]
    assert agent.unsure
    turn(agent, 3)
    assert agent.board["place"].status == "known"
    assert not agent.unsure


# --- what it takes for known ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "status"),
    [
        (fact("place", "Oak Street", "m1"), "known"),
        (fact("place", "Oak Street", "m1", "m99"), "known"),
        (fact("place", "Oak Street"), "unknown"),  # names no message
        (fact("place", "Oak Street", "m99"), "unknown"),  # names one that it was not shown
        (fact("place", "Elm Avenue", "m1"), "fuzzy"),  # its words are not there
        (fact("place", "Oak Street", "m1", confidence=0.1), "fuzzy"),
        (fact("weather", "rain", "m1"), "unknown"),
    ],
)
def test_a_value_is_known_by_the_message_that_has_it_and_by_no_other(side, given, status):
    agent = planned(side(LOST | {"facts": [given]}, rows=[OAK]))
    turn(agent)
    assert agent.board["place"].status == status
    assert len(agent.board) == 3


def test_what_is_known_is_said_and_declared_where_it_is_asked_for(side):
    agent = planned(side(LOST | {"facts": [fact("place", "Oak Street", "m1")], "say": "Hm."}, rows=[OAK]))
    move = turn(agent, 2, [said(1, "Where is it?", asks="place")])
    assert "Oak Street" in move.say
    assert [(one.slot, one.value, one.source, one.vouched) for one in move.tells] == [
        ("place", "Oak Street", "ann", True)
    ]
    assert (move.declared, move.asked, move.lacks) == ((1,), "place", "")
    assert 1 in [row.id for row in move.behind]


def test_what_is_asked_for_and_not_known_is_said_to_be_lacking(side):
    move = turn(planned(side({"facts": [], "say": ""})), 2, [said(1, "Where?", asks="place")])
    assert (move.lacks, move.tells, move.declared) == ("place", (), ())
    assert move.say.startswith("I do not know the place of the dinner yet.")


def test_a_person_is_heard_by_a_model_and_an_agent_by_its_data(side):
    reply = LOST | {"facts": [fact("place", "Oak Street")]}
    by_person, by_agent = planned(side(reply)), planned(side(reply))
    turn(by_person, 3, [said(2, "It is Oak Street.", by_person=True)])
    turn(by_agent, 3, [said(2, "It is Oak Street.", tells=(told("place", "Oak Street"),))])
    assert by_person.board["place"].source == "bea"
    assert by_agent.board["place"].status == "unknown"


# --- plans ---------------------------------------------------------------------------------------------------------


def test_what_a_task_is_known_to_need_is_planned_without_a_model(side):
    agent = planned(side())
    assert agent.board.names == ("place", "time", "host")
    assert agent.asks.questions == []


@pytest.mark.parametrize("reply", ["", "I have no plan.", {"slots": []}, {"slots": [{}, None, []]}])
def test_without_a_plan_of_the_model_the_question_is_the_plan(side, reply):
    bare = side(reply, task=Assignment(question="Where is it?"))
    asyncio.run(bare.draft())
    assert [(one.slot, one.text) for one in bare.board] == [("answer", "Where is it")]
    listed = side("", task=Assignment(question=asking_for("Where?", ["the pet of Ann", "the pet of Bea"])))
    asyncio.run(listed.draft())
    assert [(one.slot, one.text) for one in listed.board] == [("s1", "the pet of Ann"), ("s2", "the pet of Bea")]


def test_a_plan_has_an_end_and_facts_of_one_s_own(side):
    slots = [{"slot": f"s{number}", "text": f"the thing {number}"} for number in range(200)]
    reply = {"slots": slots, "facts": [fact("s1", "Oak Street", "m1")]}
    agent = side(reply, rows=[OAK], task=Assignment(question="Where is the dinner?"))
    asyncio.run(agent.draft())
    assert len(agent.board) == MOST_SLOTS
    assert agent.board["s1"].value == "Oak Street"


# --- what it is shown ----------------------------------------------------------------------------------------------


def test_a_prompt_shows_what_the_owner_lets_through_for_this_person_and_purpose(side):
    asked = []

    def lets(rows, other, purpose):
        asked.append((other, purpose))
        return [row for row in rows if "secret" not in row.text]

    agent = planned(side(LOST, rows=[OAK, "The place of the dinner is a secret."], lets=lets))
    turn(agent)
    assert [row.text for row in read_memory(shown(agent)["memory"])] == [OAK]
    assert set(asked) == {("bea", "meeting")}


def test_without_clear_memory_nothing_is_searched_and_without_fuzzy_memory_nothing_recalled(side):
    words, episodes = planned(side(LOST, rows=[OAK], fuzzy=False)), planned(side(LOST, rows=[OAK], clear=False))
    turn(words)
    turn(episodes)
    assert OAK in shown(words)["memory"]
    assert not shown(words)["episodes"].strip()
    assert OAK in shown(episodes)["episodes"]
    assert not shown(episodes)["memory"].strip()


def test_each_turn_looks_for_another_open_slot_first(side):
    agent = planned(side())
    firsts = [agent._wanted(number)[0] for number in (1, 3, 5, 7)]
    assert len(set(firsts)) > 1
    assert all(sorted(agent._wanted(number)) == sorted(one.text for one in WANTED) for number in range(8))


def test_an_answer_sees_what_was_agreed_and_no_message(side):
    agent = planned(side({"answer": "Oak Street", "why": ""}, rows=[OAK]))
    agent.hear(said(tells=(told("place", "Elm Street", vouched=True), told("time", "8 pm", vouched=True))))
    assert asyncio.run(agent.answer([], {"place": "Oak Street"})).answer == "Oak Street"
    board = shown(agent)["board"]
    assert "Oak Street" in board
    assert "Elm Street" not in board
    assert not shown(agent)["memory"].strip()


def test_without_a_plan_there_is_no_board_and_what_the_model_says_is_said(side):
    agent = side(LOST | {"say": "Good morning.", "facts": [fact("place", "Oak Street", "m1")]}, rows=[OAK], plan=False)
    move = turn(agent, 2, [said(1, "What is the place of the dinner?", asks="place")])
    assert (move.say, move.tells, move.declared, move.asks) == ("Good morning.", (), (1,), "")
    assert not shown(agent)["board"].strip()


def test_what_was_shown_is_handed_on(side):
    agent, other = planned(side(LOST, rows=[OAK])), side()
    turn(agent)
    assert agent.shown
    other.shown = agent.shown
    assert other.shown == agent.shown


# --- what it costs -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("torn", ["", '{"say', "{}{"])
def test_a_reply_that_cannot_be_read_is_asked_for_again_and_not_forever(side, torn):
    agent = planned(side(torn))
    turn(agent)
    assert agent.calls == len(agent.asks.questions) == 1 + REASKS
    assert [question.occurrence for question in agent.asks.questions] == [0, 1, 2]


def test_a_reply_that_can_be_read_the_second_time_is_taken(side):
    agent = planned(side('{"say', LOST | {"say": "Good morning.", "asks": ""}))
    assert turn(agent).say.startswith("Good morning.")
    assert agent.calls == 2


def test_no_call_is_made_beyond_what_a_talk_may(side):
    spent = Spent(most_calls=2)
    agent = planned(side("", spent=spent))
    with pytest.raises(CallsSpent, match="may ask 2 questions"):
        turn(agent)
    assert (spent.calls, len(agent.asks.questions)) == (2, 2)


def test_what_is_asked_is_counted_though_nobody_answers(side):
    spent = Spent()
    agent = planned(side(Unreachable("nobody is there"), spent=spent))
    with pytest.raises(Unreachable):
        turn(agent)
    assert spent.calls == 1
    assert spent.prompt_characters > 100
    assert spent.tokens == 0
    assert spent.model_s >= 0


def test_cost_is_of_what_was_sent_and_came_back(side):
    spent = Spent()
    agent = planned(side(LOST, spent=spent))
    turn(agent)
    assert spent.prompt_characters == sum(len(message.text) for message in agent.asks.questions[0].messages)
    assert spent.tokens > 0
