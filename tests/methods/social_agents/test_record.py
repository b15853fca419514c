"""The record of a talk: limits that make sense, a state that is read back as it was written, and what is left open."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from consilience.ground.errors import InvalidInput
from consilience.methods.social_agents.consensus import agree
from consilience.methods.social_agents.rationale import Board, Reading
from consilience.methods.social_agents.record import State, Talk, TalkLimits
from consilience.methods.social_agents.speech import Spent, Told, Utterance
from consilience.methods.social_agents.task import Assignment

COUNTS = ("turns", "calls", "tokens", "silent_turns", "support")
STATES = TypeAdapter(State)

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
words = st.text("abc", min_size=1, max_size=3)


def board(owner, *values):
    made = Board(owner, support=2).add("place", "the place").add("time", "the time")
    for turn, value in enumerate(values):
        made = made.read("place", Reading(value=value, source="bea", turn=turn, vouched=turn % 2 == 0))
    return made.decline("time", "bea")


# --- limits --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", COUNTS)
@pytest.mark.parametrize("value", [0, -1])
def test_a_limit_below_1_is_refused_by_name(name, value):
    with pytest.raises(InvalidInput, match=f"`{name}` of a talk must be at least 1; got {value}"):
        TalkLimits(**{name: value})


@pytest.mark.parametrize("name", COUNTS)
def test_a_limit_of_1_is_one(name):
    assert getattr(TalkLimits(**{name: 1}), name) == 1


@pytest.mark.parametrize("value", [-0.001, -math.inf, math.nan])
def test_less_than_no_time_is_refused(value):
    with pytest.raises(InvalidInput, match="`seconds` of a talk must be at least 0"):
        TalkLimits(seconds=value)


def test_no_time_at_all_and_any_time_are_limits():
    assert TalkLimits(seconds=0).seconds == 0
    assert TalkLimits(seconds=None, tokens=None).seconds is None
    assert TalkLimits(seconds=math.inf).seconds == math.inf


def test_by_default_a_talk_is_half_as_dear_as_the_original():
    assert (TalkLimits().turns, TalkLimits().calls) == (30, 61)


# --- state ---------------------------------------------------------------------------------------------------------


@given(st.lists(texts, max_size=4), st.dictionaries(words, st.integers(0, 9)), st.lists(texts, max_size=3), texts)
def test_a_state_is_read_back_as_it_was_written(said, misses, look_for, answer):
    state = State(
        a=board("ann", *said),
        b=board("bea"),
        utterances=tuple(
            Utterance(
                number=number,
                speaker="ann",
                speaker_name="Ann",
                text=text,
                tells=(Told(slot="place", value=text, source="bea", may_forward=False, confidence=0.1),),
            )
            for number, text in enumerate(said, 1)
        ),
        misses_a=misses,
        look_for_b=tuple(look_for),
        shown_a=dict.fromkeys(look_for, (1, 2)),
        done=(True, False),
        ending="nobody knows",
        answer=answer,
    )
    again = STATES.validate_json(STATES.dump_json(state))
    assert again == state
    assert agree(again.a) == agree(state.a)


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"a": 1, "b": 2}', '{"a": {"owner": "ann"}}', "\x00"])
def test_what_is_no_state_is_not_read_as_one(text):
    with pytest.raises(ValueError, match="validation error"):
        STATES.validate_json(text)


def test_an_ending_that_there_is_not_is_no_state():
    text = STATES.dump_json(State(a=board("ann"), b=board("bea"), ending="known")).decode()
    with pytest.raises(ValueError, match="ending"):
        STATES.validate_json(text.replace('"known"', '"bored"'))


# --- talks ---------------------------------------------------------------------------------------------------------


def ended(state, *, seconds=3.0, model_s=2.0):
    return Talk(
        name="t",
        asker="ann",
        partner="bea",
        task=Assignment(question="Where?"),
        ending="turns",
        answer="",
        reasons=("place: nobody knows",),
        utterances=(),
        consensus=agree(state.a),
        spent=Spent(calls=4, model_s=model_s),
        seconds=seconds,
        state=state,
    )


def test_what_is_open_is_open_on_the_asking_side():
    talk = ended(State(a=board("ann"), b=board("bea", "Oak", "Oak")))
    assert talk.open == ("place",)  # the time was declined: it is not asked for again
    assert ended(State(a=board("ann", "Oak", "Oak"), b=board("bea"))).open == ()


def test_own_time_is_what_no_model_took_and_never_less_than_none():
    state = State(a=board("ann"), b=board("bea"))
    assert ended(state).own_s == 1.0
    assert ended(state, model_s=4.0).own_s == 0.0
