"""Packed messages come back, whatever they are made of, and say which texts they need."""

from hypothesis import given
from hypothesis import strategies as st

from consilience.dialogue.messages import Message
from consilience.dialogue.packing import pack, packed_texts, unpack

PARTS = st.sampled_from([f"part {n}" for n in range(9)])
SAID = st.lists(st.tuples(st.sampled_from(["system", "user", "assistant"]), st.lists(PARTS, max_size=70)), max_size=5)


@given(SAID, st.lists(st.integers(0, 2**62), min_size=9, max_size=9, unique=True))
def test_messages_come_back(said, numbers):
    messages = [Message(role, tuple(parts)) for role, parts in said]
    number_of = {f"part {n}": number for n, number in enumerate(numbers)}
    packed = pack(messages, number_of)
    assert unpack(packed, {number: part for part, number in number_of.items()}) == tuple(messages)
    assert packed_texts(packed) == [number_of[part] for message in messages for part in message.parts]


def test_a_prompt_of_ten_parts_among_ten_thousand_texts_is_twenty_odd_bytes():
    numbers = {f"part {n}": 10_000 + n for n in range(10)}
    assert len(pack([Message("user", tuple(numbers))], numbers)) == 21
