"""Small talk states nothing, and a writer's clocks only go forward."""

import re
from datetime import timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from consilience.methods.social_agents.grammar import RELATIONS, find
from consilience.methods.social_agents.worlds.chatter import Writer, small_talk
from consilience.methods.social_agents.worlds.people import BEGINNING, World, residents

STEPS = ("say", "say_to", "chat", "pause")


@pytest.fixture(scope="module")
def talk():
    return small_talk(np.random.default_rng(100), 3_000)


def test_small_talk_states_no_fact(talk):
    for label in RELATIONS:
        assert find(label, [("Ana Varga", text) for text in talk]) == []


def test_small_talk_has_no_value_of_a_fact_and_no_blank(talk):
    texts = set(talk)
    said = f" {' '.join(word for text in texts for word in re.findall(r'[a-z]+', text.casefold()))} "
    values = {value.casefold() for relation in RELATIONS.values() for value in relation.values}
    # One word is of both languages; it is not said in a form that states anything, as the test above has it.
    assert {value for value in values if f" {value} " in said} == {"museum"}
    assert not any("{" in text or "}" in text or "  " in text or not text.strip() for text in texts)
    assert len(texts) > 2_000


def test_small_talk_has_the_lengths_of_chat(talk):
    lengths = sorted(map(len, talk))
    assert lengths[0] >= 5
    assert lengths[-1] < 160
    assert 40 < np.median(lengths) < 70
    assert lengths[len(lengths) // 20] < 30  # some are three words


def test_a_seed_says_the_same_and_another_one_something_else():
    one, again, other = (small_talk(np.random.default_rng(seed), 50) for seed in (1, 1, 2))
    assert one == again
    assert set(one) != set(other)


def written(steps, seed=0):
    writer = Writer(np.random.default_rng(seed), "x", _talk=("hm", "well"))
    chats = [writer.open(("ana", "ben"), BEGINNING), writer.open(("ana", "cem", "dora"), BEGINNING, "Rowing")]
    for step, chat in steps:
        if step == "say":
            writer.say(chats[chat], "ana", "hello")
        elif step == "say_to":
            writer.say_to(chats, "ana", "hello all")
        elif step == "chat":
            writer.chat(chats[chat], 3)
        else:
            writer.pause(chats[chat])
    return writer


@given(st.lists(st.tuples(st.sampled_from(STEPS), st.integers(0, 1)), max_size=12), st.integers(0, 5))
def test_whatever_is_written_is_in_order_by_members_and_once(steps, seed):
    writer = written(steps, seed)
    assert len({line.source_id for line in writer.lines}) == len(writer.lines)
    for number, chat in enumerate(writer.chats):
        lines = [line for line in writer.lines if line.chat == number]
        times = [line.sent_at for line in lines]
        assert times == sorted(set(times))
        assert all(time > chat.began_at for time in times)
        assert {line.sender for line in lines} <= set(chat.members)


def test_what_is_said_to_several_is_said_at_once_and_after_all_that_was_said():
    writer = written([("chat", 0), ("chat", 0), ("say_to", 0), ("say", 1)])
    copies = [line for line in writer.lines if line.text == "hello all"]
    assert [line.chat for line in copies] == [0, 1]
    assert len({line.sent_at for line in copies}) == 1
    assert all(line.sent_at < copies[0].sent_at for line in writer.lines[:6])
    assert writer.lines[-1].sent_at > copies[0].sent_at


def test_a_pause_makes_another_session():
    for seed in range(20):
        writer = written([("say", 0), ("pause", 0), ("say", 0)], seed)
        gap = writer.lines[1].sent_at - writer.lines[0].sent_at
        assert timedelta(hours=9) < gap < timedelta(days=3, minutes=5)
        other = written([("say", 0), ("pause", 1), ("say", 0)], seed)
        assert other.lines[1].sent_at - other.lines[0].sent_at < timedelta(minutes=5)


def test_everybody_of_a_conversation_has_a_say():
    writer = Writer(np.random.default_rng(0), "x")
    writer.chat(writer.open(("ana", "ben", "cem"), BEGINNING), 60)
    assert {line.sender for line in writer.lines} == {"ana", "ben", "cem"}


def test_what_is_written_makes_a_world():
    writer = Writer(np.random.default_rng(0), "x")
    one, two = residents(2, np.random.default_rng(0))
    writer.chat(writer.open((one.handle, two.handle), BEGINNING), 5)
    world = World((one, two), (), tuple(writer.chats), tuple(writer.lines))
    assert world.seen_by(one.handle) == world.seen_by(two.handle) == (0, 1, 2, 3, 4)
